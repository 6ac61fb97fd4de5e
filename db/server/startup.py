"""Prepares the database at each start: waits for it, checks it, migrates it, settles its epoch."""

import asyncio
import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import psycopg2.extensions
import yoyo
from psycopg2.extensions import make_dsn
from yoyo.backends.core.postgresql import PostgresqlBackend
from yoyo.connections import DatabaseURI

from db import connection, errors
from db.pool import Database
from db.server import identity, rights
from db.translation import of_connecting, sentence

PATIENCE_SECONDS = 30.0  # the database may be starting as well
LONGEST_PAUSE_SECONDS = 4.0
PREPARING_LOCK = 0x6D657373656E6766  # the next key after that of the server's lock
OLDEST_POSTGRESQL = 14  # the first with SQL-standard function bodies
MIGRATIONS = Path(__file__).parent.parent / "migrations"
YOYOS_TABLES = ("_yoyo_migration", "_yoyo_log", "_yoyo_version", "yoyo_lock")

_log = logging.getLogger("messenger.db")


async def wait_until_reachable(
    dsn: str, say: Callable[[str], None], patience: float = PATIENCE_SECONDS
) -> None:
    """Returns when the database answers.

    Tries again with growing pauses, and reports each with `say`. Raises `errors.Refused` at once if
    another attempt is useless, and `errors.Unavailable` after `patience` seconds.
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
    """Migrates the schema and settles the epoch. The caller must hold the server's lock.

    Raises `errors.Refused` if this PostgreSQL is unsuitable, and `errors.Unavailable` if the
    connection breaks.
    """
    try:
        await asyncio.get_running_loop().run_in_executor(None, _prepare, dsn, new_epoch)
    except psycopg2.OperationalError as error:
        raise of_connecting(error) from None
    except psycopg2.Error as error:
        raise errors.Refused(f"the schema could not be made: {sentence(error)}") from None


async def is_current(db: Database) -> bool:
    """Whether all migrations are applied. Raises `errors.DatabaseError`."""
    rows = await db.rows("SELECT migration_id FROM _yoyo_migration")
    return _known() <= {name for (name,) in rows}


def _prepare(dsn: str, new_epoch: bool) -> None:
    with _alone(dsn):
        _prepare_alone(dsn, new_epoch)


@contextlib.contextmanager
def _alone(dsn: str) -> Iterator[None]:
    """Holds an advisory lock: servers that start together prepare one after the other."""
    with _session(dsn) as conn, conn.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (PREPARING_LOCK,))
        yield


def _prepare_alone(dsn: str, new_epoch: bool) -> None:
    with _session(dsn) as conn, conn.cursor() as cursor:
        _check_server(conn.server_version, cursor)
        rights.check_for_work(cursor, _tables())
        if not _applied(cursor) >= _known():
            rights.check_for_migrations(cursor)
    _migrate(dsn)
    with _session(dsn) as conn, conn.cursor() as cursor:
        # Makes a new epoch if the recorded one was made in another database.
        cursor.execute(identity.SETTLE, identity.settling(new_epoch=new_epoch))


def _tables() -> set[str]:
    made = "".join(path.read_text() for path in MIGRATIONS.glob("*.sql"))
    return {*re.findall(r"CREATE TABLE (\w+)", made), *YOYOS_TABLES}


def _known() -> set[str]:
    return {path.stem for path in MIGRATIONS.glob("*.sql")}


def _applied(cursor: psycopg2.extensions.cursor) -> set[str]:
    """Returns the applied migrations. Raises `Refused` if one is of a newer server."""
    cursor.execute("SELECT to_regclass('_yoyo_migration') IS NOT NULL")
    if cursor.fetchone() != (True,):
        return set()
    cursor.execute("SELECT migration_id FROM _yoyo_migration")
    applied = {name for (name,) in cursor.fetchall()}
    if unknown := sorted(applied - _known()):
        raise errors.Refused(
            f"a newer server has migrated this database: {', '.join(unknown)} is not known here;"
            " start that version, or restore a backup from before"
        )
    return applied


def _check_server(version: int, cursor: psycopg2.extensions.cursor) -> None:
    if version < OLDEST_POSTGRESQL * 10_000:
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
        # Without yoyo's lock, because a killed server would leave its row behind. `_alone` holds an
        # advisory lock, which ends with its session.
        backend.apply_migrations(backend.to_apply(_migrations()))
    finally:
        backend.connection.close()


def _migrations() -> "yoyo.migrations.MigrationList":
    return yoyo.read_migrations(str(MIGRATIONS))


def _backend(dsn: str) -> PostgresqlBackend:
    """Makes yoyo's backend. yoyo reads only URLs, so libpq parses the connection string for it."""
    given = _parameters(dsn)
    args = {key: value for key, value in given.items() if key not in ("dbname", "port")}
    uri = DatabaseURI("postgresql", None, None, None, given.get("port"), given.get("dbname"), args)
    backend = PostgresqlBackend(uri, "_yoyo_migration")
    backend.init_database()
    return backend


def _parameters(dsn: str) -> dict[str, str]:
    given = psycopg2.extensions.parse_dsn(dsn)
    # Without the time-outs of requests: a migration may take longer.
    options = f"{given.get('options', '')} -c timezone=UTC".strip()
    return {**connection.parameters(given), "options": options}


@contextlib.contextmanager
def _session(dsn: str) -> "Iterator[psycopg2.extensions.connection]":
    """Yields a connection. Commits unless the block raises, and then closes the connection."""
    conn = psycopg2.connect(make_dsn(**{"connect_timeout": "10", **_parameters(dsn)}))
    try:
        with conn:
            yield conn
    finally:
        conn.close()
