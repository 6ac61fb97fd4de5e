"""The disk of the embedded database: while little is left, what is kept back is not used up.

PostgreSQL that cannot write its log (WAL) ends itself. So sends are refused before that, and what
is left serves reads, sign-ins and read markers.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

LOOK_SECONDS = 1.0
SAY_SECONDS = 60.0  # at least, between two lines of the log
LEAST_RESERVE = 64 * 1024**2  # four of PostgreSQL's files of WAL
USUAL_RESERVE = 1024**3
USUAL_SHARE = 0.05  # of the disk, where that is less

_log = logging.getLogger("messenger.db")


class Disk:
    """Whether the file systems of `directories` have less left than `reserve` (bytes).

    Without a `reserve` it depends on the file system's size; 0 turns it off.
    """

    def __init__(self, directories: Sequence[Path], reserve: int | None = None) -> None:
        self._directories = directories
        self._reserve = reserve
        self._said_at = -SAY_SECONDS
        self.is_low = False

    async def watch(self) -> None:
        """Looks each second, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            # In a thread: a file system may take its time to answer.
            self._tell(await loop.run_in_executor(None, self.look))
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> bool:
        """Whether one of them has too little left. What is not there yet has enough."""
        self.is_low = any(self._is_low(directory) for directory in self._directories)
        return self.is_low

    def _is_low(self, directory: Path) -> bool:
        try:
            found = os.statvfs(directory)
        except OSError:
            return False
        reserve = self._reserve
        if reserve is None:
            reserve = usual_reserve(found.f_blocks * found.f_frsize)
        return found.f_bavail * found.f_frsize < reserve

    def _tell(self, is_low: bool) -> None:
        now = asyncio.get_running_loop().time()
        if is_low and now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            where = ", ".join(map(str, self._directories))
            _log.warning("the disk of %s is almost full: messages are refused", where)


def usual_reserve(size: int) -> int:
    """Of a file system of `size` bytes."""
    return max(LEAST_RESERVE, min(USUAL_RESERVE, int(size * USUAL_SHARE)))
