"""A real PostgreSQL for a whole run, and a database of its own for each test."""

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


class Postgres:
    """The embedded server, with a template that has had all migrations."""

    def __init__(self, data_dir: Path, *, fsync: bool = False) -> None:
        """Without `fsync`, databases are made four times as fast."""
        self._embedded = EmbeddedPostgres(data_dir)
        self._fsync = fsync
        self._numbers = count(1)
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
        """`pg_ctl stop -m immediate`: no checkpoint, no goodbye; the next start recovers."""
        self._embedded._signal("immediate")
        assert self._embedded._is_gone_by(time.monotonic() + 10)

    def revive(self) -> None:
        assert self._embedded.start(lambda line: None) == self._admin_dsn

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """All of its processes are stopped: it takes connections, and says nothing."""
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
        """As the server is given it."""
        return dsn

    @contextmanager
    def database(self, template: str = _TEMPLATE) -> Iterator[str]:
        """The connection string of a fresh database, which is dropped at the end."""
        name = f"messenger_{os.getpid()}_{next(self._numbers)}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.dsn(name)
        finally:
            self._admin(f"DROP DATABASE {name} WITH (FORCE)")

    def _admin(self, sql: str) -> None:
        ask(self._admin_dsn, sql)


class BorrowedPostgres(Postgres):
    """That of another run, which has made the template."""

    def __init__(self, admin_dsn: str) -> None:
        super().__init__(Path())
        self._admin_dsn = admin_dsn

    def start(self) -> None:
        pass

    def stop(self) -> None:
        pass


def ask(dsn: str, sql: str, params: Any = None) -> list[tuple[Any, ...]]:
    """The rows of a statement, from outside the server."""
    conn = psycopg2.connect(dsn)
    try:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []
    finally:
        conn.close()
