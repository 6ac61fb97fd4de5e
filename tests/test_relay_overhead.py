"""What a relay costs one server, and that a server without one tells nobody anything."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psycopg2
import pytest
from tornado.httpclient import AsyncHTTPClient

from bench import compare
from bench.cluster import Cluster, OneNotifying, OneServer
from bench.database import ask
from bench.figures import store
from bench.servers import equipment, find_go
from tests.support import cluster
from tests.support.measures import Figures
from tests.support.people import Visitor
from tests.support.processes import ServerProcess

SENDERS = 32
SECONDS = 0.6  # of each turn
ROUNDS = 10  # of four turns: the machine changes its speed within seconds


@contextmanager
def notifications(dsn: str) -> Iterator[list[str]]:
    """Hears the relay. The list is complete at the end."""
    heard: list[str] = []
    conn = psycopg2.connect(dsn)
    conn.autocommit = True
    try:
        with conn.cursor() as cursor:
            cursor.execute("LISTEN messenger_relay")
            yield heard
            cursor.execute("SELECT 1")  # its answer comes after all that was notified before
        heard += [told.payload for told in conn.notifies]
    finally:
        conn.close()


@pytest.mark.parametrize(("flags", "rows"), [((), "0"), (("--relay", "postgres"), "1")])
@pytest.mark.gen_test
async def test_only_a_server_with_a_relay_tells_of_what_it_stores(
    http_client: AsyncHTTPClient, dsn: str, tmp_path: Path, flags: Sequence[str], rows: str
) -> None:
    secret = ("--database-url", dsn, "--jwt-secret", cluster.SECRET)
    with notifications(dsn) as heard, ServerProcess(tmp_path, *secret, *flags) as server:
        visitor = Visitor(http_client, cluster.url(server))
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        talk = await john.talk_to(jane)
        await john.send(talk, "hello")
        assert ask(dsn, "SELECT count(*) FROM servers") == rows
    assert bool(heard) == bool(flags)


class Costs(NamedTuple):
    """Of a stored message: each is the ratio of a server with a relay to one without."""

    time: float
    cpu: float  # of the server


def one_round(without: Cluster, notifying: Cluster) -> Costs:
    turns = [without, notifying, notifying, without]
    first, second, third, last = (store(server, SENDERS, SECONDS) for server in turns)
    return Costs(
        (first.per_second + last.per_second) / (second.per_second + third.per_second),
        (second.servers_cpu + third.servers_cpu) / (first.servers_cpu + last.servers_cpu),
    )


@pytest.mark.measure
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_a_relay_costs_one_server_a_tenth_at_most(figures: Figures) -> None:
    with equipment() as (tools, postgres):
        without, notifying = OneServer(tools, postgres), OneNotifying(tools, postgres)
        with without.running(), notifying.running():
            rounds = [one_round(without, notifying) for _ in range(ROUNDS)]

    # As in bench.compare: a cost is too high if the whole interval of its median is.
    time, _ = compare.interval([costs.time for costs in rounds])
    cpu, _ = compare.interval([costs.cpu for costs in rounds])
    figures.ratio("a relay: time of a stored message, with it / without", time, 1 / 0.9)
    figures.ratio("a relay: server's CPU of a stored message, with it / without", cpu, 1.1)
