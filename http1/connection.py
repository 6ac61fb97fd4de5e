"""One client's connection: requests of HTTP/1.1 in, responses out, on the loop's own transport.

Tornado's application runs on it unchanged: this is its `HTTPConnection`, without an IOStream and
without a coroutine, two futures and two timers for each request. `http1/head.py` reads the head of
a request. Input is worked off in slices, see `http1/scheduler.py`.

A stream is no request any more: its handler takes the transport away with `detach`.
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

_LINGER_BYTES = 2**20  # discarded behind a refused request, so that its client reads the answer
_WITHOUT_BODY = frozenset({204, 304})
_log = logging.getLogger("messenger")


class Timeouts(NamedTuple):
    header_seconds: float  # for the head of a request, and for an answer to be taken
    body_seconds: float


class ServerContext(Protocol):
    """What a connection needs of the server that accepted it."""

    limits: Limits
    timeouts: Timeouts
    scheduler: RequestScheduler
    backpressure: Backpressure
    common: answer.Common

    @property
    def done(self) -> "Future[None]":
        """A future that has its result: there is nothing to wait for."""

    def refusal(self, status: int) -> bytes:
        """The body of an answer to input that is no request: problem details (RFC 9457)."""

    @property
    def is_stopping(self) -> bool:
        """Whether no more requests are taken."""

    def input_refused(self, status: int, remote_ip: str) -> None: ...
    def connection_opened(self, connection: "Connection") -> None: ...
    def connection_closed(self, connection: "Connection") -> None: ...


class State(Enum):
    HEAD = "waits for the head of a request, or for the rest of it"
    QUEUED = "the head of a request was read; its client's other requests are answered first"
    BODY = "waits for the rest of a body"
    ANSWERING = "a request is being answered"
    CLOSING = "the last answer is on its way; input is discarded, up to a limit"


class Connection(asyncio.Protocol):
    """`HTTPConnection` for Tornado's handlers."""

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
        self.write_paused = False  # the kernel has not taken all that was written
        self.disconnected = False  # nothing may be written; the handler is told in a later turn
        self.client: Hashable = remote_ip  # whom the answers count for: a user, or an address
        self.opened_at = time.monotonic()
        self.read_seconds = 0.0  # of the loop, for the present request
        self.sent_bytes = 0  # of its answer
        self.written_while_paused = 0
        self.input_ended = False  # the client sends no more; it may still take its answers
        self.on_input_ended: Callable[[], None] | None = None  # called then, in a later turn
        self._drained: Future[None] | None = None
        self._on_close: Callable[[], None] | None = None
        self._parser = RequestParser(server.limits)
        self._is_due = False  # to be read in a later slice
        self._is_new = True  # nothing was answered yet
        self._is_paused = False
        self._state = State.HEAD
        self._delegate: HTTPMessageDelegate | None = None
        self._request: RequestStartLine | None = None
        self._keeps_alive = True
        self._skips_body = False
        self._lingers = False  # at its end: input is discarded
        self._linger_left = _LINGER_BYTES
        self._chunked_out = False
        self._length_left: int | None = None  # of an answer that has told its length
        self._expect_within(server.timeouts.header_seconds)

    @property
    def context(self) -> "Connection":
        """Where Tornado's requests look for `remote_ip` and `protocol`."""
        return self

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are none by name
        self.transport.set_write_buffer_limits(high=0)  # told as soon as anything has to wait
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
        """The client sends no more. Complete requests are answered; then the connection closes."""
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
            self._drained.exception()  # a handler that waits is told all the same
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
        """Drops a client whose deadline has passed.

        A client that still takes its answer, however slowly, gets as many seconds once more. So
        does one whose input waits to be read by us.
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
        """Reads up to the end of a request, whose answer comes before the next one is read.

        Reads nothing before the client has taken the answers that it has: see `resume_writing`.
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
            self._stop_reading()  # little is read behind a request that waits
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
        """Answers at once. Where the next request begins is known if the body has come."""
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
        """Has the present request answered without its body being read."""
        self._skips_body = True

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers what is no request, and closes: where the next one begins is unknown.

        The close lingers: to close at once, with unread input, would reset the connection, and the
        client might never read the answer.
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
        """Closes when the client has done so, or at the deadline for it."""
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
        """Whether input has arrived that waits for the scheduler."""
        return self._is_due and not self.closed()

    @property
    def write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""
        if not self.write_paused or self.disconnected:
            return 0
        return self.transport.get_write_buffer_size()

    def closed(self) -> bool:
        return self.disconnected or self.transport.is_closing()

    def drained(self) -> "Future[None]":
        """Done when the kernel has taken all that was written; fails with `StreamClosedError`."""
        if self.closed():
            lost: Future[None] = asyncio.get_running_loop().create_future()
            lost.set_exception(StreamClosedError())
            lost.exception()  # nobody has to look at it
            return lost
        if not self.write_paused:
            return self.server.done
        if self._drained is None or self._drained.done():
            self._drained = asyncio.get_running_loop().create_future()
        return self._drained

    def detach(self) -> asyncio.Transport:
        """Gives the transport to a new protocol, for good; input that was not read is dropped.

        The caller sets the protocol in the same step.
        """
        self.server.connection_closed(self)
        self.server.backpressure.write_resumed(self)
        self._parser.clear()
        self._on_close = self.on_input_ended = self._delegate = self._request = None
        self._resume_reading()
        return self.transport

    def _pause_reading(self) -> None:
        """Of a client that sends requests without taking the answers; a body is let in."""
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
        """Whether no request has arrived in full that is not answered, nor input to be read yet."""
        if self._state is State.QUEUED:
            return not self._parser.is_whole
        return self._state is not State.ANSWERING and not self.has_unread_input

    def close_if_idle(self) -> None:
        """Closes the connection unless a request that has arrived is being answered."""
        self._read()
        if self._state in (State.HEAD, State.BODY):
            self.close()

    def close(self) -> None:
        """Closes when the client has taken what was written, or at the deadline for that."""
        if not self.disconnected:
            self._state = State.CLOSING
            self._expect_within(self.server.timeouts.header_seconds)
            self.transport.close()

    def shed(self) -> None:
        """For a client that does not take its answers."""
        self.abort()

    def abort(self) -> None:
        """Closes at once; what was not sent yet is dropped."""
        if not self.disconnected:
            self.transport.abort()
