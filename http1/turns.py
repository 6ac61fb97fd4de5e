"""Work in small pieces: thousands who come, ask or leave in one moment do not hold the loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

TURN_SECONDS = 0.01  # of the loop for what has come; its other work waits for as long

_log = logging.getLogger("messenger")


class Turns:
    """Work, in the order in which it came: at once, until a turn of the loop has had enough."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._until: float | None = None  # of the present turn; None: nothing was done in it

    def do(self, work: Callable[[], None]) -> None:
        """Now, or in a turn to come."""
        if self._waiting:
            self._waiting.append(work)
            return
        loop = asyncio.get_running_loop()
        if self._until is None:
            self._until = loop.time() + TURN_SECONDS
            loop.call_soon(self._go_on)
        if loop.time() >= self._until:
            self._waiting.append(work)
        else:
            work()

    def put_off(self, work: Callable[[], None]) -> None:
        """In a turn to come."""
        self._waiting.append(work)
        if self._until is None:
            self._until = 0
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        loop = asyncio.get_running_loop()
        self._until = until = loop.time() + TURN_SECONDS
        while self._waiting and loop.time() < until:
            work = self._waiting.popleft()
            try:
                work()
            except Exception:
                _log.exception("a connection broke")
        if self._waiting:
            loop.call_soon(self._go_on)
        else:
            self._until = None
