"""What one who means ill, or many of them, do to the times of others: measured."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.support.callers import Caller, someone_talks
from tests.support.processes import ServerProcess

ROUNDS = 5  # the machine may be busy with something else; what is slow is so in each round
SAMPLES = 100


class Connection:
    """One connection that asks one thing after the other."""

    def __init__(self, url: str, token: str) -> None:
        self._url = urlsplit(url)
        self._token = token

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._url.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, fields: object = None) -> int:
        """The status."""
        body = b"" if fields is None else json.dumps(fields).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._url.netloc}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n"
        )
        if body:
            head += "Content-Type: application/json\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        (length,) = (
            int(line.partition(b":")[2])
            for line in answer.split(b"\r\n")
            if line.lower().startswith(b"content-length:")
        )
        await self.reader.readexactly(length)
        return int(answer.split()[1])


async def p99(ask: Callable[[], Awaitable[int]]) -> float:
    """Milliseconds."""
    took = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        assert await ask() in (200, 201)
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.002)
    return sorted(took)[SAMPLES * 99 // 100 - 1]


@contextlib.asynccontextmanager
async def beside(*works: Awaitable[None]) -> AsyncIterator[None]:
    """They go on for as long as this is open."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
        for task in tasks:
            if task.done():
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path) as server:
        yield server


# A flood.


async def flood(url: str, token: str, path: str, statuses: list[int]) -> None:
    async with Connection(url, token) as connection:
        while True:
            statuses.append(await connection.ask("POST", path, {"content": "flood"}))


@pytest.mark.gen_test(timeout=90)
async def test_a_flood_by_one_user_leaves_the_times_of_others_where_they_were(
    server: ServerProcess,
) -> None:
    mallory, path = someone_talks(server.url)
    others = Caller(server.url, "peter"), Caller(server.url, "mary")
    talk = others[0].ask("/api/conversations", {"username": "mary"})["id"]
    statuses: list[int] = []
    quiet, flooded = [], []
    async with Connection(server.url, others[0].token) as connection:

        async def read() -> int:
            return await connection.ask("GET", f"/api/conversations/{talk}/messages")

        for _ in range(ROUNDS):
            quiet.append(await p99(read))
            floods = [flood(server.url, mallory.token, path, statuses) for _ in range(32)]
            async with beside(*floods):
                flooded.append(await p99(read))
    assert statuses.count(429) > 100
    assert statuses.count(201) >= 60
    assert set(statuses) == {201, 429}
    assert min(flooded) < 2 * min(quiet) + 10, (quiet, flooded)


# Slow connections and huge bodies.

SLOW = 200
GIGABYTE = 10**9
JSON = "Content-Type: application/json\r\n"


async def drip(url: str, token: str, kind: int, sent: list[int]) -> None:
    """A request that comes a byte at a time, of one of four kinds, and never ends."""
    parts = urlsplit(url)
    authorized = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
    begin = (
        "GET /api/conversations HTTP/1.1\r\nHost: ",
        f"POST /api/conversations HTTP/1.1\r\n{authorized}{JSON}Content-Length: 60000\r\n\r\n",
        f"POST /api/login HTTP/1.1\r\n{authorized}{JSON}Transfer-Encoding: chunked\r\n\r\nea60\r\n",
        f"GET / HTTP/1.1\r\n{authorized}X-Slow: ",
    )[kind]
    _, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    try:
        writer.write(begin.encode())
        while True:
            writer.write(b"x")
            sent.append(kind)
            await asyncio.sleep(0.1)
    finally:
        writer.close()


