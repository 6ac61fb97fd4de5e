"""A client that is a socket, and sends and reads exactly what a test says."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
NOTHING = b"GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
SCRIPT = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"  # a long answer


class Client:
    """A socket that sends and reads what a test says."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Returns the next answer, by its Content-Length."""
        async with asyncio.timeout(30):
            status, headers = await self.head()
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return status, headers, body

    async def head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        return int(first.split()[1]), headers

    async def rest(self) -> bytes:
        """Returns all bytes until the server closes."""
        async with asyncio.timeout(30):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def client(
    port: int, *, buffer_bytes: int | None = None, limit: int = 64 * 1024
) -> AsyncIterator[Client]:
    sock = socket.socket()
    if buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=limit)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


def shrink(transport: asyncio.Transport) -> None:
    """Limits the kernel's buffer for the client, which may be megabytes."""
    sock = transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * 1024)
