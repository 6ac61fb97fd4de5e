"""Several servers on one database: events and ends of sessions reach the streams of all."""

import asyncio
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2
import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import HTTPStreamClosedError

from relay.message import Event, Message, Seal, Sender
from tests.support import cluster
from tests.support.cluster import SECRET, Engine, ForgetfulServer
from tests.support.people import Person, Visitor, path
from tests.support.postgres import COMMIT_SLOWLY, ask
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
async def test_a_reaction_on_one_server_reaches_the_streams_of_another_as_each_user_sees_it(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    sent = await john.send(talk, "hello")
    reaction = path("api", "conversations", talk, "messages", sent["id"], "reactions", "👍")
    with (
        closing(await stream_of(jane, other)) as hers,
        closing(await stream_of(john, other)) as his,
    ):
        assert (await at(jane, one).ask("PUT", reaction)).status == 204
        for stream, mine in ((hers, True), (his, False)):
            event = await stream.event()
            assert event.name == "reactions"
            assert event.data["reactions"] == [{"emoji": "👍", "count": 1, "mine": mine}]


@pytest.mark.gen_test
async def test_typing_on_one_server_reaches_the_streams_of_another_between_messages(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        assert (await john.post(f"/api/conversations/{talk}/typing")).status == 204
        told = await stream.event()
        assert (told.name, told.id) == ("typing", None)
        assert told.data == {"conversationId": talk, "userId": john.id}
        sent = await john.send(talk, "hello")
        event = await stream.event()
        assert (event.data["id"], event.seq) == (sent["id"], 2)
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


@pytest.mark.gen_test
async def test_an_event_that_is_committed_after_the_end_of_its_server_reaches_another(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer], dsn: str
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    ask(dsn, COMMIT_SLOWLY.replace("0.3", "2.5"))
    with closing(await stream_of(jane, other)) as stream:
        sending = asyncio.create_task(john.send(talk, "the last words"))
        while not ask(dsn, COMMITTING):
            await asyncio.sleep(0.01)
        one.process.kill()
        assert await stream.silent(2)  # the other has looked, and there was nothing
        assert (await stream.event(LATE_SECONDS)).data["content"] == "the last words"
        with pytest.raises(HTTPStreamClosedError):
            await sending


COMMITTING = """
    SELECT pid
    FROM pg_stat_activity
    WHERE datname = current_database()
        AND wait_event = 'PgSleep'
"""


@pytest.mark.gen_test
async def test_messages_that_nobody_with_the_secret_has_sent_are_dropped_and_counted(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path
) -> None:
    with cluster.servers(dsn, tmp_path, "postgres", 2) as (one, other):
        john, jane = await people(http_client, one)
        talk = await john.talk_to(jane)
        with closing(await stream_of(jane, other)) as stream:
            real = Seal.of(SECRET).encode(Message(Sender(999, "00"), 1, "", 1.0, []))
            forged = Seal.of("no secret of these servers, by any means").encode(
                Message(Sender(1, "00"), 1, "", 1.0, [Event(b"data: 1\n\n", [int(jane.id)], [2])])
            )
            for text in (real, real, forged, b"no message at all"):
                ask(dsn, "SELECT pg_notify('messenger_relay', %s)", (text.decode(),))
            await john.send(talk, "a real one")
            assert (await stream.event()).data["content"] == "a real one"
        lost = 'messenger_relay_lost_total{reason="forged"} 3.0'
        assert lost in cluster.metrics(other)


@pytest.mark.gen_test
async def test_the_relay_takes_credentials_and_tls(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path
) -> None:
    key, certificate = self_signed(tmp_path)
    broker = cluster.Broker(
        *("--tls", "--tlscert", str(certificate), "--tlskey", str(key)),
        *("--user", "messenger", "--pass", "s3cret"),
    )
    broker.start()
    url = f"tls://messenger:s3cret@localhost:{broker.port}"
    with ExitStack() as running:
        running.callback(broker.kill)
        one, other = (
            cluster.server(dsn, tmp_path / str(n), url, kind=ForgetfulServer) for n in range(2)
        )
        for server in (one, other):
            server.environ["SSL_CERT_FILE"] = str(certificate)
            running.enter_context(server)
            assert f"(relay: tls://localhost:{broker.port})" in server.output[-1]
        john, jane = await people(http_client, one)
        with closing(await stream_of(jane, other)) as stream:
            await john.talk_to(jane)
            assert (await stream.event()).name == "conversation"
        assert cluster.metric(other, "messenger_relay_up") == 1


@pytest.mark.gen_test
async def test_a_relay_message_that_was_lost_is_noticed_by_the_number_of_the_next(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer]
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        for n in range(5):
            other.lose(1)
            message = await john.send(talk, f"message {n}")
            await asyncio.sleep(0.2)  # for the relay; a beat is due in the next second
            other.lose(0)
            assert (await stream.event(LATE_SECONDS)).data["id"] == message["id"]


@pytest.mark.gen_test
async def test_a_look_that_fails_is_repeated(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer], dsn: str
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    with closing(await stream_of(jane, other)) as stream:
        other.lose(1)
        message = await john.send(talk, "lost")
        with closing(psycopg2.connect(dsn)) as conn, conn.cursor() as cursor:
            cursor.execute("LOCK TABLE feeds IN ACCESS EXCLUSIVE MODE")
            other.lose(0)
            assert await stream.silent(2)  # the next beat has caused a look
            conn.rollback()
        assert (await stream.event(LATE_SECONDS)).data["id"] == message["id"]


@pytest.mark.gen_test
async def test_a_message_reaches_another_server_only_after_its_commit(
    http_client: AsyncHTTPClient, pair: list[ForgetfulServer], dsn: str
) -> None:
    one, other = pair
    john, jane = await people(http_client, one)
    talk = await john.talk_to(jane)
    ask(dsn, COMMIT_SLOWLY)
    with closing(await stream_of(jane, other)) as stream:
        sent = asyncio.create_task(john.send(talk, "hello"))
        event = await stream.event()
        assert ask(dsn, "SELECT id::text FROM messages") == [(event.data["id"],)]
        assert (await sent)["id"] == event.data["id"]


def self_signed(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", str(key), "-out", str(certificate), "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate
