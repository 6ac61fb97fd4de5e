"""One connection to PostgreSQL, with prepared statements, common settings and `db.errors`."""

import asyncio
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

import psycopg2
import psycopg2.extensions

from db import driver, errors
from db.driver import Cursor, Driver
from db.prepared import prepared
from db.server.addresses import addresses
from db.translation import of_connecting, of_statement

Row = tuple[Any, ...]

STATEMENT_TIMEOUT_SECONDS = 4  # below a request's deadline, so that it learns a write's outcome
LOCK_TIMEOUT_SECONDS = 0.5  # one locked row must not delay a whole batch of sends

_SETTINGS = {
    "statement_timeout": f"{STATEMENT_TIMEOUT_SECONDS}s",
    "lock_timeout": f"{int(LOCK_TIMEOUT_SECONDS * 1000)}ms",
    "idle_in_transaction_session_timeout": "5s",
    "synchronous_commit": "on",  # an answered message survives a power cut
    "timezone": "UTC",
    "plan_cache_mode": "force_generic_plan",  # see db/prepared.py
    "jit": "off",  # compiling takes longer than any query here
    # Each query finds its rows by an index, in the right order (`meta` too).
    # A planner that expects few rows would read and sort the whole history for one page. It does
    # so for a long conversation among short ones, or in a backup restored without statistics.
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
}


class Connection:
    """A session with PostgreSQL. One coroutine uses it at a time.

    It runs a string of several statements in one round trip and one implicit transaction.
    """

    def __init__(self, driver: Driver, cursor: Cursor) -> None:
        self._driver = driver
        self._cursor = cursor
        self.identity: object = None  # of the database; None: not read
        self._prepared: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def usable(self) -> bool:
        """Whether it is open, and has no unfinished transaction or statement."""
        return self._driver.is_idle

    def has_planned(self, sql: str) -> bool:
        return sql in self._prepared

    async def rows(self, sql: str, params: Mapping[str, Any], seconds: float) -> list[Row]:
        """Returns the rows of the last statement in `sql`. Raises `errors.DatabaseError`."""
        execute = self._prepared.get(sql)
        if execute is None:
            prepare, execute = prepared(sql, f"p{next(self._numbers)}")
            rows = await self._rows(prepare + execute, params, seconds)
            self._prepared[sql] = execute
            return rows
        return await self._rows(execute, params, seconds)

    async def _rows(self, sql: str, params: Mapping[str, Any], seconds: float) -> list[Row]:
        try:
            await self._cursor.execute(sql, params or None, timeout=seconds)
            return await self._cursor.fetchall() if self._cursor.description else []
        except Exception as error:  # the driver or the loop may raise anything
            raise of_statement(error, is_open=self.usable) from None

    @property
    def on_notify(self) -> Callable[[str, str], None] | None:
        """Called with channel and payload of each notification that the session listens for."""
        return self._driver.on_notify

    @on_notify.setter
    def on_notify(self, act: Callable[[str, str], None]) -> None:
        self._driver.on_notify = act

    def close(self) -> None:
        # aiopg returns a future that is done already, so there is nothing to await.
        self._driver.close()


async def connect(dsn: str, seconds: float) -> Connection:
    """Connects to the first address that answers. Each gets a share of `seconds`.

    Raises `Refused` if another attempt is useless, and else `Unavailable`.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    failures: list[errors.DatabaseError] = []
    try:
        async with asyncio.timeout_at(until):
            found = await addresses(psycopg2.extensions.parse_dsn(dsn))
            for left, params in zip(range(len(found), 0, -1), found, strict=True):
                try:
                    return await _connect(params, (until - loop.time()) / left)
                except errors.DatabaseError as error:
                    failures.append(error)
    except errors.DatabaseError:
        raise
    except Exception as error:
        failures.append(of_connecting(error))
    raise _worst(failures)


async def _connect(params: Mapping[str, str], seconds: float) -> Connection:
    try:
        async with asyncio.timeout(seconds):
            return Connection(*await driver.connect(parameters(params), seconds))
    except Exception as error:  # the driver or the loop may raise anything
        raise of_connecting(error) from None


def _worst(failures: list[errors.DatabaseError]) -> errors.DatabaseError:
    """Joins the errors of all addresses into one: `Refused` if one of them is."""
    kinds = {type(failure) for failure in failures}
    kind: type[errors.DatabaseError] = errors.Unavailable
    if errors.Refused in kinds:
        kind = errors.Refused
    elif len(kinds) == 1:
        (kind,) = kinds
    return kind("; ".join(dict.fromkeys(str(failure) for failure in failures)))


def parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """Adds this server's settings and keepalives to libpq's connection parameters."""
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return {
        "application_name": "messenger",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
        "target_session_attrs": "read-write",  # a stand-by cannot store messages
        **given,
        "client_encoding": "utf8",
        "options": f"{given.get('options', '')} {options}".strip(),
    }
