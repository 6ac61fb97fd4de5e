"""A session that has ended on one server ends on all, also where the notification is lost."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import pytest
from psycopg2.extensions import make_dsn
from tornado.httpclient import AsyncHTTPClient

from tests.support import cluster
from tests.support.cluster import ForgetfulServer
from tests.support.links import Link
from tests.support.measures import Figures
from tests.support.people import Person, Visitor
from tests.support.postgres import ask
from tests.support.sse import EventStream
from tests.support.standalone import StandalonePostgres

AT_ONCE = 10  # sessions that end in one round
TOLD_SECONDS = 1.0
LOST_SECONDS = 3.0
BUSY = 2  # times as long is allowed while other tests run


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[StandalonePostgres]:
    postgres = StandalonePostgres()
    postgres.start()
    yield postgres
    postgres.stop()


class Pair(NamedTuple):
    """Two servers. The second one reaches the database over a link."""

    one: ForgetfulServer
    other: ForgetfulServer
    link: Link
    dsn: str

    def listening(self) -> tuple[int, int]:
        """Process and port of the connection on which the second server listens."""
        sql = """
            SELECT pid, client_port
            FROM servers
            JOIN pg_stat_activity USING (pid)
        """
        (found,) = [row for row in ask(self.dsn, sql) if self.link.leads(row[1])]
        process, port = found
        return process, port


@pytest.fixture(params=["postgres", "nats"])
def pair(
    request: pytest.FixtureRequest, over_tcp: StandalonePostgres, tmp_path: Path
) -> Iterator[Pair]:
    with (
        cluster.relay(request.param) as (relay, _),
        over_tcp.database() as dsn,
        Link(over_tcp.port) as link,
        ExitStack() as stack,
    ):
        near = cluster.server(dsn, tmp_path / "one", relay, kind=ForgetfulServer)
        linked = make_dsn(dsn, port=link.port)
        far = cluster.server(linked, tmp_path / "other", relay, kind=ForgetfulServer)
        for server in (near, far):
            stack.enter_context(server)
        yield Pair(near, far, link, dsn)


Loss = Callable[[Pair], None]


def nothing(pair: Pair) -> None:
    """The notification arrives."""


def terminated(pair: Pair) -> None:
    process, _ = pair.listening()
    assert ask(pair.dsn, "SELECT pg_terminate_backend(%s)", (process,)) == [(True,)]


def hung(pair: Pair) -> None:
    _, port = pair.listening()
    pair.link.hang_connection(port)


LOSSES = [(nothing, TOLD_SECONDS), (terminated, LOST_SECONDS), (hung, LOST_SECONDS)]


@pytest.mark.parametrize(("lose", "promised"), LOSSES)
@pytest.mark.gen_test(timeout=300)
async def test_a_session_that_ends_on_one_server_is_soon_refused_by_the_other(
    http_client: AsyncHTTPClient, pair: Pair, lose: Loss, promised: float
) -> None:
    delays = await ends(http_client, pair, lose, rounds=1)
    assert max(delays) < BUSY * promised, delays


@pytest.mark.prove
@pytest.mark.parametrize(("lose", "promised"), LOSSES)
@pytest.mark.gen_test(timeout=900)
async def test_two_hundred_sessions_that_end_on_one_server_are_soon_refused_by_the_other(
    http_client: AsyncHTTPClient, pair: Pair, figures: Figures, lose: Loss, promised: float
) -> None:
    delays = await ends(http_client, pair, lose, rounds=200 // AT_ONCE)
    name = f"the worst of {len(delays)} ends of sessions, their notification: {lose.__name__}"
    figures.seconds(name, max(delays), promised)


async def ends(client: AsyncHTTPClient, pair: Pair, lose: Loss, rounds: int) -> list[float]:
    """Ends sessions on one server. Returns how many seconds each lived on the other one."""
    visitor = Visitor(client, cluster.url(pair.one))
    found = []
    for _ in range(rounds):
        people = [await visitor.sign_in(f"person{n}") for n in range(AT_ONCE)]
        far = [person.at(cluster.url(pair.other)) for person in people]
        for person in far:
            assert (await person.get("/api/conversations")).status == 200  # it is remembered
        streams = [await opened(person) for person in far]
        lose(pair)
        found += await asyncio.gather(*map(lived, people, far, streams))
        pair.link.mend()
    return found


async def opened(person: Person) -> EventStream:
    stream = await EventStream.open(person.base_url, person.headers())
    assert (await stream.event()).name == "hello"
    return stream


async def lived(near: Person, far: Person, stream: EventStream) -> float:
    """Ends the session. Returns the seconds until its stream has ended and it is refused."""
    assert (await near.post("/api/logout")).status == 204
    began = time.monotonic()
    assert [event.name for event in await stream.rest()] in (["bye"], [])
    stream.close()
    while (status := (await far.get("/api/conversations")).status) != 401:
        assert status in (200, 503)
        await asyncio.sleep(0.01)
    return time.monotonic() - began
