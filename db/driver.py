"""aiopg's connection, with a duplicate of the socket for the loop. Only this module imports aiopg.

While libpq connects, it may close its socket and open another: for the next address, or without
TLS. It also closes the socket of a broken session. The next socket often gets the same number.
uvloop keeps a handle for each number. The handle breaks for good if libpq closes its descriptor
("the handler is closed"). So the loop watches a duplicate. Only this module closes the duplicate,
after the loop has stopped watching it.
"""

import asyncio
import os
import weakref
from collections.abc import Callable, Mapping
from typing import Any, cast

import aiopg
import psycopg2
import psycopg2.extensions
from psycopg2.extensions import POLL_OK, POLL_WRITE

Cursor = aiopg.Cursor


class _Socket(psycopg2.extensions.connection):
    """libpq's connection. Each call of `fileno` returns a duplicate, which the caller closes."""

    def fileno(self) -> int:
        return os.dup(super().fileno())


class Driver(aiopg.Connection):
    """A connection that `connect` makes. It raises all errors from awaited methods."""

    _conn: _Socket
    _fileno: int | None

    def __init__(self, params: Mapping[str, Any], seconds: float) -> None:
        self._connected = False
        self.on_notify: Callable[[str, str], None] | None = None  # of channel and payload
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
        """Whether it is open, and has no unfinished transaction or statement."""
        idle = psycopg2.extensions.TRANSACTION_STATUS_IDLE
        return not self.closed and self._conn.info.transaction_status == idle

    @staticmethod
    def _ready(weak_self: "weakref.ref[Any]") -> None:
        """Called by the loop when the socket is readable or writable."""
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
        if self._conn.notifies:
            self._pass_on_notifications()
        if state == POLL_OK:
            self._connected = True
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    def _pass_on_notifications(self) -> None:
        notifications, self._conn.notifies = self._conn.notifies, []
        if self.on_notify is not None:
            for notification in notifications:
                self.on_notify(notification.channel, notification.payload)

    def _fail(self, error: Exception) -> None:
        """Passes the error on. Closes the connection unless PostgreSQL refused a statement."""
        waiter, self._waiter = self._waiter, None
        if waiter is None or not getattr(error, "pgcode", None):
            self._close()
        else:
            self._watch_writing(False)
        if waiter is not None and not waiter.done():
            waiter.set_exception(error)

    async def _poll(self, waiter: "asyncio.Future[None]", timeout: float) -> None:  # noqa: ASYNC109
        """Like aiopg's, but a statement that PostgreSQL cancels raises no `CancelledError`."""
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
        """Watches the current socket. Called after each step of connecting.

        Neither the number nor the inode of a socket shows whether it is a new one.
        """
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
    """Returns a connection and its only cursor.

    Each cursor of aiopg is in a reference cycle with its transaction. Collecting many of them would
    hold the loop.
    """
    driver = await Driver(params, seconds)
    return cast("Driver", driver), await driver.cursor()


def _time_out(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_exception(TimeoutError())
