"""The bus: maps each user to the subscribers of their events, in one dict on one loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from time import monotonic
from typing import Protocol

from bus import event
from bus.event import Frame
from time_budget import TimeBudget

AT_ONCE = 16  # subscribers of one user: by default, a user has ten streams at most
SLICE_SECONDS = 0.002  # of one iteration of the loop, for queued events
JOINED_BYTES = 32 * 1024  # in one write: half of the kernel's buffer
UNNUMBERED = 0  # the `seq` of an event that is in no feed; feeds begin with 1
IMMEDIATE_SECONDS = 0.005  # for others: a batch of 128 messages to ten streams each takes 20 ms

_log = logging.getLogger("messenger.bus")


class Subscriber(Protocol):
    """An open stream, as the bus sees it. None of its methods blocks or awaits."""

    user_id: int
    session_id: int
    expires_at: float  # in the clock of the loop

    @property
    def closed(self) -> bool:
        """Whether the stream has unsubscribed."""

    def deliver(self, seq: int, frame: Frame) -> None:
        """Takes the event `seq` of the user's feed. One that is `UNNUMBERED` may be dropped."""

    def deliver_all(self, events: Sequence[tuple[int, Frame]], joined: Frame) -> None:
        """Takes several events at once, in order. `joined` has all their frames."""

    def catch_up(self, seq: int) -> None:
        """Reads missing events from the database, given that the user's feed has reached `seq`."""

    def ping(self) -> None:
        """Writes a `ping`, or ends the stream if its token has expired."""

    def end(self, reason: str) -> None:
        """Writes `bye` and closes."""

    def abort(self, reason: str = "broken") -> None:
        """Closes without `bye`, because the state of the stream is uncertain.

        The client reconnects and resumes.
        """


class _Delivery:
    """Events, and the subscribers that do not have them yet."""

    __slots__ = ("_events", "_has_begun", "_joined", "_left", "_size", "_subscribers")

    def __init__(self, subscribers: tuple[Subscriber, ...], seq: int, frame: Frame) -> None:
        self._subscribers = subscribers
        self._left: Iterator[Subscriber] = iter(subscribers)
        self._events = [(seq, frame)]
        self._size = len(frame)
        self._joined: Frame | None = None
        self._has_begun = False

    def takes(self, subscribers: tuple[Subscriber, ...], frame: Frame) -> bool:
        """Whether the same subscribers can get one more event in the same write."""
        fits = self._size + len(frame) <= JOINED_BYTES
        return fits and not self._has_begun and subscribers == self._subscribers

    def add(self, seq: int, frame: Frame) -> None:
        self._events.append((seq, frame))
        self._size += len(frame)

    def deliver_next(self) -> bool:
        """Delivers to the next subscriber. Returns whether there was one."""
        subscriber = next(self._left, None)
        if subscriber is None:
            return False
        self._has_begun = True
        if len(self._events) == 1:
            _deliver(subscriber, *self._events[0])
        else:
            if self._joined is None:
                self._joined = event.joined(frame for _, frame in self._events)
            _deliver_all(subscriber, self._events, self._joined)
        return True


