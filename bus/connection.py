"""The connection of an open stream: frames out, and word of a client that has disconnected.

It takes the transport over from the HTTP connection after the head of the response. Nothing that
was kept for the request is kept for the stream.
"""

import asyncio
import socket
from asyncio import Future
from collections.abc import Callable, Hashable
from typing import Protocol

from bus.event import Frame, chunk

MAX_BUFFERED_BYTES = 256 * 1024  # in our memory for one client; beyond it the client is too slow
SEND_BUFFER_BYTES = 64 * 1024  # in the kernel's memory, which would take up to 4 MB
DEAD_AFTER_MILLISECONDS = 15_000  # without an acknowledgement: a cut cable, not a slow reader
MAX_DISCARDED_BYTES = 2**20  # of what a client sends behind its request; a longer input is cut off

_LAST_CHUNK = b"0\r\n\r\n"


class SlowConsumer(Exception):
    """The client does not keep up with its stream."""


class StreamOwner(Protocol):
    def abort(self, reason: str) -> None:
        """Ends the stream and its connection at once."""

    def on_connection_close(self) -> None:
        """The client has disconnected, or the connection was closed. Called once."""


class Backpressure(Protocol):
    """What counts the bytes that clients have not taken."""

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
    """Writes frames in chunks, where the response is in chunked coding (HTTP/1.1)."""

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
        """Calls `owner` when the connection has ended, in a later iteration of the loop.

        `client` is the user for whom its bytes count.
        """
        self.disconnected = False  # nothing is written any more
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
        """Bytes that the kernel has not taken yet."""
        return self._transport.get_write_buffer_size() if self.write_paused else 0

    def write(self, frame: Frame) -> None:
        """Sends a frame without waiting. Raises `SlowConsumer`.

        Does nothing if the client has disconnected; the owner is told in a later turn of the loop.
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
        """Returns when the kernel has taken all of it. Raises `ConnectionResetError`."""
        if not self.disconnected:
            self.written_while_paused += len(plain)
            self._transport.write(chunk(plain) if self._chunked else plain)
        if self.disconnected:
            raise ConnectionResetError
        if self.write_paused:
            self._drained = asyncio.get_running_loop().create_future()
            await self._drained

    def close(self) -> None:
        """Ends the response, and closes the connection when the client has taken it."""
        if not self.disconnected and not self._transport.is_closing():
            if self._chunked:
                self._transport.write(_LAST_CHUNK)
            self._close()

    def abort(self) -> None:
        """Closes the connection at once; what was not sent yet is dropped."""
        self._transport.abort()

    def shed(self) -> None:
        """For a client that does not take what is written: its stream ends as slow."""
        if self._owner is not None:
            self._owner.abort("slow")
        else:
            self.abort()

    # `asyncio.Protocol`.

    def data_received(self, data: bytes) -> None:
        """Input is read, since an end of the connection is only seen behind it, and discarded."""
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
        """A client that has ended its input gets no more events."""
        if not self.disconnected:
            self.disconnected = True
            self._server.defer(self._hang_up)
        return True  # thousands at once are closed in slices, and not in this turn of the loop

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
