"""A client's connection: whatever bytes come, in whatever pieces, and however its client leaves."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

import pytest

from connection import Connection
from listening import Listener

LIVE = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
NOTHING = b"GET /api/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
SCRIPT = b"GET /api/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"  # a long answer


class Client:
    """A socket, which says and reads what a test asks it to."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next one, which has told its length."""
        async with asyncio.timeout(10):
            status, headers = await self.head()
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return status, headers, body

    async def head(self) -> tuple[int, dict[str, str]]:
        first, *lines = (await self.reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines if line)
        return int(first.split()[1]), headers

    async def rest(self) -> bytes:
        """All that comes before the server closes."""
        async with asyncio.timeout(10):
            return await self.reader.read()


@contextlib.asynccontextmanager
async def client(port: int, *, buffer_bytes: int | None = None) -> AsyncIterator[Client]:
    sock = socket.socket()
    if buffer_bytes is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer_bytes)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield Client(reader, writer)
    finally:
        writer.transport.abort()


async def accepted(server: Listener) -> Connection:
    """The only one that is open."""
    async with asyncio.timeout(10):
        while not server._open:
            await asyncio.sleep(0.01)
    (connection,) = server._open
    return connection


def bytes_kept(connection: Connection) -> int:
    return len(connection._received) + connection.transport.get_write_buffer_size()


@pytest.mark.parametrize("request_", [LIVE, SCRIPT], ids=["short answers", "long answers"])
@pytest.mark.gen_test
async def test_who_asks_on_and_on_and_reads_no_answer_fills_no_memory(
    http_server: Listener, http_port: int, request_: bytes
) -> None:
    async with client(http_port, buffer_bytes=16 * 1024) as greedy:
        connection = await accepted(http_server)
        most = 0
        for _ in range(200):
            greedy.writer.write(request_ * 2_000)
            for _ in range(5):
                await asyncio.sleep(0)
                most = max(most, bytes_kept(connection))
        assert most < 1024 * 1024


@pytest.mark.gen_test
async def test_requests_at_once_are_answered_one_by_one_in_their_order(
    http_server: Listener, http_port: int
) -> None:
    async with client(http_port, buffer_bytes=16 * 1024) as eager:
        saying = asyncio.create_task(eager.say((LIVE + NOTHING + SCRIPT) * 600))
        connection = await accepted(http_server)
        while not connection.is_behind:
            await asyncio.sleep(0.01)
        statuses = [(await eager.answer())[0] for _ in range(1800)]
        assert statuses == [200, 404, 200] * 600
        await saying
