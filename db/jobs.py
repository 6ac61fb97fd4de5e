"""Jobs: writes that wait to be stored, what each costs, and which go into one batch."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

from db import errors
from db.kind import reaches_all
from db.message import SENT
from db.pool import Database
from db.write_result import WriteResult

MIN_BATCH = 4  # a batch has at least this many writes, if so many wait
MAX_BATCH = 128  # a larger statement takes longer, and all its writes wait for the commit
MAX_ROWS = 4000  # of feeds in one batch; a job with more is alone
MAX_SHARED_ROWS = 1000  # a job with more is alone, too
LARGE_ROWS = 200  # jobs with more have a lane of their own
UNKNOWN_ROWS = MAX_ROWS // MAX_BATCH  # of a conversation of unknown size

Write = TypeVar("Write")
Result = TypeVar("Result")
Store = Callable[[Database, Sequence[Write]], Awaitable[list[WriteResult[Result]]]]


class Job(Generic[Write, Result]):
    """A write, and the future of its result."""

    def __init__(
        self, store: Store[Write, Result], write: Write, rows: int, *, unbatched: bool
    ) -> None:
        self.store = store
        self.write = write
        self.rows = rows
        self.unbatched = unbatched
        self.started = False
        self.future: asyncio.Future[WriteResult[Result]] = (
            asyncio.get_running_loop().create_future()
        )

    @property
    def ordering_key(self) -> Hashable:
        """The conversation that is written to. For a write without one, the write itself."""
        return getattr(self.write, "conversation_id", self.write)

    @property
    def event_key(self) -> Hashable:
        """What the events are about. Jobs of one batch with the same key share one event."""
        return getattr(self.write, "event_key", self)

    def give_up(self) -> None:
        """Fails the job with a `Timeout`, because its deadline has passed."""
        known = "nothing was stored" if not self.started else "whether it was stored is unknown"
        if not self.future.done():
            self.future.set_exception(errors.Timeout(known))


AnyJob = Job[Any, Any]
Queue = deque[AnyJob]


class Batch:
    """Jobs that one statement stores."""

    def __init__(self) -> None:
        self.jobs: list[AnyJob] = []
        self._rows = 0
        self._keys: set[Hashable] = set()

    def takes(self, job: AnyJob) -> bool:
        """Whether the job may be added. An empty batch takes any job."""
        if not self.jobs:
            return True
        if job.store is not self.jobs[0].store or job.unbatched:
            return False
        if job.event_key in self._keys:
            return True
        shares = max(job.rows, self.jobs[0].rows) <= MAX_SHARED_ROWS
        return shares and self._rows + job.rows <= MAX_ROWS

    def add(self, job: AnyJob) -> None:
        self.jobs.append(job)
        if job.event_key not in self._keys:
            self._keys.add(job.event_key)
            self._rows += job.rows


class Lane:
    """Jobs in their order. One transaction of a lane is in flight."""

    def __init__(self) -> None:
        self.waiting: Queue = deque()
        self.met_a_lock = False  # whether the last batch met a locked feed
        self.worker: asyncio.Task[None] | None = None


class Sizes:
    """How many people hear of a write to a conversation, as far as known.

    Remembers only those of more than `UNKNOWN_ROWS`. Each message of a conversation tells its size.
    """

    def __init__(self) -> None:
        self._large: dict[Hashable, int] = {}

    def rows_of(self, store: Store[Any, Any], write: Any) -> int:
        if not reaches_all(store):
            return 1
        return self._large.get(getattr(write, "conversation_id", None), UNKNOWN_ROWS)

    def learn(self, conversation_id: Hashable, outcome: WriteResult[Any]) -> None:
        for appended in outcome.appended:
            if appended.kind is SENT:
                if len(appended.user_ids) > UNKNOWN_ROWS:
                    self._large[conversation_id] = len(appended.user_ids)
                elif self._large:
                    self._large.pop(conversation_id, None)
