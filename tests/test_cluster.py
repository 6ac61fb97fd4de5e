"""Several servers on one database: events and ends of sessions reach the streams of all."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.support import cluster
from tests.support.cluster import Engine, ForgetfulServer
from tests.support.people import Person, Visitor
from tests.support.processes import ServerProcess
from tests.support.sse import EventStream

LATE_SECONDS = 5  # three are promised; machines of tests are busy


@pytest.fixture(params=["postgres", "nats"])
def engine(request: pytest.FixtureRequest) -> Engine:
    engine: Engine = request.param
    return engine


@pytest.fixture
def pair(engine: Engine, dsn: str, tmp_path: Path) -> Iterator[list[ForgetfulServer]]:
    with (
        cluster.relay(engine) as (relay, _),
        cluster.servers(dsn, tmp_path, relay, 2) as servers,
    ):
        yield servers


async def people(client: AsyncHTTPClient, server: ServerProcess) -> tuple[Person, Person]:
    visitor = Visitor(client, cluster.url(server))
    return await visitor.sign_in("john"), await visitor.sign_in("jane")


def at(person: Person, server: ServerProcess) -> Person:
    """The same person, who asks another server."""
    return person.at(cluster.url(server))


async def stream_of(person: Person, server: ServerProcess) -> EventStream:
    stream = await EventStream.open(cluster.url(server), person.headers())
    assert (await stream.event()).name == "hello"
    return stream


@pytest.mark.gen_test
async def test_what_one_server_stores_reaches_the_streams_of_another_in_order(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        sent = [await at(john, pair[n % 2]).send(talk, f"message {n}") for n in range(50)]

        events = await stream.events(50)
        assert [event.data["id"] for event in events] == [message["id"] for message in sent]
        assert [event.seq for event in events] == list(range(2, 52))
        assert cluster.metric(other, "messenger_relay_messages_total") > 0
        assert cluster.metric(other, "messenger_relay_up") == 1
        assert cluster.metric(other, "messenger_relay_lost_total") == 0


@pytest.mark.gen_test
async def test_a_session_that_ends_on_one_server_ends_its_streams_on_the_other(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, _ = await people(http_client, one)
    elsewhere = at(john, other)
    assert (await elsewhere.get("/api/conversations")).status == 200  # its session is remembered
    with closing(await stream_of(john, other)) as stream:
        began = time.monotonic()
        assert (await john.post("/api/logout")).status == 204

        bye = await stream.event(5)
        assert (bye.name, bye.data) == ("bye", {"reason": "revoked"})
        assert (await elsewhere.get("/api/conversations")).status == 401
        assert time.monotonic() - began < 5


@pytest.mark.gen_test
async def test_a_message_too_long_for_the_relay_arrives_all_the_same(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        content = "\N{GRINNING FACE}" * 4000
        await john.send(talk, content)

        assert (await stream.event(5)).data["content"] == content


@pytest.mark.gen_test
async def test_what_the_relay_loses_is_looked_up(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    other.lose(1)
    with closing(await stream_of(jane, other)) as stream:
        delays = []
        for n in range(5):
            message = await john.send(talk, f"message {n}")
            began = time.monotonic()
            assert (await stream.event(LATE_SECONDS)).data["id"] == message["id"]
            delays.append(time.monotonic() - began)
    assert max(delays) > 0.1  # the relay did not bring them


@pytest.mark.gen_test
async def test_an_event_whose_server_dies_after_the_commit_reaches_the_streams_of_another(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        other.lose(1)
        await john.send(talk, "the last words")
        one.process.kill()
        assert (await stream.event(LATE_SECONDS)).data["content"] == "the last words"
