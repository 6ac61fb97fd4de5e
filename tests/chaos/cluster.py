"""A storm over three servers: they, their relay and their database break while people talk.

python -m tests.chaos.prove several

Each request and each stream goes to a random server. Servers lose a fifth of all relay messages.
"""

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.chaos.crowd import Crowd
from tests.chaos.people import Arrival
from tests.chaos.supervisor import Supervisor
from tests.support import cluster
from tests.support.cluster import Broker, Engine, ForgetfulServer
from tests.support.postgres import Postgres, ask

SERVERS = 3
LEAST_SERVING = 1  # servers that nothing is done to
LOST_SHARE = 0.2
PROMISED_SECONDS = 3.0  # from a commit to the streams of another server
PATIENCE_SECONDS = 1.5  # then a sender asks another server
FREEZE_SECONDS = (0.5, 4.0)
BROKER_SECONDS = (0.0, 2.0)  # until a killed broker starts again
CRASH_SECONDS = (0.0, 0.5)  # until a crashed database starts again

Event = Callable[[], Coroutine[Any, Any, None]]  # breaks something, and repairs it


class Plan(NamedTuple):
    """How often a storm breaks each part."""

    calm_seconds: float  # before it begins
    kills: int  # of servers, by SIGKILL
    kills_after_commit: int  # how many of them are their own, between COMMIT and publishing
    freezes: int  # of servers, by SIGSTOP
    drains: int  # of servers, by SIGTERM
    crashes: int  # of PostgreSQL, by `pg_ctl stop -m immediate`
    broker_kills: int
    broker_freezes: int


WHOLE = Plan(
    calm_seconds=10,
    kills=60,
    kills_after_commit=15,
    freezes=20,
    drains=10,
    crashes=10,
    broker_kills=10,
    broker_freezes=5,
)


class Figures(NamedTuple):
    """The counts of a storm. Each must be 0, from `lost` on.

    A delay is the time from the commit of an event to a stream of another server. It begins anew
    when the stream opens, its server is thawed, or the database is back.
    """

    seconds: float
    kills: int
    kills_after_commit: int
    freezes: int
    drains: int
    database_crashes: int
    broker_kills: int
    broker_freezes: int
    answered: int
    answers_lost_and_told_by_a_repeat: int
    comings_and_goings: int
    events_of_changes: int
    left_out_before_a_gone: int
    events_read: int
    events_of_other_servers: int
    connections: int
    calm_delay_p50_ms: float
    calm_delay_p99_ms: float
    calm_delay_worst_ms: float
    delay_p50_ms: float
    delay_p99_ms: float
    delay_worst_ms: float
    lost: int
    doubled: int
    out_of_order: int
    gaps: int
    resets: int
    leaked: int
    differing: int
    later_than_3_s: int
    faults_logged: int


ALLOWED = Figures._fields.index("lost")  # the first of those that must be 0


class Delay(NamedTuple):
    committed_at: float  # seconds since 1970
    seconds: float


class Period(NamedTuple):
    """A time in which a server was frozen, or the database was away."""

    begin: float
    end: float
    server: str | None  # None: all of them


async def chaos(folder: Path, plan: Plan, seed: int, engine: Engine) -> Figures:
    """Runs a storm over servers with this relay."""
    postgres = Postgres(folder / "postgres", fsync=True)
    postgres.start()
    try:
        postgres.configure("track_commit_timestamp = on")
        with (
            postgres.database() as dsn,
            cluster.relay(engine) as (relay, broker),
            cluster.servers(dsn, folder, relay, SERVERS) as servers,
        ):
            return await Storm(servers, broker, postgres, dsn, random.Random(seed)).run(plan)
    finally:
        postgres.stop()


