"""Servers of this version and of a next one share a database while they are replaced."""

from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.support import cluster
from tests.support.cluster import SECRET, ForgetfulServer
from tests.support.people import Person, Visitor, eventually_equal
from tests.support.postgres import ask
from tests.support.processes import ServerProcess, free_port, run
from tests.support.sse import Ended, EventStream


class NextRelease(ServerProcess):
    program = "tests/chaos/next_release.py"


def at(person: Person, server: ServerProcess) -> Person:
    """The same person, who asks another server."""
    return person.at(cluster.url(server))


async def wave(person: Person, server: ServerProcess, talk: str) -> int:
    answer = await at(person, server).post(f"/api/conversations/{talk}/waves")
    if answer.status == 503:
        assert answer.json["code"] == "upgrading"
        assert int(answer.headers["Retry-After"]) > 0
    return answer.status


class Reader:
    """Follows a stream over all servers that replace each other."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.last_id = ""
        self.seen: list[tuple[int, str]] = []

    async def read(self, server: ServerProcess, until: str) -> None:
        """Resumes on `server`, and reads up to the event with this content or name."""
        headers = self.person.headers() | {"Last-Event-ID": self.last_id}
        with closing(await EventStream.open(cluster.url(server), headers)) as stream:
            while not self.seen or self.seen[-1][1] != until:
                event = await stream.event()
                assert event.name != "reset"
                self.last_id = event.id or self.last_id
                if event.name != "hello":
                    self.seen.append((event.seq, event.data.get("content", event.name)))


@pytest.mark.gen_test
async def test_a_next_release_replaces_this_one_server_by_server(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path
) -> None:
    with ExitStack() as running:
        old, other = running.enter_context(cluster.servers(dsn, tmp_path, "postgres", 2))
        john, jane = await two_people(http_client, old)
        talk = await john.talk_to(jane)
        reader = Reader(jane)
        await at(john, old).send(talk, "before")
        reader.last_id = (await jane.get("/api/conversations")).headers["Last-Event-ID"]

        first = cluster.server(dsn, tmp_path / "first", "postgres", kind=NextRelease)
        running.enter_context(first)  # migrates, while both others run
        for server, content in ((old, "one"), (other, "two"), (first, "three")):
            await at(john, server).send(talk, content)
        await reader.read(other, "three")
        assert await wave(john, first, talk) == 503

        assert old.end() == 0
        assert await wave(john, first, talk) == 503  # one of the old version is left
        await at(john, other).send(talk, "half")
        await reader.read(first, "half")

        second = cluster.server(dsn, tmp_path / "second", "postgres", kind=NextRelease)
        running.enter_context(second)
        assert other.end() == 0
        await eventually_equal(204, lambda: wave(john, second, talk))
        await reader.read(second, "waved")
        await at(john, second).send(talk, "after")
        await reader.read(first, "after")
        seqs = [seq for seq, _ in reader.seen]
        assert seqs == list(range(seqs[0], seqs[0] + 6))
        assert [what for _, what in reader.seen] == [
            "one",
            "two",
            "three",
            "half",
            "waved",
            "after",
        ]

        refused = run(
            *("--relay", "postgres", "--database-url", dsn, "--jwt-secret", SECRET),
            *("--port", str(free_port())),
        )
        assert refused.returncode == 1
        assert "a newer server has migrated this database" in refused.stderr


@pytest.mark.gen_test
async def test_a_stream_ends_before_an_event_that_its_server_cannot_read(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path
) -> None:
    with cluster.servers(dsn, tmp_path, "postgres", 1) as (server,):
        john, jane = await two_people(http_client, server)
        talk = await john.talk_to(jane)
        with closing(await EventStream.open(cluster.url(server), jane.headers())) as stream:
            hello = await stream.event()
            ask(dsn, FROM_THE_FUTURE, (int(jane.id), talk))
            await john.send(talk, "after it")
            ask(dsn, "NOTIFY messenger_relay, 'unreadable: all streams are compared'")
            with pytest.raises(Ended):
                await stream.event()
        headers = jane.headers() | {"Last-Event-ID": str(hello.id)}
        with closing(await EventStream.open(cluster.url(server), headers)) as stream:
            assert [event.name for event in await stream.rest()] == ["hello"]


FROM_THE_FUTURE = """
    WITH next AS (
        UPDATE feeds
        SET last_seq = last_seq + 1
        WHERE user_id = %s
        RETURNING user_id, last_seq
    )
    INSERT INTO feed_events (user_id, seq, kind, conversation_id)
    SELECT user_id, last_seq, 'foretold', %s
    FROM next
"""


async def two_people(client: AsyncHTTPClient, server: ForgetfulServer) -> tuple[Person, Person]:
    visitor = Visitor(client, cluster.url(server))
    return await visitor.sign_in("john"), await visitor.sign_in("jane")
