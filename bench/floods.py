"""Measures how a flood by one user slows down other users. Prints a table of p99s by kind.

python -m bench.floods [--rounds 3] [--kinds history,streams]

While others talk, user 1 floods the measured server. As a control, user 1 floods another server
with a separate PostgreSQL. Both include the CPU that the flooding client takes.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.database import SECRET, Postgres, ask, token
from bench.servers import Messenger, Tools

CONNECTIONS = 32
OTHERS = range(101, 141)  # users that talk, in pairs
PER_SECOND = 150  # messages of all pairs
AHEAD_SECONDS = 1.6  # the flood starts this much earlier, and is at its height for the measurement

LONG_HISTORY = """
    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT 1, 2, repeat('x', 4000), now(), gen_random_uuid(), false FROM generate_series(1, 300);
"""
MANY_CONVERSATIONS = """
    WITH made AS (
        INSERT INTO conversations (low_user_id, high_user_id)
        SELECT 1, n FROM generate_series(5001, 5200) n
        RETURNING id, high_user_id
    )
    INSERT INTO participants (user_id, conversation_id)
    SELECT unnest(ARRAY[1, high_user_id]), id FROM made;
"""

Told = dict[str, Any]


class Limited(Messenger):
    """Messenger with rate limits, and with much data for user 1 to request."""

    def command(self, stack: ExitStack) -> list[str]:
        dsn = stack.enter_context(self.postgres.database(people=True))
        ask(dsn, LONG_HISTORY + MANY_CONVERSATIONS)
        flags = {
            "--port": self.port,
            "--database-url": dsn,
            "--data-dir": self.tools.folder / f"data{self.port}",
            "--jwt-secret": SECRET,
        }
        return [
            sys.executable,
            "server.py",
            *(str(word) for pair in flags.items() for word in pair),
        ]

    @property
    def log(self) -> Path:
        return self.tools.folder / f"{self.port}.log"

    def asks(self, line: str, body: str | None = None, credential: str = "") -> str:
        headers = (credential or self._as(1), "Accept: application/json")
        return self.request(line, body, *headers)


def kinds(server: Limited) -> dict[str, Told]:
    """Returns the specification for the load program, by kind of flood."""
    forged = f"Authorization: Bearer {token(1)[:-4]}AAAA"
    talk = "/api/conversations/1"
    history = server.asks(f"GET {talk}/messages?limit=100")
    send, nothing = server.send(1, 1), server.asks("GET /api/nothing")
    repeat = send.replace("{uuid}", "66666666-1111-4111-8111-111111111111")
    found: dict[str, Told] = {
        "sends": {"requests": [send]},
        "sends, pipelined": {"requests": [send], "clients": 8, "pipelined": 16},
        "repeats of one send": {"requests": [repeat]},
        "bodies of 64 KB": {"requests": [server.asks(f"POST {talk}/messages", "{}".ljust(65_000))]},
        "reads": {"requests": [server.asks(f"POST {talk}/read_messages")]},
        "history": {"requests": [history]},
        "history, 1 connection": {"requests": [history], "clients": 1},
        "history, fresh connections": {"requests": [history], "fresh": True},
        "history, hung up on": {"requests": [history], "hangUp": True},
        "conversations": {"requests": [server.asks("GET /api/conversations?limit=100")]},
        "streams": {"requests": [server.stream(1)], "fresh": True},
        "connections": {"requests": [server.asks("GET /api/auth_user")], "fresh": True},
        "sign-ins": {"requests": [server.asks("POST /api/login", '{"username":"user1"}')]},
        "tokens": {"requests": [server.asks("POST /api/refresh_token")]},
        "pages": {"requests": [server.asks("GET /")]},
        "401s": {"requests": [server.asks("GET /api/auth_user", None, forged)]},
        "404s": {"requests": [nothing]},
        "404s, 1 connection": {"requests": [nothing], "clients": 1},
        "404s, pipelined": {"requests": [nothing], "clients": 8, "pipelined": 16},
        "405s": {"requests": [server.asks("OPTIONS /api/auth_user")]},
        "what is no request": {"requests": ["NO\r\n\r\n"], "fresh": True},
        "what is no request, hung up on": {"requests": ["NO\r\n\r\n"], "hangUp": True},
    }
    return {name: {"clients": CONNECTIONS} | flood for name, flood in found.items()}


@dataclass
class Times:
    """The p99s in milliseconds, by round, and the answers to the flood."""

    answered: list[float] = field(default_factory=list)
    delivered: list[float] = field(default_factory=list)
    per_second: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return " | ".join(
            f"{statistics.median(p99s):.1f}" for p99s in (self.answered, self.delivered)
        )


class Floods:
    """The measured server, the control server, and the load program."""

    def __init__(self, one: Limited, another: Limited, seconds: float) -> None:
        self._one = one
        self._another = another
        self._seconds = seconds

    def measure(self, kind: str, rounds: int) -> Sequence[Times]:
        """Measures in turn without a flood, with one on the control server, and with one here."""
        quiet, control, flooded = Times(), Times(), Times()
        for _ in range(rounds):
            self._talk(quiet)
            self._talk_beside(control, kind, self._another)
            self._talk_beside(flooded, kind, self._one)
        return quiet, control, flooded

    def _talk_beside(self, times: Times, kind: str, flooded: Limited) -> None:
        spec = flooded.spec(seconds=self._seconds + AHEAD_SECONDS, **kinds(flooded)[kind])
        flooding = self._begin("flood", spec)
        self._talk(times)
        times.per_second.append(_told(flooding)["perSecond"])

    def _talk(self, times: Times) -> None:
        server = self._one
        found = _told(
            self._begin(
                "latency",
                server.spec(
                    open=[server.stream(user) for user in OTHERS],
                    streams=len(OTHERS),
                    atOnce=len(OTHERS),
                    requests=[server.send(user // 2 + 1, user, "{stamp}") for user in OTHERS[::2]],
                    clients=CONNECTIONS,
                    perSecond=PER_SECOND,
                    seconds=self._seconds,
                ),
            )
        )
        if found["arrived"] < found["sent"]:
            raise RuntimeError(f"{found['sent'] - found['arrived']} messages never arrived")
        times.answered.append(found["answered99Ms"])
        times.delivered.append(found["p99Ms"])

    def _begin(self, command: str, spec: Told) -> subprocess.Popen[str]:
        loading = subprocess.Popen(
            [self._one.tools.built("load"), command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert loading.stdin is not None
        loading.stdin.write(json.dumps(spec))
        loading.stdin.close()
        loading.stdin = None
        return loading


def _told(loading: subprocess.Popen[str]) -> Told:
    told, said = loading.communicate(timeout=60)
    if loading.returncode:
        raise RuntimeError(said)
    return dict(json.loads(told))


@contextmanager
def running(tools: Tools, postgres: Postgres) -> Iterator[Limited]:
    server = Limited(tools, postgres)
    with server.running():
        yield server


def take(wanted: Sequence[str], rounds: int, seconds: float = 3.0) -> None:
    """Prints the table."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="messenger-bench-")))
        folder.chmod(0o755)
        tools = Tools(folder)
        one, another = (
            stack.enter_context(running(tools, stack.enter_context(Postgres(folder / name))))
            for name in ("one", "another")
        )
        floods = Floods(one, another, seconds)
        floods.measure("404s", 1)  # warm
        print("| p99, ms: | without | | control | | flooded | | |")
        print("| --- | --: | --: | --: | --: | --: | --: | --: |")
        print("| flood of | sent | told | sent | told | sent | told | answers/s |")
        for kind in wanted or kinds(one):
            times = floods.measure(kind, rounds)
            cells = " | ".join(map(str, times))
            answers = statistics.median(times[-1].per_second)
            print(f"| {kind} | {cells} | {answers:,.0f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench.floods")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="", help="with semicolons between; all: none")
    asked = parser.parse_args()
    take([kind for kind in asked.kinds.split(";") if kind], asked.rounds)


if __name__ == "__main__":
    main()
