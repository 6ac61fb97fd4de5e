"""The heartbeat: pings each open stream about every `HEARTBEAT_SECONDS`, spread over time.

It calls each stream no later than when its token expires. So a stream needs no timer.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from bus.bus import Subscriber
from bus.event import HEARTBEAT_SECONDS
from time_budget import TimeBudget

SLICE_SECONDS = 0.002  # of one iteration of the loop
SPREAD = 0.2  # an interval is this fraction longer or shorter, at random
SLOT_SECONDS = 0.05  # of 10,000 streams, a slot has about 25: half a millisecond of the loop

_log = logging.getLogger("messenger.bus")


class Heartbeat:
    """A timing wheel: each slot holds the streams that are due in it.

    All streams share one timer; without streams, there is none. `interval` returns seconds. `after`
    is called with the streams that were pinged in one iteration of the loop.
    """

    def __init__(
        self,
        interval: Callable[[], float] | None = None,
        after: Callable[[Sequence[Subscriber]], None] | None = None,
    ) -> None:
        self._interval = interval or _interval
        self._after = after
        self._slots: dict[int, dict[Subscriber, None]] = {}
        self._due: dict[Subscriber, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0  # the slot that the timer waits for

    def add(self, stream: Subscriber) -> None:
        now = asyncio.get_running_loop().time()
        due = int(max(now, min(now + self._interval(), stream.expires_at)) / SLOT_SECONDS) + 1
        self._due[stream] = due
        self._slots.setdefault(due, {})[stream] = None
        if self._timer is None or due < self._next:
            self._wait()

    def discard(self, stream: Subscriber) -> None:
        due = self._due.pop(stream, None)
        if due is not None and due in self._slots:
            self._slots[due].pop(stream, None)

    def _wait(self) -> None:
        """Starts the timer for the first slot that has streams."""
        if self._timer is not None:
            self._timer.cancel()
        self._next = min(self._slots)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._next * SLOT_SECONDS, self._tick)

    def _tick(self) -> None:
        """Pings the streams that are due. Those beyond its budget follow in the next iteration."""
        self._next = 0  # keeps `add` from starting a timer during this call
        now = asyncio.get_running_loop().time()
        budget = TimeBudget(SLICE_SECONDS)
        pinged: list[Subscriber] = []
        for slot in sorted(self._slots):
            if slot * SLOT_SECONDS > now or budget.is_spent:
                break
            streams = self._slots[slot]
            while streams and not budget.is_spent:
                stream, _ = streams.popitem()
                pinged.append(stream)
                self._ping(stream)
            if not streams:
                del self._slots[slot]
        if self._after is not None and pinged:
            self._after(pinged)
        self._timer = None
        if self._due:
            self._wait()

    def _ping(self, stream: Subscriber) -> None:
        del self._due[stream]
        try:
            stream.ping()
        except Exception:
            _log.exception("a stream of user %d failed", stream.user_id)
            stream.abort()
        else:
            if not stream.closed:
                self.add(stream)


def _interval() -> float:
    """Returns a random interval in seconds."""
    return HEARTBEAT_SECONDS * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311
