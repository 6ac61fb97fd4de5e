"""From a connection string to a database that is ours, up to date and known: once a start."""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

import psycopg2
import psycopg2.extensions
import yoyo
from yoyo.backends.core.postgresql import PostgresqlBackend
from yoyo.connections import DatabaseURI

from db import connection, errors, identity
from db.pool import Database

PATIENCE_SECONDS = 30.0  # how long a start waits for a database that is itself starting
LONGEST_PAUSE_SECONDS = 4.0
OLDEST_POSTGRESQL = 14  # SQL-standard function bodies
MIGRATIONS = Path(__file__).parent / "migrations"

_log = logging.getLogger("messenger.db")


async def reach(dsn: str, say: Callable[[str], None], patience: float = PATIENCE_SECONDS) -> None:
    """Returns when the database answers.

    Tries with growing pauses, and says so. Raises `errors.Refused` at once where trying again is
    of no use, `errors.Unavailable` when `patience` (seconds) is used up.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    pause = 0.25
    while True:
        try:
            conn = await connection.connect(dsn, max(until - loop.time(), 0.1))
        except errors.Unavailable as error:
            left = until - loop.time()
            if left <= 0:
                raise errors.Unavailable(f"no database after {patience:.0f} s: {error}") from None
            say(f"waiting for the database, {left:.0f} s more: {error}")
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
        else:
            conn.close()
            return


async def prepare(dsn: str, *, new_epoch: bool = False) -> None:
    """Brings the schema up to date and settles the epoch; the server's lock must be held.

    Raises `errors.Refused` where this PostgreSQL will not do.
    """
    await asyncio.get_running_loop().run_in_executor(None, _prepare, dsn, new_epoch)


async def is_current(db: Database) -> bool:
    """Whether the database answers and has had all migrations."""
    rows = await db.rows("SELECT migration_id FROM _yoyo_migration")
    return {path.stem for path in MIGRATIONS.glob("*.sql")} <= {name for (name,) in rows}


def _prepare(dsn: str, new_epoch: bool) -> None:
    _check_server(dsn)
    _migrate(dsn)
    _settle_epoch(dsn, new_epoch)


def _check_server(dsn: str) -> None:
    with _session(dsn) as conn, conn.cursor() as cursor:
        if conn.server_version < OLDEST_POSTGRESQL * 10_000:
            raise errors.Refused(f"PostgreSQL {OLDEST_POSTGRESQL} or newer is needed")
        cursor.execute("SELECT current_setting('server_encoding'), current_setting('fsync')")
        encoding, fsync = cursor.fetchone() or ("", "")
        if encoding != "UTF8":
            raise errors.Refused(f"the database's encoding is {encoding}: it must be UTF8")
        if fsync != "on":
            _log.warning("fsync is off in this PostgreSQL: a power cut can lose answered messages")


def _migrate(dsn: str) -> None:
    backend = _backend(dsn)
    try:
        # Not under yoyo's own lock, a row that a killed server would leave behind: the server's
        # advisory lock, which goes with its session, is held already.
        backend.apply_migrations(backend.to_apply(_migrations()))
    finally:
        backend.connection.close()


def _migrations() -> "yoyo.migrations.MigrationList":
    return yoyo.read_migrations(str(MIGRATIONS))


def _backend(dsn: str) -> PostgresqlBackend:
    """yoyo reads URLs alone; libpq reads more than that, so it is given what libpq made of ours."""
    given = connection.parameters(psycopg2.extensions.parse_dsn(dsn))
    given["options"] = "-c timezone=UTC"  # a migration may take longer than a request's statement
    args = {key: value for key, value in given.items() if key not in ("dbname", "port")}
    uri = DatabaseURI("postgresql", None, None, None, given.get("port"), given.get("dbname"), args)
    backend = PostgresqlBackend(uri, "_yoyo_migration")
    backend.init_database()
    return backend


def _settle_epoch(dsn: str, new_epoch: bool) -> None:
    """A new epoch where the database is not the one that the recorded epoch was made in."""
    with _session(dsn) as conn, conn.cursor() as cursor:
        cursor.execute(identity.SETTLE, identity.settling(new_epoch=new_epoch))


def _session(dsn: str) -> "psycopg2.extensions.connection":
    return psycopg2.connect(dsn, connect_timeout=10)
