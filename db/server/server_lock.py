"""One server a database: the right to be it, and what becomes of it when the database goes away."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from db import connection, errors
from db.connection import Connection
from db.server import identity
from db.server.identity import Identity

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
        self._identity: Identity | None = None

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

    async def identify(self) -> Identity:
        """The database that it is the lock of; looked at in each second from now on."""
        self._identity = await identity.read(self._conn)
        return self._identity

    async def lost(
        self,
        changed: Callable[[Identity], None] = lambda found: None,
        doubted: asyncio.Event | None = None,
    ) -> None:
        """Returns when another server has it.

        A database that restarts, or a network that fails, ends the session: the lock is taken again
        as soon as the database is back. What the dead session leaves may hold it for a while.
        Where that is another database, or another epoch, `changed` is called. When `doubted` is
        set, a new session is made.
        """
        doubted = doubted or asyncio.Event()
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self.LOOK_SECONDS):
                    await doubted.wait()
            if (doubted.is_set() or not await self._is_ours()) and not await self._taken_again(
                changed
            ):
                return

    async def _is_ours(self) -> bool:
        """Whether the session lives, and its database is what it was or cannot say now."""
        try:
            if self._identity is None:
                return bool(await self._conn.rows("SELECT 1", {}, 5))
            return await identity.read(self._conn) == self._identity
        except (errors.DatabaseError, errors.Unexpected):
            return self._conn.usable

    async def _taken_again(self, changed: Callable[[Identity], None]) -> bool:
        while True:
            with contextlib.suppress(errors.DatabaseError, errors.Unexpected):
                self._conn.close()
                self._conn = await connection.connect(self._dsn, 5)
                if not await self._wait_again():
                    return False
                await self._settle(changed)
                return True
            await asyncio.sleep(self.PAUSE_SECONDS)

    async def _settle(self, changed: Callable[[Identity], None]) -> None:
        if self._identity is not None:
            self._identity = await identity.settle(self._conn)
            changed(self._identity)

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
