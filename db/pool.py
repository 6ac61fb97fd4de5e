"""The database as the rest of the program sees it: ask, and have rows or an error in time.

A pool of our own: aiopg's forgets to wake those who wait when a connection breaks in use, and
connects under a lock that a healthy connection's next user waits for, too (aiopg 1.4, `pool.py`).
A permit is always given back, so that a broken connection can starve nobody.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

from db import connection, errors
from db.connection import STATEMENT_TIMEOUT_SECONDS, Connection, Row
from db.server import identity, readiness
from db.server.identity import Identity

REQUEST_SECONDS = 5.0  # one deadline over all that a request acquires and asks
ACQUIRE_SECONDS = 3.0
PROBE_SECONDS = 0.25  # how soon the return of a database that is away is noticed
SAY_SECONDS = 60.0  # between two lines of the log that say that it is away
POOL_SIZE = 8  # more than two cores can use; PostgreSQL's own limit is 100
NO_WRITES = "it takes no writes"

_log = logging.getLogger("messenger.db")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin_request() -> None:
    """Starts the one deadline that all of this task's queries share from now on."""
    _deadline.set(asyncio.get_running_loop().time() + REQUEST_SECONDS)


def deadline() -> float:
    """When this task's request must have been answered, in the loop's time."""
    set_before = _deadline.get()
    now = asyncio.get_running_loop().time()
    return now + REQUEST_SECONDS if set_before is None else set_before


