"""Where requests wait when their client asks for more than its share.

A client is a user, or an address where no credential says who asks. Each has a budget of requests,
and pays for the time and the bytes that they took when they are done. Requests within the budget
run at once. Requests beyond it are queued and run one at a time, as the budget allows.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Generator, Hashable
from types import TracebackType, coroutine
from typing import Any, NamedTuple

from cachetools import LRUCache

from handlers.requests import problems

MOST_CLIENTS = 50_000  # remembered, at about 300 bytes each
MOST_QUEUED = 64  # requests of one client; the next one is refused
QUEUE_SECONDS = 30.0  # that a request waits before it is refused
QUIET_SECONDS = 1.0  # without a request, after which the first ones never wait
SECONDS_FOR_ONE = 0.005  # of the loop: they cost as much as one more request
BYTES_FOR_ONE = 64 * 1024  # of an answer, likewise
RESTS = 4  # times as long as the last request held the loop: a queue takes a fifth of it at most
LONGEST_REST_SECONDS = 0.1
LONGEST_TURN_SECONDS = 0.1  # a request that takes longer waits for something else, or to be read
BLOCKED_SECONDS = 0.05  # between looks at whether a client has taken its answers

Clock = Callable[[], float]


class Budget(NamedTuple):
    """`at_once`, and then `per_second`."""

    at_once: float
    per_second: float


class Room(NamedTuple):
    """How much may wait for one client to take it, and how much does."""

    max_bytes: int
    write_buffer_size: Callable[[Hashable], int]


class FairQueue:
    """The queues of all clients. Without a budget no request waits for its cost."""

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
        """Asks for a slot: granted at once, or in a while, or refused at once.

        `answer_bytes` is the most that its answer may have. A slot that is not refusable waits for
        as long as it takes.
        """
        try:
            queue = self._clients[client]
        except KeyError:
            queue = self._clients[client] = ClientQueue(self, client)
        slot = Slot(queue, cost, answer_bytes, is_refusable)
        queue.enter(slot, self._is_draining)
        return slot

    def charge(self, client: Hashable, seconds: float, answer_bytes: int) -> None:
        """Takes from a client's budget what was done for it outside of a request."""
        if (queue := self._clients.get(client)) is not None:
            queue.charge(seconds, answer_bytes)

    def drain(self) -> None:
        """Refuses all requests that wait, and all that would."""
        self._is_draining = True
        for queue in list(self.queued):
            queue.refuse_all(_draining)


class ClientQueue:
    """One client's budget, and its requests that wait, in the order in which they came."""

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
        # The budget is kept as the time at which it is full again (the generic cell rate
        # algorithm, ITU-T I.371).
        self._full_at = 0.0
        self._active_at = -QUIET_SECONDS  # when it asked, or was answered, last
        self._burst_left = 0.0  # requests that do not wait, since the client was quiet before
        self._reserved = 0  # bytes that answers which have begun may have
        self._rest_until = 0.0
        self._running: Slot | None = None  # the one that was queued and is not done
        self._waiting: dict[Slot, None] = {}
        self._refusable = 0  # of those
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
        """Its request is answered, or was given up."""
        self._reserved -= slot.answer_bytes
        self.charge(slot.seconds, slot.sent_bytes)

    def next(self, slot: "Slot") -> None:
        """The answer was taken, or takes long: the next one has its turn."""
        if self._running is slot:
            self._running = None
            rest = min(RESTS * slot.seconds, LONGEST_REST_SECONDS)
            self._rest_until = self._queue.now() + rest
            self._advance()

    def cancel(self, slot: "Slot") -> None:
        if slot in self._waiting:
            self._leave(slot)
            self._advance()
        elif slot.is_granted and not slot.has_begun:  # its body will not come
            slot.has_begun = True
            self.end(slot)
            self.next(slot)

    def refuse_all(self, problem: Callable[[], problems.Problem]) -> None:
        for slot in list(self._waiting):
            self._refuse(slot, problem())

    def _pay_at_once(self, slot: "Slot", now: float) -> None:
        """From what is left after a quiet second, or from the budget, unless others wait."""
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
        """Seconds until the budget has room for it."""
        if slot.is_paid or self._queue.budget is None:
            return 0.0
        at_once, per_second = self._queue.budget
        ahead = (max(slot.cost, at_once) - slot.cost) / per_second
        return self._full_at - ahead - now

    def _has_room(self, slot: "Slot") -> bool:
        """A client that takes its answers has room for one, whatever its size."""
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
        """Grants the oldest slot its turn, or sets a time at which that is looked at again."""
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
    """One request's place: held by `with` while the request is answered."""

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
        self.has_begun = False  # its request is being answered, or was given up
        self.refusal: problems.Problem | None = None
        self.decided: asyncio.Future[None] | None = None  # where it waits: done when it does not
        self.since = 0.0
        self.seconds = 0.0  # of the loop that the request took
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
        """The next request of the client may still have to wait for `taken`."""
        if self.is_granted:
            self._queue.end(self)

    def taken(self) -> None:
        """The client has taken the answer; may be called any number of times."""
        self._queue.next(self)

    def cancel(self) -> None:
        """Its client has disconnected. A request that has begun goes on, and keeps its turn."""
        self._queue.cancel(self)

    def decide(self) -> None:
        if self.decided is not None and not self.decided.done():
            self.decided.set_result(None)

    @coroutine
    def timed(self, work: Coroutine[Any, Any, None]) -> Generator[Any, Any, None]:
        """Runs `work`, and adds up how long its steps hold the loop."""
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
