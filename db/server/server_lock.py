"""The lock on a database, and its renewal after a lost connection.

One server holds it alone. Servers with a relay share it.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from db import connection, errors
from db.connection import Connection
from db.server import identity, pooler
from db.server.identity import Identity
from db.server.membership import Member, Membership

_log = logging.getLogger("messenger.db")


class ServerLock:
    """An advisory lock in PostgreSQL, which ends with its session."""

    KEY = 0x6D657373656E6765  # "messenge", as a bigint
    PATIENCE_SECONDS = 15.0  # a second server waits this long for the first one to end
    LOOK_SECONDS = 1.0  # between checks of the session
    SHARED_LOOK_SECONDS = 0.5  # others must learn soon that a server has gone
    PAUSE_SECONDS = 0.25  # between attempts to get the lock

    def __init__(self, dsn: str, conn: Connection, membership: Membership | None = None) -> None:
        self._dsn = dsn
        self._conn = conn
        self._membership = membership
        self._identity: Identity | None = None

    @classmethod
    async def take(
        cls,
        dsn: str,
        say: Callable[[str], None],
        patience: float = PATIENCE_SECONDS,
        membership: Membership | None = None,
    ) -> "ServerLock":
        """Takes the lock; with a `membership`, shares it.

        Raises `errors.InUse` if another server holds it for `patience` seconds.

        Raises `errors.DatabaseError` if there is no connection.
        """
        lock = cls(dsn, await connection.connect(dsn, 5), membership)
        try:
            await pooler.refuse(dsn, lock._conn)
            await lock._wait(say, patience)
        except BaseException:
            lock.release()
            raise
        return lock

    def release(self) -> None:
        self._conn.close()

    async def join(self) -> list[Member]:
        """Joins the servers that share the lock, and returns them, this one included."""
        assert self._membership is not None
        await self._membership.join(self._conn)
        return await self._membership.running(self._conn)

    async def leave(self) -> None:
        """Tells the servers that share the lock that this one goes."""
        if self._membership is not None:
            await self._membership.leave(self._conn)

    async def identify(self) -> Identity:
        """Reads the identity of the database. From now on, `lost` checks it every second."""
        self._identity = await identity.read(self._conn)
        return self._identity

    async def lost(
        self,
        changed: Callable[[Identity], None] = lambda found: None,
        doubted: asyncio.Event | None = None,
    ) -> None:
        """Returns when another server has the lock.

        A restart of the database, or a network failure, ends the session. Then it takes the lock
        again as soon as the database is back. The dead session may hold the lock for a while.

        Calls `changed` if the database, or its epoch, is a different one. Makes a new session when
        `doubted` is set.
        """
        doubted = doubted or asyncio.Event()
        pause = self.LOOK_SECONDS if self._membership is None else self.SHARED_LOOK_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await doubted.wait()
            if (doubted.is_set() or not await self._is_ours()) and not await self._taken_again(
                changed
            ):
                return

    async def _is_ours(self) -> bool:
        """Whether the session works and its database is the same, as far as it can tell now."""
        try:
            if self._identity is None:
                return bool(await self._conn.rows("SELECT 1", {}, 5))
            if await identity.read(self._conn) != self._identity:
                return False
            if self._membership is not None:
                await self._membership.running(self._conn)
            return True
        except errors.Unexpected:
            return self._conn.usable
        except errors.DatabaseError:
            return self._conn.usable and self._membership is None

    async def _taken_again(self, changed: Callable[[Identity], None]) -> bool:
        if self._membership is not None:
            self._membership.cut_off()
        while True:
            with contextlib.suppress(errors.DatabaseError, errors.Unexpected):
                self._conn.close()
                self._conn = await connection.connect(self._dsn, 5)
                if not await self._wait_again():
                    return False
                await self._settle(changed)
                if self._membership is not None:
                    await self.join()
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
        shared = "" if self._membership is None else "_shared"
        sql = f"SELECT pg_try_advisory_lock{shared}(%(key)s)"
        return bool((await self._conn.rows(sql, {"key": self.KEY}, 5))[0][0])