class Database:
    """Up to `size` connections to PostgreSQL, made when needed and kept while they work."""

    def __init__(self, dsn: str, *, size: int = POOL_SIZE) -> None:
        self.dsn = dsn
        self._idle: deque[Connection] = deque()
        self._open: set[Connection] = set()
        self._permits = asyncio.Semaphore(size)
        self._probe: asyncio.Task[None] | None = None
        self._unavailable_since = 0.0
        self._said_at = -SAY_SECONDS
        self._closed = False
        self._identity: Identity | None = None
        self._on_another: list[Callable[[], None]] = []
        self.doubted = asyncio.Event()  # a connection led to another database

    @property
    def unavailable(self) -> bool:
        """Whether it was found unreachable, and has not been reached since."""
        return self._probe is not None

    def has_been_unavailable(self, seconds: float) -> bool:
        return (
            self.unavailable
            and asyncio.get_running_loop().time() - self._unavailable_since >= seconds
        )

    @property
    def epoch(self) -> str | None:
        """That of the database which was adopted."""
        return None if self._identity is None else self._identity.epoch

    def on_another(self, act: Callable[[], None]) -> None:
        """`act` is called when another database has been adopted than the one before."""
        self._on_another.append(act)

    def adopt(self, found: Identity) -> None:
        """Works with this database alone from now on: what leads to another one is not used."""
        before, self._identity = self._identity, found
        self.doubted.clear()
        if before not in (None, found):
            _log.warning("this is another database than before: a new epoch begins")
            self._close_idle()
            for act in self._on_another:
                act()

    async def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, *, twice: bool = True
    ) -> list[Row]:
        """The rows of the last statement of `sql`, which is one transaction.

        `twice`: ask again, once, if the connection turned out to be broken; for what may happen
        twice without harm. Raises `errors.DatabaseError`.
        """
        until = deadline()
        try:
            return await self._ask(sql, params or {}, until)
        except errors.Unavailable:
            if not twice or self.unavailable:
                raise
            self._close_idle()
            return await self._ask(sql, params or {}, until)

    async def row(self, sql: str, params: Mapping[str, Any] | None = None) -> Row | None:
        """The first row, or None; see `rows`."""
        rows = await self.rows(sql, params)
        return rows[0] if rows else None

    async def takes_writes(self) -> bool:
        """Whether it is there, with room and rights for writes. Raises `errors.DatabaseError`."""
        takes_writes = not self.unavailable and bool((await self.rows(readiness.CHECK))[0][0])
        if not takes_writes:
            self._lost(NO_WRITES)
        return takes_writes

    async def close(self) -> None:
        self._closed = True
        if self._probe is not None:
            self._probe.cancel()
            self._probe = None
        self._close_idle()

    async def _ask(self, sql: str, params: Mapping[str, Any], until: float) -> list[Row]:
        await self._acquire(until)
        conn = None
        try:
            conn = self._take_idle(sql) or await self._connect(until)
            return await self._ask_on(conn, sql, params, until)
        finally:
            self._permits.release()
            if conn is not None:
                self._give_back(conn)

    async def _ask_on(
        self, conn: Connection, sql: str, params: Mapping[str, Any], until: float
    ) -> list[Row]:
        seconds = until - asyncio.get_running_loop().time()
        try:
            return await conn.rows(sql, params, max(seconds, 0.001))
        except errors.Declined as error:
            if not error.is_damage:
                conn.close()  # the reason may be this session's own
                self._lost(str(error))
            raise
        except errors.Timeout:
            if not conn.usable and seconds > STATEMENT_TIMEOUT_SECONDS:
                self._lost("it does not answer")  # not even with its own timeout
            raise

    async def _acquire(self, until: float) -> None:
        """Takes a permit for one connection."""
        if not self._permits.locked():
            await self._permits.acquire()  # at once: a timer would cost more
            return
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(until, now + ACQUIRE_SECONDS)):
                await self._permits.acquire()
        except TimeoutError:
            raise errors.Unavailable("all connections are busy") from None

    def _take_idle(self, sql: str) -> Connection | None:
        """One that has planned this already, where there is one: planning takes milliseconds."""
        while self._idle:
            conn = next((c for c in reversed(self._idle) if c.has_planned(sql)), self._idle[-1])
            self._idle.remove(conn)
            if conn.usable:
                return conn
            self._close(conn)
        return None

    def _close_idle(self) -> None:
        while self._idle:
            self._close(self._idle.pop())

    def _give_back(self, conn: Connection) -> None:
        if conn.usable and not self._closed and conn.identity == self._identity:
            self._idle.append(conn)
        else:
            self._close(conn)

    def _close(self, conn: Connection) -> None:
        self._open.discard(conn)
        conn.close()

    async def _connect(self, until: float) -> Connection:
        if self._closed:
            raise errors.Unavailable("the pool is closed")
        seconds = min(until - asyncio.get_running_loop().time(), ACQUIRE_SECONDS)
        try:
            conn = await self._connected(max(seconds, 0.001))
        except errors.NoSlot as error:
            if not self._open:  # those that there are go on working
                self._lost(str(error))
            raise
        except (errors.Unavailable, errors.Refused) as error:
            self._lost(str(error))
            if isinstance(error, errors.Refused):
                raise errors.TurnedAway(str(error)) from None
            raise
        self._open.add(conn)
        return conn

    async def _connected(self, seconds: float) -> Connection:
        """A connection to the database that was adopted."""
        conn = await connection.connect(self.dsn, seconds)
        try:
            await self._identify(conn)
        except BaseException:
            conn.close()
            raise
        return conn

    async def _identify(self, conn: Connection) -> None:
        if self._identity is None:
            return
        try:
            conn.identity = await identity.read(conn)
        except errors.Unexpected as error:
            self.doubted.set()
            raise errors.TurnedAway(f"this is no database of ours: {error}") from None
        if conn.identity != self._identity:
            self.doubted.set()
            raise errors.TurnedAway("this is another database than before")

    def _lost(self, why: str) -> None:
        self._close_idle()  # what broke one of them has broken the others
        if self._probe is None and not self._closed:
            self._unavailable_since = asyncio.get_running_loop().time()
            self._say("the database is away: %s", why)
            self._probe = asyncio.create_task(self._watch_for_return())

    def _say(self, line: str, why: str) -> None:
        """Once a minute, however often it comes and goes."""
        now = asyncio.get_running_loop().time()
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            _log.warning(line, why)

    async def _watch_for_return(self) -> None:
        try:
            while (why := await self._why_not()) is not None:
                self._say("the database is still away: %s", why)
                await asyncio.sleep(PROBE_SECONDS)
            _log.warning("the database is back")
        finally:
            self._probe = None

    async def _why_not(self) -> str | None:
        """Why it is of no use; None where it is."""
        try:
            conn = await self._connected(ACQUIRE_SECONDS)
        except errors.DatabaseError as error:
            return str(error)
        try:
            ((takes_writes, _),) = await conn.rows(readiness.CHECK, {}, ACQUIRE_SECONDS)
        except (errors.DatabaseError, errors.Unexpected) as error:
            return str(error)
        finally:
            conn.close()
        return None if takes_writes else NO_WRITES
