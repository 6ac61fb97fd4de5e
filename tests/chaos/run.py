"""A storm: people talk while their server and its database are killed, and all is counted.

python -m tests.chaos.run [--tcp] (--tcp: the server reaches its database over TCP)
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from tests.chaos.crowd import Crowd
from tests.chaos.supervisor import Supervisor
from tests.support.postgres import Postgres
from tests.support.processes import DoomedServer, with_hosts
from tests.support.standalone import TWO_ADDRESSES, StandalonePostgres, Way


class Plan(NamedTuple):
    """How often a storm breaks each part."""

    kills: int  # kills of the server, at random moments
    kills_after_commit: int  # how many of them are the server's own, between COMMIT and answer
    crashes: int  # crashes of PostgreSQL, by `pg_ctl stop -m immediate`


class Figures(NamedTuple):
    """The counts of a storm. Each must be 0, from `lost` on."""

    seconds: float
    kills: int
    kills_with_sends_in_flight: int
    kills_after_commit: int
    crashes: int
    answered: int
    answers_lost_and_told_by_a_repeat: int
    comings_and_goings: int
    events_of_changes: int
    left_out_before_a_gone: int
    events_read: int
    connections: int
    lost: int
    doubled: int
    out_of_order: int
    gaps: int
    resets: int
    leaked: int
    differing: int
    faults_logged: int


ALLOWED = Figures._fields.index("lost")  # the first of those that must be 0


async def chaos(folder: Path, plan: Plan, seed: int, way: Way | None = None) -> Figures:
    """Runs a storm.

    `way` is how the server reaches its PostgreSQL; without it, over an embedded server's socket.
    """
    chance = random.Random(seed)
    postgres: Postgres
    if way is None:
        postgres = Postgres(folder / "postgres", fsync=True)
    else:
        postgres = StandalonePostgres(way, fsync=True)
    postgres.start()
    try:
        with postgres.database() as dsn:
            secret = "it stays the same over all restarts"
            server = DoomedServer(
                folder, DATABASE_URL=postgres.server_dsn(dsn), JWT_SECRET=secret, RATE_LIMITS="off"
            )
            if way == "name":
                server.prefix = with_hosts(folder / "hosts", TWO_ADDRESSES)
            with server:
                return await Storm(server, postgres, dsn, chance).run(plan)
    finally:
        postgres.stop()


class Storm:
    def __init__(
        self, server: DoomedServer, postgres: Postgres, dsn: str, chance: random.Random
    ) -> None:
        self.server = server
        self.postgres = postgres
        self.chance = chance
        self.crowd = Crowd(dsn, chance, lambda: server.url)
        self.kills_with_sends_in_flight = 0
        self.supervisor = Supervisor()

    async def run(self, plan: Plan) -> Figures:
        began = time.monotonic()
        async with self.crowd.talking():
            events = ["kill"] * (plan.kills - plan.kills_after_commit)
            events += ["die"] * plan.kills_after_commit + ["crash"] * plan.crashes
            self.chance.shuffle(events)
            for event in events:
                await self.crowd.some_answers()
                await asyncio.sleep(self.chance.uniform(0, 0.1))
                await {"kill": self._kill, "die": self._die, "crash": self._crash}[event]()
            await self.crowd.some_answers()
            await self.crowd.settle()
        self.supervisor.read(self.server)
        return Figures(
            seconds=time.monotonic() - began,
            kills=plan.kills,
            kills_with_sends_in_flight=self.kills_with_sends_in_flight,
            kills_after_commit=self.supervisor.kills_after_commit,
            crashes=plan.crashes,
            **self.crowd.count()._asdict(),
            faults_logged=self.supervisor.faults_logged,
        )

    async def _kill(self) -> None:
        await self.crowd.until(lambda: self.crowd.is_sending)
        self.server.process.kill()
        self.kills_with_sends_in_flight += self.crowd.is_sending
        await self.supervisor.restart(self.server)

    async def _die(self) -> None:
        self.server.die_after_commit()
        await self.crowd.until(lambda: self.server.process.poll() is not None)
        self.kills_with_sends_in_flight += 1
        await self.supervisor.restart(self.server)

    async def _crash(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.postgres.crash)
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await loop.run_in_executor(None, self.postgres.revive)


def run_whole(way: Way | None) -> tuple[int, Figures]:
    """Runs a storm of full length, and returns its seed and its figures."""
    plan = Plan(kills=100, kills_after_commit=25, crashes=20)
    seed = random.SystemRandom().randrange(10**6)
    with tempfile.TemporaryDirectory(prefix="messenger-chaos-") as folder:
        Path(folder).chmod(0o755)
        return seed, asyncio.run(chaos(Path(folder), plan, seed, way))


def main() -> int:
    """Prints the figures; the exit status is 0 if every count that must be 0 is 0."""
    seed, figures = run_whole("ipv4" if "--tcp" in sys.argv else None)
    print(f"seed {seed}")
    for name, value in figures._asdict().items():
        print(f"{name.replace('_', ' '):36}{value:>10.0f}")
    return 0 if not any(figures[ALLOWED:]) else 1


if __name__ == "__main__":
    sys.exit(main())
