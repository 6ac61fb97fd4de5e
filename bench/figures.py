"""The figures: each function puts a load on a server, and returns the measured numbers."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from bench.cluster import CLUSTERS, Cluster
from bench.database import GROUPS, PEOPLE, ask
from bench.servers import (
    ALL,
    Centrifugo,
    Go,
    GoFeeds,
    GoFeedsBatched,
    GoSql,
    Kind,
    Mercure,
    Messenger,
    Nchan,
    Server,
    Spent,
)
from bench.table import GROUPED, SEVERAL

SENDERS = (1, 8, 32, 128)
CLUSTER_SENDERS = (32, 99)
GROUP_SENDERS = 32
BUSY_SENDERS = 64  # into the largest group, beside a pair
PAIR_PER_SECOND = 50  # messages, beside them
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
    group_messages: int = 200  # into each group, one at a time
    group_seconds: float = 3


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
    server.filled_with = "history"
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


def groups(server: Server, sizes: Sizes) -> Taken:
    """Sends messages to groups whose members all have a stream: one at a time, then many at once.

    Servers that store nothing have a topic with as many subscribers. Of those that store, it also
    measures the CPU of messages to members without streams, and how long two others, who talk,
    wait beside many senders.
    """
    found: Numbers = {}
    load_shares: list[float] = []
    if isinstance(server, Messenger):
        server.filled_with = "groups"
    with server.running():
        for members in GROUPS:
            told = load(
                server,
                "group",
                open=[server.member(user) for user in range(1, 1 + members)],
                streams=members,
                atOnce=AT_ONCE,
                requests=_to_group(server, members, GROUP_SENDERS),
                clients=GROUP_SENDERS,
                times=sizes.group_messages,
                seconds=sizes.group_seconds,
            )
            found.update(_of_group(f"{members:,}", told))
            load_shares.append(told["loadShare"])
        if isinstance(server, Messenger | GoFeeds):
            found.update(_none_online(server, max(GROUPS), sizes))
            found.update(_beside(server, max(GROUPS), sizes))
        return {GROUPED: {**found, LOAD: max(load_shares), **holds(server)}}


def _to_group(server: Server, members: int, senders: int) -> list[str]:
    return [server.to_group(members, user) for user in range(1, 1 + min(members, senders))]


def _of_group(name: str, told: dict[str, Any]) -> Numbers:
    return {
        f"{name}, answered, p50 ms": told["answered50Ms"],
        f"{name}, answered, p99 ms": told["answered99Ms"],
        f"{name}, first has it, p50 ms": told["first50Ms"],
        f"{name}, first has it, p99 ms": told["first99Ms"],
        f"{name}, last has it, p50 ms": told["last50Ms"],
        f"{name}, last has it, p99 ms": told["last99Ms"],
        f"{name}, {GROUP_SENDERS} senders, messages/s": told["perSecond"],
        f"{name}, {GROUP_SENDERS} senders, deliveries/s": told["deliveredPerSecond"],
        f"{name}, {GROUP_SENDERS} senders, {SERVER}": told["serverShare"],
        f"{name}, never delivered": told["neverDelivered"],
    }


def _none_online(server: Messenger | GoFeeds, members: int, sizes: Sizes) -> Numbers:
    requests = _to_group(server, members, 1)
    with Spent(server) as spent:
        told = load(server, "requests", requests=requests, clients=1, seconds=sizes.group_seconds)
    sent = told["perSecond"] * sizes.group_seconds * 1.2  # includes the load's warm-up, a fifth
    return {
        f"{members:,}, none online, p50 ms": told["p50Ms"],
        f"{members:,}, none online, server's CPU, ms a message": spent.server / sent * 1e3,
        f"{members:,}, none online, database's CPU, ms a message": spent.database / sent * 1e3,
    }


def _beside(server: Messenger | GoFeeds, members: int, sizes: Sizes) -> Numbers:
    told = load(
        server,
        "beside",
        requests=_to_group(server, members, BUSY_SENDERS),
        clients=BUSY_SENDERS,
        paced=[server.send(talk, 2 * talk) for talk in range(members, members + 100)],
        perSecond=PAIR_PER_SECOND,
        seconds=2 * sizes.group_seconds,
    )
    return {
        "a pair alone, p99 ms": told["alone99Ms"],
        f"a pair beside {BUSY_SENDERS} senders into {members:,}, p99 ms": told["beside99Ms"],
        f"{members:,}, {BUSY_SENDERS} senders, none online, messages/s": told["perSecond"],
    }


def holds(server: Server, until: float = math.inf) -> Numbers:
    if not isinstance(server, Messenger):
        return {}
    return {HELD: server.longest_hold(server.listens_since, until)}


# The figures, and their servers. A peer that stores nothing cannot take part in `sending`. Peers
# that differ only in how they store share the figures of streams.
HOLD_STREAMS = [kind for kind in ALL if kind not in (GoSql, GoFeeds, GoFeedsBatched)]
FIGURES: dict[str, tuple[Figure, Sequence[Kind]]] = {
    "memory": (opening, HOLD_STREAMS),
    "opening": (opening, HOLD_STREAMS),
    "sending": (sending, [Messenger, Go, GoSql]),
    "latency": (latency, [Messenger, Go]),
    "history": (history, [Messenger]),
    "restart": (restart, [Messenger]),
    GROUPED: (groups, [Messenger, GoFeeds, GoFeedsBatched, Mercure, Centrifugo, Nchan]),
    SEVERAL: (several, CLUSTERS),
}
