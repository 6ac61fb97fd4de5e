"""What ends the server: a signal, or the failure of something that it cannot do without."""

import asyncio
import os
import signal
from collections.abc import Callable

END_SECONDS = 9.5  # from a signal to the exit
LEAST_STOP_SECONDS = 1.5  # of that for the embedded database, whatever else took long
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP)


class Shutdown:
    """Asked for by the first signal; the second ends the process at once.

    SIGHUP tells that the terminal is gone, so it asks only once, and not at all where it was
    ignored at the start, as by `nohup`.
    """

    def __init__(self) -> None:
        self.failure: str | None = None
        self.at_once: Callable[[], None] = lambda: None  # what a second signal still has to end
        self._asked = asyncio.Event()
        self._asked_at = 0.0
        self._signalled = False
        self._main = asyncio.current_task()
        self._ready = False
        for number in SIGNALS:
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                asyncio.get_running_loop().add_signal_handler(number, self._receive, number)

    async def wait(self) -> None:
        """Returns when the end is asked for; a signal during the start has ended it already."""
        self._ready = True
        await self._asked.wait()

    def fail(self, why: str) -> None:
        """Asks for the end in good order, and for an exit status that says otherwise."""
        self.failure = why
        self._ask()

    def seconds_left(self) -> float:
        """Of the time that it may take."""
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
            os._exit(1)  # what was answered is committed, and the database recovers

    def _ask(self) -> None:
        if self._asked.is_set():
            return
        self._asked_at = asyncio.get_running_loop().time()
        self._asked.set()
