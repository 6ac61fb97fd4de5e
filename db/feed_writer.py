"""The queue of all writes to feeds (group commit), with one transaction in flight in each lane.

Waiting writes of the same function are stored as a batch, in one round trip and one commit. A
transaction begins after the events of the previous one were published, so events of a lane are
published in commit order. Writes that many people hear of have a lane of their own: two people who
talk do not wait for them. An event of the other lane may come a moment early, and a stream holds it
back. If another transaction has locked a feed, the writes to that conversation move to a separate
queue. There they keep their order, and other writes continue.
"""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Hashable
from typing import Any

from db import conversations, errors, github, messages, pool, reads
from db.conversations import Opened, Opening
from db.github import Account
from db.jobs import (
    LARGE_ROWS,
    MAX_BATCH,
    MIN_BATCH,
    AnyJob,
    Batch,
    Job,
    Lane,
    Queue,
    Result,
    Sizes,
    Store,
    Write,
)
from db.kind import kinds_of
from db.messages import Draft, Stored
from db.pool import Database
from db.reads import Reading
from db.users import User
from db.write_result import Appended, WriteResult

MAX_BLOCKED = 4  # connections that wait for locked feeds: half of the pool
PAUSE_SECONDS = 0.1  # between attempts while the database is unavailable
REFUSED_SECONDS = 0.5  # a database that refuses connections may be restarting: try this long

_log = logging.getLogger("messenger.db")


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
        self._sizes = Sizes()
        self._small = Lane()
        self._large = Lane()  # for jobs of more than `LARGE_ROWS` rows
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
        job = Job(store, write, self._sizes.rows_of(store, write), unbatched=unbatched)
        lane = self._large if job.rows > LARGE_ROWS else self._small
        lane.waiting.append(job)
        if lane.worker is None:
            lane.worker = asyncio.create_task(self._work_off_lane(lane))
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
        while busy := self._workers():
            await asyncio.wait(busy)

    def _workers(self) -> set[asyncio.Task[None]]:
        lanes = (self._small.worker, self._large.worker)
        return {*self._blocked_workers, *filter(None, lanes)}

    async def _work_off_lane(self, lane: Lane) -> None:
        try:
            await self._work_off(lane.waiting, lane)
        finally:
            lane.worker = None

    async def _work_off_blocked(self, ordering_key: Hashable) -> None:
        try:
            await self._work_off(self._blocked[ordering_key], None)
        finally:
            del self._blocked[ordering_key]

    async def _work_off(self, queue: Queue, lane: Lane | None) -> None:
        """Stores what waits. `lane` is None for a queue of writes to locked feeds."""
        try:
            while batch := self._next_batch(queue, lane):
                await self._store(batch, lane)
        except BaseException:
            _log.critical("the queue of writes has failed", exc_info=True)
            raise

    def _next_batch(self, queue: Queue, lane: Lane | None) -> list[AnyJob]:
        """Takes the jobs at the head of the queue that one statement can store.

        A batch is two thirds of a long queue. While PostgreSQL stores it, the loop answers the
        previous batch and reads the next requests. With the whole queue, PostgreSQL and the loop
        would wait for each other. With halves, fewer writes would share the cost of a transaction.

        After a batch has met a locked feed, the next one takes all jobs, so that they wait for the
        lock time-out only once.
        """
        batch = Batch()
        share = max(MIN_BATCH, -(-len(queue) * 2 // 3))
        most = MAX_BATCH if lane is not None and lane.met_a_lock else min(share, MAX_BATCH)
        while queue and len(batch.jobs) < most:
            job = queue[0]
            if job.future.done():
                queue.popleft()  # its deadline has passed
            elif lane is not None and job.ordering_key in self._blocked:
                self._blocked[job.ordering_key].append(
                    queue.popleft()
                )  # keeps the order of this conversation
            elif batch.takes(job):
                batch.add(queue.popleft())
            else:
                break
        return batch.jobs

    async def _store(self, batch: list[AnyJob], lane: Lane | None) -> None:
        """Tries again until the batch is stored or refused, or all deadlines have passed."""
        while batch := [job for job in batch if not job.future.done()]:
            try:
                outcomes = await self._attempt(batch, blocked=lane is None)
            except errors.LockTimeout:
                if lane is not None:
                    lane.met_a_lock = True
                    return self._block(batch)
            except errors.Deadlock:
                _log.warning("a deadlock, which should be impossible; trying again")
            except errors.Declined as error:
                if error.is_damage and len(batch) > 1:
                    return await self._store_singly(batch, lane)
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
                    return await self._store_singly(batch, lane)
                return _refuse(batch, error)
            else:
                if lane is not None:
                    lane.met_a_lock = False
                return self._settle(batch, outcomes)

    async def _attempt(self, batch: list[AnyJob], *, blocked: bool) -> list[WriteResult[Any]]:
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

    async def _store_singly(self, batch: list[AnyJob], lane: Lane | None) -> None:
        """Stores the jobs one by one, in order, so that an error affects only one of them."""
        for job in batch:
            await self._store([job], lane)

    def _settle(self, batch: list[AnyJob], outcomes: list[WriteResult[Any]]) -> None:
        for outcome in outcomes:
            # Skips events of a former database, after another one has replaced it.
            for appended in outcome.appended:
                if self._db.epoch in (None, appended.epoch):
                    self._publish(appended)
        for job, outcome in zip(batch, outcomes, strict=True):
            self._sizes.learn(job.ordering_key, outcome)
            if not job.future.done():
                job.future.set_result(outcome)


def _refuse(batch: list[AnyJob], error: Exception) -> None:
    for job in batch:
        if not job.future.done():
            job.future.set_exception(error)
