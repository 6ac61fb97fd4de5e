"""One server a database: the right to be it, and what becomes of it when the database goes away."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from db import connection, errors
from db.connection import Connection

_log = logging.getLogger("messenger.db")


class ServerLock:
    """The right to be this database's one server: an advisory lock that lives with its session."""

    KEY = 0x6D657373656E6765  # "messenge", as a bigint
    PATIENCE_SECONDS = 15.0  # how long a second server waits for the first one to leave
    LOOK_SECONDS = 1.0  # between looks at whether the session lives
    PAUSE_SECONDS = 0.25  # between attempts to get the lock

    def __init__(self, dsn: str, conn: Connection) -> None:
        self._dsn = dsn
        self._conn = conn

    @classmethod
    async def take(
        cls, dsn: str, say: Callable[[str], None], patience: float = PATIENCE_SECONDS
    ) -> "ServerLock":
        """Raises `errors.Unavailable` when another server holds it for all of `patience`."""
        lock = cls(dsn, await connection.connect(dsn, 5))
        try:
            await lock._wait(say, patience)
        except BaseException:
            lock.release()
            raise
        return lock

    def release(self) -> None:
        self._conn.close()

    async def lost(self) -> None:
        """Returns when another server has it.

        A database that restarts, or a network that fails, ends the session: the lock is taken again
        as soon as the database is back. What the dead session leaves may hold it for a while.
        """
        while True:
            await asyncio.sleep(self.LOOK_SECONDS)
            try:
                await self._conn.rows("SELECT 1", {}, 5)
            except errors.DatabaseError:
                if not await self._taken_again():
                    return

    async def _taken_again(self) -> bool:
        while True:
            with contextlib.suppress(errors.DatabaseError):
                self._conn.close()
                self._conn = await connection.connect(self._dsn, 5)
                return await self._wait_again()
            await asyncio.sleep(self.PAUSE_SECONDS)

    async def _wait_again(self) -> bool:
        try:
            await self._wait(_log.warning, self.PATIENCE_SECONDS)
        except errors.InUse:
            return False
        return True

    async def _wait(self, say: Callable[[str], None], patience: float) -> None:
        until = asyncio.get_running_loop().time() + patience
        said = False
        while not await self._acquired():
            if asyncio.get_running_loop().time() >= until:
                raise errors.InUse("another server is using this database")
            if not said:
                say(f"another server is using this database; waiting up to {patience:.0f} s for it")
                said = True
            await asyncio.sleep(self.PAUSE_SECONDS)

    async def _acquired(self) -> bool:
        sql = "SELECT pg_try_advisory_lock(%(key)s)"
        return bool((await self._conn.rows(sql, {"key": self.KEY}, 5))[0][0])
