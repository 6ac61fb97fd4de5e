"""Ten thousand streams of every kind open and end, and leave nothing behind."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from handlers.application import Messenger
from handlers.stream import StreamHandler
from tests.support.callers import Caller, streams_open
from tests.support.people import Visitor, eventually
from tests.support.processes import ServerProcess

ROUNDS = 10_000
AT_ONCE = 50
PEOPLE = 20  # with room for AT_ONCE streams among them
MOST_BYTES_EACH = 1_000  # of memory; a stream takes 14 KB

Leave = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def fin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"event: hello")
    writer.close()


async def rst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"event: hello")
    writer.transport.abort()


async def half_close(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"event: hello")
    writer.write_eof()
    await reader.read()


async def junk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x00junk")
    await reader.readuntil(b"event: hello")
    writer.transport.abort()


async def before_the_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def with_linger_0(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.close()


LEAVING: list[Leave] = [fin, rst, half_close, junk, before_the_answer, with_linger_0]


class Crowd:
    """People who open a stream and leave, in every possible way."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._port = int(url.rpartition(":")[2])
        self._tokens = [Caller(url, f"person{n}").token for n in range(PEOPLE)]

    async def come_and_go(self, times: int) -> None:
        left = iter(range(times))

        async def one_after_the_other() -> None:
            for n in left:
                await self._come_and_go(n)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(one_after_the_other())

    async def _come_and_go(self, n: int) -> None:
        leave = LEAVING[n % len(LEAVING)]
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            writer.write(self._request(n))
            if n % 97 == 0:
                return  # in the middle of the headers, or of signing in
            await leave(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # 429: the server has not yet noticed that the last ones left
        finally:
            writer.close()

    def _request(self, n: int) -> bytes:
        if n % 97 == 0:
            login = b'{"username": "person1"}'
            return b"POST /api/login HTTP/1.1\r\nHost: localhost\r\n" + (
                b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(login), login[: n % len(login)])
            )
        return (
            "GET /api/messages HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            f"Connection: close\r\nAuthorization: Bearer {self._tokens[n % PEOPLE]}\r\n\r\n"
        ).encode()


class QuickServer(ServerProcess):
    program = "tests/support/fast_heartbeat.py"


@pytest.mark.measure
@pytest.mark.gen_test(timeout=170)
async def test_ten_thousand_streams_come_and_go_and_leave_nothing_behind(tmp_path: Path) -> None:
    with QuickServer(tmp_path, "--max-streams-per-user", str(ROUNDS)) as server:
        process = psutil.Process(server.process.pid)
        crowd = Crowd(server.url)
        await crowd.come_and_go(1_000)  # whatever is made once is made now
        await eventually(lambda: streams_open(server.url) == 0, 30)
        descriptors, memory = process.num_fds(), process.memory_info().rss
        await crowd.come_and_go(ROUNDS)
        await eventually(lambda: streams_open(server.url) == 0, 30)
        await eventually(lambda: process.num_fds() <= descriptors + 2, 30)
        assert process.memory_info().rss - memory < ROUNDS * MOST_BYTES_EACH
        broken = [n for n, line in enumerate(server.output) if "ERROR" in line]
        assert not broken, "\n".join(server.output[broken[0] :][:40])


@pytest.mark.gen_test
async def test_a_client_that_left_during_its_look_up_is_not_subscribed(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its close was reported before any handler listened."""
    jane = await visitor.sign_in("jane")
    looked_at: list[StreamHandler] = []
    registered: list[object] = []
    answered: list[StreamHandler] = []
    prepare, get = StreamHandler.prepare, StreamHandler.get

    async def prepare_until_it_has_left(self: StreamHandler) -> None:
        await prepare(self)
        looked_at.append(self)
        await eventually(self._has_left)

    async def get_and_tell(self: StreamHandler) -> None:
        try:
            await get(self)
        finally:
            answered.append(self)

    monkeypatch.setattr(StreamHandler, "prepare", prepare_until_it_has_left)
    monkeypatch.setattr(StreamHandler, "get", get_and_tell)
    monkeypatch.setattr(app.services.bus, "subscribe", registered.append)
    port = int(visitor.base_url.rpartition(":")[2])
    _, writer = await asyncio.open_connection("localhost", port)
    head = "GET /api/messages HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    writer.write(f"{head}Authorization: Bearer {jane.token}\r\n\r\n".encode())
    await eventually(lambda: bool(looked_at))
    writer.close()
    await eventually(lambda: bool(answered))
    assert not registered
    assert not app.services.heartbeat._due
