"""A real PostgreSQL for a whole run, and a new database for each test."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
import psycopg2
from psycopg2.extensions import make_dsn

from db.server import startup
from db.server.embedded import PROGRAMS, EmbeddedPostgres

_TEMPLATE = "messenger_template"
# Ends all other connections, deletes all rows, restarts all ids, and returns what is left.
_EMPTY = """
    SELECT pg_terminate_backend(pid, 5000)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
    DELETE FROM feed_events;
    DELETE FROM mentions;
    DELETE FROM reactions;
    DELETE FROM messages;
    DELETE FROM participants;
    DELETE FROM conversations;
    DELETE FROM users;
    SELECT setval(seqrelid, seqstart, false) FROM pg_sequence;
    SELECT meta::text, sessions, feeds, avatars, github_accounts, relname, attname, atttypid
    FROM meta
    CROSS JOIN pg_attribute
    JOIN pg_class ON pg_class.oid = attrelid AND relnamespace = 'public'::regnamespace
    LEFT JOIN sessions ON true
    LEFT JOIN feeds ON true
    LEFT JOIN avatars ON true
    LEFT JOIN github_accounts ON true
    ORDER BY relname, attnum
"""

# After it, each COMMIT of a message takes a moment.
COMMIT_SLOWLY = """
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(0.3);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON messages
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait()
"""


class Postgres:
    """The embedded server, with a template database that has all migrations."""

    def __init__(self, data_dir: Path, *, fsync: bool = False) -> None:
        """Configures the server. Without `fsync`, databases are made four times as fast."""
        self._embedded = EmbeddedPostgres(data_dir)
        self._fsync = fsync
        self._numbers = count(1)
        self._free: list[str] = []
        self._unchanged: list[tuple[Any, ...]] = []
        self._admin_dsn = ""

    def start(self) -> None:
        self._admin_dsn = self._embedded.start(lambda line: None)
        self._set_up()

    @property
    def admin_dsn(self) -> str:
        return self._admin_dsn

    def _set_up(self) -> None:
        if not self._fsync:
            self._admin("ALTER SYSTEM SET fsync = off")
            self._admin("SELECT pg_reload_conf()")
        self._admin(f"CREATE DATABASE {_TEMPLATE}")
        startup._prepare(self.dsn(_TEMPLATE), new_epoch=False)

    def stop(self) -> None:
        self._embedded.stop(3)

    @property
    def bin_path(self) -> Path:
        return PROGRAMS / "bin"

    def crash(self) -> None:
        """Crashes it: `pg_ctl stop -m immediate`, without a checkpoint; the next start recovers."""
        self._embedded._signal("immediate")
        assert self._embedded._is_gone_by(time.monotonic() + 10)

    def revive(self) -> None:
        assert self._embedded.start(lambda line: None) == self._admin_dsn

    def configure(self, setting: str) -> None:
        """Changes a setting that needs a restart, such as `max_connections = 20`."""
        self._admin(f"ALTER SYSTEM SET {setting}")
        self.crash()
        self.revive()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stops all its processes: it still accepts connections, and answers nothing."""
        processes = self.processes()
        for process in processes:
            process.suspend()
        try:
            yield
        finally:
            for process in processes:
                process.resume()

    def processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int(self._embedded._pid_file.read_text().split()[0]))
        return [postmaster, *postmaster.children()]

    def dsn(self, name: str, **more: str) -> str:
        return make_dsn(self._admin_dsn, dbname=name, **more)

    def server_dsn(self, dsn: str) -> str:
        """Returns the connection string that the server is given."""
        return dsn

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """Makes a new database, yields its connection string, and drops it at the end."""
        name = f"messenger_{os.getpid()}_{next(self._numbers)}"
        # Copying files takes half the CPU of logging each of their blocks.
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
        try:
            yield self.dsn(name)
        finally:
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lends an empty database, and returns its connection string. Empties it at the end.

        It is for tests that only let the server write. Making a database costs ten times as much.
        """
        dsn = self._free.pop() if self._free else self._made()
        yield dsn
        assert ask(dsn, _EMPTY) == self._unchanged, "a test that changes the schema needs `dsn`"
        self._free.append(dsn)

    def _made(self) -> str:
        name = f"messenger_{os.getpid()}_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
        self._unchanged = ask(self.dsn(name), _EMPTY)
        return self.dsn(name)

    def _admin(self, sql: str) -> None:
        ask(self._admin_dsn, sql)


class BorrowedPostgres(Postgres):
    """The PostgreSQL of another run, which has made the template."""

    def __init__(self, admin_dsn: str) -> None:
        super().__init__(Path())
        self._admin_dsn = admin_dsn

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def ask(dsn: str, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """Runs a statement outside the server, and returns its rows."""
    conn = psycopg2.connect(dsn)
    try:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []
    finally:
        conn.close()
