"""The end of the server: after a signal, or after a failure that it cannot survive."""

import asyncio
import os
import signal
from collections.abc import Callable

END_SECONDS = 9.5  # from a signal to the exit
LEAST_STOP_SECONDS = 1.5  # for the embedded database, even if the drain took too long
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class Shutdown:
    """Begins with the first signal. The second one ends the process at once.

    SIGHUP means that the terminal is closed, so a second SIGHUP has no effect. If SIGHUP was
    ignored at the start, as with `nohup`, it stays ignored.
    """

    def __init__(self) -> None:
        self.failure: str | None = None
        self.at_once: Callable[[], None] = lambda: None  # called at a second signal
        self._asked = asyncio.Event()
        self._asked_at = 0.0
        self._signalled = False
        self._main = asyncio.current_task()
        self._ready = False
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._receive, number)

    async def wait(self) -> None:
        """Returns when the shutdown begins. Before this call, a signal cancels the main task."""
        self._ready = True
        await self._asked.wait()

    def fail(self, why: str) -> None:
        """Begins a drain that ends with a failure status and the message `why`."""
        self.failure = why
        self._ask()

    def seconds_left(self) -> float:
        """Returns the seconds left for stopping the embedded database."""
        if not self._asked.is_set():
            return END_SECONDS
        gone = asyncio.get_running_loop().time() - self._asked_at
        return max(END_SECONDS - gone, LEAST_STOP_SECONDS)

    def _receive(self, number: signal.Signals) -> None:
        if not self._signalled:
            self._signalled = True
            self._ask()
            if not self._ready and self._main is not None:
                self._main.cancel()
        elif number != signal.SIGHUP:
            self.at_once()
            os._exit(1)  # answered writes are committed, and the database recovers

    def _ask(self) -> None:
        if self._asked.is_set():
            return
        self._asked_at = asyncio.get_running_loop().time()
        self._asked.set()
