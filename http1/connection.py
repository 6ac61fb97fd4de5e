"""One HTTP/1.1 connection of a client: reads requests and writes responses.

It implements Tornado's `HTTPConnection` on an asyncio transport. Tornado's own one needs an
IOStream, and for each request a coroutine, two futures and two timers. `http1/parser.py` parses the
input. `http1/scheduler.py` bounds how long the loop reads in one iteration.

A handler that opens a stream takes the transport with `detach`.
"""

import asyncio
import logging
import math
import time
from asyncio import Future
from collections.abc import Callable, Hashable
from enum import Enum
from functools import partial
from http import HTTPStatus
from typing import NamedTuple, Protocol, cast

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    HTTPMessageDelegate,
    HTTPServerConnectionDelegate,
    RequestStartLine,
    ResponseStartLine,
)
from tornado.iostream import StreamClosedError

from http1 import answer, head
from http1.backpressure import Backpressure
from http1.head import ProtocolError
from http1.parser import Limits, RequestParser
from http1.scheduler import RequestScheduler

_LINGER_BYTES = 2**20  # input to discard after a refused request: its client can read the response
_WITHOUT_BODY = frozenset({204, 304})
_log = logging.getLogger("messenger")


class Timeouts(NamedTuple):
    header_seconds: float  # to send the head of a request, and to read a response
    body_seconds: float


class ServerContext(Protocol):
    """What a connection needs from the server that accepted it."""

    limits: Limits
    timeouts: Timeouts
    scheduler: RequestScheduler
    backpressure: Backpressure
    common: answer.Common

    @property
    def done(self) -> "Future[None]":
        """A future that is done, for writes that need no waiting."""

    def refusal(self, status: int) -> bytes:
        """Returns the body for input that is not a request: problem details (RFC 9457)."""

    @property
    def is_stopping(self) -> bool:
        """Whether the server reads no more requests."""

    def input_refused(self, status: int, remote_ip: str) -> None: ...
    def connection_opened(self, connection: "Connection") -> None: ...
    def connection_closed(self, connection: "Connection") -> None: ...


class State(Enum):
    HEAD = "reads the head of a request"
    QUEUED = "the request is in the fair queue, behind others of its client"
    BODY = "reads the body of the request"
    ANSWERING = "the handler is answering the request"
    CLOSING = "writes the last response, and discards input up to a limit"


