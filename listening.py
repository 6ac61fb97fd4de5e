"""The listening socket: a server that knows how many connections it has room for."""

import contextlib
import errno
import logging
import socket
from collections.abc import Collection, Iterable
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, UnsatisfiableReadError

ACCEPTED_AT_ONCE = 16  # in one turn of the loop: some 3 ms
AGAIN_SECONDS = 0.1  # before a full server looks whether somebody has left

_FULL = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_TOO_LONG = b"""\
HTTP/1.1 431 Request Header Fields Too Large\r
Connection: close\r
Content-Length: 0\r
\r
"""
_log = logging.getLogger("messenger")


class Connection(IOStream):
    """Says why before it closes on headers that are too long, which Tornado does not.

    It is counted until it closes, whoever has it by then.
    """

    def __init__(self, sock: socket.socket, among: "set[Connection]", **limits: Any) -> None:
        super().__init__(sock, **limits)
        self._among = among
        among.add(self)

    def close(self, exc_info: Any = False) -> None:
        if isinstance(exc_info, UnsatisfiableReadError) and not self.closed():
            with contextlib.suppress(OSError):
                self.socket.send(_TOO_LONG)
        super().close(exc_info)
        self._among.discard(self)


class Listener(HTTPServer):
    """Accepts up to `most_connections`; who comes after that waits in the kernel's backlog.

    Tornado's own way of accepting is called again at once, for ever, when there is no descriptor
    left, and holds the loop.
    """

    def initialize(  # type: ignore[override]  # what Tornado has in place of a constructor
        self, *args: Any, most_connections: int, **kwargs: Any
    ) -> None:
        super().initialize(*args, **kwargs)
        self._most = most_connections
        self._listening: set[socket.socket] = set()
        self._resting: set[socket.socket] = set()  # of those
        self._connections_open: set[Connection] = set()

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        for sock in sockets:
            self._listening.add(sock)
            IOLoop.current().add_handler(sock, self._accept, IOLoop.READ)

    def stop(self) -> None:
        """New connections are refused from now on; those that are open stay."""
        for sock in self._listening - self._resting:
            IOLoop.current().remove_handler(sock)
        for sock in self._listening:
            sock.close()
        self._listening.clear()
        self._resting.clear()

    def close_idle(self, busy: Collection[IOStream]) -> None:
        """Closes connections without a request, or with one that has not arrived as a whole.

        `busy` are those whose requests are being answered.
        """
        for stream in self._connections_open.difference(busy):
            if not stream.writing():
                stream.close()

    async def close_all_connections(self) -> None:
        await super().close_all_connections()
        for stream in list(self._connections_open):
            stream.close()

    def _accept(self, sock: socket.socket, events: int) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            if len(self._connections_open) >= self._most:
                return self._rest(sock, "all connections that it has room for are open")
            try:
                connection, address = sock.accept()
            except BlockingIOError:
                return None
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                return self._rest(sock, str(error))
            stream = Connection(
                connection,
                self._connections_open,
                max_buffer_size=self.max_buffer_size,
                read_chunk_size=self.read_chunk_size,
            )
            self.handle_stream(stream, address)

    def _rest(self, sock: socket.socket, why: str) -> None:
        _log.debug("the server accepts nobody for a moment: %s", why)
        self._resting.add(sock)
        IOLoop.current().remove_handler(sock)
        IOLoop.current().call_later(AGAIN_SECONDS, self._go_on, sock)

    def _go_on(self, sock: socket.socket) -> None:
        if sock in self._resting:
            self._resting.discard(sock)
            IOLoop.current().add_handler(sock, self._accept, IOLoop.READ)
