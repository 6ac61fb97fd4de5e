"""The one way in which facts enter the feeds: a queue with one transaction in flight.

Writes of a kind that wait together are stored together, in one round trip and one commit. Because
the next transaction begins after the last one's events were published, publishing order is commit
order. What meets a feed that somebody else has locked waits in a queue of its conversation's own,
so that it stalls nobody else and keeps its order.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from db import conversations, errors, github, messages, pool, reads
from db.conversations import Opened, Opening
from db.github import Account
from db.messages import Draft, Stored
from db.pool import Database
from db.reads import Reading
from db.users import User
from db.write_result import Appended, WriteResult

MIN_BATCH = 4  # are stored together, however many wait
MAX_BATCH = 128  # the statement's cost grows with it, and everybody in it waits for its commit
MAX_BLOCKED = 4  # waiting for locked feeds at once: half the pool, others have the rest
PAUSE_SECONDS = 0.1  # between attempts at a database that is away
REFUSED_SECONDS = 0.5  # how long one that refuses connections is tried, since it may be restarting

_log = logging.getLogger("messenger.db")

Write = TypeVar("Write")
Result = TypeVar("Result")
Store = Callable[[Database, Sequence[Write]], Awaitable[list[WriteResult[Result]]]]


class _Job(Generic[Write, Result]):
    """A write that somebody waits for."""

    def __init__(self, store: Store[Write, Result], write: Write, unbatched: bool) -> None:
        self.store = store
        self.write = write
        self.unbatched = unbatched
        self.started = False
        self.future: asyncio.Future[WriteResult[Result]] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def ordering_key(self) -> Hashable:
        """What is written to: the conversation, where there is one already."""
        return getattr(self.write, "conversation_id", self.write)

    def give_up(self) -> None:
        """Its time is over: whoever waits for it waits no longer."""
        known = "nothing was stored" if not self.started else "whether it was stored is unknown"
        if not self.future.done():
            self.future.set_exception(errors.Timeout(known))

    def fits(self, batch: "list[AnyJob]") -> bool:
        """Whether one statement can store it together with these."""
        return not batch or (self.store is batch[0].store and not self.unbatched)


AnyJob = _Job[Any, Any]
Queue = deque[AnyJob]


class FeedWriter:
    """Stores what users do, and hands the events to `publish` after the commit, in its order.

    `write` takes any write function; the methods before it name the errors of each.
    `publish` must neither block nor raise. `unsure` is called where something may have been stored
    that will never be published, since the answer was lost.
    """

    def __init__(
        self,
        db: Database,
        publish: Callable[[Appended], None],
        unsure: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = db
        self._publish = publish
        self._unsure = unsure
        self._waiting: Queue = deque()
        self._met_a_lock = False  # the last batch of those
        self._worker: asyncio.Task[None] | None = None
        self._blocked: dict[Hashable, Queue] = {}  # by ordering key: what met a locked feed
        self._blocked_slots = asyncio.Semaphore(MAX_BLOCKED)
        self._blocked_workers: set[asyncio.Task[None]] = set()

    async def send(self, draft: Draft) -> Stored:
        """Raises `snapshot.NotFound`, `messages.ClientIdReused`, `errors.DatabaseError`."""
        return await self.write(messages.store, draft)

    async def mark_read(self, reading: Reading) -> None:
        """Raises `snapshot.NotFound`, `reads.NoSuchMessage`, `errors.DatabaseError`."""
        await self.write(reads.mark, reading)

    async def open(self, opening: Opening) -> Opened:
        """Raises `snapshot.NotFound`, `conversations.WithOneself`, `errors.DatabaseError`."""
        # Unbatched: what one of two has committed must be published though the other fails.
        return await self.write(conversations.open_all, opening, unbatched=True)

    async def sign_in(self, account: Account) -> User:
        """Who signs in with GitHub, made or brought up to date. Raises `errors.DatabaseError`."""
        return (await self.write(github.sign_in_all, account, unbatched=True)).user

    async def write(
        self, store: Store[Write, Result], write: Write, *, unbatched: bool = False
    ) -> Result:
        """Returns the result when `store` has stored it, or raises its refusal.

        `unbatched`: by itself, where `store` has a transaction for each write.
        """
        job = _Job(store, write, unbatched)
        self._waiting.append(job)
        self._work()
        # By a timer of its own: to cancel the task and catch that (`asyncio.timeout`) costs 3 µs.
        timer = asyncio.get_running_loop().call_at(pool.deadline(), job.give_up)
        try:
            outcome = await job.future
        finally:
            timer.cancel()
        if isinstance(outcome.result, Exception):
            raise outcome.result
        return outcome.result

    async def idle(self) -> None:
        """Returns when nothing is being written any more."""
        while self._worker is not None or self._blocked_workers:
            await asyncio.wait({*self._blocked_workers, *filter(None, [self._worker])})

    def _work(self) -> None:
        if self._worker is None:
            self._worker = asyncio.create_task(self._work_off_waiting())

    async def _work_off_waiting(self) -> None:
        try:
            await self._work_off(self._waiting)
        finally:
            self._worker = None

    async def _work_off_blocked(self, ordering_key: Hashable) -> None:
        try:
            await self._work_off(self._blocked[ordering_key])
        finally:
            del self._blocked[ordering_key]

    async def _work_off(self, queue: Queue) -> None:
        try:
            while batch := self._next_batch(queue):
                await self._store(batch, blocked=queue is not self._waiting)
        except BaseException:
            _log.critical("the sender broke", exc_info=True)
            raise

    def _next_batch(self, queue: Queue) -> list[AnyJob]:
        """The jobs at the head of the queue that one statement can store.

        Two thirds of what waits, where many wait: while PostgreSQL stores these, the loop answers
        those before them, and reads the next. All at once, each of the two would wait for the
        other; by halves, a transaction has fewer to share its cost.
        Behind a locked feed all that waits is tried at once, so that its time is lost once.
        """
        batch: list[AnyJob] = []
        share = max(MIN_BATCH, -(-len(queue) * 2 // 3))
        most = MAX_BATCH if self._met_a_lock else min(share, MAX_BATCH)
        while queue and len(batch) < most:
            job = queue[0]
            if job.future.done():
                queue.popleft()  # given up: its deadline passed
            elif queue is self._waiting and job.ordering_key in self._blocked:
                self._blocked[job.ordering_key].append(
                    queue.popleft()
                )  # behind those that wait there
            elif job.fits(batch):
                batch.append(queue.popleft())
            else:
                break
        return batch

    async def _store(self, batch: list[AnyJob], *, blocked: bool) -> None:
        """Tries until it is stored, refused, or nobody waits for it any more."""
        while batch := [job for job in batch if not job.future.done()]:
            try:
                outcomes = await self._attempt(batch, blocked)
            except errors.LockTimeout:
                if not blocked:
                    self._met_a_lock = True
                    return self._block(batch)
            except errors.Deadlock:
                _log.warning("a deadlock, which should not be possible; trying again")
            except errors.Declined as error:
                if error.is_damage and len(batch) > 1:
                    return await self._store_singly(batch, blocked)
                return _refuse(batch, error)
            except errors.DatabaseError as error:
                if isinstance(error, errors.TurnedAway) and self._db.has_been_unavailable(
                    REFUSED_SECONDS
                ):
                    return _refuse(batch, error)
                if not self._db.unavailable:  # which has been said
                    _log.warning("trying %d writes again: %s", len(batch), error)
                self._unsure()
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:
                if len(batch) > 1:
                    return await self._store_singly(batch, blocked)
                return _refuse(batch, error)
            else:
                self._met_a_lock = self._met_a_lock and blocked
                return self._settle(batch, outcomes)

    async def _attempt(self, batch: list[AnyJob], blocked: bool) -> list[WriteResult[Any]]:
        async with self._blocked_slots if blocked else contextlib.nullcontext():
            for job in batch:
                job.started = True
            pool.begin_request()
            return await batch[0].store(self._db, [job.write for job in batch])

    def _block(self, batch: list[AnyJob]) -> None:
        """By ordering key, beside the next batch: one locked feed stalls nobody else."""
        for job in batch:
            if job.ordering_key not in self._blocked:
                self._blocked[job.ordering_key] = deque()
                task = asyncio.create_task(self._work_off_blocked(job.ordering_key))
                self._blocked_workers.add(task)
                task.add_done_callback(self._blocked_workers.discard)
            self._blocked[job.ordering_key].append(job)

    async def _store_singly(self, batch: list[AnyJob], blocked: bool) -> None:
        """In order, each by itself: what is wrong with one of them harms no other."""
        for job in batch:
            await self._store([job], blocked=blocked)

    def _settle(self, batch: list[AnyJob], outcomes: list[WriteResult[Any]]) -> None:
        for outcome in outcomes:
            # What a database told before another one took its place tells of nothing here.
            appended = outcome.appended
            if appended is not None and self._db.epoch in (None, appended.epoch):
                self._publish(appended)
        for job, outcome in zip(batch, outcomes, strict=True):
            if not job.future.done():
                job.future.set_result(outcome)


def _refuse(batch: list[AnyJob], error: Exception) -> None:
    for job in batch:
        if not job.future.done():
            job.future.set_exception(error)
