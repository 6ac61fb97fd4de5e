"""One of two servers is cut off from the relay, from the database, or from both."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from psycopg2.extensions import make_dsn
from tornado.httpclient import AsyncHTTPClient

from tests.support import cluster
from tests.support.cluster import Broker, ForgetfulServer
from tests.support.links import Link
from tests.support.people import Person, Visitor, eventually, eventually_equal
from tests.support.postgres import COMMIT_SLOWLY, ask
from tests.support.sse import Event, EventStream
from tests.support.standalone import StandalonePostgres

LATE_SECONDS = 5  # three are promised; machines of tests are busy
SILENT_SECONDS = 2.5  # after two without the database, a server passes on nothing

Cut = Callable[[Link], None]
CUTS = [Link.cut, Link.hang]


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[StandalonePostgres]:
    postgres = StandalonePostgres()
    postgres.start()
    yield postgres
    postgres.stop()


class Pair(NamedTuple):
    """Two servers. The second one reaches the broker and the database over links."""

    one: ForgetfulServer
    other: ForgetfulServer
    broker: Broker
    to_broker: Link
    to_database: Link


@pytest.fixture
def dsn_of_pair(over_tcp: StandalonePostgres) -> Iterator[str]:
    with over_tcp.database() as dsn:
        yield dsn


@pytest.fixture
def pair(over_tcp: StandalonePostgres, dsn_of_pair: str, tmp_path: Path) -> Iterator[Pair]:
    broker = Broker()
    broker.start()
    with ExitStack() as stack:
        stack.callback(broker.kill)
        to_broker = stack.enter_context(Link(broker.port))
        to_database = stack.enter_context(Link(over_tcp.port))
        near = cluster.server(dsn_of_pair, tmp_path / "one", broker.url, kind=ForgetfulServer)
        linked = make_dsn(dsn_of_pair, port=to_database.port)
        relay = f"nats://127.0.0.1:{to_broker.port}"
        far = cluster.server(linked, tmp_path / "other", relay, kind=ForgetfulServer)
        for server in (near, far):
            stack.enter_context(server)
        yield Pair(near, far, broker, to_broker, to_database)


class Talk(NamedTuple):
    """John writes to Jane. She has a stream on each server."""

    john: Person
    jane: Person
    id: str
    near: EventStream
    far: EventStream

    async def send_at(self, server: ForgetfulServer, content: str) -> None:
        await self.john.at(cluster.url(server)).send(self.id, content)


@asynccontextmanager
async def talk(client: AsyncHTTPClient, pair: Pair) -> AsyncIterator[Talk]:
    visitor = Visitor(client, cluster.url(pair.one))
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    with (
        closing(await opened(jane, pair.one)) as near,
        closing(await opened(jane, pair.other)) as far,
    ):
        yield Talk(john, jane, conversation, near, far)


async def opened(person: Person, server: ForgetfulServer) -> EventStream:
    stream = await EventStream.open(cluster.url(server), person.headers())
    assert (await stream.event()).name == "hello"
    return stream


async def both_have(talk: Talk, contents: list[str]) -> None:
    for stream in (talk.near, talk.far):
        events = [await stream.event(LATE_SECONDS) for _ in contents]
        assert [event.data["content"] for event in events] == contents


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.gen_test
async def test_a_server_without_the_relay_sends_and_hears_all_the_same(
    http_client: AsyncHTTPClient, pair: Pair, cut: Cut
) -> None:
    async with talk(http_client, pair) as talking:
        await talking.send_at(pair.one, "before")
        await both_have(talking, ["before"])
        cut(pair.to_broker)
        for server in (pair.one, pair.other):
            await talking.send_at(server, "meanwhile")
            await both_have(talking, ["meanwhile"])
        await eventually(lambda: cluster.metric(pair.other, "messenger_relay_up") == 0)
        assert cluster.metric(pair.one, "messenger_relay_up") == 1

        pair.to_broker.mend()
        await eventually(lambda: cluster.metric(pair.other, "messenger_relay_up") == 1)
        for server in (pair.one, pair.other):
            await talking.send_at(server, "after")
            await both_have(talking, ["after"])


@pytest.mark.gen_test
async def test_a_relay_that_hangs_delays_events_and_refuses_nothing(
    http_client: AsyncHTTPClient, pair: Pair
) -> None:
    async with talk(http_client, pair) as talking:
        pair.broker.freeze()
        for n in range(8):
            for server in (pair.one, pair.other):
                await talking.send_at(server, str(n))
                await both_have(talking, [str(n)])
        pair.broker.thaw()
        for server in (pair.one, pair.other):
            await talking.send_at(server, "after")
            await both_have(talking, ["after"])


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("both", [False, True], ids=["database", "both"])
@pytest.mark.gen_test
async def test_a_server_without_the_database_passes_on_nothing_and_trusts_no_session(
    http_client: AsyncHTTPClient, pair: Pair, cut: Cut, both: bool
) -> None:
    async with talk(http_client, pair) as talking:
        elsewhere = await Visitor(http_client, cluster.url(pair.one)).sign_in("jane")
        assert await asked(elsewhere.at(cluster.url(pair.other))) == 200
        with closing(await opened(elsewhere, pair.other)) as revoked:
            cut(pair.to_database)
            if both:
                cut(pair.to_broker)
            assert (await elsewhere.post("/api/logout")).status == 204
            await asyncio.sleep(SILENT_SECONDS)
            sent = [str(n) for n in range(5)]
            for content in sent:
                await talking.send_at(pair.one, content)
            assert await talking.far.silent()
            assert await revoked.silent()
            for person in (elsewhere, talking.jane):
                assert await asked(person.at(cluster.url(pair.other))) == 503

            pair.to_database.mend()
            pair.to_broker.mend()
            assert [event.name for event in await revoked.rest(LATE_SECONDS)] == ["bye"]
            await both_have(talking, sent)

            async def refusal() -> int:
                status = await asked(elsewhere.at(cluster.url(pair.other)))
                assert status in (401, 503)
                return status

            await eventually_equal(401, refusal)


@pytest.mark.gen_test
async def test_an_event_whose_writer_never_learned_of_its_commit_reaches_the_other_server(
    http_client: AsyncHTTPClient, pair: Pair, dsn_of_pair: str
) -> None:
    async with talk(http_client, pair) as talking:
        ask(dsn_of_pair, COMMIT_SLOWLY)
        sending = asyncio.create_task(talking.send_at(pair.other, "hello"))
        while not (committing := ask(dsn_of_pair, COMMITTING)):
            await asyncio.sleep(0.01)
        pair.to_database.cut_connection(committing[0][0])
        await both_have(talking, ["hello"])
        await sending


COMMITTING = """
    SELECT client_port
    FROM pg_stat_activity
    WHERE datname = current_database()
        AND wait_event = 'PgSleep'
