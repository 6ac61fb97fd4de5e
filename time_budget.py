"""Limits how long a loop over many items may hold the event loop."""

from collections.abc import Callable
from time import monotonic  # uvloop's own clock has a resolution of a millisecond


class TimeBudget:
    """A number of seconds, from now on. A loop asks `is_spent` after each item."""

    __slots__ = ("_now", "_until")

    def __init__(self, seconds: float, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._until = now() + seconds

    @property
    def is_spent(self) -> bool:
        return self._now() >= self._until
