"""aiopg's connection, waiting on a descriptor of its own. Only this module knows aiopg.

While libpq connects, it closes its socket and opens another: for the next address, or without TLS.
It closes the socket of a session that broke, too, and the next one often gets the same number.
uvloop keeps a handle for each number; one whose descriptor was closed behind its back is broken
for good ("the handler is closed"). So the loop is given a duplicate. It is closed here alone, and
after the loop has forgotten it.
"""

import asyncio
import os
import weakref
from collections.abc import Mapping
from typing import Any, cast

import aiopg
import psycopg2
import psycopg2.extensions
from psycopg2.extensions import POLL_OK, POLL_WRITE

Cursor = aiopg.Cursor


class _Socket(psycopg2.extensions.connection):
    """libpq's connection; each call of `fileno` makes a duplicate that is the caller's to close."""

    def fileno(self) -> int:
        return os.dup(super().fileno())


class Driver(aiopg.Connection):
    """Made by `connect`. Whatever goes wrong in it is raised from what is awaited."""

    _conn: _Socket
    _fileno: int | None

    def __init__(self, params: Mapping[str, Any], seconds: float) -> None:
        self._connected = False
        super().__init__(
            None,
            seconds,
            enable_json=False,
            enable_hstore=False,
            enable_uuid=False,
            connection_factory=_Socket,
            **params,
        )

    @property
    def is_idle(self) -> bool:
        """Open, and with no transaction or statement left behind."""
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return not self.closed and self._conn.info.transaction_status == idle

    @staticmethod
    def _ready(weak_self: "weakref.ref[Any]") -> None:
        """The loop calls it when the socket can be read or written."""
        self = cast("Driver | None", weak_self())
        if self is not None and not self.closed:
            self._poll_once()

    def _poll_once(self) -> None:
        try:
            state = self._conn.poll()
            if not self._connected:
                self._follow_socket()
            self._watch_writing(state == POLL_WRITE)
        except Exception as error:
            return self._fail(error)
        if state == POLL_OK:
            self._connected = True
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def _fail(self, error: Exception) -> None:
        """A refused statement leaves the connection as it was; all else is its end."""
        waiter, self._waiter = self._waiter, None
        if waiter is None or not getattr(error, "pgcode", None):
            self._close()
        else:
            self._watch_writing(False)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    async def _poll(self, waiter: "asyncio.Future[None]", timeout: float) -> None:  # noqa: ASYNC109
        """As aiopg's, but that a statement which PostgreSQL stops is no `CancelledError`."""
        timer = self._loop.call_later(timeout, _time_out, waiter)
        try:
            self._poll_once()
            await waiter
        except (asyncio.CancelledError, TimeoutError):
            self._close()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def _follow_socket(self) -> None:
        """After each step of connecting, since neither number nor inode of a socket are unique."""
        self._forget_socket()
        self._fileno = self._conn.fileno()
        self._loop.add_reader(self._fileno, self._ready, self._weakref)

    def _watch_writing(self, writing: bool) -> None:
        if writing == self._writing or self._fileno is None:
            return
        self._writing = writing
        if writing:
            self._loop.add_writer(self._fileno, self._ready, self._weakref)
        else:
            self._loop.remove_writer(self._fileno)

    def _forget_socket(self) -> None:
        descriptor, self._fileno = self._fileno, None
        self._writing = False
        if descriptor is None:
            return
        if not self._loop.is_closed():
            self._loop.remove_reader(descriptor)
            self._loop.remove_writer(descriptor)
        os.close(descriptor)

    def _close(self) -> None:
        self._forget_socket()
        self._conn.close()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done() and not self._loop.is_closed():
            waiter.set_exception(psycopg2.OperationalError("connection closed"))


async def connect(params: Mapping[str, Any], seconds: float) -> tuple[Driver, Cursor]:
    """A connection and its one cursor.

    Each cursor of aiopg's is a cycle with its transaction, which is garbage that the collector
    would hold the loop for.
    """
    driver = await Driver(params, seconds)
    return cast("Driver", driver), await driver.cursor()


def _time_out(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
