"""The figures: what is done to one server, and the numbers that come of it."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bench.database import PEOPLE
from bench.servers import ALL, Go, GoSql, Kind, Messenger, Server

SENDERS = (1, 8, 32, 128)
PER_SECOND = 300  # messages, in latency
MISSED = 3  # messages, by each stream of a restart
AT_ONCE = 256  # streams that are being opened

SERVER = "server's share of a core"
DATABASE = "database's share of a core"
LOAD = "load's share of a core"
HELD = "loop held at most, ms"


@dataclass
class Sizes:
    """As the figures are published; a test takes less."""

    streams: int = 10_000
    most_streams: int = 19_000
    send_seconds: float = 4
    latency_seconds: float = 15
    leave_seconds: float = 2.5  # and the server has seen to those that left


Numbers = dict[str, float]
Taken = dict[str, Numbers]  # by figure: one run may give the numbers of two
Figure = Callable[[Server, Sizes], Taken]


def load(server: Server, command: str, **more: Any) -> dict[str, Any]:
    return server.tools.load(command, server.spec(**more))


def opening(server: Server, sizes: Sizes) -> Taken:
    """Up to 19,000 from cold; and, where that can be, from a cursor.

    On the way, the slope of its memory between 10,000 and 19,000 streams.
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
    """Stored and answered, from so many senders at once, each in a conversation of its own.

    And of 32 in the same, where the usual statements wait for one another's locks.
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
    """From POST to arrival on the other side's stream, beside 10,000 idle ones."""
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
    """A page of 25 of a million messages."""
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
    """SIGKILL under 10,000 streams, until the last of them has what it missed."""
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


def holds(server: Server, until: float = math.inf) -> Numbers:
    if not isinstance(server, Messenger):
        return {}
    return {HELD: server.longest_hold(server.listens_since, until)}


# What is taken, and of whom: a peer that stores nothing has nothing to send, and one that stores
# in another way has the same streams.
HOLD_STREAMS = [kind for kind in ALL if kind is not GoSql]
FIGURES: dict[str, tuple[Figure, Sequence[Kind]]] = {
    "memory": (opening, HOLD_STREAMS),
    "opening": (opening, HOLD_STREAMS),
    "sending": (sending, [Messenger, Go, GoSql]),
    "latency": (latency, [Messenger, Go]),
    "history": (history, [Messenger]),
    "restart": (restart, [Messenger]),
}
