"""The listening sockets: accepts connections up to a limit, and enforces their deadlines."""

import asyncio
import errno
import logging
import socket
import time
from asyncio import Future
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Protocol, cast

from tornado.httputil import HTTPServerConnectionDelegate

from http1.answer import Common
from http1.backpressure import Backpressure
from http1.connection import Connection, Timeouts
from http1.idle import IdleConnections
from http1.parser import Limits
from http1.scheduler import RequestScheduler

ACCEPTED_AT_ONCE = 64  # in one iteration of the loop: a few milliseconds
ACCEPTED_BESIDE = 2  # while established clients send requests, so that new ones delay them little
RECEIVE_BUFFER_BYTES = 64 * 1024  # bounds one read; the kernel's default grows to 6 MB
REPLACED_AT_ONCE = 16  # idle connections closed at a time; their descriptors are free soon after
AGAIN_SECONDS = 0.1  # before a full server tries to accept again
DEADLINE_CHECK_SECONDS = 1.0  # deadlines are exact to this

_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger("messenger")


class Stream(Protocol):
    """A connection that carries a stream, and no more requests."""

    def abort(self) -> None: ...


class Listener:
    """Accepts up to `most_connections`. Further clients wait in the kernel's backlog.

    Streams count as connections until they are closed. A full server closes idle connections first;
    `http1/idle.py` picks them by `address`. Every response has `headers`. For input that is not a
    request, `refusal` returns the body of the response. `input_refused` then gets the status and
    the client's address.
    """

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        *,
        most_connections: int,
        limits: Limits,
        timeouts: Timeouts,
        headers: Mapping[str, str],
        refusal: Callable[[int], bytes],
        backpressure: Backpressure | None = None,
        input_refused: Callable[[int, str], None] = lambda status, remote_ip: None,
        address: Callable[[str], Hashable] = lambda remote_ip: remote_ip,
    ) -> None:
        self.limits = limits
        self.timeouts = timeouts
        self.common = Common(headers)
        self.refusal = refusal
        self.backpressure = backpressure or Backpressure()
        self.input_refused = input_refused
        self.scheduler = RequestScheduler()
        self.is_stopping = False
        self._app = app
        self._most = most_connections
        self._listening: set[socket.socket] = set()
        self._paused: set[socket.socket] = set()  # a subset of `_listening`
        self._open: dict[Connection, None] = {}  # in the order of opening
        self._idle = IdleConnections(address)
        self._giving_way: set[Connection] = set()
        self._streams: set[Stream] = set()
        self._closing: dict[Stream, float] = {}  # with the deadline of each
        self._check: asyncio.TimerHandle | None = None
        self._beginning: set[asyncio.Task[None]] = set()

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Starts to accept connections. Needs a running loop."""
        for sock in sockets:
            self._listening.add(sock)
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)
        self._check_deadlines()

    def stop(self) -> None:
        """Closes the listening sockets. Open connections stay open."""
        self.is_stopping = True
        if self._check is not None:
            self._check.cancel()
        for sock in self._listening - self._paused:
            asyncio.get_running_loop().remove_reader(sock)
        for sock in self._listening:
            sock.close()
        self._listening.clear()
        self._paused.clear()

    def close_idle(self) -> None:
        """Closes connections that have no complete request."""
        for connection in list(self._open):
            connection.close_if_idle()

    async def close_all_connections(self) -> None:
        if self._beginning:
            await asyncio.wait(self._beginning)
        for connection in [*self._open, *self._streams]:
            connection.abort()
        while self._open or self._streams:
            await asyncio.sleep(0)

    async def departures(self) -> None:
        """Returns when the handlers of all clients that have disconnected are notified."""
        await asyncio.sleep(0)  # lets the loop read the closed sockets
        await self.scheduler.drained()

    # `ServerContext` and `StreamServer`: what connections call.

    @cached_property
    def done(self) -> "Future[None]":
        future: Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def connection_opened(self, connection: Connection) -> None:
        self._open[connection] = None

    def connection_closed(self, connection: Connection) -> None:
        """Forgets a connection that has closed or has become a stream."""
        self._open.pop(connection, None)
        self._giving_way.discard(connection)

    def defer(self, work: Callable[[], None]) -> None:
        self.scheduler.defer(work)

    def stream_opened(self, stream: Stream) -> None:
        self._streams.add(stream)

    def stream_closing(self, stream: Stream) -> None:
        self._closing[stream] = time.monotonic() + self.timeouts.header_seconds

    def stream_closed(self, stream: Stream) -> None:
        self._streams.discard(stream)
        self._closing.pop(stream, None)

    def _check_deadlines(self) -> None:
        now = time.monotonic()
        for connection in list(self._open):
            if connection.deadline < now:
                connection.enforce_deadline()
        for stream in [stream for stream, deadline in self._closing.items() if deadline < now]:
            stream.abort()
        self._idle.enforce(self._open)
        self.backpressure.check()
        loop = asyncio.get_running_loop()
        self._check = loop.call_later(DEADLINE_CHECK_SECONDS, self._check_deadlines)

    # Accepting.

    def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_BESIDE if self.scheduler.has_active_clients else ACCEPTED_AT_ONCE):
            if self._connections >= self._most and not self._make_room():
                return self._pause_accepting(sock, "it has as many connections as it may")
            try:
                accepted, address = sock.accept()
            except BlockingIOError:
                return None
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                self._make_room()
                return self._pause_accepting(sock, str(error))
            beginning = loop.create_task(self._begin(accepted, address[0]))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    @property
    def _connections(self) -> int:
        open_ones = len(self._open) - len(self._giving_way)
        return open_ones + len(self._streams) + len(self._beginning)

    def _make_room(self) -> bool:
        if len(self._giving_way) >= REPLACED_AT_ONCE:
            return False
        connection = self._idle.give_way(self._open)
        if connection is not None:
            self._giving_way.add(cast("Connection", connection))
        return connection is not None

    async def _begin(self, accepted: socket.socket, remote_ip: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: Connection(self._app, self, remote_ip), accepted
            )
        except OSError:
            accepted.close()  # the client has disconnected already

    def _pause_accepting(self, sock: socket.socket, why: str) -> None:
        _log.debug("the server accepts no connection for a moment: %s", why)
        self._paused.add(sock)
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        seconds = 0.0 if self._giving_way else AGAIN_SECONDS
        loop.call_later(seconds, self._resume_accepting, sock)

    def _resume_accepting(self, sock: socket.socket) -> None:
        if sock in self._paused:
            self._paused.discard(sock)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)
