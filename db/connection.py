"""One connection to PostgreSQL: statements planned once, errors of our own, settings for all."""

import asyncio
from collections.abc import Mapping
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


class Connection:
    """A session with PostgreSQL, used by one coroutine at a time.

    A string of several statements is one round trip and one implicit transaction.
    """

    def __init__(self, driver: Driver, cursor: Cursor) -> None:
        self._driver = driver
        self._cursor = cursor
        self.identity: object = None  # of the database, where it was asked for
        self._prepared: dict[str, str] = {}
        self._numbers = count(1)

    @property
    def usable(self) -> bool:
        """Open, and with no transaction or statement left behind."""
        return self._driver.is_idle

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
        try:
            await self._cursor.execute(sql, params or None, timeout=seconds)
            return await self._cursor.fetchall() if self._cursor.description else []
        except Exception as error:  # whatever a driver or a loop may raise
            raise of_statement(error, is_open=self.usable) from None

    def close(self) -> None:
        # A future that is done already, in aiopg: there is nothing to wait for.
        self._driver.close()


async def connect(dsn: str, seconds: float) -> Connection:
    """To the first address that answers, each of which has its share of `seconds`.

    Raises `Refused` where trying again is of no use, else `Unavailable`.
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
    except Exception as error:  # whatever a driver or a loop may raise
        raise of_connecting(error) from None


def _worst(failures: list[errors.DatabaseError]) -> errors.DatabaseError:
    """One for all addresses: `Refused` where one of them has said so, and how each failed."""
    kinds = {type(failure) for failure in failures}
    kind: type[errors.DatabaseError] = errors.Unavailable
    if errors.Refused in kinds:
        kind = errors.Refused
    elif len(kinds) == 1:
        (kind,) = kinds
    return kind("; ".join(dict.fromkeys(str(failure) for failure in failures)))


def parameters(given: Mapping[str, str]) -> dict[str, Any]:
    """libpq's connection parameters: those given, with our settings and keepalives added."""
    options = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
    return {
        "application_name": "messenger",
        "keepalives_idle": "10",
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "15000",
        "target_session_attrs": "read-write",  # a stand-by is of no use to us
        **given,
        "client_encoding": "utf8",
        "options": f"{given.get('options', '')} {options}".strip(),
    }
