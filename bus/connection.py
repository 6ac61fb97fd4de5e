"""The connection of an open stream: writes frames, and notices when the client disconnects.

It takes over the transport from the HTTP connection after the head of the response. It keeps no
object of the request, because there may be thousands of streams.
"""

import asyncio
import socket
from asyncio import Future
from collections.abc import Callable, Hashable
from typing import Protocol

from bus.event import Frame, chunk

MAX_BUFFERED_BYTES = 256 * 1024  # in the write buffer; above it, the client is too slow
SEND_BUFFER_BYTES = 64 * 1024  # in the kernel, whose default grows to 4 MB
DEAD_AFTER_MILLISECONDS = 15_000  # without an acknowledgement: a cut cable, not a slow reader
MAX_DISCARDED_BYTES = 2**20  # of input after the request; above it, the connection is aborted

_LAST_CHUNK = b"0\r\n\r\n"


class SlowConsumer(Exception):
    """The client reads its stream too slowly."""


class StreamOwner(Protocol):
    def abort(self, reason: str) -> None:
        """Ends the stream and its connection at once."""

    def on_connection_close(self) -> None:
        """Called once, when the client has disconnected or the server has closed."""


class Backpressure(Protocol):
    """Counts the buffered bytes of connections whose writing is paused."""

    def write_paused(self, writer: "StreamConnection") -> None: ...
    def write_resumed(self, writer: "StreamConnection") -> None: ...


class StreamServer(Protocol):
    """The server that accepted the connection."""

    @property
    def backpressure(self) -> Backpressure: ...
    def defer(self, work: Callable[[], None]) -> None: ...
    def stream_opened(self, connection: "StreamConnection") -> None: ...
    def stream_closing(self, connection: "StreamConnection") -> None: ...
    def stream_closed(self, connection: "StreamConnection") -> None: ...


class StreamConnection(asyncio.Protocol):
    """Writes frames. Each is a chunk if the response has chunked coding (HTTP/1.1)."""

    __slots__ = (
        "_chunked",
        "_discarded",
        "_drained",
        "_owner",
        "_server",
        "_transport",
        "client",
        "disconnected",
        "write_paused",
        "written_while_paused",
    )
    is_stream = True

    def __init__(
        self,
        transport: asyncio.Transport,
        server: StreamServer,
        owner: StreamOwner,
        *,
        chunked: bool,
        client: Hashable = None,
    ) -> None:
        """Notifies `owner` when the connection has ended, in a later iteration of the loop.

        `client` is the user that is charged for buffered bytes.
        """
        self.disconnected = False  # no more writes
        self.client = client
        self.write_paused = False
        self.written_while_paused = 0
        self._transport = transport
        self._server = server
        self._owner: StreamOwner | None = owner
        self._chunked = chunked
        self._drained: Future[None] | None = None
        self._discarded = 0
        server.stream_opened(self)
        transport.set_protocol(self)
        if transport.get_write_buffer_size() > 0:
            self.pause_writing()

    @property
    def write_buffer_size(self) -> int:
        """Bytes in the write buffer: the kernel has not accepted them yet."""
        return self._transport.get_write_buffer_size() if self.write_paused else 0

    def write(self, frame: Frame) -> None:
        """Writes a frame without waiting. Raises `SlowConsumer`.

        Does nothing if the client has disconnected; the owner is notified in a later iteration of
        the loop.
        """
        if self.disconnected:
            return
        data = frame.chunk if self._chunked else frame.plain
        if self.write_paused:
            buffered = self._transport.get_write_buffer_size()
            if buffered + len(data) > MAX_BUFFERED_BYTES:
                raise SlowConsumer
            self.written_while_paused += len(data)
        self._transport.write(data)

    async def write_and_drain(self, plain: bytes) -> None:
        """Writes, and returns when the kernel has accepted all of it.

        Raises `ConnectionResetError`.
        """
        if not self.disconnected:
            self.written_while_paused += len(plain)
            self._transport.write(chunk(plain) if self._chunked else plain)
        if self.disconnected:
            raise ConnectionResetError
        if self.write_paused:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def close(self) -> None:
        """Ends the response, and closes the connection when the write buffer is empty."""
        if not self.disconnected and not self._transport.is_closing():
            if self._chunked:
                self._transport.write(_LAST_CHUNK)
            self._close()

    def abort(self) -> None:
        """Closes the connection at once, and drops the write buffer."""
        self._transport.abort()

    def shed(self) -> None:
        """Ends the stream with the reason `slow`, because its client reads too slowly."""
        if self._owner is not None:
            self._owner.abort("slow")
        else:
            self.abort()

    # `asyncio.Protocol`.

    def data_received(self, data: bytes) -> None:
        """Discards input. It must be read, because the end of the connection comes after it."""
        self._discarded += len(data)
        if self._discarded > MAX_DISCARDED_BYTES:
            self.abort()

    def pause_writing(self) -> None:
        self.write_paused = True
        self.written_while_paused = 0
        self._server.backpressure.write_paused(self)

    def resume_writing(self) -> None:
        self.write_paused = False
        self._server.backpressure.write_resumed(self)
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def eof_received(self) -> bool:
        """Treats a client that has ended its input as disconnected."""
        if not self.disconnected:
            self.disconnected = True
            self._server.defer(self._hang_up)
        return True  # `_hang_up` closes; the scheduler spreads thousands over several iterations

    def connection_lost(self, exc: Exception | None) -> None:
        self.disconnected = True
        if self.write_paused:
            self._server.backpressure.write_resumed(self)
        self._server.defer(self._release)

    def _hang_up(self) -> None:
        self._tell_owner()
        if not self._transport.is_closing():
            self._close()

    def _release(self) -> None:
        self._server.stream_closed(self)
        self._tell_owner()

    def _close(self) -> None:
        self._server.stream_closing(self)
        self._transport.close()

    def _tell_owner(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError())
        owner, self._owner = self._owner, None
        if owner is not None:
            owner.on_connection_close()


def set_socket_options(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 10)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 5)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, DEAD_AFTER_MILLISECONDS)
