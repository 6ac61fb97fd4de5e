"""No callback of the server's loop takes more than 20 ms of CPU, whatever clients do at once."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.callers import Caller, streams_open
from tests.support.floods import Connection
from tests.support.hostile_requests import HOSTILE
from tests.support.measures import Figures, most_ratio
from tests.support.people import eventually
from tests.support.sockets import client
from tests.support.sse import EventStream
from tests.support.timed_callbacks import COLLECTION, TimedServer

MOST_SECONDS = 0.02  # of thread CPU
PAIRS = 100  # of users who talk
STREAMS_EACH = 10  # with PAIRS: 2,000 streams
CONNECTIONS = 10  # of one sender
REPLAYING = 5  # pairs: 100 streams
REPLAYED = 990  # events; further behind than 1,000, a stream gets a reset
LARGE = "\x01" * 4000  # 24 KB as JSON
OPENING = 200  # streams: an address may have 256 connections without a request
EACH = 5  # hostile requests of a kind


class Talk:
    """Two users, their conversation, and their positions before it has messages."""

    def __init__(self, url: str, n: int) -> None:
        self.john, self.jane = Caller(url, f"john-{n}"), Caller(url, f"jane-{n}")
        found = self.john.ask("/api/conversations", {"username": f"jane-{n}"})
        self.path = f"/api/conversations/{found['id']}/messages"
        self.positions = {
            user: user.open("/api/conversations").headers["Last-Event-ID"]
            for user in (self.john, self.jane)
        }

    async def send(self, number: int, content: str) -> None:
        async def send_some() -> None:
            async with Connection(self.john.url, self.john.token) as connection:
                for _ in range(number // CONNECTIONS):
                    message = {"content": content}
                    assert await connection.ask("POST", self.path, message) == 201

        await together(send_some() for _ in range(CONNECTIONS))


class Stream:
    """An open stream, whose client reads all the time and counts events."""

    def __init__(self, stream: EventStream) -> None:
        self.events = 0
        self._stream = stream
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, user: Caller, position: str = "") -> "Stream":
        headers = {"Authorization": f"Bearer {user.token}", "Last-Event-ID": position}
        stream = await EventStream.open(user.url, headers)
        assert stream.status == 200
        return cls(stream)

    async def _read(self) -> None:
        end = b""
        with suppress(ConnectionError):
            while data := await self._stream.reader.read(2**18):
                self.events += (end + data).count(b"\nid: ")
                end = data[-4:]

    async def has_read(self, events: int) -> None:
        async with asyncio.timeout(120):
            while self.events < events:
                await asyncio.sleep(0.02)

    async def leave(self) -> None:
        self._stream.reset()
        await self._reading


@asynccontextmanager
async def opened(wanted: Iterable[tuple[Caller, str]]) -> AsyncIterator[list[Stream]]:
    """Opens `STREAMS_EACH` streams for each user and position, `OPENING` of them at a time."""
    room = asyncio.Semaphore(OPENING)

    async def open_one(user: Caller, position: str) -> Stream:
        async with room:
            return await Stream.open(user, position)

    opening = [open_one(*each) for each in wanted for _ in range(STREAMS_EACH)]
    streams = await asyncio.gather(*opening)
    try:
        yield streams
    finally:
        await together(stream.leave() for stream in streams)


async def together(works: Iterable[Awaitable[object]]) -> None:
    await asyncio.gather(*works)


class Measured:
    """A server whose callbacks are timed, and the figures of what its clients do."""

    def __init__(self, server: TimedServer, figures: Figures) -> None:
        self.server = server
        self.figures = figures

    @contextmanager
    def longest(self, what: str) -> Iterator[None]:
        with self.server.longest_callback() as found:
            yield
        seconds = found[0].seconds if found else 0
        name = f"longest callback, {what}, s of CPU"
        self.figures.amount(name, seconds, most_ratio(MOST_SECONDS))


@pytest.fixture
def measured(tmp_path: Path, figures: Figures) -> Iterator[Measured]:
    server = TimedServer(tmp_path, "--rate-limits", "off")
    with server:
        yield Measured(server, figures)


@pytest.mark.measure
@pytest.mark.gen_test(timeout=300)
async def test_two_thousand_streams_cost_no_long_callback(measured: Measured) -> None:
    url = measured.server.url
    talks = [Talk(url, n) for n in range(PAIRS)]
    with measured.longest("2,000 streams that open, send and leave"):
        async with opened((user, "") for talk in talks for user in talk.positions) as streams:
            assert streams_open(url) == len(streams) == 2 * PAIRS * STREAMS_EACH
            await together(talk.send(CONNECTIONS, "hello") for talk in talks)
            await together(stream.has_read(CONNECTIONS) for stream in streams)
        await eventually(lambda: streams_open(url) == 0)
    collections = [c for c in measured.server.callbacks() if c.name.startswith(COLLECTION)]
    assert collections, "the figure must include a garbage collection"


@pytest.mark.measure
@pytest.mark.gen_test(timeout=300)
async def test_replays_cost_no_long_callback(measured: Measured) -> None:
    talks = [Talk(measured.server.url, n) for n in range(REPLAYING)]
    await together(talk.send(REPLAYED, "hello") for talk in talks)
    with measured.longest("100 replays of 1,000 events"):
        positions = (each for talk in talks for each in talk.positions.items())
        async with opened(positions) as streams:
            await together(stream.has_read(REPLAYED) for stream in streams)


@pytest.mark.measure
@pytest.mark.gen_test(timeout=300)
async def test_hostile_requests_cost_no_long_callback(measured: Measured) -> None:
    talk = Talk(measured.server.url, 0)
    port = int(measured.server.url.rpartition(":")[2])

    async def send(sent: bytes) -> None:
        async with client(port) as hostile:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                await hostile.say(sent.replace(b"TOKEN", talk.john.token.encode()))
                await hostile.head()

    with measured.longest("hostile requests"):
        for _ in range(EACH):
            await together(send(hostile.sent) for hostile in HOSTILE.values())


@pytest.mark.measure
@pytest.mark.gen_test(timeout=300)
async def test_large_lists_cost_no_long_callback(measured: Measured) -> None:
    url = measured.server.url
    john = Caller(url, "john")
    for n in range(100):
        Caller(url, f"jane-{n}")
        john.ask("/api/conversations", {"username": f"jane-{n}"})
        Caller(url, "john")  # another session
    talk = Talk(url, 0)
    await talk.send(100, LARGE)

    async def ask(user: Caller, path: str) -> None:
        async with Connection(url, user.token) as connection:
            for _ in range(EACH):
                assert await connection.ask("GET", path) == 200

    with measured.longest("large lists"):
        lists = [(talk.john, f"{talk.path}?limit=100"), (john, "/api/sessions")]
        lists += [(john, "/api/conversations?limit=100"), (john, "/api/openapi.json")]
        await together(ask(user, path) for user, path in lists for _ in range(CONNECTIONS))
