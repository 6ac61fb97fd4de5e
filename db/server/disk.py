"""The free space of the embedded database, with a reserve that messages may not use.

PostgreSQL ends if it cannot write its WAL. So the server refuses messages before that. The reserve
is left for reads, sign-ins and read markers.
"""

import asyncio
import logging
import os
from collections.abc import Sequence
from pathlib import Path

LOOK_SECONDS = 1.0
SAY_SECONDS = 60.0  # between two log lines, at least
LEAST_RESERVE = 64 * 1024**2  # bytes: four WAL files of PostgreSQL
USUAL_RESERVE = 1024**3
USUAL_SHARE = 0.05  # of the disk, if that is less

_log = logging.getLogger("messenger.db")


class Disk:
    """Tells whether a file system of `directories` has less free space than `reserve` (bytes).

    Without a `reserve`, it depends on the size of the file system. 0 turns the check off.
    """

    def __init__(self, directories: Sequence[Path], reserve: int | None = None) -> None:
        self._directories = directories
        self._reserve = reserve
        self._said_at = -SAY_SECONDS
        self.is_low = False

    async def watch(self) -> None:
        """Checks every `LOOK_SECONDS`, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            # In a thread, because a file system may block.
            self._tell(await loop.run_in_executor(None, self.look))
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> bool:
        """Whether a directory has too little space. A missing directory counts as enough."""
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
    """Returns the default reserve for a file system of `size` bytes."""
    return max(LEAST_RESERVE, min(USUAL_RESERVE, int(size * USUAL_SHARE)))
