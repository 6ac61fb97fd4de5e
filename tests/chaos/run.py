"""A storm: eight people talk while their server and its database are killed, and all is counted.

python -m tests.chaos.run [--tcp] (--tcp: the server reaches its database over TCP)
"""

import asyncio
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tornado.httpclient import AsyncHTTPClient

from tests.chaos.doomed import DYING
from tests.chaos.people import FeedWriter, Reader
from tests.support.people import Visitor, eventually
from tests.support.postgres import Postgres, ask
from tests.support.processes import ServerProcess, with_hosts
from tests.support.standalone import TWO_ADDRESSES, StandalonePostgres, Way

PEOPLE = 8
SETTLED_SECONDS = 60.0
FAULT = re.compile(r" (?:ERROR|CRITICAL) |Traceback|Unclosed connection|never retrieved")


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
    events_read: int
    connections: int
    lost: int
    doubled: int
    out_of_order: int
    gaps: int
    resets: int
    faults_logged: int


ALLOWED = Figures._fields.index("lost")  # the first of those that must be 0


class DoomedServer(ServerProcess):
    """A server that can be told to die after its next commit."""

    program = "tests/chaos/doomed.py"

    def die_after_commit(self) -> None:
        (self.data_dir / "die").touch()


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
        self.dsn = dsn
        self.chance = chance
        self.senders: list[FeedWriter] = []
        self.readers: list[Reader] = []
        self.kills_with_sends_in_flight = 0
        self.kills_after_commit = 0
        self.faults_logged = 0

    async def run(self, plan: Plan) -> Figures:
        began = time.monotonic()
        async with self._people():
            events = ["kill"] * (plan.kills - plan.kills_after_commit)
            events += ["die"] * plan.kills_after_commit + ["crash"] * plan.crashes
            self.chance.shuffle(events)
            for event in events:
                await self._some_answers()
                await asyncio.sleep(self.chance.uniform(0, 0.1))
                await {"kill": self._kill, "die": self._die, "crash": self._crash}[event]()
            await self._some_answers()
            await self._settle()
        self._count_faults()
        return self._count(plan, time.monotonic() - began)

    @asynccontextmanager
    async def _people(self) -> AsyncIterator[None]:
        """Has each person talk to two others, and be read by one stream."""
        client = AsyncHTTPClient(force_instance=True, max_clients=4 * PEOPLE)
        visitor = Visitor(client, self.server.url)
        people = [await visitor.sign_in(f"person{n}") for n in range(PEOPLE)]
        talks = [await people[n].talk_to(people[n - 1]) for n in range(PEOPLE)]
        for n, person in enumerate(people):
            answer = await person.get("/api/conversations")
            self.senders.append(FeedWriter(person, [talks[n], talks[(n + 1) % PEOPLE]]))
            self.readers.append(Reader(person, answer.headers["Last-Event-ID"]))
        self._sending = [asyncio.create_task(sender.run()) for sender in self.senders]
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        try:
            yield
        finally:
            for task in [*self._sending, *reading]:
                task.cancel()
            await asyncio.gather(*self._sending, *reading, return_exceptions=True)
            client.close()

    @property
    def answered(self) -> int:
        return sum(len(sender.answered) for sender in self.senders)

    async def _some_answers(self) -> None:
        """Waits until sends are answered, streams are open, and more requests are in flight."""
        goal = self.answered + self.chance.randint(1, 60)
        await self._until(lambda: self.answered >= goal)
        await self._until(lambda: any(sender.in_flight for sender in self.senders))

    async def _until(self, true: Callable[[], bool]) -> None:
        def holds() -> bool:
            for task in self._sending:
                if task.done():
                    task.result()
            return true()

        await eventually(holds, SETTLED_SECONDS)

    async def _kill(self) -> None:
        await self._until(lambda: any(sender.in_flight for sender in self.senders))
        self.server.process.kill()
        self.kills_with_sends_in_flight += any(sender.in_flight for sender in self.senders)
        await self._restart()

    async def _die(self) -> None:
        self.server.die_after_commit()
        await self._until(lambda: self.server.process.poll() is not None)
        self.kills_with_sends_in_flight += 1
        await self._restart()

    async def _restart(self) -> None:
        def restart() -> None:
            self.server.process.wait()
            self.server._reader.join()
            self.kills_after_commit += sum(DYING in line for line in self.server.output)
            self._count_faults()
            self.server.output.clear()
            self.server.start()
            self.server.wait_until_ready()

        await asyncio.get_running_loop().run_in_executor(None, restart)

    def _count_faults(self) -> None:
        self.faults_logged += sum(FAULT.search(line) is not None for line in self.server.output)

    async def _crash(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.postgres.crash)
        await asyncio.sleep(self.chance.uniform(0, 0.5))
        await loop.run_in_executor(None, self.postgres.revive)

    async def _settle(self) -> None:
        """Waits until all sends are answered and read."""
        for sender in self.senders:
            sender.stop()
        await asyncio.wait(self._sending, timeout=SETTLED_SECONDS)
        sql = """
            SELECT user_id::text, epoch || '-' || last_seq
            FROM feeds, meta
        """
        newest = dict(ask(self.dsn, sql))
        await eventually(
            lambda: all(
                reader.last_event_id == newest[reader.person.id] for reader in self.readers
            ),
            SETTLED_SECONDS,
        )

    def _count(self, plan: Plan, seconds: float) -> Figures:
        stored: Counter[tuple[str, str]] = Counter(
            ask(self.dsn, "SELECT id::text, client_id::text FROM messages")
        )
        client_ids = Counter(client_id for _, client_id in stored.elements())
        answered = [message for sender in self.senders for message in sender.answered]
        lost = [m["id"] for m in answered if (m["id"], m["clientId"]) not in stored]
        doubled = sum(count - 1 for count in client_ids.values())
        out_of_order = gaps = resets = 0
        for reader in self.readers:
            seqs = [event.seq for event in reader.events]
            gaps += sum(b - a > 1 for a, b in pairwise(seqs))
            doubled += len(seqs) - len(set(seqs))
            out_of_order += sum(b < a for a, b in pairwise(seqs))
            resets += sum(event.name == "reset" for event in reader.events)
            out_of_order += misplaced(reader)
            told = {event.data["id"] for event in reader.events if event.name == "message"}
            mine = ask(self.dsn, TAKES_PART, (int(reader.person.id),))
            lost += [message_id for (message_id,) in mine if message_id not in told]
        return Figures(
            seconds=seconds,
            kills=plan.kills,
            kills_with_sends_in_flight=self.kills_with_sends_in_flight,
            kills_after_commit=self.kills_after_commit,
            crashes=plan.crashes,
            answered=len(answered),
            answers_lost_and_told_by_a_repeat=sum(s.first_told_by_a_repeat for s in self.senders),
            events_read=sum(len(reader.events) for reader in self.readers),
            connections=sum(reader.connections for reader in self.readers),
            lost=len(lost),
            doubled=doubled,
            out_of_order=out_of_order,
            gaps=gaps,
            resets=resets,
            faults_logged=self.faults_logged,
        )


TAKES_PART = """
    SELECT id::text
    FROM messages
    JOIN participants USING (conversation_id)
    WHERE participants.user_id = %s
"""


def misplaced(reader: Reader) -> int:
    """Messages that arrived before an older one of the same conversation."""
    newest: dict[str, int] = {}
    found = 0
    for event in reader.events:
        if event.name == "message":
            conversation, number = event.data["conversationId"], int(event.data["id"])
            found += number <= newest.get(conversation, 0)
            newest[conversation] = number
    return found


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
