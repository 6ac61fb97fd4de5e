"""One connection to PostgreSQL. Only this module knows aiopg, and its sharp edges stay in here.

aiopg closes a connection whose query timed out or was cancelled, and the server runs the statement
on: whoever writes must be able to write again. It reports PostgreSQL's own `statement_timeout` as a
bare `CancelledError` (aiopg #537), which is told here from a real cancellation.
"""

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any

import aiopg
import psycopg2
import psycopg2.errors
import psycopg2.extensions

from db import errors
from db.prepared import prepared

Row = tuple[Any, ...]

STATEMENT_TIMEOUT_SECONDS = 4  # below a request's deadline, so that a write's outcome is known
LOCK_TIMEOUT_SECONDS = 0.5  # one locked row must not stall a whole batch of sends

_SETTINGS = {
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    "lock_timeout": f"{int(LOCK_TIMEOUT_SECONDS * 1000)}ms",
    "idle_in_transaction_session_timeout": "10s",
    "synchronous_commit": "on",  # an answered message survives a power cut
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",  # see db/prepared.py
    "jit": "off",  # compiling takes longer than any query here
    # Each query finds its rows by an index, in the order that it wants (`meta` too).
    # Where the planner expects few rows (a long conversation among short ones, a backup restored
    # without statistics), it would gather and sort all the history to answer one page of it.
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
}

# How libpq words what no retry mends; it gives no SQLSTATE for a connection that was not made.
_REFUSED = re.compile(
    r"password authentication failed|no password supplied|authentication failed"
    r"|no pg_hba\.conf entry|permission denied for database"
    r'|(?:database|role|user) ".*" (?:does not exist|is not permitted)'
)


class Connection:
    """A session with PostgreSQL, used by one coroutine at a time.

    A string of several statements is one round trip and one implicit transaction.
    """

    def __init__(self, impl: aiopg.Connection, cursor: aiopg.Cursor) -> None:
        self._impl = impl
        # One for all: each has a cycle with its transaction, of which we have no use, and all
        # together were the garbage that the collector held the loop for.
        self._cursor = cursor
        self._prepared: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def usable(self) -> bool:
        """Open, and with no transaction or statement left behind."""
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return not self._impl.closed and self._impl.raw.info.transaction_status == idle

    def has_planned(self, sql: str) -> bool:
        return sql in self._prepared

    async def rows(self, sql: str, params: Mapping[str, Any], seconds: float) -> list[Row]:
        """The rows of the last statement in `sql`; none where it has no result."""
        execute = self._prepared.get(sql)
        if execute is None:
            prepare, execute = prepared(sql, f"p{next(self._numbers)}")
            rows = await self._rows(prepare + execute, params, seconds)
            self._prepared[sql] = execute
            return rows
        return await self._rows(execute, params, seconds)

    async def _rows(self, sql: str, params: Mapping[str, Any], seconds: float) -> list[Row]:
        with _translated():
            await self._cursor.execute(sql, params or None, timeout=seconds)
            return await self._cursor.fetchall() if self._cursor.description else []

    def close(self) -> None:
        # A future that is done already, in aiopg: there is nothing to wait for.
        self._impl.close()


async def connect(dsn: str, seconds: float) -> Connection:
    """Raises `Refused` where trying again is of no use, else `Unavailable`."""
    _silence_statement_timeouts()
    try:
        async with asyncio.timeout(seconds):
            params = await _resolved(psycopg2.extensions.parse_dsn(dsn))
            impl = await aiopg.connect(
                timeout=seconds,
                enable_json=False,
                enable_hstore=False,
                enable_uuid=False,
                **parameters(params),
            )
            return Connection(impl, await impl.cursor())
    except psycopg2.ProgrammingError as error:
        raise errors.Refused(_sentence(error)) from None
    except psycopg2.Error as error:
        kind = errors.Refused if _REFUSED.search(str(error)) else errors.Unavailable
        raise kind(_sentence(error)) from None
    except (TimeoutError, OSError) as error:
        raise errors.Unavailable(_sentence(error) or "no answer") from None


def parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """libpq's connection parameters: those given, with our settings and keepalives added."""
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return {
        "application_name": "messenger",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
        **given,
        "client_encoding": "utf8",
        "options": f"{given.get('options', '')} {options}".strip(),
    }


async def _resolved(params: dict[str, str]) -> dict[str, str]:
    """The same, with the host looked up: libpq would do it in this thread, and hold the loop."""
    host = params.get("host", "")
    if not host or host.startswith("/") or "," in host or "hostaddr" in params:
        return params
    found = await asyncio.get_running_loop().getaddrinfo(host, None)
    return {**params, "hostaddr": str(found[0][4][0])}


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise errors.Timeout("PostgreSQL stopped the statement") from None
    except TimeoutError:
        raise errors.Timeout("no answer before the deadline") from None
    except psycopg2.errors.LockNotAvailable as error:
        raise errors.LockTimeout(_sentence(error)) from None
    except (psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure) as error:
        raise errors.Deadlock(_sentence(error)) from None
    except psycopg2.errors.UniqueViolation as error:
        raise errors.Duplicate(_without_values(error)) from None
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        raise errors.Unavailable(_sentence(error)) from None
    except psycopg2.Error as error:
        raise errors.Unexpected(_without_values(error)) from None


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split())


def _without_values(error: psycopg2.Error) -> str:
    """What went wrong and where. The message itself may quote what was to be stored."""
    where = (error.diag.table_name, error.diag.column_name, error.diag.constraint_name)
    return " ".join([type(error).__name__, error.pgcode or "", *filter(None, where)])


def _silence_statement_timeouts() -> None:
    """aiopg tells the loop of each statement timeout as if nobody would handle it."""
    loop = asyncio.get_running_loop()
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_report)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), psycopg2.errors.QueryCanceled):
        loop.default_exception_handler(context)
