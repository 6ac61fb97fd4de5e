"""Clients that come through a proxy."""

import asyncio
from urllib.parse import urlsplit


async def sign_in_from(source: str, base_url: str) -> int:
    """Returns the status of a sign-in whose connection comes from that address."""
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection("127.0.0.1", url.port, local_addr=(source, 0))
    body = b'{"username":"jane"}'
    writer.write(
        f"POST /api/login HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n".encode()
        + body
    )
    status = (await reader.readline()).split()[1]
    writer.close()
    return int(status)
