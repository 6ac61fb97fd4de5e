"""The bus: maps each user to the subscribers of their events, in one dict on one loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator
from time import monotonic
from typing import NamedTuple, Protocol

from bus.event import Frame
from time_budget import TimeBudget

AT_ONCE = 16  # subscribers of one user: by default, a user has ten streams at most
SLICE_SECONDS = 0.002  # of one iteration of the loop, for queued events
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


class _Delivery(NamedTuple):
    """An event, and the subscribers that do not have it yet."""

    subscribers: Iterator[Subscriber]
    seq: int
    frame: Frame


class Bus:
    """Delivers each event to all subscribers of its user, in the order of publication.

    Each user has a separate queue, so that many streams of one user delay no other user's events.
    Large batches of events are queued as well, so that they hold the loop for a short time only.
    """

    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._count = 0
        self._queues: dict[int, deque[_Delivery]] = {}  # by user, unfinished deliveries only
        self._immediate: TimeBudget | None = None  # for immediate deliveries in this iteration

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

        Subscribers get it at once if the user has at most `AT_ONCE` of them and nothing is queued,
        up to `IMMEDIATE_SECONDS`. Otherwise it is queued, and later iterations of the loop deliver
        it.
        """
        subscribers = self._subscribers.get(user_id)
        if not subscribers:
            return
        is_small = len(subscribers) <= AT_ONCE and user_id not in self._queues
        if is_small and self._has_time():
            for subscriber in tuple(subscribers):
                _deliver(subscriber, seq, frame)
            return
        queue = self._queues.get(user_id)
        if queue is None:
            if not self._queues:
                asyncio.get_running_loop().call_soon(self._dispatch)
            queue = self._queues[user_id] = deque()
        queue.append(_Delivery(iter(tuple(subscribers)), seq, frame))

    def _has_time(self) -> bool:
        """Whether this iteration of the loop has time left for immediate deliveries."""
        if self._immediate is None:
            self._immediate = TimeBudget(IMMEDIATE_SECONDS, self._now)
            asyncio.get_running_loop().call_soon(self._end_iteration)
        return not self._immediate.is_spent

    def _end_iteration(self) -> None:
        self._immediate = None

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
        delivery = queue[0]
        subscriber = next(delivery.subscribers, None)
        if subscriber is None:
            queue.popleft()
            continue
        _deliver(subscriber, delivery.seq, delivery.frame)
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
