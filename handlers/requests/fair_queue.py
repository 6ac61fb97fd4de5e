"""Queues the requests of clients that exceed their budget.

A client is a user, or an address for requests without a credential. Each client has a budget of
requests. A finished request is also charged for the time and bytes that it took. Requests within
the budget run at once. Requests over it are queued and run one at a time.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Hashable
from types import TracebackType, coroutine
from typing import Any, NamedTuple

from cachetools import LRUCache

from handlers.requests import problems

MOST_CLIENTS = 50_000  # in memory, at about 300 bytes each
MOST_QUEUED = 64  # requests of one client; the next one is refused
QUEUE_SECONDS = 30.0  # a queued request is refused after this time
QUIET_SECONDS = 1.0  # after a pause of this length, a burst of requests never waits
SECONDS_FOR_ONE = 0.005  # time of the loop that costs as much as one request
BYTES_FOR_ONE = 64 * 1024  # size of an answer that costs as much as one request
RESTS = 4  # times the last request's time: one queue takes a fifth of the loop at most
LONGEST_REST_SECONDS = 0.1
LONGEST_TURN_SECONDS = 0.1  # the next request starts after this time, even before an answer
BLOCKED_SECONDS = 0.05  # between checks of whether a client has read its answers

Clock = Callable[[], float]


class Budget(NamedTuple):
    """A burst of `at_once` requests, and then `per_second`."""

    at_once: float
    per_second: float


class Room(NamedTuple):
    """The limit on the buffered bytes of one client, and the function that counts them."""

    max_bytes: int
    write_buffer_size: Callable[[Hashable], int]


class FairQueue:
    """The queues of all clients. Without a budget, requests wait only for buffer space."""

    def __init__(self, budget: Budget | None, room: Room, now: Clock = time.monotonic) -> None:
        self.budget = budget
        self.room = room
        self.now = now
        self.queued: set[ClientQueue] = set()  # those that have requests waiting
        self._clients: LRUCache[Hashable, ClientQueue] = LRUCache(MOST_CLIENTS)
        self._is_draining = False

    def enter(
        self, client: Hashable, cost: float, *, answer_bytes: int = 0, is_refusable: bool = True
    ) -> "Slot":
        """Returns a slot that is granted, queued or refused.

        `answer_bytes` is the largest size of the answer. A slot that is not refusable waits without
        limit.
        """
        try:
            queue = self._clients[client]
        except KeyError:
            queue = self._clients[client] = ClientQueue(self, client)
        slot = Slot(queue, cost, answer_bytes, is_refusable)
        queue.enter(slot, self._is_draining)
        return slot

    def charge(self, client: Hashable, seconds: float, answer_bytes: int) -> None:
        """Charges a client for work outside of a request, such as a replay."""
        if (queue := self._clients.get(client)) is not None:
            queue.charge(seconds, answer_bytes)

    def drain(self) -> None:
        """Refuses all queued requests, and from now on those that would be queued."""
        self._is_draining = True
        for queue in list(self.queued):
            queue.refuse_all(_draining)


class ClientQueue:
    """One client's budget, and its queued requests in order of arrival."""

    __slots__ = (
        "_active_at",
        "_burst_left",
        "_client",
        "_expiry",
        "_full_at",
        "_queue",
        "_refusable",
        "_reserved",
        "_rest_until",
        "_running",
        "_timer",
        "_waiting",
    )

    def __init__(self, queue: FairQueue, client: Hashable) -> None:
        self._queue = queue
        self._client = client
        # The time at which the budget is full again (the generic cell rate algorithm,
        # ITU-T I.371).
        self._full_at = 0.0
        self._active_at = -QUIET_SECONDS  # the time of the last request or charge
        self._burst_left = 0.0  # cost of requests that still run at once, after a quiet time
        self._reserved = 0  # the largest total size of the answers that have begun
        self._rest_until = 0.0
        self._running: Slot | None = None  # the queued request that has its turn
        self._waiting: dict[Slot, None] = {}
        self._refusable = 0  # number of refusable slots in `_waiting`
        self._timer: asyncio.TimerHandle | None = None
        self._expiry: asyncio.TimerHandle | None = None

    def enter(self, slot: "Slot", is_draining: bool) -> None:
        now = self._queue.now()
        if self._queue.budget is None:
            slot.is_paid = True
        else:
            if now - self._active_at >= QUIET_SECONDS:
                self._burst_left = self._queue.budget.at_once
            self._active_at = now
            self._pay_at_once(slot, now)
        if slot.is_paid and not self._waiting and self._has_room(slot):
            self._begin(slot)
        elif is_draining:
            slot.refusal = _draining()
        elif slot.is_refusable and self._refusable >= MOST_QUEUED:
            slot.refusal = self._too_many()
        else:
            self._wait(slot, now)

    def charge(self, seconds: float, answer_bytes: int) -> None:
        budget = self._queue.budget
        if budget is not None:
            self._active_at = now = self._queue.now()
            cost = seconds / SECONDS_FOR_ONE + answer_bytes / BYTES_FOR_ONE
            self._full_at = max(now, self._full_at) + cost / budget.per_second

    def end(self, slot: "Slot") -> None:
        """Charges for a request that is answered or cancelled."""
        self._reserved -= slot.answer_bytes
        self.charge(slot.seconds, slot.sent_bytes)

    def next(self, slot: "Slot") -> None:
        """Starts the next request. The client has read the answer to this one, or it takes long."""
        if self._running is slot:
            self._running = None
            rest = min(RESTS * slot.seconds, LONGEST_REST_SECONDS)
            self._rest_until = self._queue.now() + rest
            self._advance()

    def cancel(self, slot: "Slot") -> None:
        if slot in self._waiting:
            self._leave(slot)
            self._advance()
        elif slot.is_granted and not slot.has_begun:  # the rest of the body will not arrive
            slot.has_begun = True
            self.end(slot)
            self.next(slot)

    def refuse_all(self, problem: Callable[[], problems.Problem]) -> None:
        for slot in list(self._waiting):
            self._refuse(slot, problem())

    def _pay_at_once(self, slot: "Slot", now: float) -> None:
        """Pays from the burst after a quiet time, or from the budget if no request is queued."""
        if self._burst_left >= slot.cost:
            self._burst_left -= slot.cost
            self._pay(slot, now)
        elif not self._waiting and self._running is None and self._delay(slot, now) <= 0:
            self._pay(slot, now)

    def _pay(self, slot: "Slot", now: float) -> None:
        assert self._queue.budget is not None
        self._full_at = max(now, self._full_at) + slot.cost / self._queue.budget.per_second
        slot.is_paid = True

    def _delay(self, slot: "Slot", now: float) -> float:
        """Returns the seconds until the budget covers the slot."""
        if slot.is_paid or self._queue.budget is None:
            return 0.0
        at_once, per_second = self._queue.budget
        ahead = (max(slot.cost, at_once) - slot.cost) / per_second
        return self._full_at - ahead - now

    def _has_room(self, slot: "Slot") -> bool:
        """Whether the answer fits. A client without buffered bytes has room for any answer."""
        most, write_buffer_size = self._queue.room
        used = write_buffer_size(self._client) + self._reserved
        return used == 0 or used + slot.answer_bytes <= most

    def _begin(self, slot: "Slot") -> None:
        self._reserved += slot.answer_bytes
        slot.is_granted = True

    def _wait(self, slot: "Slot", now: float) -> None:
        slot.since = now
        slot.decided = asyncio.get_running_loop().create_future()
        self._waiting[slot] = None
        self._refusable += slot.is_refusable
        self._queue.queued.add(self)
        if self._expiry is None and slot.is_refusable:
            self._expire_in(QUEUE_SECONDS)
        if self._timer is None:
            self._advance()

    def _leave(self, slot: "Slot") -> None:
        del self._waiting[slot]
        self._refusable -= slot.is_refusable
        if not self._waiting:
            self._queue.queued.discard(self)

    def _refuse(self, slot: "Slot", problem: problems.Problem) -> None:
        self._leave(slot)
        slot.refusal = problem
        slot.decide()

    def _advance(self) -> None:
        """Grants the oldest slot, or sets a timer to try again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._running is not None or not self._waiting:
            return
        slot, now = next(iter(self._waiting)), self._queue.now()
        delay = max(self._delay(slot, now), self._rest_until - now)
        if delay <= 0 and not self._has_room(slot):
            delay = BLOCKED_SECONDS
        if delay > 0:
            self._timer = asyncio.get_running_loop().call_later(delay, self._advance)
            return
        if not slot.is_paid:
            self._pay(slot, now)
        self._leave(slot)
        self._begin(slot)
        self._running = slot
        slot.decide()
        asyncio.get_running_loop().call_later(LONGEST_TURN_SECONDS, self.next, slot)

    def _expire_in(self, seconds: float) -> None:
        self._expiry = asyncio.get_running_loop().call_later(seconds, self._expire)

    def _expire(self) -> None:
        self._expiry = None
        now = self._queue.now()
        for slot in [slot for slot in self._waiting if slot.is_refusable]:
            if slot.since + QUEUE_SECONDS > now:
                self._expire_in(slot.since + QUEUE_SECONDS - now)
                break
            self._refuse(slot, self._too_many())

    def _too_many(self) -> problems.TooMany:
        return problems.TooMany(
            "rate_limited", "You're doing that too often. Please try again in a moment."
        )


class Slot:
    """The right of a request to run. `with` holds it while the request is answered."""

    __slots__ = (
        "_queue",
        "answer_bytes",
        "cost",
        "decided",
        "has_begun",
        "is_granted",
        "is_paid",
        "is_refusable",
        "refusal",
        "seconds",
        "sent_bytes",
        "since",
    )

    def __init__(
        self, queue: ClientQueue, cost: float, answer_bytes: int, is_refusable: bool
    ) -> None:
        self._queue = queue
        self.cost = cost
        self.answer_bytes = answer_bytes
        self.is_refusable = is_refusable
        self.is_granted = False
        self.is_paid = False
        self.has_begun = False  # the request is being answered, or was cancelled
        self.refusal: problems.Problem | None = None
        self.decided: asyncio.Future[None] | None = None  # of a queued slot: granted or refused
        self.since = 0.0
        self.seconds = 0.0  # time of the loop that the request took
        self.sent_bytes = 0

    @property
    def waits(self) -> bool:
        return self.decided is not None and not self.decided.done()

    def __enter__(self) -> "Slot":
        self.has_begun = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Charges for the request. The client's next one may still wait for `taken`."""
        if self.is_granted:
            self._queue.end(self)

    def taken(self) -> None:
        """Starts the client's next request, because it has read the answer. Idempotent."""
        self._queue.next(self)

    def cancel(self) -> None:
        """Gives up the slot of a disconnected client. A request that has begun continues."""
        self._queue.cancel(self)

    def decide(self) -> None:
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(None)

    @coroutine
    def timed(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Runs `work`, and adds up the time for which its steps hold the loop."""
        step: Callable[[Any], Any] = work.send
        argument: Any = None
        while True:
            began = time.monotonic()
            try:
                awaited = step(argument)
            except StopIteration:
                return
            finally:
                self.seconds += time.monotonic() - began
            try:
                argument, step = (yield awaited), work.send
            except BaseException as error:
                argument, step = error, work.throw


def _draining() -> problems.Problem:
    return problems.Draining()
