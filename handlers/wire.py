"""The connection of an open stream: bytes to a socket, and as little else as can be.

Of what Tornado keeps for a request (its connection's loop and coroutines, headers, delegates) an
open stream needs nothing: a handler that has said hello takes its IOStream (`detach`), and lets go
of the rest: 5.0 KB a stream in place of 13.3. A frame goes to the socket in one call, past the
IOStream's buffer and its future for each write, unless some of it has to wait there: twice as many
frames a second.
"""

import socket
from asyncio import Future
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

    __slots__ = ("_chunked", "_iostream", "_is_behind", "_send")

    def __init__(self, iostream: IOStream, *, chunked: bool) -> None:
        iostream.max_write_buffer_size = BUFFER_BYTES
        _set_options(iostream)
        self._iostream = iostream
        self._send: Callable[[bytes], int] = iostream.socket.send
        self._chunked = chunked
        self._is_behind = (
            True  # something waits in the IOStream, and the rest has to wait behind it
        )

    @property
    def iostream(self) -> IOStream:
        return self._iostream

    def take_over(self, closed: Callable[[], None]) -> None:
        """`closed` is called once: later, whoever closes the connection, or now if it is closed."""
        if self._iostream.closed():
            return closed()
        self._iostream.set_close_callback(closed)
        self._hand_over(b"")

    def write(self, frame: Frame) -> None:
        """Hands a frame on, and waits for nobody. Raises `Full` and `Closed`."""
        data = frame.chunk if self._chunked else frame.plain
        if not self._is_behind:
            try:
                sent = self._send(data)
            except BlockingIOError:
                sent = 0
            except OSError:
                self._iostream.close()
                raise Closed from None
            if sent == len(data):
                return
            data = data[sent:]
        try:
            self._hand_over(data)
        except StreamBufferFullError:
            raise Full from None
        except StreamClosedError:
            raise Closed from None

    async def write_through(self, plain: bytes) -> None:
        """Returns when the kernel has taken all of it. Raises `StreamClosedError`."""
        await self._hand_over(framed(plain).chunk if self._chunked else plain)

    def _hand_over(self, data: bytes) -> Future[None]:
        future = self._iostream.write(data)
        self._is_behind = self._iostream.writing()
        if self._is_behind:
            future.add_done_callback(self._look_again)
        return future

    def _look_again(self, _: Future[None]) -> None:
        self._is_behind = self._iostream.writing()

    def end(self) -> None:
        """Closes when all that waits is written."""
        if self._iostream.closed():
            return
        last = self._iostream.write(_LAST_CHUNK if self._chunked else b"")
        last.add_done_callback(lambda _: self._iostream.close())

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
