"""The one place where facts enter the feeds: a queue with one transaction in flight.

Writes of a kind that wait together are stored together, in one round trip and one commit. Because
the next transaction begins after the last one's events were published, publishing order is commit
order.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar

from db import conversations, errors, messages, pool, reads
from db.conversations import Conversation, Opened, Opening
from db.feed import Event
from db.messages import Draft, Message, Stored
from db.outcome import Outcome
from db.pool import Database
from db.reads import Read, Reading

LARGEST_BATCH = 128  # the statement's cost grows with it, and everybody in it waits for its commit
PAUSE_SECONDS = 0.1  # between attempts at a database that is away

_log = logging.getLogger("messenger.db")

Write = TypeVar("Write")
Result = TypeVar("Result")
Store = Callable[[Database, Sequence[Write]], Awaitable[list[Outcome[Result]]]]


class _Job(Generic[Write, Result]):
    """A write that somebody waits for."""

    def __init__(self, store: Store[Write, Result], write: Write) -> None:
        self.store = store
        self.write = write
        self.started = False
        self.future: asyncio.Future[Outcome[Result]] = asyncio.get_running_loop().create_future()


AnyJob = _Job[Any, Any]


class Sender:
    """Stores what users do, and hands the events to `publish` after the commit, in its order.

    `publish` must neither block nor raise.
    """

    def __init__(self, db: Database, publish: Callable[[Sequence[Event]], None]) -> None:
        self._db = db
        self._publish = publish
        self._waiting: deque[AnyJob] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._apart: set[asyncio.Task[None]] = set()

    async def send(self, draft: Draft) -> Stored:
        """Raises `snapshot.NotFound`, `messages.ClientIdReused`, `errors.DatabaseError`."""
        return await self._done(messages.store, draft)

    async def mark_read(self, reading: Reading) -> None:
        """Raises `snapshot.NotFound`, `reads.NoSuchMessage`, `errors.DatabaseError`."""
        await self._done(reads.mark, reading)

    async def open(self, opening: Opening) -> Opened:
        """Raises `snapshot.NotFound`, `conversations.WithOneself`, `errors.DatabaseError`."""
        return await self._done(conversations.open_all, opening)

    async def idle(self) -> None:
        """Returns when nothing is being written any more."""
        while self._worker is not None or self._apart:
            await asyncio.wait({*self._apart, *filter(None, [self._worker])})

    async def _done(self, store: Store[Write, Result], write: Write) -> Result:
        job = _Job(store, write)
        self._waiting.append(job)
        self._work()
        try:
            async with asyncio.timeout_at(pool.deadline()):
                outcome = await job.future
        except TimeoutError:
            known = "nothing was stored" if not job.started else "whether it was stored is unknown"
            raise errors.Timeout(known) from None
        if isinstance(outcome.result, Exception):
            raise outcome.result
        return outcome.result

    def _work(self) -> None:
        if self._worker is None:
            self._worker = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            while batch := self._next_batch():
                await self._store(batch)
        except BaseException:
            _log.critical("the sender broke", exc_info=True)
            raise
        finally:
            self._worker = None

    def _next_batch(self) -> list[AnyJob]:
        """The jobs at the head of the queue that one statement can store."""
        batch: list[AnyJob] = []
        while self._waiting and len(batch) < LARGEST_BATCH:
            if self._waiting[0].future.done():
                self._waiting.popleft()  # given up: its deadline passed
            elif not batch or self._waiting[0].store is batch[0].store:
                batch.append(self._waiting.popleft())
            else:
                break
        return batch

    async def _store(self, batch: list[AnyJob]) -> None:
        """Tries until it is stored, refused, or nobody waits for it any more."""
        while batch := [job for job in batch if not job.future.done()]:
            for job in batch:
                job.started = True
            pool.begin_request()
            try:
                outcomes = await batch[0].store(self._db, [job.write for job in batch])
            except errors.LockTimeout:
                if len(batch) > 1:
                    return self._store_apart(batch)
            except errors.Deadlock:
                _log.warning("a deadlock, which should not be possible; trying again")
            except errors.DatabaseError as error:
                _log.warning("trying %d writes again: %s", len(batch), error)
                await asyncio.sleep(PAUSE_SECONDS)
            except Exception as error:
                if len(batch) > 1:
                    return self._store_apart(batch)
                batch[0].future.set_exception(error)
            else:
                return self._settle(batch, outcomes)

    def _store_apart(self, batch: list[AnyJob]) -> None:
        """Each by itself, beside the next batch: what ails one of them stalls nobody else."""
        for job in batch:
            task = asyncio.create_task(self._store([job]))
            self._apart.add(task)
            task.add_done_callback(self._apart.discard)

    def _settle(self, batch: list[AnyJob], outcomes: list[Outcome[Any]]) -> None:
        for outcome in outcomes:
            self._publish(_events(outcome))
        for job, outcome in zip(batch, outcomes, strict=True):
            if not job.future.done():
                job.future.set_result(outcome)


def _events(outcome: Outcome[Any]) -> list[Event]:
    """What each recipient's feed has got, as that recipient sees it."""
    return [
        Event(user_id, epoch, seq, _seen_by(user_id, outcome.result))
        for user_id, epoch, seq in outcome.recipients
    ]


def _seen_by(user_id: int, result: object) -> Message | Conversation | Read:
    match result:
        case Stored(message):
            return message.seen_by(user_id)
        case Opened(conversation_id, _, participants):
            (other,) = (user for key, user in participants.items() if key != user_id)
            return Conversation.new(str(conversation_id), other)
        case Read():
            return result.seen_by(user_id)
        case _:
            raise TypeError(f"{result!r} has no place in a feed")