async def pour(url: str, token: str, coding: str, refusals: list[bytes]) -> None:
    """A body of 1 GB, again and again, as fast as the server takes it."""
    parts = urlsplit(url)
    head = (
        f"POST /api/conversations HTTP/1.1\r\nHost: {parts.netloc}\r\n{JSON}"
        f"Authorization: Bearer {token}\r\n{coding}\r\n\r\n"
    ).encode()
    piece = b"x" * 2**20
    if "chunked" in coding:
        piece = b"%x\r\n%s\r\n" % (len(piece), piece)
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
        answer = asyncio.create_task(reader.readline())
        writer.write(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(GIGABYTE // len(piece)):
                writer.write(piece)
                await writer.drain()
        with contextlib.suppress(ConnectionError):
            refusals.append(await answer)
        writer.close()
        await asyncio.sleep(0.01)


@pytest.mark.gen_test(timeout=90)
async def test_slow_connections_and_huge_bodies_leave_ordinary_requests_in_peace(
    server: ServerProcess,
) -> None:
    john, path = someone_talks(server.url)
    process = psutil.Process(server.process.pid)
    memory = process.memory_info().rss
    sent: list[int] = []
    refusals: list[bytes] = []
    slow = [drip(server.url, john.token, n % 4, sent) for n in range(SLOW)]
    huge = [
        pour(server.url, john.token, coding, refusals)
        for coding in (f"Content-Length: {GIGABYTE}", "Transfer-Encoding: chunked")
    ]
    async with beside(*slow, *huge), Connection(server.url, john.token) as connection:
        took = [await p99(lambda: connection.ask("GET", path)) for _ in range(ROUNDS)]
        assert len(process.net_connections("tcp")) > SLOW
        assert process.memory_info().rss - memory < 64 * 2**20
    assert len(sent) > SLOW * 5
    assert refusals
    assert {line[:13] for line in refusals if line} <= {b"HTTP/1.1 413 "}
    assert min(took) < 100, took


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, HEADER_TIMEOUT="1", BODY_TIMEOUT="2") as server:
        yield server


@pytest.mark.gen_test(timeout=60)
async def test_what_does_not_arrive_in_its_time_is_dropped(hasty: ServerProcess) -> None:
    """Headers, a body, and an idle connection; a stream is none of those."""
    token = Caller(hasty.url, "john").token
    parts = urlsplit(hasty.url)
    authorized = f"Host: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n"
    whole = f"GET /health/live HTTP/1.1\r\n{authorized}\r\n"
    stream = f"GET /api/messages HTTP/1.1\r\n{authorized}Accept: text/event-stream\r\n\r\n"
    body = f"POST /api/login HTTP/1.1\r\n{authorized}{JSON}Content-Length: 9\r\n\r\n{{"
    for begin, least, most in (
        ("", 0.9, 1.9),
        ("GET / HTTP/1.1\r\nHo", 0.9, 1.9),
        (whole, 0.9, 1.9),
        (body, 1.9, 2.9),
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
        writer.write(begin.encode())
        began = time.monotonic()
        await asyncio.wait_for(reader.read(), 10)
        assert least < time.monotonic() - began < most + 5, begin
        writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    writer.write(stream.encode())
    await reader.readuntil(b"event: hello")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readuntil(b"event: bye"), 4)
    writer.close()


@pytest.mark.parametrize("limit", [49152, 100_000])
@pytest.mark.gen_test(timeout=60)
async def test_a_bodys_limit_is_the_operators(tmp_path: Path, limit: int) -> None:
    with ServerProcess(tmp_path, MAX_BODY_BYTES=str(limit), MAX_HEADER_BYTES="8192") as server:
        john, path = someone_talks(server.url)
        for size, status in ((limit, b" 201 "), (limit + 1, b" 413 ")):
            assert status in await answer_to(server.url, john.token, path, b"".ljust(size))
        for size, status in ((7000, b" 201 "), (9000, b" 431 ")):
            assert status in await answer_to(server.url, john.token, path, b"", "x" * size)


async def answer_to(url: str, token: str, path: str, body: bytes, header: str = "") -> bytes:
    """The first line of the answer to a message whose body is as long as that."""
    parts = urlsplit(url)
    message = b'{"content":"a"}'.ljust(len(body))
    reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
    writer.write(
        f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAuthorization: Bearer {token}\r\n{JSON}"
        f"X: {header}\r\nContent-Length: {len(message)}\r\n\r\n".encode()
        + message
    )
    answer = await asyncio.wait_for(reader.readline(), 10)
    writer.close()
    return answer
