"""Work in small pieces: thousands who come, ask or leave in one moment do not hold the loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from time import monotonic  # uvloop's own time goes by milliseconds

TURN_SECONDS = 0.01  # of the loop for what has come; its other work waits for as long
WELCOME_SECONDS = 0.0002  # of that for newcomers, where others talk: for two or three
TALK_SECONDS = 1.0  # for so long somebody talks who has asked, and was answered before

_log = logging.getLogger("messenger")


class Turns:
    """Work, in the order in which it came: at once, until a turn of the loop has had enough."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._newcomers: deque[Callable[[], None]] = deque()
        self._until: float | None = None  # of the present turn; None: nothing was done in it
        self._talked_at = -TALK_SECONDS

    @property
    def somebody_talks(self) -> bool:
        """Who should not wait for crowds that come."""
        return monotonic() < self._talked_at + TALK_SECONDS

    def talk(self, work: Callable[[], None]) -> None:
        """For somebody who was answered before: as `do`, and newcomers wait for it."""
        self._talked_at = monotonic()
        self.do(work)

    def welcome(self, work: Callable[[], None]) -> None:
        """For somebody who has just come: in a turn to come, after those who were here before.

        So who comes and goes, over thousands of connections, does not hold up who stays.
        """
        self._newcomers.append(work)
        self._turn_soon()

    def do(self, work: Callable[[], None]) -> None:
        """Now, or in a turn to come."""
        if self._waiting:
            self._waiting.append(work)
            return
        if self._until is None:
            self._until = monotonic() + TURN_SECONDS
            asyncio.get_running_loop().call_soon(self._go_on)
        if monotonic() >= self._until:
            self._waiting.append(work)
        else:
            work()

    def put_off(self, work: Callable[[], None]) -> None:
        """In a turn to come."""
        self._waiting.append(work)
        self._turn_soon()

    async def all_done(self) -> None:
        """Returns when everything that waits now was done, but for newcomers."""
        done = asyncio.Event()
        self.put_off(done.set)
        await done.wait()

    def _turn_soon(self) -> None:
        if self._until is None:
            self._until = 0
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        self._until = until = monotonic() + TURN_SECONDS
        while self._waiting and monotonic() < until:
            _try(self._waiting.popleft())
        least = monotonic() + WELCOME_SECONDS
        until = least if self.somebody_talks else max(least, until)
        while self._newcomers and monotonic() < until:
            _try(self._newcomers.popleft())
        if self._waiting or self._newcomers:
            asyncio.get_running_loop().call_soon(self._go_on)
        else:
            self._until = None


def _try(work: Callable[[], None]) -> None:
    try:
        work()
    except Exception:
        _log.exception("a connection broke")
