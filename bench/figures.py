"""The figures: each function puts a load on a server, and returns the measured numbers."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.cluster import CLUSTERS, Cluster
from bench.database import PEOPLE, ask
from bench.servers import ALL, Go, GoSql, Kind, Messenger, Server, Spent
from bench.table import SEVERAL

SENDERS = (1, 8, 32, 128)
CLUSTER_SENDERS = (32, 99)
PER_SECOND = 300  # messages, in latency
MISSED = 3  # messages, by each stream of a restart
AT_ONCE = 256  # streams that open at the same time

SERVER = "server's share of a core"
DATABASE = "database's share of a core"
LOAD = "load's share of a core"
HELD = "loop held at most, ms"


@dataclass
class Sizes:
    """The sizes of the published figures. A test uses smaller ones."""

    streams: int = 10_000
    most_streams: int = 19_000
    send_seconds: float = 4
    latency_seconds: float = 15
    leave_seconds: float = 2.5  # until the server has closed all streams


Numbers = dict[str, float]
Taken = dict[str, Numbers]  # by figure; one run may return two
Figure = Callable[[Server, Sizes], Taken]


def load(server: Server, command: str, **more: Any) -> dict[str, Any]:
    return server.tools.load(command, server.spec(**more))


def opening(server: Server, sizes: Sizes) -> Taken:
    """Opens up to 19,000 streams, without a cursor and, if the server has cursors, with one.

    It also measures how memory grows between 10,000 and 19,000 streams.
    """
    with server.running():
        steps = [sizes.streams, sizes.most_streams]
        cold = load(
            server,
            "streams",
            open=[server.stream()],
            streams=sizes.most_streams,
            steps=steps,
            atOnce=AT_ONCE,
        )
        few, many = cold["residentBytes"]
        found = {
            "opened/s": cold["openedPerSecond"],
            SERVER: cold["openingServerShare"],
            LOAD: cold["openingLoadShare"],
            **holds(server, until=cold["closedAt"]),
        }
        if isinstance(server, Messenger):
            time.sleep(sizes.leave_seconds)
            since = time.time()
            resumed = server.stream(last_event_id=server.position())
            warm = load(server, "streams", open=[resumed], streams=sizes.streams, atOnce=AT_ONCE)
            found["resumed/s"] = warm["openedPerSecond"]
            found["resumed: " + HELD] = server.longest_hold(since, warm["closedAt"])
            left = server.longest_hold(cold["closedAt"], since)
            found[f"as all {sizes.most_streams:,} leave: {HELD}"] = left
        slope = (many - few) / (sizes.most_streams - sizes.streams)
        return {"memory": {"bytes/stream": slope}, "opening": found}


def sending(server: Server, sizes: Sizes) -> Taken:
    """Stores messages from many senders at once, each in a separate conversation.

    Then 32 senders share a conversation, where common designs wait for row locks.
    """
    found: Numbers = {}
    load_shares: list[float] = []
    assert isinstance(server, Messenger | Go)
    with server.running():
        apart = [server.send(n, 2 * n) for n in range(1, 1 + max(SENDERS))]
        together = [server.send(1, 1), server.send(1, 2)]
        turns = [(f"{n} sender{'s' if n > 1 else ''}", n, apart) for n in SENDERS]
        for name, senders, requests in [*turns, ("32 in one conversation", 32, together)]:
            began, busy = time.monotonic(), server.postgres.processor_seconds()
            one = load(
                server, "requests", requests=requests, clients=senders, seconds=sizes.send_seconds
            )
            busy = server.postgres.processor_seconds() - busy
            found[f"{name}, stored/s"] = one["perSecond"]
            found[f"{name}, p50 ms"] = one["p50Ms"]
            found[f"{name}, p99 ms"] = one["p99Ms"]
            if senders == 32 and requests is apart:
                found[f"{name}, {SERVER}"] = one["serverShare"]
                found[f"{name}, {DATABASE}"] = busy / (time.monotonic() - began)
            load_shares.append(one["loadShare"])
        return {"sending": {**found, LOAD: max(load_shares), **holds(server)}}


def latency(server: Server, sizes: Sizes) -> Taken:
    """Measures from POST to arrival on the recipient's stream, with 10,000 idle streams."""
    assert isinstance(server, Messenger | Go)
    people = min(PEOPLE, sizes.streams)
    with server.running():
        found = load(
            server,
            "latency",
            open=[server.stream(user) for user in range(1, 1 + people)],
            streams=people,
            atOnce=AT_ONCE,
            requests=[server.send(n, 2 * n - 1, "{stamp}") for n in range(1, 1 + people // 2)],
            clients=128,
            perSecond=PER_SECOND,
            seconds=sizes.latency_seconds,
        )
        numbers = {
            "p50 ms": found["p50Ms"],
            "p99 ms": found["p99Ms"],
            "p99.9 ms": found["p999Ms"],
            "never arrived": found["sent"] - found["arrived"],
            SERVER: found["serverShare"],
            LOAD: found["loadShare"],
            **holds(server, until=found["closedAt"]),
        }
        return {"latency": numbers}


def history(server: Server, sizes: Sizes) -> Taken:
    """Reads pages of 25 from a million messages."""
    assert isinstance(server, Messenger)
    server.history = True
    with server.running():
        found = load(server, "requests", requests=[server.page()], clients=8, seconds=5)
        numbers = {
            "pages/s": found["perSecond"],
            "p50 ms": found["p50Ms"],
            "p99 ms": found["p99Ms"],
            LOAD: found["loadShare"],
            **holds(server),
        }
        return {"history": numbers}


def restart(server: Server, sizes: Sizes) -> Taken:
    """Kills a server with 10,000 streams, and waits until all have the events they missed."""
    assert isinstance(server, Messenger)
    with server.running():
        loading = subprocess.Popen(
            [server.tools.built("load"), "reconnect"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        spec = server.spec(
            open=[server.stream()], streams=sizes.streams, atOnce=AT_ONCE, times=MISSED
        )
        found = _converse(loading, spec, lambda: _kill_and_start(server))
        numbers = {
            "down, ms": found["downMs"],
            "all caught up after, ms": found["caughtUpMs"],
            LOAD: found["loadShare"],
            **holds(server, until=found["closedAt"]),
        }
        return {"restart": numbers}


def _converse(
    loading: subprocess.Popen[str], spec: dict[str, Any], when_open: Callable[[], None]
) -> dict[str, Any]:
    assert loading.stdin is not None
    assert loading.stdout is not None
    assert loading.stderr is not None
    with loading:
        loading.stdin.write(json.dumps(spec))
        loading.stdin.close()
        said = loading.stderr.readline()
        if said != "open\n":
            raise RuntimeError(said)
        when_open()
        told = loading.stdout.read()
        if not told:
            raise RuntimeError(loading.stderr.read())
        return dict(json.loads(told))


def _kill_and_start(server: Messenger) -> None:
    for _ in range(MISSED):
        load(server, "requests", requests=[server.publish()], clients=1, seconds=0.0001)
        time.sleep(0.5)
    server.stop()
    server.start()


def several(server: Server, sizes: Sizes) -> Taken:
    """Puts the same load on one server and on several, which share a database.

    Opens the streams of 10,000 people. Each server has a part of them, and each message is sent to
    a server without the recipient's stream. Then the streams leave, and senders store messages on
    all servers. Each is in a conversation of its own.
    """
    assert isinstance(server, Cluster)
    with server.running():
        found, load_share = deliver(server, sizes)
        time.sleep(sizes.leave_seconds)
        load_shares = [load_share]
        for senders in CLUSTER_SENDERS:
            stored = store(server, senders, sizes.send_seconds)
            found.update(_named(f"{senders} senders", stored))
            load_shares.append(stored.load_share)
        return {SEVERAL: {**found, LOAD: max(load_shares)}}


def deliver(server: Cluster, sizes: Sizes) -> tuple[Numbers, float]:
    """Returns the numbers, and the load's share of a core."""
    people = min(PEOPLE, sizes.streams)
    found = load(
        server,
        "latency",
        open=[server.stream(user) for user in range(1, 1 + people)],
        streams=people,
        atOnce=AT_ONCE,
        requests=[server.send(n, 2 * n - 1, "{stamp}") for n in range(1, 1 + people // 2)],
        clients=128,
        perSecond=PER_SECOND,
        seconds=sizes.latency_seconds,
    )
    numbers = {
        "opened/s": found["openedPerSecond"],
        "opening, servers' share of a core": found["openingServerShare"],
        "delivered, p50 ms": found["p50Ms"],
        "delivered, p99 ms": found["p99Ms"],
        "never delivered": found["sent"] - found["arrived"],
        "delivering, servers' share of a core": found["serverShare"],
    }
    return numbers, max(found["loadShare"], found["openingLoadShare"])


class Stored(NamedTuple):
    """What it took to store messages. CPU is in microseconds a message."""

    per_second: float
    p99_ms: float
    servers_cpu: float
    database_cpu: float
    broker_cpu: float | None
    load_share: float


def store(server: Cluster, senders: int, seconds: float) -> Stored:
    """Stores messages on all servers, from senders in a conversation of their own each."""
    requests = [server.send(n, 2 * n) for n in range(1, 1 + senders)]
    count = "SELECT count(*) FROM messages"
    had, broker_had = int(ask(server.dsn, count) or 0), server.broker_seconds()
    with Spent(server) as spent:
        found = load(server, "requests", requests=requests, clients=senders, seconds=seconds)
    broker_has = server.broker_seconds()
    stored = int(ask(server.dsn, count) or 0) - had
    return Stored(
        found["perSecond"],
        found["p99Ms"],
        spent.server / stored * 1e6,
        spent.database / stored * 1e6,
        None if broker_had is None else ((broker_has or 0) - broker_had) / stored * 1e6,
        found["loadShare"],
    )


def _named(name: str, stored: Stored) -> Numbers:
    numbers = {
        f"{name}, stored/s": stored.per_second,
        f"{name}, p99 ms": stored.p99_ms,
        f"{name}, servers' CPU, µs a message": stored.servers_cpu,
        f"{name}, database's CPU, µs a message": stored.database_cpu,
    }
    if stored.broker_cpu is not None:
        numbers[f"{name}, broker's CPU, µs a message"] = stored.broker_cpu
    return numbers


def holds(server: Server, until: float = math.inf) -> Numbers:
    if not isinstance(server, Messenger):
        return {}
    return {HELD: server.longest_hold(server.listens_since, until)}


# The figures, and their servers. A peer that stores nothing cannot take part in `sending`. Peers
# that differ only in how they store share the figures of streams.
HOLD_STREAMS = [kind for kind in ALL if kind is not GoSql]
FIGURES: dict[str, tuple[Figure, Sequence[Kind]]] = {
    "memory": (opening, HOLD_STREAMS),
    "opening": (opening, HOLD_STREAMS),
    "sending": (sending, [Messenger, Go, GoSql]),
    "latency": (latency, [Messenger, Go]),
    "history": (history, [Messenger]),
    "restart": (restart, [Messenger]),
    SEVERAL: (several, CLUSTERS),
}
