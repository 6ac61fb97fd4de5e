"""A run queue for the work of connections, with a time budget for each iteration of the loop.

Thousands of clients may connect, send requests or disconnect at once. The queue handles them in
slices, and the loop does its other work in between.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic

from time_budget import TimeBudget

SLICE_SECONDS = 0.01  # for all work of this queue in one iteration of the loop
NEW_CLIENTS_SECONDS = 0.0002  # for new clients while others are active: two or three of them
ACTIVE_SECONDS = 1.0  # a client counts as active for this time after a request

_log = logging.getLogger("messenger")

Work = Callable[[], None]


class RequestScheduler:
    """Runs work in order of arrival, up to `SLICE_SECONDS` in one iteration of the loop.

    New clients wait for established ones. So a flood of short connections does not slow down
    established clients.
    """

    def __init__(self) -> None:
        self._deferred: deque[Work] = deque()
        self._new: deque[Work] = deque()
        self._slice: TimeBudget | None = None  # None between slices
        self._active_until = 0.0

    @property
    def has_active_clients(self) -> bool:
        """Whether an established client has sent a request in the last `ACTIVE_SECONDS`."""
        return monotonic() < self._active_until

    def submit_established(self, work: Work) -> None:
        """Runs or queues work of a client that has had a response before."""
        self._active_until = monotonic() + ACTIVE_SECONDS
        self.run_or_defer(work)

    def submit_new(self, work: Work) -> None:
        """Queues work of a client that has just connected, behind established clients."""
        self._new.append(work)
        self._run_soon()

    def run_or_defer(self, work: Work) -> None:
        """Runs `work` now if the queue is empty and the slice has time left; else queues it."""
        if self._deferred:
            self._deferred.append(work)
            return
        if self._slice is None:
            self._slice = TimeBudget(SLICE_SECONDS)
            asyncio.get_running_loop().call_soon(self._run_slice)
        if self._slice.is_spent:
            self._deferred.append(work)
        else:
            work()

    def defer(self, work: Work) -> None:
        """Queues `work` for a later iteration of the loop."""
        self._deferred.append(work)
        self._run_soon()

    async def drained(self) -> None:
        """Returns when all work that is queued now has run, except that of new clients."""
        reached = asyncio.Event()
        self.defer(reached.set)
        await reached.wait()

    def _run_soon(self) -> None:
        if self._slice is None:
            self._slice = TimeBudget(0)
            asyncio.get_running_loop().call_soon(self._run_slice)

    def _run_slice(self) -> None:
        self._slice = TimeBudget(SLICE_SECONDS)
        while self._deferred and not self._slice.is_spent:
            _run(self._deferred.popleft())
        self._run_new(self._slice)
        if self._deferred or self._new:
            asyncio.get_running_loop().call_soon(self._run_slice)
        else:
            self._slice = None

    def _run_new(self, rest: TimeBudget) -> None:
        """New clients get a little of each slice, and its rest while no client is active."""
        share, may_use_rest = TimeBudget(NEW_CLIENTS_SECONDS), not self.has_active_clients
        while self._new and not (share.is_spent and (rest.is_spent or not may_use_rest)):
            _run(self._new.popleft())


def _run(work: Work) -> None:
    try:
        work()
    except Exception:
        _log.exception("the work of a connection failed")
