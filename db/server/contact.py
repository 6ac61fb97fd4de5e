"""Contact with the database: decides whether what this server remembers may be used.

A server with a relay hears of the ends of sessions from others. While it may have missed one, it
trusts no remembered session, and writes no event, until it has looked at the database.
"""

import asyncio
import time
from collections.abc import Callable

ANSWER_SECONDS = 2.0  # contact lasts this long after the database was last asked
PAUSE_SECONDS = 1.0  # after a longer pause of the loop, such as a SIGSTOP, contact is lost
TICK_SECONDS = 0.25


def awake() -> float:
    """Returns seconds of a clock that also counts while the machine sleeps (Linux)."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


class Contact:
    """Contact is lost by silence, by a pause, or by `lose`. Only `renew` brings it back.

    A server without a relay needs none, and `is_current` is always true.
    """

    def __init__(self, *, needed: bool, now: Callable[[], float] = awake) -> None:
        self._needed = needed
        self._now = now
        self._ticked = now()
        self._until = 0.0
        self._is_lost = needed
        self._losses = 0
        self._renewed: asyncio.Event = asyncio.Event()

    @property
    def is_current(self) -> bool:
        if not self._needed:
            return True
        now = self._now()
        if not self._is_lost and (now >= self._until or self._has_paused(now)):
            self.lose()
        return not self._is_lost

    def _has_paused(self, now: float) -> bool:
        return now - self._ticked > PAUSE_SECONDS

    def lose(self) -> None:
        self._is_lost = self._needed
        self._losses += 1
        self._renewed.clear()

    @property
    def losses(self) -> int:
        """Counts losses. Pass it to `renew`, so that a loss during the look counts."""
        return self._losses

    def answered(self, asked_at: float) -> None:
        """Extends the contact, unless it is lost.

        `asked_at` is when the database was asked, in the clock of `awake`.
        """
        if self.is_current or self._is_lost:
            self._until = max(self._until, asked_at + ANSWER_SECONDS)

    def renew(self, losses: int) -> None:
        """Restores contact after a look at all sessions and feeds, if none was lost since `losses`.

        A look at many streams may take long. So the answers to other questions show whether the
        database can still be reached.
        """
        now = self._now()
        if losses == self._losses and now < self._until and not self._has_paused(now):
            self._is_lost = False
            self._renewed.set()

    async def wait(self) -> None:
        """Returns when there is contact."""
        while not self.is_current:
            await self._renewed.wait()

    async def tick(self) -> None:
        """Notices pauses of the loop, until cancelled."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = self._now()
            if self._has_paused(now):
                self.lose()
            self._ticked = now