"""


async def asked(person: Person) -> int:
    """Asks for what needs a session and no more of the database. Returns the status."""
    headers = {"Accept": "text/event-stream"}
    return (await person.ask("HEAD", "/api/messages", headers=headers)).status


@pytest.mark.parametrize("engine", ["postgres", "nats"])
@pytest.mark.gen_test
async def test_two_servers_that_write_into_one_feed_leave_it_whole_and_in_order(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path, engine: cluster.Engine
) -> None:
    with (
        cluster.relay(engine) as (relay, _),
        cluster.servers(dsn, tmp_path, relay, 2) as servers,
    ):
        visitor = Visitor(http_client, cluster.url(servers[0]))
        jane = await visitor.sign_in("jane")
        writers = [await visitor.sign_in(name) for name in ("john", "mary", "mike", "rose")]
        talks = [await writer.talk_to(jane) for writer in writers]
        streams = [await opened(jane, server) for server in servers]

        async def write(n: int) -> None:
            writer = writers[n].at(cluster.url(servers[n % 2]))
            for nth in range(100):
                await writer.send(talks[n], f"message {nth}")

        await asyncio.gather(*(write(n) for n in range(4)))
        for stream in streams:
            with closing(stream):
                events = await stream.events(400)
                assert [event.seq for event in events] == list(range(5, 405))
                assert in_order(events)
        assert sum(cluster.metric(server, "messenger_relay_lost_total") for server in servers) == 0


def in_order(events: list[Event]) -> bool:
    """Whether the messages of each conversation came in its order."""
    by_talk: dict[str, list[int]] = {}
    for event in events:
        by_talk.setdefault(event.data["conversationId"], []).append(int(event.data["id"]))
    return all(ids == sorted(ids) for ids in by_talk.values())


@pytest.mark.parametrize("engine", ["postgres", "nats"])
@pytest.mark.gen_test
async def test_after_a_fail_over_both_servers_end_the_streams_of_the_lost_history(
    http_client: AsyncHTTPClient, tmp_path: Path, engine: cluster.Engine
) -> None:
    fragile = StandalonePostgres()
    fragile.start()
    try:
        with (
            fragile.database() as dsn,
            cluster.relay(engine) as (relay, _),
            cluster.servers(dsn, tmp_path, relay, 2) as servers,
            ExitStack() as stack,
        ):
            visitor = Visitor(http_client, cluster.url(servers[0]))
            john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
            conversation = await john.talk_to(jane)
            await in_thread(fragile.back_up)
            streams = [
                stack.enter_context(closing(await opened(jane, server))) for server in servers
            ]
            for n in range(5):
                await john.send(conversation, f"gone {n}")
            known = [[event.id for event in await stream.events(5)] for stream in streams]
            assert known[0] == known[1]
            reading = [asyncio.create_task(stream.rest(60)) for stream in streams]
            await in_thread(fragile.fail_over)

            writing = asyncio.create_task(write_until(john, conversation, reading))
            async with asyncio.timeout(LATE_SECONDS):
                rest = await asyncio.gather(*reading)
            assert rest == [[], []]  # nothing of the new history
            await writing
            for server in servers:
                again = await EventStream.open(
                    cluster.url(server), jane.headers() | {"Last-Event-ID": str(known[0][-1])}
                )
                with closing(again):
                    assert (await again.event()).id is None
                    assert (await again.event()).data == {"reason": "epoch"}
            assert ask(dsn, "SELECT timeline FROM meta") == [(2,)]
            epochs = {epoch for (epoch,) in ask(dsn, "SELECT epoch FROM meta")}
            assert not epochs & {str(known[0][0]).partition("-")[0]}
    finally:
        fragile.stop()


async def write_until(john: Person, conversation: str, reading: list[Any]) -> None:
    """Sends messages until all streams have ended, and one more has been stored."""
    path = f"/api/conversations/{conversation}/messages"
    stored = False
    while not (stored and all(task.done() for task in reading)):
        answer = await john.post(path, {"content": "new"})
        assert answer.status in (201, 503)
        stored = answer.status == 201
        await asyncio.sleep(0.02)


async def in_thread(act: Callable[[], None]) -> None:
    await asyncio.get_running_loop().run_in_executor(None, act)
