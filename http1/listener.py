"""The listening sockets: a server that knows how many connections it has room for."""

import asyncio
import errno
import logging
import socket
import time
from asyncio import Future
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property

from tornado.httputil import HTTPServerConnectionDelegate

from http1.answer import Common
from http1.connection import Connection, Limits
from http1.turns import Turns
from http1.watch import Watch

ACCEPTED_AT_ONCE = 64  # in one turn of the loop: a few milliseconds
ACCEPTED_BESIDE = 2  # where somebody talks meanwhile: who comes and goes holds them up by this
AGAIN_SECONDS = 0.1  # before a full server looks whether somebody has left
SWEEP_SECONDS = 1.0  # how exact the patience with slow requests is

_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger("messenger")


class Listener:
    """Accepts up to `most_connections`; who comes after that waits in the kernel's backlog.

    `headers` are every answer's; `refusal` gives the body of one to what is no request.
    `header_timeout` and `body_timeout`, in seconds, are for what has to arrive; a connection that
    is kept alive waits for the head of its next request as long as for that of its first.
    """

    def __init__(
        self,
        app: HTTPServerConnectionDelegate,
        *,
        most_connections: int,
        limits: Limits,
        headers: Mapping[str, str],
        refusal: Callable[[int], bytes],
        header_timeout: float,
        body_timeout: float,
    ) -> None:
        self.limits = limits
        self.common = Common(headers)
        self.refusal = refusal
        self.turns = Turns()
        self.watch = Watch()
        self.is_stopping = False
        self._app = app
        self._most = most_connections
        self._listening: set[socket.socket] = set()
        self._resting: set[socket.socket] = set()  # of those
        self._open: set[Connection] = set()
        self._arriving = (_Patience(header_timeout), _Patience(body_timeout))
        self._sweep: asyncio.TimerHandle | None = None
        self._beginning: set[asyncio.Task[None]] = set()

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """Needs a running loop, as all the rest does."""
        for sock in sockets:
            self._listening.add(sock)
            sock.setblocking(False)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)
        self._sweep_again()

    def stop(self) -> None:
        """New connections are refused from now on; those that are open stay."""
        self.is_stopping = True
        if self._sweep is not None:
            self._sweep.cancel()
        for sock in self._listening - self._resting:
            asyncio.get_running_loop().remove_reader(sock)
        for sock in self._listening:
            sock.close()
        self._listening.clear()
        self._resting.clear()

    def close_idle(self) -> None:
        """Closes connections without a request, or with one that has not arrived as a whole."""
        for connection in list(self._open):
            connection.close_if_idle()

    async def close_all_connections(self) -> None:
        if self._beginning:
            await asyncio.wait(self._beginning)
        for connection in list(self._open):
            connection.abort()
        while self._open:
            await asyncio.sleep(0)
        self.watch.close()

    # What the connections ask and tell.

    @cached_property
    def done(self) -> "Future[None]":
        future: Future[None] = asyncio.get_running_loop().create_future()
        future.set_result(None)
        return future

    def has_opened(self, connection: Connection) -> None:
        self._open.add(connection)
        self.waits_for_head(connection)

    def waits_for_head(self, connection: Connection) -> None:
        for_head, for_body = self._arriving
        for_body.leave(connection)
        for_head.begin(connection)

    def waits_for_body(self, connection: Connection) -> None:
        for_head, for_body = self._arriving
        for_head.leave(connection)
        for_body.begin(connection)

    def is_answering(self, connection: Connection) -> None:
        for patience in self._arriving:
            patience.leave(connection)

    def is_leaving(self, connection: Connection) -> None:
        """It has to take what is left for it, and to close, or only that."""
        self.waits_for_head(connection)

    def has_closed(self, connection: Connection) -> None:
        self.is_answering(connection)
        self._open.discard(connection)

    # Accepting.

    def _accept(self, sock: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(ACCEPTED_BESIDE if self.turns.somebody_talks else ACCEPTED_AT_ONCE):
            if len(self._open) + len(self._beginning) >= self._most:
                return self._rest(sock, "all connections that it has room for are open")
            try:
                accepted, address = sock.accept()
            except BlockingIOError:
                return None
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                return self._rest(sock, str(error))
            beginning = loop.create_task(self._begin(accepted, address[0]))
            self._beginning.add(beginning)
            beginning.add_done_callback(self._beginning.discard)

    async def _begin(self, accepted: socket.socket, remote_ip: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                lambda: Connection(self._app, self, remote_ip), accepted
            )
        except OSError:
            accepted.close()  # it has left already

    def _rest(self, sock: socket.socket, why: str) -> None:
        _log.debug("the server accepts nobody for a moment: %s", why)
        self._resting.add(sock)
        loop = asyncio.get_running_loop()
        loop.remove_reader(sock)
        loop.call_later(AGAIN_SECONDS, self._go_on, sock)

    def _go_on(self, sock: socket.socket) -> None:
        if sock in self._resting:
            self._resting.discard(sock)
            asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def _sweep_again(self) -> None:
        for patience in self._arriving:
            patience.end()
        self._sweep = asyncio.get_running_loop().call_later(SWEEP_SECONDS, self._sweep_again)


class _Patience:
    """With those who have to send something: one look a second at who came first, for all.

    Whoever still takes an answer, however slowly, gets as many seconds once more; so does who has
    sent it all and waits to be read, in a crowd.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Connection, tuple[float, int]] = {}  # in the order of their times

    def begin(self, connection: Connection) -> None:
        self._since.pop(connection, None)
        self._since[connection] = time.monotonic(), connection.untaken()

    def leave(self, connection: Connection) -> None:
        self._since.pop(connection, None)

    def end(self) -> None:
        """Drops those with whom it has come to its end."""
        until = time.monotonic() - self._seconds
        while self._since:
            connection, (since, untaken) = next(iter(self._since.items()))
            if since > until:
                break
            self.leave(connection)
            if connection.waits_for_us() or 0 < connection.untaken() < untaken:
                self.begin(connection)
            else:
                connection.abort()