class Bus:
    """Delivers each event to all subscribers of its user, in the order of publication.

    Each user has a separate queue, so that many streams of one user delay no other user's events.
    Large batches of events are queued as well, so that they hold the loop for a short time only.
    The queued events of a user are written together, because each write is a system call.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._count = 0
        self._queues: dict[int, deque[_Delivery]] = {}  # by user, unfinished deliveries only
        self._immediate: TimeBudget | None = None  # for immediate deliveries in this iteration
        self._served: set[int] = set()  # users with an immediate delivery in this iteration

    def __len__(self) -> int:
        """The number of open streams."""
        return self._count

    def __iter__(self) -> Iterator[Subscriber]:
        """Iterates over a copy of all subscribers, so that the caller may end them."""
        return iter([s for subscribers in self._subscribers.values() for s in subscribers])

    def streams_of(self, user_id: int) -> Collection[Subscriber]:
        """Returns a copy of the user's subscribers, so that the caller may end them."""
        return tuple(self._subscribers.get(user_id, ()))

    def count_of(self, user_id: int) -> int:
        return len(self._subscribers.get(user_id, ()))

    def subscribe(self, subscriber: Subscriber) -> None:
        subscribers = self._subscribers.setdefault(subscriber.user_id, set())
        self._count += subscriber not in subscribers
        subscribers.add(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        subscribers = self._subscribers.get(subscriber.user_id)
        if subscribers is not None and subscriber in subscribers:
            subscribers.remove(subscriber)
            self._count -= 1
            if not subscribers:
                del self._subscribers[subscriber.user_id]

    def publish(self, user_id: int, seq: int, frame: Frame) -> None:
        """Delivers the event to the user's subscribers. Never blocks.

        Subscribers get it at once if the user has at most `AT_ONCE` of them, nothing is queued, and
        it is the user's first event in this iteration of the loop, up to `IMMEDIATE_SECONDS`.
        Otherwise it is queued, and later iterations deliver it.
        """
        subscribers = self._subscribers.get(user_id)
        if not subscribers:
            return
        queue = self._queues.get(user_id)
        is_first = queue is None and user_id not in self._served
        if is_first and len(subscribers) <= AT_ONCE and self._has_time():
            self._served.add(user_id)
            for subscriber in tuple(subscribers):
                _deliver(subscriber, seq, frame)
            return
        if queue is None:
            if not self._queues:
                asyncio.get_running_loop().call_soon(self._dispatch)
            queue = self._queues[user_id] = deque()
        recipients = tuple(subscribers)
        if queue and queue[-1].takes(recipients, frame):
            queue[-1].add(seq, frame)
        else:
            queue.append(_Delivery(recipients, seq, frame))

    def _has_time(self) -> bool:
        """Whether this iteration of the loop has time left for immediate deliveries."""
        if self._immediate is None:
            self._immediate = TimeBudget(IMMEDIATE_SECONDS, self._now)
            asyncio.get_running_loop().call_soon(self._end_iteration)
        return not self._immediate.is_spent

    def _end_iteration(self) -> None:
        self._immediate = None
        self._served.clear()

    def end_sessions(self, user_id: int, session_ids: Collection[int]) -> None:
        """Ends the streams of these sessions with the reason `revoked`."""
        for subscriber in self.streams_of(user_id):
            if subscriber.session_id in session_ids:
                subscriber.end("revoked")

    def abort_all(self, reason: str) -> None:
        """Aborts all streams that are open now, a slice in each iteration of the loop."""
        self._abort_slice(iter(tuple(self)), reason)

    def _abort_slice(self, subscribers: Iterator[Subscriber], reason: str) -> None:
        budget = TimeBudget(SLICE_SECONDS, self._now)
        for subscriber in subscribers:
            subscriber.abort(reason)
            if budget.is_spent:
                asyncio.get_running_loop().call_soon(self._abort_slice, subscribers, reason)
                break

    def _dispatch(self) -> None:
        """Delivers a slice of the queues. Users take turns."""
        budget = TimeBudget(SLICE_SECONDS, self._now)
        while self._queues:
            user_id, queue = next(iter(self._queues.items()))
            del self._queues[user_id]
            if not _deliver_within(budget, queue):
                self._queues[user_id] = queue
                break
        if self._queues:
            asyncio.get_running_loop().call_soon(self._dispatch)


def _deliver_within(budget: TimeBudget, queue: deque[_Delivery]) -> bool:
    """Delivers from a user's queue until the budget is spent. Returns whether all is delivered."""
    while queue:
        if not queue[0].deliver_next():
            queue.popleft()
            continue
        if budget.is_spent:
            break
    return not queue


def _deliver(subscriber: Subscriber, seq: int, frame: Frame) -> None:
    """Delivers to one subscriber. Aborts it if it raises, so that the others get their event."""
    try:
        if not subscriber.closed:
            subscriber.deliver(seq, frame)
    except Exception:
        _log.exception("a stream of user %d failed", subscriber.user_id)
        subscriber.abort()


def _deliver_all(
    subscriber: Subscriber, events: Sequence[tuple[int, Frame]], joined: Frame
) -> None:
    """Like `_deliver`, for several events."""
    try:
        if not subscriber.closed:
            subscriber.deliver_all(events, joined)
    except Exception:
        _log.exception("a stream of user %d failed", subscriber.user_id)
        subscriber.abort()