class Storm:
    def __init__(
        self,
        servers: list[ForgetfulServer],
        broker: Broker | None,
        postgres: Postgres,
        dsn: str,
        chance: random.Random,
    ) -> None:
        self.servers = servers
        self.broker = broker
        self.postgres = postgres
        self.dsn = dsn
        self.chance = chance
        urls = [cluster.url(server) for server in servers]
        self.crowd = Crowd(dsn, chance, lambda: random.choice(urls), PATIENCE_SECONDS)
        self.supervisor = Supervisor()
        self.periods: list[Period] = []
        self._serving = set(servers)  # nothing is being done to them
        self._starting = 0
        self._database_is_there = asyncio.Event()
        self._database_is_there.set()
        self._broker_is_there = asyncio.Lock()

    async def run(self, plan: Plan) -> Figures:
        began = time.monotonic()
        async with self.crowd.talking():
            await asyncio.sleep(plan.calm_seconds)
            broke_at = time.time()
            for server in self.servers:
                server.lose(LOST_SHARE)
            await self._break(self._events(plan))
            await self.crowd.some_answers()
            await self.crowd.settle()
        for server in self.servers:
            self.supervisor.read(server)
        delays = list(self._delays())
        calm = [delay.seconds for delay in delays if delay.committed_at < broke_at]
        whole = [delay.seconds for delay in delays]
        counts = self.crowd.count()._asdict()
        must_be_zero = {name: counts.pop(name) for name in Figures._fields[ALLOWED:-2]}
        return Figures(
            seconds=time.monotonic() - began,
            kills=plan.kills,
            kills_after_commit=self.supervisor.kills_after_commit,
            freezes=plan.freezes,
            drains=plan.drains,
            database_crashes=plan.crashes,
            broker_kills=plan.broker_kills if self.broker else 0,
            broker_freezes=plan.broker_freezes if self.broker else 0,
            **counts,
            events_of_other_servers=len(whole),
            calm_delay_p50_ms=at_share(calm, 0.5) * 1000,
            calm_delay_p99_ms=at_share(calm, 0.99) * 1000,
            calm_delay_worst_ms=max(calm) * 1000,
            delay_p50_ms=at_share(whole, 0.5) * 1000,
            delay_p99_ms=at_share(whole, 0.99) * 1000,
            delay_worst_ms=max(whole) * 1000,
            **must_be_zero,
            later_than_3_s=sum(seconds > PROMISED_SECONDS for seconds in whole),
            faults_logged=self.supervisor.faults_logged,
        )

    def _events(self, plan: Plan) -> list[Event]:
        events: list[Event] = [self._kill] * (plan.kills - plan.kills_after_commit)
        events += [self._die] * plan.kills_after_commit
        events += [self._freeze] * plan.freezes + [self._drain] * plan.drains
        events += [self._crash] * plan.crashes
        if self.broker is not None:
            events += [self._kill_broker] * plan.broker_kills
            events += [self._freeze_broker] * plan.broker_freezes
        self.chance.shuffle(events)
        return events

    async def _break(self, events: list[Event]) -> None:
        """Begins each event while others still have their effect."""
        under_way = set()
        for event in events:
            await self.crowd.some_answers()
            await asyncio.sleep(self.chance.uniform(0, 0.1))
            await self.crowd.until(lambda: len(self._serving) > LEAST_SERVING)
            under_way.add(asyncio.create_task(event()))
            await asyncio.sleep(0)
            for task in [task for task in under_way if task.done()]:
                under_way.discard(task)
                task.result()
        await asyncio.gather(*under_way)

    @contextlib.contextmanager
    def _chosen(self) -> Iterator[ForgetfulServer]:
        server = self.chance.choice(sorted(self._serving, key=cluster.url))
        self._serving.discard(server)
        yield server
        self._serving.add(server)

    async def _kill(self) -> None:
        with self._chosen() as server:
            server.process.kill()
            await self._restart(server)

    async def _die(self) -> None:
        with self._chosen() as server:
            server.die_after_commit()
            await self.crowd.until(lambda: server.process.poll() is not None)
            await self._restart(server)

    async def _drain(self) -> None:
        with self._chosen() as server:
            server.process.terminate()
            await self._restart(server)

    async def _restart(self, server: ForgetfulServer) -> None:
        await asyncio.get_running_loop().run_in_executor(None, server.process.wait)
        await self._database_is_there.wait()
        self._starting += 1
        await self.supervisor.restart(server)
        self._starting -= 1

    async def _freeze(self) -> None:
        with self._chosen() as server:
            async with self._period(cluster.url(server)):
                server.freeze()
                await asyncio.sleep(self.chance.uniform(*FREEZE_SECONDS))
                server.thaw()

    async def _crash(self) -> None:
        """Crashes the database, but not while a server starts: that would rightly give up."""
        await self._database_is_there.wait()
        self._database_is_there.clear()
        await self.crowd.until(lambda: not self._starting)
        loop = asyncio.get_running_loop()
        async with self._period(None):
            await loop.run_in_executor(None, self.postgres.crash)
            await asyncio.sleep(self.chance.uniform(*CRASH_SECONDS))
            await loop.run_in_executor(None, self.postgres.revive)
        self._database_is_there.set()

    async def _kill_broker(self) -> None:
        assert self.broker is not None
        async with self._broker_is_there:
            self.broker.kill()
            await asyncio.sleep(self.chance.uniform(*BROKER_SECONDS))
            self.broker.start()

    async def _freeze_broker(self) -> None:
        assert self.broker is not None
        async with self._broker_is_there:
            self.broker.freeze()
            await asyncio.sleep(self.chance.uniform(*FREEZE_SECONDS))
            self.broker.thaw()

    @asynccontextmanager
    async def _period(self, server: str | None) -> AsyncIterator[None]:
        begin = time.time()
        yield
        self.periods.append(Period(begin, time.time(), server))

    def _delays(self) -> Iterator[Delay]:
        """The delays of all events that another server may have stored."""
        rows = ask(self.dsn, COMMITTED)
        committed = {(user, seq): (at, client_id) for user, seq, at, client_id in rows}
        asked = {
            client_id: servers
            for sender in self.crowd.senders
            for client_id, servers in sender.servers.items()
        }
        for reader in self.crowd.readers:
            for arrival in reader.arrivals:
                at, client_id = committed[reader.person.id, arrival.event.seq]
                if asked.get(client_id, set()) != {arrival.server}:
                    yield Delay(at, arrival.at - self._counts_from(at, arrival))

    def _counts_from(self, committed_at: float, arrival: Arrival) -> float:
        """When the other server could first tell of the event."""
        ends = [
            period.end
            for period in self.periods
            if period.server in (None, arrival.server)
            and period.begin < arrival.at
            and period.end > committed_at
        ]
        latest = max([committed_at, arrival.opened_at, *ends])
        return min(latest, arrival.at)


COMMITTED = """
    SELECT storm_events.user_id::text, seq,
        extract(epoch FROM pg_xact_commit_timestamp(storm_events.xmin))::float8,
        client_id::text
    FROM storm_events
    LEFT JOIN messages
        ON messages.conversation_id = storm_events.conversation_id
        AND messages.id = storm_events.message_id
"""


def at_share(values: list[float], share: float) -> float:
    """The smallest value that at least this share of all does not exceed."""
    return sorted(values)[max(0, -(-len(values) * int(share * 100) // 100) - 1)]


def run_whole(engine: Engine, seed: int | None = None) -> tuple[int, Figures]:
    """Runs a storm of full length, and returns its seed and its figures."""
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="messenger-chaos-") as folder:
        Path(folder).chmod(0o755)
        return seed, asyncio.run(chaos(Path(folder), WHOLE, seed, engine))
