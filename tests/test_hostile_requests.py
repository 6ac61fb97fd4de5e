"""What a request costs before its client's slot is granted: little, whatever it contains."""

import asyncio
import contextlib
import dataclasses
import math
import socket
import statistics
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import psutil
import pytest

from config import Config
from handlers.application import Messenger
from http1.connection import Connection, State
from http1.listener import Listener
from tests.support import floods, raw_flood
from tests.support.callers import Caller, someone_talks
from tests.support.hostile_requests import HOSTILE, MINE, WAITS, get
from tests.support.measures import Figures, most_ratio
from tests.support.people import Person, Visitor, two
from tests.support.processes import ServerProcess
from tests.support.sockets import Client, client

MOST_CALLS = 6000  # function calls to read a request: 127 headers of 31 words take most of them
MOST_SECONDS = 0.001  # of the loop, to read a request
TRIES = 5  # the machine may be busy with something else


@pytest.fixture
def config(config: Config) -> Config:
    """Every client has used up its budget, so that each request waits."""
    return dataclasses.replace(config, rate_limits=True, requests_at_once=1, requests_per_second=1)


class Counted(Connection):
    """Counts the function calls of reading."""

    calls = 0

    def _read(self) -> None:
        sys.setprofile(self._count)
        try:
            super()._read()
        finally:
            sys.setprofile(None)

    def _count(self, frame: FrameType, event: str, argument: object) -> None:
        self.calls += event in ("call", "c_call")


@contextlib.asynccontextmanager
async def read(
    server: Listener, port: int, sent: bytes
) -> AsyncIterator[tuple[Client, Connection]]:
    """A request that was read as far as possible before its slot."""
    known = set(server._open)
    async with client(port) as one:
        async with asyncio.timeout(10):
            while not (new := set(server._open) - known):
                await asyncio.sleep(0.001)
            (connection,) = new
            one.writer.write(sent)
            while connection._state in (State.HEAD, State.BODY):
                await asyncio.sleep(0.001)
        yield one, connection
        connection.abort()  # gives up its place in the queue


def ready(app: Messenger, person: Person, sent: bytes) -> bytes:
    """Sends the request, whose client has to wait for its slot."""
    for key in ("127.0.0.1", int(person.id)):
        app.services.fair_queue.enter(key, 1).cancel()
        app.services.fair_queue.charge(key, 10, 0)
    return sent.replace(b"TOKEN", person.token.encode())


@pytest.mark.gen_test(timeout=120)
async def test_a_hostile_request_is_refused_or_waits_for_its_turn_after_little_work(
    visitor: Visitor,
    app: Messenger,
    http_server: Listener,
    http_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert len(HOSTILE) >= 40
    john, _, _ = await two(visitor)
    monkeypatch.setattr("http1.listener.Connection", Counted)
    now = time.monotonic()  # for ever: after a quiet second, no request has to wait
    monkeypatch.setattr(app.services.fair_queue, "now", lambda: now)
    wrong = {}
    for name, (sent, refused) in HOSTILE.items():
        async with read(http_server, http_port, ready(app, john, sent)) as (one, connection):
            assert isinstance(connection, Counted)
            if refused is WAITS:
                outcome: Any = None if connection._state is State.QUEUED else connection._state
            else:
                outcome = (await one.answer())[0]
            if outcome != refused or connection.calls > MOST_CALLS:
                wrong[name] = outcome, connection.calls
    assert not wrong


@pytest.mark.measure
@pytest.mark.gen_test(timeout=120)
async def test_a_hostile_request_holds_the_loop_for_a_millisecond_at_most_before_its_turn(
    visitor: Visitor, app: Messenger, http_server: Listener, http_port: int, figures: Figures
) -> None:
    john, _, _ = await two(visitor)
    seconds = dict.fromkeys(HOSTILE, math.inf)
    for name, (sent, _) in HOSTILE.items():
        for _ in range(TRIES):
            async with read(http_server, http_port, ready(app, john, sent)) as (_, connection):
                seconds[name] = min(seconds[name], connection.read_seconds)
    slowest = max(seconds, key=lambda name: seconds[name])
    figures.seconds(f"{slowest}, before its turn, s", seconds[slowest], MOST_SECONDS)


SAMPLES = 100
WAVES, MOST_WAVES = 2, 8
MOST = 1.5  # times as long for another user, compared with as many plain requests


async def p99(connection: floods.Connection) -> float:
    """The 99th percentile, in milliseconds."""
    took = []
    for _ in range(SAMPLES):
        began = time.perf_counter()
        assert await connection.ask("GET", "/api/auth_user") == 200
        took.append((time.perf_counter() - began) * 1000)
        await asyncio.sleep(0.012)
    return sorted(took)[SAMPLES * 99 // 100 - 1]


@pytest.fixture(scope="module")
def flooded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("flooded")) as server:
        yield server


@pytest.mark.measure
@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.gen_test(timeout=120)
async def test_hostile_requests_slow_others_down_no_more_than_plain_ones(
    flooded: ServerProcess, name: str, figures: Figures
) -> None:
    """Measures both side by side, in turn. If the first waves are too slow, more waves follow."""
    mallory, _ = someone_talks(flooded.url)
    eve = Caller(flooded.url, "eve")
    plain_name = raw_flood.plain(name)
    waves: dict[str, list[float]] = {name: [], plain_name: []}
    async with floods.Connection(flooded.url, eve.token) as connection:
        for wave in range(MOST_WAVES):
            for kind in sorted(waves, reverse=bool(wave % 2)):
                async with raw_flood.raw_flood(flooded.url, mallory.token, kind):
                    waves[kind].append(await p99(connection))
            hostile, plain = statistics.median(waves[name]), statistics.median(waves[plain_name])
            if wave + 1 >= WAVES and hostile <= most_ratio(MOST) * plain:
                break
    figures.ratio(f"others' p99 beside {name}, by that beside plain ones", hostile / plain, MOST)


READERS = 400


@pytest.mark.measure
@pytest.mark.gen_test(timeout=120)
async def test_a_client_that_reads_nothing_costs_8_mebibytes_at_most(
    tmp_path: Path, figures: Figures
) -> None:
    """The pages are full of characters that are six times as long in JSON; 400 connections ask."""
    with ServerProcess(tmp_path, RATE_LIMITS="off") as server, contextlib.ExitStack() as stack:
        john, path = someone_talks(server.url)
        for _ in range(20):
            john.ask(path, {"content": "a" + "\x01" * 3999})
        process = psutil.Process(server.process.pid)
        page = get(path.encode() + b"?limit=100", host=MINE).replace(b"TOKEN", john.token.encode())
        port = int(server.url.rpartition(":")[2])
        await warmed_up(port, page)
        before = process.memory_info().rss
        for _ in range(READERS):
            one = stack.enter_context(socket.socket())
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            one.connect(("127.0.0.1", port))
            one.sendall(page)
        most = 0
        until = time.monotonic() + 10
        while time.monotonic() < until:
            most = max(most, process.memory_info().rss - before)
            await asyncio.sleep(0.05)
        assert john.ask("/api/sign_in_methods")  # the server still answers
    bound = 8 * 2**20 + READERS * 16 * 1024
    figures.amount("a reader that does not read, bytes", most, bound)


async def warmed_up(port: int, page: bytes) -> None:
    """Requests such pages once, so that the server's memory already includes what they need."""

    async def ask() -> None:
        async with client(port, limit=2**20) as one:
            for _ in range(5):
                await one.say(page)
                await one.answer()

    await asyncio.gather(*(ask() for _ in range(32)))