class Connection(asyncio.Protocol):
    """Tornado's `HTTPConnection` as an asyncio protocol."""

    __slots__ = (
        "_app",
        "_buffered",
        "_chunked_out",
        "_delegate",
        "_drained",
        "_is_due",
        "_is_new",
        "_is_paused",
        "_keeps_alive",
        "_length_left",
        "_linger_left",
        "_lingers",
        "_on_close",
        "_parser",
        "_request",
        "_seconds",
        "_skips_body",
        "_state",
        "client",
        "deadline",
        "disconnected",
        "input_ended",
        "on_input_ended",
        "opened_at",
        "protocol",
        "read_seconds",
        "remote_ip",
        "sent_bytes",
        "server",
        "transport",
        "write_paused",
        "written_while_paused",
    )
    is_stream = False

    def __init__(
        self, app: HTTPServerConnectionDelegate, server: ServerContext, remote_ip: str
    ) -> None:
        self._app = app
        self.server = server
        self.remote_ip = remote_ip
        self.protocol = "http"
        self.transport: asyncio.Transport
        self.write_paused = False  # the kernel has not accepted all bytes yet
        self.disconnected = False  # no more writes; the handler is notified in a later iteration
        self.client: Hashable = remote_ip  # the user or address that is charged for responses
        self.opened_at = time.monotonic()
        self.read_seconds = 0.0  # time of the loop spent on reading the current request
        self.sent_bytes = 0  # of the current response
        self.written_while_paused = 0
        self.input_ended = False  # the client sends no more, but may still read responses
        self.on_input_ended: Callable[[], None] | None = None  # called in a later iteration
        self._drained: Future[None] | None = None
        self._on_close: Callable[[], None] | None = None
        self._parser = RequestParser(server.limits)
        self._is_due = False  # `_read` is queued in the scheduler
        self._is_new = True  # no request was answered yet
        self._is_paused = False
        self._state = State.HEAD
        self._delegate: HTTPMessageDelegate | None = None
        self._request: RequestStartLine | None = None
        self._keeps_alive = True
        self._skips_body = False
        self._lingers = False  # discard input before closing
        self._linger_left = _LINGER_BYTES
        self._chunked_out = False
        self._length_left: int | None = None  # bytes left of a response with a Content-Length
        self._expect_within(server.timeouts.header_seconds)

    @property
    def context(self) -> "Connection":
        """Tornado's requests read `remote_ip` and `protocol` from here."""
        return self

    # `asyncio.Protocol`.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass
        self.transport.set_write_buffer_limits(high=0)  # pause as soon as a byte is buffered
        self.server.connection_opened(self)

    def data_received(self, data: bytes) -> None:
        if self._state is State.CLOSING:
            self._linger_left -= len(data)
            if self._linger_left < 0:
                self.abort()
            return
        self._parser.feed(data)
        if self._state in (State.HEAD, State.BODY) and not self.write_paused:
            self._read_soon()
        if self._state is State.QUEUED:
            self._stop_reading()
        elif self._parser.buffered > self.server.limits.body_bytes:
            self._pause_reading()

    def pause_writing(self) -> None:
        self.write_paused = True
        self.written_while_paused = 0
        self.server.backpressure.write_paused(self)

    def resume_writing(self) -> None:
        self.write_paused = False
        self.server.backpressure.write_resumed(self)
        if self._drained is not None:
            drained, self._drained = self._drained, None
            if not drained.done():
                drained.set_result(None)
        if (self._parser.buffered or self.input_ended) and self._state in (State.HEAD, State.BODY):
            self._read_soon()

    def eof_received(self) -> bool:
        """Answers the requests that have arrived in full, and then closes the connection."""
        self.input_ended = True
        if self._state is State.CLOSING:
            return False
        if self.on_input_ended is not None:
            self.server.scheduler.defer(self.on_input_ended)
        if self._state in (State.HEAD, State.BODY) and not self.write_paused:
            self._read_soon()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.disconnected = True
        if self.write_paused:
            self.server.backpressure.write_resumed(self)
        self.server.scheduler.defer(self._tell_of_close)

    def _tell_of_close(self) -> None:
        self.server.connection_closed(self)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(StreamClosedError())
            self._drained.exception()  # marks it as retrieved; a waiting handler still gets it
        self._tell_handler()

    def _tell_handler(self) -> None:
        on_close, self._on_close, self._delegate = self._on_close, None, None
        if on_close is not None:
            on_close()

    # Deadlines.

    def _expect_within(self, seconds: float) -> None:
        self._seconds = seconds
        self._buffered = self.write_buffer_size
        self.deadline = time.monotonic() + seconds

    def enforce_deadline(self) -> None:
        """Closes a connection whose deadline has passed.

        The deadline starts again if the client has read part of its response since, or if the
        server has not read its input yet.
        """
        if self.has_unread_input or 0 < self.write_buffer_size < self._buffered:
            self._expect_within(self._seconds)
        else:
            self.abort()

    # From bytes to requests.

    def _read_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            scheduler = self.server.scheduler
            (scheduler.submit_new if self._is_new else scheduler.submit_established)(self._read)

    def _read(self) -> None:
        """Reads one request. The next one is read after the response to this one.

        Reads nothing while writing is paused; `resume_writing` goes on.
        """
        self._is_due = False
        if self.write_paused or (self._is_new and self.closed()):
            return
        began = time.monotonic()
        try:
            if self._state is State.HEAD:
                self._read_head()
            if self._state is State.BODY:
                self._read_body()
        except HTTPInputError as error:
            self._refuse(HTTPStatus(error.status if isinstance(error, ProtocolError) else 400))
        except Exception:
            _log.exception("a request from %s failed", self.remote_ip)
            self.abort()
        self.read_seconds += time.monotonic() - began
        if self._state in (State.HEAD, State.BODY) and not self._is_due:
            if self.input_ended:
                self.close()
            else:
                self._resume_reading()

    def _read_head(self) -> None:
        found = self._parser.head()
        if found is None:
            return
        request, headers, authority = found
        if authority is not None:
            head.name_host(request.version, headers, authority)
        self._request = request
        self._keeps_alive = head.keeps_alive(request.version, headers)
        self._skips_body = False
        self.read_seconds, self.sent_bytes = 0.0, 0
        self._delegate = self._app.start_request(self, self)  # type: ignore[arg-type]
        decided = self._delegate.headers_received(request, headers)
        if decided is None:
            self._begin_body(headers)
            return
        self._state = State.QUEUED
        self.deadline = math.inf
        if self._parser.buffered:
            self._stop_reading()  # buffer little input behind a queued request
        asyncio.ensure_future(decided).add_done_callback(partial(self._leave_queue, headers))

    def _leave_queue(self, headers: HTTPHeaders, _: object) -> None:
        if not self.closed():
            self._begin_body(headers)
            if self._state is State.BODY:
                self._read_soon()

    def _begin_body(self, headers: HTTPHeaders) -> None:
        assert self._request is not None
        self._state = State.BODY
        if self._skips_body:
            self._drop_body()
        elif not self._parser.is_whole:
            self._expect_within(self.server.timeouts.body_seconds)
            is_modern = self._request.version == "HTTP/1.1"
            expects = is_modern and headers.get("Expect", "").lower() == "100-continue"
            if expects and not self._parser.buffered and not self.closed():
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _drop_body(self) -> None:
        """Answers at once, without the body. Closes the connection if the body is incomplete."""
        if self._parser.is_whole:
            self._parser.body()
        else:
            self._parser.clear()
            self._keeps_alive, self._lingers = False, True
        self._answer()

    def _read_body(self) -> None:
        body = self._parser.body()
        if body is None:
            if self._parser.has_more:
                self._is_due = True
                self.server.scheduler.defer(self._read)
            return
        if body:
            assert self._delegate is not None
            self._delegate.data_received(body)
        self._answer()

    def _answer(self) -> None:
        assert self._delegate is not None
        self._state = State.ANSWERING
        self.deadline = math.inf
        self._delegate.finish()

    def skip_body(self) -> None:
        """Makes the connection answer the current request without reading its body."""
        self._skips_body = True

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers input that is not a request, and closes the connection.

        It cannot tell where the next request would begin. The close lingers: closing at once with
        unread input would reset the connection, and the client might lose the response.
        """
        body = self.server.refusal(status)
        headers = HTTPHeaders(
            {
                "Content-Type": "application/problem+json",
                "Cache-Control": "no-store",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
        )
        start_line = ResponseStartLine("HTTP/1.1", status, status.phrase)
        written = answer.head(start_line, headers, self.server.common)
        self.server.input_refused(status, self.remote_ip)
        self._tell_handler()
        if not self.closed():
            self.transport.write(written + body)
            self._linger()

    def _linger(self) -> None:
        """Closes the connection when the client has closed its side, or at the deadline."""
        self._parser.clear()
        self._state = State.CLOSING
        if self.input_ended:
            self.close()
        else:
            self._resume_reading()
            self.transport.write_eof()
            self._expect_within(self.server.timeouts.header_seconds)

    # `HTTPConnection`, as Tornado's handlers use it.

    def set_close_callback(self, callback: Callable[[], None] | None) -> None:
        self._on_close = callback

    def write_headers(
        self, start_line: ResponseStartLine, headers: HTTPHeaders, chunk: bytes | None = None
    ) -> "Future[None]":
        request = self._request
        assert request is not None
        with_body = request.method != "HEAD" and start_line.code not in _WITHOUT_BODY
        length = headers.get("Content-Length")
        self._chunked_out = with_body and length is None and request.version == "HTTP/1.1"
        self._length_left = int(length) if with_body and length is not None else None
        if self.server.is_stopping or (with_body and length is None and not self._chunked_out):
            self._keeps_alive = False
        if self._chunked_out:
            headers["Transfer-Encoding"] = "chunked"
        if request.version != "HTTP/1.1":
            headers["Connection"] = "keep-alive" if self._keeps_alive else "close"
        elif not self._keeps_alive:
            headers["Connection"] = "close"
        written = answer.head(start_line, headers, self.server.common)
        return self._write(written + self._framed(chunk or b""))

    def write(self, chunk: bytes) -> "Future[None]":
        return self._write(self._framed(chunk))

    def finish(self) -> None:
        if self._length_left:
            self.transport.abort()
            raise ValueError(f"{self._length_left} bytes of an answer are missing")
        if self._chunked_out and not self.disconnected:
            self.transport.write(b"0\r\n\r\n")
        self._delegate = self.on_input_ended = None
        if self._state is not State.ANSWERING or self.disconnected:
            return
        if not self._keeps_alive or self.server.is_stopping or self.closed():
            self._parser.clear()
            self._linger() if self._lingers and not self.closed() else self.close()
            return
        self._state, self._is_new = State.HEAD, False
        self._expect_within(self.server.timeouts.header_seconds)
        if self._parser.buffered or self.input_ended:
            self._is_due = True
            self.server.scheduler.defer(self._read)
        else:
            self._resume_reading()

    def _framed(self, chunk: bytes) -> bytes:
        if self._length_left is not None:
            self._length_left -= len(chunk)
            if self._length_left < 0:
                self.transport.abort()
                raise ValueError("an answer is longer than it said")
        if self._chunked_out and chunk:
            return b"%x\r\n%b\r\n" % (len(chunk), chunk)
        return chunk

    def _write(self, data: bytes) -> "Future[None]":
        if not self.closed():
            self.sent_bytes += len(data)
            if self.write_paused:
                self.written_while_paused += len(data)
            self.transport.write(data)
        return self.drained()

    @property
    def has_unread_input(self) -> bool:
        """Whether input has arrived that the scheduler has not run yet."""
        return self._is_due and not self.closed()

    @property
    def write_buffer_size(self) -> int:
        """Bytes in the write buffer: the kernel has not accepted them yet."""
        if not self.write_paused or self.disconnected:
            return 0
        return self.transport.get_write_buffer_size()

    def closed(self) -> bool:
        return self.disconnected or self.transport.is_closing()

    def drained(self) -> "Future[None]":
        """Returns a future that is done when the kernel has accepted all bytes.

        It fails with `StreamClosedError` if the connection closes first.
        """
        if self.closed():
            lost: Future[None] = asyncio.get_running_loop().create_future()
            lost.set_exception(StreamClosedError())
            lost.exception()  # marks it as retrieved, so that asyncio logs nothing
            return lost
        if not self.write_paused:
            return self.server.done
        if self._drained is None or self._drained.done():
            self._drained = asyncio.get_running_loop().create_future()
        return self._drained

    def detach(self) -> asyncio.Transport:
        """Returns the transport for another protocol, and drops unread input.

        The caller must set that protocol before it awaits.
        """
        self.server.connection_closed(self)
        self.server.backpressure.write_resumed(self)
        self._parser.clear()
        self._on_close = self.on_input_ended = self._delegate = self._request = None
        self._resume_reading()
        return self.transport

    def _pause_reading(self) -> None:
        """Stops reading from a client that sends ahead of its responses. A body is still read."""
        if self._state is State.ANSWERING or self._is_due or self.write_paused:
            self._stop_reading()

    def _stop_reading(self) -> None:
        if not self._is_paused and not self.closed():
            self._is_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused and not self.closed():
            self._is_paused = False
            self.transport.resume_reading()

    @property
    def is_idle(self) -> bool:
        """Whether there is no complete request to answer, and no input to read."""
        if self._state is State.QUEUED:
            return not self._parser.is_whole
        return self._state is not State.ANSWERING and not self.has_unread_input

    def close_if_idle(self) -> None:
        """Closes the connection unless it has a complete request to answer."""
        self._read()
        if self._state in (State.HEAD, State.BODY):
            self.close()

    def close(self) -> None:
        """Closes the connection when the write buffer is empty, or at the deadline."""
        if not self.disconnected:
            self._state = State.CLOSING
            self._expect_within(self.server.timeouts.header_seconds)
            self.transport.close()

    def shed(self) -> None:
        """Closes the connection, because its client reads too slowly."""
        self.abort()

    def abort(self) -> None:
        """Closes the connection at once, and drops the write buffer."""
        if not self.disconnected:
            self.transport.abort()
