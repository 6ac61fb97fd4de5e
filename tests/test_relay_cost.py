"""What the relay costs while nothing is broken: the delay of events, and look-ups of feeds."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import nats
import pytest
from nats.aio.msg import Msg
from tornado.httpclient import AsyncHTTPClient

from bus.event import HEARTBEAT_SECONDS
from bus.heartbeat import SPREAD
from db import connection
from tests.chaos.cluster import at_share
from tests.support import cluster
from tests.support.cluster import Engine, ForgetfulServer
from tests.support.measures import Figures
from tests.support.people import Visitor
from tests.support.postgres import Postgres, ask
from tests.support.sse import EventStream

SECONDS = 60.0  # three heartbeats
PAUSE_SECONDS = 0.02  # between sends, and between echoes
SETTLED_SECONDS = 2.0  # after the start, servers look once

pytestmark = pytest.mark.measure

Send = Callable[[str], Awaitable[object]]


class Arrival(NamedTuple):
    server: str
    seq: int
    at: float  # seconds since 1970


@pytest.fixture(scope="module")
def dated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL that notes the time of each commit. No flush of the disk follows it."""
    server = Postgres(tmp_path_factory.mktemp("dated"))
    server.start()
    server.configure("track_commit_timestamp = on")
    yield server
    server.stop()


@pytest.mark.parametrize("engine", ["postgres", "nats"])
@pytest.mark.gen_test(timeout=300)
async def test_an_event_is_about_as_fast_as_the_relay_alone_and_costs_no_look_up(
    http_client: AsyncHTTPClient, dated: Postgres, tmp_path: Path, figures: Figures, engine: Engine
) -> None:
    with (
        dated.database() as dsn,
        cluster.relay(engine) as (relay, _),
        cluster.servers(dsn, tmp_path, relay, 3) as servers,
    ):
        urls = [cluster.url(server) for server in servers]
        visitor = Visitor(http_client, urls[0])
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        talk = await john.talk_to(jane)
        arrivals: list[Arrival] = []
        stored_by = {}
        async with AsyncExitStack() as stack:
            for url in urls:
                stream = stack.enter_context(closing(await EventStream.open(url, jane.headers())))
                await stack.enter_async_context(background(read(stream, url, arrivals)))
            await asyncio.sleep(SETTLED_SECONDS)
            looked_up = -look_ups(servers)
            echoes = await stack.enter_async_context(echoing(dsn, relay))
            until = time.monotonic() + SECONDS
            while time.monotonic() < until:
                url = random.choice(urls)
                message = await john.at(url).send(talk, "hello")
                stored_by[message["id"]] = url
                await asyncio.sleep(PAUSE_SECONDS)
            looked_up += look_ups(servers)
            await asyncio.sleep(SETTLED_SECONDS)
        committed = {seq: (message, at) for seq, message, at in ask(dsn, COMMITTED, (jane.id,))}
        delays = []
        for arrival in arrivals:
            message, committed_at = committed[arrival.seq]
            if stored_by[message] != arrival.server:
                delays.append(arrival.at - committed_at)
    assert len(delays) == 2 * len(stored_by) > 500
    name = f"p99 of the delay to another server, over that of an echo ({engine})"
    figures.ratio(name, at_share(delays, 0.99) / at_share(echoes, 0.99), 5)
    heartbeats = SECONDS / (HEARTBEAT_SECONDS * (1 - SPREAD)) + 1
    name = f"look-ups a stream and heartbeat ({engine})"
    figures.amount(name, looked_up / len(urls) / heartbeats, 1)


COMMITTED = """
    SELECT seq, message_id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8
    FROM feed_events
    WHERE user_id = %s
        AND message_id IS NOT NULL
"""


def look_ups(servers: list[ForgetfulServer]) -> float:
    return sum(cluster.metric(server, "messenger_test_look_ups_total") for server in servers)


async def read(stream: EventStream, url: str, arrivals: list[Arrival]) -> None:
    while True:
        event = await stream.event(2 * HEARTBEAT_SECONDS)
        if event.name == "message":
            arrivals.append(Arrival(url, event.seq, time.time()))


@asynccontextmanager
async def background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    running = asyncio.create_task(work)
    try:
        yield
        assert not running.done()
    finally:
        running.cancel()
        await asyncio.wait([running])


@asynccontextmanager
async def echoing(dsn: str, relay: str) -> AsyncIterator[list[float]]:
    """Yields the delays of the relay's own kind of message, without servers. They grow in number.

    A message carries the time at which it was sent.
    """
    delays: list[float] = []

    def heard(sent_at: str) -> None:
        delays.append(time.time() - float(sent_at))

    async def echo(send: Send) -> None:
        while True:
            await send(str(time.time()))
            await asyncio.sleep(PAUSE_SECONDS)

    connected = notifying(dsn, heard) if relay == "postgres" else publishing(relay, heard)
    async with connected as send, background(echo(send)):
        yield delays


@asynccontextmanager
async def notifying(dsn: str, heard: Callable[[str], None]) -> AsyncIterator[Send]:
    sender, listener = [await connection.connect(dsn, 5) for _ in range(2)]
    with closing(sender), closing(listener):
        listener.on_notify = lambda channel, payload: heard(payload)
        await listener.rows("LISTEN echo", {}, 5)
        await sender.rows("SET synchronous_commit = off", {}, 5)
        sql = "SELECT pg_notify('echo', %(payload)s::text)"
        yield lambda payload: sender.rows(sql, {"payload": payload}, 5)


@asynccontextmanager
async def publishing(url: str, heard: Callable[[str], None]) -> AsyncIterator[Send]:
    async def received(message: Msg) -> None:
        heard(message.data.decode())

    sender, listener = await nats.connect(url), await nats.connect(url)
    try:
        await listener.subscribe("echo", cb=received)
        await listener.flush()
        yield lambda payload: sender.publish("echo", payload.encode())
    finally:
        await sender.close()
        await listener.close()
