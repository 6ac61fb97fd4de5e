"""Requests that no well-behaved client would send."""

import asyncio
from urllib.parse import urlsplit


async def raw(base_url: str, request: str | bytes) -> bytes:
    """Returns the head of the answer to raw bytes; `HOST` in them stands for this server's."""
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    data = request.encode("latin1") if isinstance(request, str) else request
    writer.write(data.replace(b"HOST", url.netloc.encode()))
    try:
        async with asyncio.timeout(30):
            return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()
