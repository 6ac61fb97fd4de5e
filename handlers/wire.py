"""The connection of an open stream: bytes to a socket, and as little else as can be.

Of what is kept for a request (its headers, its body, its delegates) an open stream needs nothing:
a handler that has said hello takes its connection (`detach`), and lets go of the rest. A frame goes
to the transport in one call.
"""

import socket
from collections.abc import Callable

from bus.event import Frame, framed
from bus.outlet import CLOSED, Outlet
from http1.connection import Connection

BUFFER_BYTES = 256 * 1024  # what may wait for one client in our memory
SEND_BUFFER_BYTES = 64 * 1024  # what may wait in the kernel's; it would take up to 4 MB
DEAD_AFTER_MILLISECONDS = 15_000  # unacknowledged bytes: a cut cable, not a slow reader

_LAST_CHUNK = b"0\r\n\r\n"


class Full(Exception):
    """The client does not keep up."""


class Wire:
    """Frames in, bytes out; in chunks, where the answer is in chunked coding (HTTP/1.1)."""

    __slots__ = ("_chunked", "_connection", "_write")

    def __init__(self, connection: Connection, *, chunked: bool) -> None:
        _set_options(connection.transport.get_extra_info("socket"))
        self._connection = connection
        self._write: Callable[[bytes], None] = connection.transport.write
        self._chunked = chunked

    @property
    def connection(self) -> Connection:
        return self._connection

    def write(self, frame: Frame) -> None:
        """Hands a frame on, and waits for nobody. Raises `Full`.

        Its stream hears of a client that has gone in a turn to come: nothing is written until then.
        """
        if self._connection.is_lost:
            return
        data = frame.chunk if self._chunked else frame.plain
        if self._connection.is_behind:
            waiting = self._connection.transport.get_write_buffer_size()
            if waiting + len(data) > BUFFER_BYTES:
                raise Full
        self._write(data)

    async def write_through(self, plain: bytes) -> None:
        """Returns when the kernel has taken all of it. Raises `StreamClosedError`."""
        if not self._connection.is_lost:
            self._write(framed(plain).chunk if self._chunked else plain)
        await self._connection.drained()

    def open(self, outlet: Outlet) -> None:
        """From now on it knows the descriptor, whenever a chunk may be written to that."""
        if self._chunked:
            self._connection.set_writable_callback(outlet.name)

    def shut(self, outlet: Outlet) -> None:
        self._connection.set_writable_callback(None)
        outlet.descriptor = CLOSED

    def go_on(self, rest: bytes) -> None:
        """With what is left of a chunk that was written to the descriptor."""
        if not self._connection.is_lost:
            self._write(rest)

    def end(self) -> None:
        """Closes when all that waits is written."""
        if not self._connection.closed():
            self._write(_LAST_CHUNK if self._chunked else b"")
            self._connection.close()


def _set_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)
