"""The connection of an open stream: bytes to a socket, and as little else as can be.

Of what Tornado keeps for a request (its connection's loop and coroutines, headers, delegates) an
open stream needs nothing: a handler that has said hello takes its IOStream (`detach`) and lets go of
the rest, which is FIGURE. A frame goes to the socket in one call, past the IOStream's own buffer and
its future for each write, unless some of it has to wait there.
"""

import socket
from collections.abc import Callable

from tornado.iostream import IOStream, StreamBufferFullError, StreamClosedError

from bus.event import Frame, framed

BUFFER_BYTES = 256 * 1024  # what may wait for one client in our memory
SEND_BUFFER_BYTES = 64 * 1024  # what may wait in the kernel's; it would take up to 4 MB
DEAD_AFTER_MILLISECONDS = 15_000  # unacknowledged bytes: a cut cable, not a slow reader

_LAST_CHUNK = b"0\r\n\r\n"


class Full(Exception):
    """The client does not keep up."""


class Closed(Exception):
    """The client has gone."""


class Wire:
    """Frames in, bytes out; in chunks, where the answer is in chunked coding (HTTP/1.1)."""

    __slots__ = ("_chunked", "_iostream", "_send")

    def __init__(self, iostream: IOStream, *, chunked: bool) -> None:
        iostream.max_write_buffer_size = BUFFER_BYTES
        _set_options(iostream)
        self._iostream = iostream
        self._send: Callable[[bytes], int] = iostream.socket.send
        self._chunked = chunked

    @property
    def iostream(self) -> IOStream:
        return self._iostream

    def listen(self, closed: Callable[[], None]) -> None:
        """`closed` is called once, in a later turn of the loop, whoever closes it."""
        self._iostream.set_close_callback(closed)

    def write(self, frame: Frame) -> None:
        """Hands a frame on, and waits for nobody. Raises `Full` and `Closed`."""
        data = frame.chunk if self._chunked else frame.plain
        iostream = self._iostream
        if iostream.closed():
            raise Closed
        if not iostream.writing():
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                iostream.close()
                raise Closed from None
            if sent == len(data):
                return
            data = data[sent:]
        try:
            iostream.write(data)
        except StreamBufferFullError:
            raise Full from None
        except StreamClosedError:
            raise Closed from None

    async def write_through(self, plain: bytes) -> None:
        """Returns when the kernel has taken all of it. Raises `StreamClosedError`."""
        await self._iostream.write(framed(plain).chunk if self._chunked else plain)

    def end(self) -> None:
        """Closes when all that waits is written."""
        if self._iostream.closed():
            return
        last = self._iostream.write(_LAST_CHUNK if self._chunked else b"")
        last.add_done_callback(lambda _: self._iostream.close())

    def close(self) -> None:
        self._iostream.close()

    def listen_again(self) -> None:
        """Whoever sends more behind the request would not be seen to leave: Tornado waits for
        somebody to read that first. It is thrown away."""
        unread = self._iostream._read_buffer_size
        if unread and not self._iostream.closed():
            self._iostream.read_bytes(unread)  # done already


def _set_options(iostream: IOStream) -> None:
    iostream.set_nodelay(True)
    sock = iostream.socket
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)
