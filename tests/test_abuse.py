"""What hostile clients, one or many, do to the response times of others."""

import asyncio
import contextlib
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import psutil
import pytest

from tests.support.callers import Caller, someone_talks
from tests.support.floods import HUNG_UP, Connection, Flood
from tests.support.measures import Figures, most_ratio
from tests.support.processes import ServerProcess
from tests.support.replaying import ten_streams_replay
from tests.support.rules import rule
from tests.support.sse import EventStream

ROUNDS = 5  # the machine may be busy with something else; a slow server is slow in each round
SAMPLES = 100


async def p99(ask: Callable[[], Awaitable[int]]) -> float:
    """The 99th percentile, in milliseconds."""
    took = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        assert await ask() in (200, 201)
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.002)
    return sorted(took)[SAMPLES * 99 // 100 - 1]


@contextlib.asynccontextmanager
async def beside(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Opens others' connections for as long as this is open."""
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


# Floods.

PAIRS = 12  # users that talk; each sends less often than its limit allows
WAVES = 2  # turns: the flood against this server, then the same flood against another one
MOST_WAVES = 12
TALKS = 100  # in each
FLOODS = {
    "messages": (Flood("POST", "{}/messages", {"content": "flood"}), {201, 429}),
    "history": (Flood("GET", "{}/messages?limit=100"), {200}),
    "history, hung up on": (
        Flood("GET", "{}/messages?limit=100", hangs_up=True),
        {HUNG_UP},
    ),
    "reads": (Flood("POST", "{}/read_messages"), {204, 429}),
    "streams": (Flood("GET", "/api/messages", None, "text/event-stream", fresh=True), {200, 429}),
    "connections": (Flood("GET", "/api/auth_user", fresh=True), {200}),
    "what is not there": (Flood("GET", "/api/nothing"), {404}),
}


class Milliseconds(NamedTuple):
    """Response times in milliseconds, from a message's request on."""

    answered: float
    delivered: float


@dataclass
class Flooded:
    """A server, a user who floods it, and the path of a conversation of that user."""

    url: str
    token: str
    path: str

    @classmethod
    def at(cls, url: str) -> "Flooded":
        """Prepares a conversation with pages of history that take long to read."""
        Caller(url, "jane")
        mallory = Caller(url, "mallory")
        conversation = mallory.ask("/api/conversations", {"username": "jane"})["id"]
        path = f"/api/conversations/{conversation}"
        for _ in range(50):
            mallory.ask(f"{path}/messages", {"content": "x" * 4000})
        return cls(url, mallory.token, path)


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flooded, Flooded]]:
    """Yields the measured server, and another one that the flood is compared with."""
    many = "1000"  # all other users share one address
    with (
        ServerProcess(tmp_path_factory.mktemp("one"), SIGN_INS_PER_MINUTE=many) as one,
        ServerProcess(tmp_path_factory.mktemp("another"), SIGN_INS_PER_MINUTE=many) as another,
    ):
        yield Flooded.at(one.url), Flooded.at(another.url)


@dataclass
class Talk:
    """A conversation: a connection of one user, and a stream of the other."""

    path: str
    connection: Connection
    stream: EventStream

    async def one_message(self) -> Milliseconds:
        began = time.perf_counter()

        async def answered() -> float:
            assert await self.connection.ask("POST", self.path, {"content": "hello"}) == 201
            return (time.perf_counter() - began) * 1000

        async def delivered() -> float:
            assert (await self.stream.event()).name == "message"
            return (time.perf_counter() - began) * 1000

        return Milliseconds(*await asyncio.gather(answered(), delivered()))


@contextlib.asynccontextmanager
async def talks(url: str) -> AsyncIterator[list[Talk]]:
    async with contextlib.AsyncExitStack() as stack:
        found = []
        for n in range(PAIRS):
            one, other = Caller(url, f"one{n}"), Caller(url, f"other{n}")
            conversation = one.ask("/api/conversations", {"username": f"other{n}"})["id"]
            connection = await stack.enter_async_context(Connection(url, one.token))
            authorized = {"Authorization": f"Bearer {other.token}"}
            stream = await EventStream.open(url, authorized)
            stack.callback(stream.close)
            assert (await stream.event()).name == "hello"
            found.append(Talk(f"/api/conversations/{conversation}/messages", connection, stream))
        yield found


