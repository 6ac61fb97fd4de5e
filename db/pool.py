"""The connection pool: returns rows, or raises an error before the request's deadline.

aiopg's pool does not wake waiting tasks when a connection breaks in use. It also connects under a
lock, and tasks wait for the lock even if a connection is idle (aiopg 1.4, `pool.py`). This pool
always releases a permit, so that broken connections never block it.
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

REQUEST_SECONDS = 5.0  # one deadline for all statements of a request
ACQUIRE_SECONDS = 3.0
PROBE_SECONDS = 0.25  # between attempts to reach an unavailable database
SAY_SECONDS = 60.0  # between two log lines about an unavailable database
POOL_SIZE = 8  # more than two cores can use; PostgreSQL's default limit is 100
NO_WRITES = "it takes no writes"

_log = logging.getLogger("messenger.db")
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin_request() -> None:
    """Starts a new deadline for all later statements of this task."""
    _deadline.set(asyncio.get_running_loop().time() + REQUEST_SECONDS)


def deadline() -> float:
    """Returns the deadline of this task's request, in the clock of the loop."""
    set_before = _deadline.get()
    now = asyncio.get_running_loop().time()
    return now + REQUEST_SECONDS if set_before is None else set_before


class Database:
    """Up to `size` connections to PostgreSQL. It opens them when needed, and keeps them open."""

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
        self.doubted = asyncio.Event()  # set when a connection reached another database

    @property
    def unavailable(self) -> bool:
        """Whether the last attempt to reach the database failed."""
        return self._probe is not None

    def has_been_unavailable(self, seconds: float) -> bool:
        return (
            self.unavailable
            and asyncio.get_running_loop().time() - self._unavailable_since >= seconds
        )

    @property
    def epoch(self) -> str | None:
        """The epoch of the adopted database."""
        return None if self._identity is None else self._identity.epoch

    def on_another(self, act: Callable[[], None]) -> None:
        """Registers `act`, which is called when a different database is adopted."""
        self._on_another.append(act)

    def adopt(self, found: Identity) -> None:
        """Accepts only connections to this database from now on."""
        before, self._identity = self._identity, found
        self.doubted.clear()
        if before not in (None, found):
            _log.warning("the server is connected to another database: a new epoch begins")
            self._close_idle()
            for act in self._on_another:
                act()

    async def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, *, twice: bool = True
    ) -> list[Row]:
        """Runs `sql` in one transaction, and returns the rows of its last statement.

        With `twice`, runs it once more if the connection was broken; only for statements that are
        safe to repeat. Raises `errors.DatabaseError`.
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
        """Returns the first row, or None; see `rows`."""
        rows = await self.rows(sql, params)
        return rows[0] if rows else None

    async def takes_writes(self) -> bool:
        """Whether the database has the space and the rights for writes.

        Raises `errors.DatabaseError`.
        """
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
                conn.close()  # the reason may concern only this session
                self._lost(str(error))
            raise
        except errors.Timeout:
            if not conn.usable and seconds > STATEMENT_TIMEOUT_SECONDS:
                self._lost("it does not answer")  # not even with its `statement_timeout`
            raise

    async def _acquire(self, until: float) -> None:
        """Takes a permit for one connection."""
        if not self._permits.locked():
            await self._permits.acquire()  # does not block, and saves a timer
            return
        now = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(until, now + ACQUIRE_SECONDS)):
                await self._permits.acquire()
        except TimeoutError:
            raise errors.Unavailable("all connections are busy") from None

    def _take_idle(self, sql: str) -> Connection | None:
        """Takes an idle connection, if possible one with `sql` prepared: planning takes ms."""
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
            if not self._open:  # otherwise the open connections still work
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
        """Connects, and checks that this is the adopted database."""
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
            raise errors.TurnedAway(f"this is no database of this server: {error}") from None
        if conn.identity != self._identity:
            self.doubted.set()
            raise errors.TurnedAway("this is another database than before")

    def _lost(self, why: str) -> None:
        self._close_idle()  # they are probably broken as well
        if self._probe is None and not self._closed:
            self._unavailable_since = asyncio.get_running_loop().time()
            self._say("the database is unavailable: %s", why)
            self._probe = asyncio.create_task(self._watch_for_return())

    def _say(self, line: str, why: str) -> None:
        """Logs a warning, at most one in `SAY_SECONDS`."""
        now = asyncio.get_running_loop().time()
        if now - self._said_at >= SAY_SECONDS:
            self._said_at = now
            _log.warning(line, why)

    async def _watch_for_return(self) -> None:
        try:
            while (why := await self._why_not()) is not None:
                self._say("the database is still unavailable: %s", why)
                await asyncio.sleep(PROBE_SECONDS)
            _log.warning("the database is back")
        finally:
            self._probe = None

    async def _why_not(self) -> str | None:
        """Returns why the database cannot be used, or None if it can."""
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
