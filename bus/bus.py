"""The bus: from each user to the subscribers of their events, in one dict in one loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple, Protocol

from bus.event import Frame

SLICE = 200  # subscribers called in one turn of the loop: about 2 ms

_log = logging.getLogger("messenger.bus")


class Subscriber(Protocol):
    """An open stream, as the bus sees it. None of its methods blocks or awaits."""

    user_id: int
    session_id: int
    expires_at: float  # in the loop's time

    @property
    def closed(self) -> bool:
        """Whether it has unsubscribed."""

    def deliver(self, seq: int, frame: Frame) -> None:
        """The event `seq` of its user's feed has happened."""

    def catch_up(self, seq: int) -> None:
        """Its user's feed has come to `seq`; it reads the events that it does not have."""

    def ping(self) -> None:
        """The heartbeat; a stream whose token has expired ends instead."""

    def end(self, reason: str) -> None:
        """Says `bye` and closes."""

    def abort(self, reason: str = "broken") -> None:
        """Closes without a word, since its state is in doubt; its client resumes."""


class _Delivery(NamedTuple):
    """An event that some subscribers of its user do not have yet."""

    subscribers: Iterator[Subscriber]
    seq: int
    frame: Frame


class Bus:
    """Delivers each event to all subscribers of its user, in the order published.

    Each user has a queue of their own: many streams of one user delay nobody else's events.
    """

    def __init__(self) -> None:
        self._subscribers: dict[int, set[Subscriber]] = {}
        self._count = 0
        self._queues: dict[int, deque[_Delivery]] = {}  # of users with deliveries under way

    def __len__(self) -> int:
        """How many streams are open."""
        return self._count

    def __iter__(self) -> Iterator[Subscriber]:
        """All subscribers at this moment; the caller may end them meanwhile."""
        return iter([s for subscribers in self._subscribers.values() for s in subscribers])

    def streams_of(self, user_id: int) -> Collection[Subscriber]:
        """Those at this moment; the caller may end them meanwhile."""
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
        """Delivers the event without waiting for anyone.

        Beyond `SLICE` subscribers the rest follows in later turns of the loop, and what is
        published to this user meanwhile queues up behind it.
        """
        subscribers = self._subscribers.get(user_id)
        if not subscribers:
            return
        if len(subscribers) <= SLICE and user_id not in self._queues:
            for subscriber in tuple(subscribers):
                _deliver(subscriber, seq, frame)
            return
        queue = self._queues.get(user_id)
        if queue is None:
            if not self._queues:
                asyncio.get_running_loop().call_soon(self._dispatch)
            queue = self._queues[user_id] = deque()
        queue.append(_Delivery(iter(tuple(subscribers)), seq, frame))

    def end_sessions(self, user_id: int, session_ids: Collection[int]) -> None:
        """Ends the streams that these sessions opened."""
        for subscriber in self.streams_of(user_id):
            if subscriber.session_id in session_ids:
                subscriber.end("revoked")

    def abort_all(self, reason: str) -> None:
        """Aborts all streams that are open now, a slice in each turn of the loop."""
        self._abort_slice(iter(tuple(self)), reason)

    def _abort_slice(self, subscribers: Iterator[Subscriber], reason: str) -> None:
        some = list(islice(subscribers, SLICE))
        for subscriber in some:
            subscriber.abort(reason)
        if some:
            asyncio.get_running_loop().call_soon(self._abort_slice, subscribers, reason)

    def _dispatch(self) -> None:
        """Takes a slice of one user's queue; users take turns."""
        user_id, queue = next(iter(self._queues.items()))
        del self._queues[user_id]
        room = SLICE
        while queue and room:
            delivery = queue[0]
            some = list(islice(delivery.subscribers, room))
            for subscriber in some:
                _deliver(subscriber, delivery.seq, delivery.frame)
            room -= len(some)
            if room:
                queue.popleft()
        if queue:
            self._queues[user_id] = queue
        if self._queues:
            asyncio.get_running_loop().call_soon(self._dispatch)


def _deliver(subscriber: Subscriber, seq: int, frame: Frame) -> None:
    """A subscriber that fails is aborted, and harms no other."""
    try:
        if not subscriber.closed:
            subscriber.deliver(seq, frame)
    except Exception:
        _log.exception("a stream of user %d failed", subscriber.user_id)
        subscriber.abort()