async def p99s(talks: list[Talk], percent: int = 99) -> Milliseconds:
    took = []
    for n in range(TALKS):
        took.append(await talks[n % PAIRS].one_message())
        await asyncio.sleep(0.008)
    columns = zip(*took, strict=True)
    return Milliseconds(*(sorted(column)[TALKS * percent // 100 - 1] for column in columns))


async def p50s(talks: list[Talk]) -> Milliseconds:
    return await p99s(talks, 50)


def medians(waves: list[Milliseconds]) -> Milliseconds:
    return Milliseconds(*map(statistics.median, zip(*waves, strict=True)))


MOST = 1.25  # times as long for others


def worst(is_: Milliseconds, was: Milliseconds, unseen: float) -> float:
    """Returns the largest ratio of the two. Ignores `unseen` milliseconds, which nobody notices."""
    return max((now - unseen) / before for now, before in zip(is_, was, strict=True))


@pytest.mark.measure
@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.gen_test(timeout=120)
async def test_a_flood_by_one_user_does_not_slow_down_others(
    flooded: tuple[Flooded, Flooded], kind: str, figures: Figures
) -> None:
    """Compares with the same flood against another server on this machine.

    Both include what the flood itself takes of two cores. If the first waves are too slow, more
    waves follow: a slow server is slow in all of them.
    """
    (flood, expected), statuses = FLOODS[kind], Counter[int]()
    one, another = flooded
    waves: dict[str, list[Milliseconds]] = {one.url: [], another.url: []}
    async with talks(one.url) as others:
        for wave in range(MOST_WAVES):
            for target in (another, one) if wave % 2 else (one, another):
                async with flood.at(target.url, target.token, target.path) as counted:
                    waves[target.url].append(await p99s(others))
                statuses += counted
            is_, was = medians(waves[one.url]), medians(waves[another.url])
            if wave + 1 >= WAVES and worst(is_, was, 1) <= most_ratio(MOST):
                break
    assert min(expected) in statuses
    assert set(statuses) <= expected  # a server that keeps up with a flood refuses nothing
    figures.ratio(f"others' p99 beside {kind}", worst(is_, was, 1), MOST)


# FeedReader.

REPLAYED = 1_000  # messages …
REPLAYED_BYTES = REPLAYED * 24_000  # … as JSON


@dataclass
class Replaying:
    """A server, and a user who resumes from a position before a thousand long messages."""

    url: str
    token: str
    position: str

    @classmethod
    async def at(cls, url: str) -> "Replaying":
        jane, mallory = Caller(url, "jane"), Caller(url, "mallory")
        conversation = mallory.ask("/api/conversations", {"username": "jane"})["id"]
        position = jane.open("/api/conversations").headers["Last-Event-ID"]
        path = f"/api/conversations/{conversation}/messages"

        async def send(number: int) -> None:
            async with Connection(url, mallory.token) as connection:
                for _ in range(number):
                    message = {"content": "\x01" * 4000}
                    assert await connection.ask("POST", path, message) == 201

        await asyncio.gather(*(send(REPLAYED // 20) for _ in range(20)))
        return cls(url, jane.token, position)


@pytest.mark.measure
@pytest.mark.gen_test(timeout=240)
async def test_ten_streams_with_long_replays_do_not_slow_down_others(
    tmp_path: Path, figures: Figures
) -> None:
    """Compares with the same replays from another server on this machine."""
    flags = ("--rate-limits", "off")
    with (
        ServerProcess(tmp_path / "one", *flags) as one,
        ServerProcess(tmp_path / "another", *flags) as another,
    ):
        replays = [await Replaying.at(server.url) for server in (one, another)]
        waves: dict[str, list[Milliseconds]] = {one.url: [], another.url: []}
        async with talks(one.url) as others:
            for wave in range(MOST_WAVES):
                for r in reversed(replays) if wave % 2 else replays:
                    with ten_streams_replay(r.url, r.token, r.position, REPLAYED_BYTES):
                        waves[r.url].append(await p50s(others))
                is_, was = medians(waves[one.url]), medians(waves[another.url])
                if wave + 1 >= WAVES and worst(is_, was, 2) <= most_ratio(MOST):
                    break
    figures.ratio("others' p50 beside ten replays", worst(is_, was, 2), MOST)


# Slow connections and huge bodies.

SLOW = 200
GIGABYTE = 10**9
JSON = "Content-Type: application/json\r\n"


async def drip(url: str, token: str, kind: int, sent: list[int]) -> None:
    """Sends an endless request of one of four kinds, a byte at a time."""
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
    """Sends a body of 1 GB again and again, as fast as the server takes it."""
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
        try:
            writer.write(head)
            with contextlib.suppress(ConnectionError):
                for _ in range(GIGABYTE // len(piece)):
                    writer.write(piece)
                    await writer.drain()
            with contextlib.suppress(ConnectionError):
                refusals.append(await answer)
        finally:
            answer.cancel()
            writer.transport.abort()
        await asyncio.sleep(0.01)


@pytest.mark.measure
@pytest.mark.gen_test(timeout=90)
async def test_slow_connections_and_huge_bodies_do_not_slow_down_ordinary_requests(
    server: ServerProcess, figures: Figures
) -> None:
    john, _ = someone_talks(server.url)
    process = psutil.Process(server.process.pid)
    memory = process.memory_info().rss
    sent: list[int] = []
    refusals: list[bytes] = []
    slow = [drip(server.url, john.token, n % 4, sent) for n in range(SLOW)]
    huge = [
        pour(server.url, john.token, coding, refusals)
        for coding in (f"Content-Length: {GIGABYTE}", "Transfer-Encoding: chunked")
    ]
    eve = Caller(server.url, "eve")
    async with beside(*slow, *huge), Connection(server.url, eve.token) as connection:
        took = [
            await p99(lambda: connection.ask("GET", "/api/conversations")) for _ in range(ROUNDS)
        ]
        assert len(process.net_connections("tcp")) > SLOW
        taken = process.memory_info().rss - memory
        figures.amount("200 slow connections and two huge bodies, bytes", taken, 64 * 2**20)
    assert len(sent) > SLOW * 5
    assert refusals
    assert {line[:13] for line in refusals if line} <= {b"HTTP/1.1 413 ", b"HTTP/1.1 429 "}
    figures.seconds("others' p99 beside them, s", min(took) / 1000, 0.1)


@pytest.fixture
def hasty(tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path, HEADER_TIMEOUT="1", BODY_TIMEOUT="2") as server:
        yield server


@rule("api#slow-requests")
@pytest.mark.gen_test(timeout=60)
async def test_a_request_that_does_not_arrive_in_time_is_dropped(hasty: ServerProcess) -> None:
    """Headers, a body, and an idle connection have deadlines; a stream has none."""
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
async def test_the_operator_sets_the_limit_of_a_body(tmp_path: Path, limit: int) -> None:
    with ServerProcess(tmp_path, MAX_BODY_BYTES=str(limit), MAX_HEADER_BYTES="8192") as server:
        john, path = someone_talks(server.url)
        for size, status in ((limit, b" 201 "), (limit + 1, b" 413 ")):
            assert status in await answer_to(server.url, john.token, path, b"".ljust(size))
        for size, status in ((7000, b" 201 "), (9000, b" 431 ")):
            assert status in await answer_to(server.url, john.token, path, b"", "x" * size)


async def answer_to(url: str, token: str, path: str, body: bytes, header: str = "") -> bytes:
    """Returns the first line of the answer to a message with a body of that length."""
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
