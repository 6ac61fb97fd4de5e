"""The figures: what is done to one server, and the numbers that come of it."""

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Any

from bench.database import PEOPLE
from bench.servers import ALL, Go, Kind, Messenger, Server

STREAMS = 10_000
MOST_STREAMS = 19_000
SENDERS = (1, 8, 32, 128)
PER_SECOND = 300  # messages, in latency
MISSED = 3  # messages, by each stream of a restart
AT_ONCE = 256  # streams that are being opened

Numbers = dict[str, float]
Figure = Callable[[Server], Numbers]


def load(server: Server, command: str, **more: Any) -> dict[str, Any]:
    return server.tools.load(command, server.spec(**more))


def fanout(server: Server) -> Numbers:
    """(a) One message to 10,000 streams of one user."""
    with server.running():
        found = load(
            server,
            "streams",
            open=[server.stream()],
            streams=STREAMS,
            atOnce=AT_ONCE,
            publish=server.publish(),
            times=15,
            pauseMs=200,
        )
        return {
            "frames/s": found["framesPerSecond"],
            "last of 10,000 after, ms": found["lastFrameMs"],
            "server's share of a core": found["fanoutServerShare"],
            "load's share of a core": found["fanoutLoadShare"],
            **holds(server),
        }


def memory(server: Server) -> Numbers:
    """(b) The slope between 10,000 and 19,000 streams."""
    with server.running():
        few = load(server, "streams", open=[server.stream()], streams=STREAMS, atOnce=AT_ONCE)
    with server.running():
        many = load(server, "streams", open=[server.stream()], streams=MOST_STREAMS, atOnce=AT_ONCE)
    more = many["residentBytes"] - few["residentBytes"]
    return {"bytes/stream": more / (MOST_STREAMS - STREAMS), **holds(server)}


def opening(server: Server) -> Numbers:
    """(c) Up to 19,000 from cold; and, where that can be, from a cursor."""
    with server.running():
        cold = load(server, "streams", open=[server.stream()], streams=MOST_STREAMS, atOnce=AT_ONCE)
        found = {"opened/s": cold["openedPerSecond"]}
        if isinstance(server, Messenger):
            resumed = server.stream(last_event_id=server.position())
            warm = load(server, "streams", open=[resumed], streams=STREAMS, atOnce=AT_ONCE)
            found["resumed/s"] = warm["openedPerSecond"]
        return found | holds(server)


def sending(server: Server) -> Numbers:
    """(d) Stored and answered, from so many senders at once."""
    found: Numbers = {}
    assert isinstance(server, Messenger | Go)
    with server.running():
        for senders in SENDERS:
            requests = [server.send(n, 2 * n) for n in range(1, 1 + max(SENDERS))]
            one = load(server, "requests", requests=requests, clients=senders, seconds=4)
            found[f"{senders} senders, stored/s"] = one["perSecond"]
            found[f"{senders} senders, p50 ms"] = one["p50Ms"]
            found[f"{senders} senders, p99 ms"] = one["p99Ms"]
        return found | holds(server)


def latency(server: Server) -> Numbers:
    """(e) From POST to arrival on the other side's stream, beside 10,000 idle ones."""
    assert isinstance(server, Messenger | Go)
    with server.running():
        found = load(
            server,
            "latency",
            open=[server.stream(user) for user in range(1, 1 + PEOPLE)],
            streams=PEOPLE,
            atOnce=AT_ONCE,
            requests=[server.send(n, 2 * n - 1, "{stamp}") for n in range(1, 1 + PEOPLE // 2)],
            clients=32,
            perSecond=PER_SECOND,
            seconds=15,
        )
        return {
            "p50 ms": found["p50Ms"],
            "p99 ms": found["p99Ms"],
            "p99.9 ms": found["p999Ms"],
            "never arrived": found["sent"] - found["arrived"],
            **holds(server),
        }


def history(server: Server) -> Numbers:
    """(f) A page of 25 of a million messages."""
    assert isinstance(server, Messenger)
    server.history = True
    with server.running():
        found = load(server, "requests", requests=[server.page()], clients=8, seconds=5)
        return {
            "pages/s": found["perSecond"],
            "p50 ms": found["p50Ms"],
            "p99 ms": found["p99Ms"],
            **holds(server),
        }


def restart(server: Server) -> Numbers:
    """(g) SIGKILL under 10,000 streams, until the last of them has what it missed."""
    with server.running():
        loading = subprocess.Popen(
            [server.tools.built("load"), "reconnect"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        spec = server.spec(open=[server.stream()], streams=STREAMS, atOnce=AT_ONCE, times=MISSED)
        found = _converse(loading, spec, lambda: _kill_and_start(server))
        return {
            "down, ms": found["downMs"],
            "all caught up after, ms": found["caughtUpMs"],
            **holds(server),
        }


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


def _kill_and_start(server: Server) -> None:
    for _ in range(MISSED):
        load(server, "requests", requests=[server.publish()], clients=1, seconds=0.0001)
        time.sleep(1)
    server.stop()
    server.start()


def holds(server: Server) -> Numbers:
    if not isinstance(server, Messenger):
        return {}
    return {"loop held at most, ms": server.longest_hold()}


# What is taken, and of whom: a peer that stores nothing has nothing to send.
FIGURES: dict[str, tuple[Figure, Sequence[Kind]]] = {
    "fan-out": (fanout, ALL),
    "memory": (memory, ALL),
    "opening": (opening, ALL),
    "sending": (sending, [Messenger, Go]),
    "latency": (latency, [Messenger, Go]),
    "history": (history, [Messenger]),
    "restart": (restart, [Messenger]),
}
