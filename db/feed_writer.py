"""The queue of all writes to feeds (group commit), with one transaction in flight.

Waiting writes of the same function are stored as a batch, in one round trip and one commit. A
transaction begins after the events of the previous one were published, so events are published in
commit order. If another transaction has locked a feed, the writes to that conversation move to a
separate queue. There they keep their order, and other writes continue.
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
from db.kind import kinds_of
from db.messages import Draft, Stored
from db.pool import Database
from db.reads import Reading
from db.users import User
from db.write_result import Appended, WriteResult

MIN_BATCH = 4  # a batch has at least this many writes, if so many wait
MAX_BATCH = 128  # a larger statement takes longer, and all its writes wait for the commit
MAX_BLOCKED = 4  # connections that wait for locked feeds: half of the pool
PAUSE_SECONDS = 0.1  # between attempts while the database is unavailable
REFUSED_SECONDS = 0.5  # a database that refuses connections may be restarting: try this long

_log = logging.getLogger("messenger.db")

Write = TypeVar("Write")
Result = TypeVar("Result")
Store = Callable[[Database, Sequence[Write]], Awaitable[list[WriteResult[Result]]]]


class _Job(Generic[Write, Result]):
    """A write, and the future of its result."""

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
        """The conversation that is written to. For a write without one, the write itself."""
        return getattr(self.write, "conversation_id", self.write)

    def give_up(self) -> None:
        """Fails the job with a `Timeout`, because its deadline has passed."""
        known = "nothing was stored" if not self.started else "whether it was stored is unknown"
        if not self.future.done():
            self.future.set_exception(errors.Timeout(known))

    def fits(self, batch: "list[AnyJob]") -> bool:
        """Whether one statement can store the job together with these."""
        return not batch or (self.store is batch[0].store and not self.unbatched)


AnyJob = _Job[Any, Any]
Queue = deque[AnyJob]


class FeedWriter:
    """Stores writes in batches, and calls `publish` with their events, in commit order.

    `write` accepts any write function. The methods above it list the errors of each. `publish` must
    neither block nor raise. `unsure` is called after a lost answer: the database may have stored
    events that will never be published. `readable` tells whether all servers that run read this
    kind of event.
    """

    def __init__(
        self,
        db: Database,
        publish: Callable[[Appended], None],
        unsure: Callable[[], None] = lambda: None,
        readable: Callable[[str], bool] = lambda kind: True,
    ) -> None:
        self._db = db
        self._publish = publish
        self._unsure = unsure
        self._readable = readable
        self._waiting: Queue = deque()
        self._met_a_lock = False  # whether the last batch met a locked feed
        self._worker: asyncio.Task[None] | None = None
        self._blocked: dict[Hashable, Queue] = {}  # by ordering key, writes to locked feeds
        self._blocked_slots = asyncio.Semaphore(MAX_BLOCKED)
        self._blocked_workers: set[asyncio.Task[None]] = set()

    async def send(self, draft: Draft) -> Stored:
        """Stores a message. Raises `NotFound`, `ClientIdReused` and `errors.DatabaseError`."""
        return await self.write(messages.store, draft)

    async def mark_read(self, reading: Reading) -> None:
        """Moves a read marker. Raises `NotFound`, `NoSuchMessage` and `errors.DatabaseError`."""
        await self.write(reads.mark, reading)

    async def open(self, opening: Opening) -> Opened:
        """Opens a conversation. Raises `NotFound`, `WithOneself` and `errors.DatabaseError`."""
        # Unbatched: each has a transaction, and its event must be published even if another fails.
        return await self.write(conversations.open_all, opening, unbatched=True)

    async def sign_in(self, account: Account) -> User:
        """Creates or updates the user of a GitHub account. Raises `errors.DatabaseError`."""
        return (await self.write(github.sign_in_all, account, unbatched=True)).user

    async def write(
        self, store: Store[Write, Result], write: Write, *, unbatched: bool = False
    ) -> Result:
        """Queues the write. Returns the result of `store`, or raises its refusal.

        Raises `errors.Upgrading` if a server that runs cannot read the event.

        `unbatched`: calls `store` with only this write, because it uses a transaction for each.
        """
        for kind in kinds_of(store):
            if not self._readable(kind.name):
                raise errors.Upgrading(f"a server that runs cannot read {kind.name}")
        job = _Job(store, write, unbatched)
        self._waiting.append(job)
        self._work()
        # A timer, because `asyncio.timeout` cancels the task and catches that, which costs 3 µs.
        timer = asyncio.get_running_loop().call_at(pool.deadline(), job.give_up)
        try:
            outcome = await job.future
        finally:
            timer.cancel()
        if isinstance(outcome.result, Exception):
            raise outcome.result
        return outcome.result

    async def idle(self) -> None:
        """Returns when no write is in progress."""
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
            _log.critical("the queue of writes has failed", exc_info=True)
            raise

    def _next_batch(self, queue: Queue) -> list[AnyJob]:
        """Takes the jobs at the head of the queue that one statement can store.

        A batch is two thirds of a long queue. While PostgreSQL stores it, the loop answers the
        previous batch and reads the next requests. With the whole queue, PostgreSQL and the loop
        would wait for each other. With halves, fewer writes would share the cost of a transaction.

        After a batch has met a locked feed, the next one takes all jobs, so that they wait for the
        lock time-out only once.
        """
        batch: list[AnyJob] = []
        share = max(MIN_BATCH, -(-len(queue) * 2 // 3))
        most = MAX_BATCH if self._met_a_lock else min(share, MAX_BATCH)
        while queue and len(batch) < most:
            job = queue[0]
            if job.future.done():
                queue.popleft()  # its deadline has passed
            elif queue is self._waiting and job.ordering_key in self._blocked:
                self._blocked[job.ordering_key].append(
                    queue.popleft()
                )  # keeps the order of this conversation
            elif job.fits(batch):
                batch.append(queue.popleft())
            else:
                break
        return batch

    async def _store(self, batch: list[AnyJob], *, blocked: bool) -> None:
        """Tries again until the batch is stored or refused, or all deadlines have passed."""
        while batch := [job for job in batch if not job.future.done()]:
            try:
                outcomes = await self._attempt(batch, blocked)
            except errors.LockTimeout:
                if not blocked:
                    self._met_a_lock = True
                    return self._block(batch)
            except errors.Deadlock:
                _log.warning("a deadlock, which should be impossible; trying again")
            except errors.Declined as error:
                if error.is_damage and len(batch) > 1:
                    return await self._store_singly(batch, blocked)
                return _refuse(batch, error)
            except errors.DatabaseError as error:
                if isinstance(error, errors.TurnedAway) and self._db.has_been_unavailable(
                    REFUSED_SECONDS
                ):
                    return _refuse(batch, error)
                if not self._db.unavailable:  # otherwise the pool has logged it
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
        """Moves the jobs to queues by ordering key, so that other writes continue."""
        for job in batch:
            if job.ordering_key not in self._blocked:
                self._blocked[job.ordering_key] = deque()
                task = asyncio.create_task(self._work_off_blocked(job.ordering_key))
                self._blocked_workers.add(task)
                task.add_done_callback(self._blocked_workers.discard)
            self._blocked[job.ordering_key].append(job)

    async def _store_singly(self, batch: list[AnyJob], blocked: bool) -> None:
        """Stores the jobs one by one, in order, so that an error affects only one of them."""
        for job in batch:
            await self._store([job], blocked=blocked)

    def _settle(self, batch: list[AnyJob], outcomes: list[WriteResult[Any]]) -> None:
        for outcome in outcomes:
            # Skips events of a former database, after another one has replaced it.
            for appended in outcome.appended:
                if self._db.epoch in (None, appended.epoch):
                    self._publish(appended)
        for job, outcome in zip(batch, outcomes, strict=True):
            if not job.future.done():
                job.future.set_result(outcome)


def _refuse(batch: list[AnyJob], error: Exception) -> None:
    for job in batch:
        if not job.future.done():
            job.future.set_exception(error)
