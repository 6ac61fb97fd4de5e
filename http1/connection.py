"""One client's connection: requests of HTTP/1.1 in, responses out, on the loop's own transport.

Tornado's application runs on it unchanged: this is its `HTTPConnection`, without an IOStream and
without a coroutine, two futures and two timers for each request. `http1/head.py` reads the head of
a request. Input is worked off in slices, see `http1/scheduler.py`.

A stream is no request any more: its handler takes the transport away with `detach`.
"""

import asyncio
import logging
import math
import re
import time
from asyncio import Future
from collections.abc import Callable
from enum import Enum
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
from http1.head import ProtocolError
from http1.scheduler import RequestScheduler

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")
_LONGEST_SIZE_LINE = 10  # bytes, with its CRLF
_CHUNKS_AT_ONCE = 500  # read in one slice: about a millisecond
_MOST_HEADERS = 128  # a browser behind proxies sends 30; to read thousands takes 0.1 s
_LINGER_BYTES = 2**20  # discarded behind a refused request, so that its client reads the answer
_WITHOUT_BODY = frozenset({204, 304})
_log = logging.getLogger("messenger")


class Limits(NamedTuple):
    header_bytes: int
    body_bytes: int


class Timeouts(NamedTuple):
    header_seconds: float  # for the head of a request, and for an answer to be taken
    body_seconds: float


class ServerContext(Protocol):
    """What a connection needs of the server that accepted it."""

    limits: Limits
    timeouts: Timeouts
    scheduler: RequestScheduler
    common: answer.Common

    @property
    def done(self) -> "Future[None]":
        """A future that has its result: there is nothing to wait for."""

    def refusal(self, status: int) -> bytes:
        """The body of an answer to input that is no request: problem details (RFC 9457)."""

    @property
    def is_stopping(self) -> bool:
        """Whether no more requests are taken."""

    def connection_opened(self, connection: "Connection") -> None: ...
    def connection_closed(self, connection: "Connection") -> None: ...


class State(Enum):
    HEAD = "waits for the head of a request, or for the rest of it"
    BODY = "waits for the rest of a body"
    ANSWERING = "a request is being answered"
    CLOSING = "the last answer is on its way; input is discarded, up to a limit"


class Connection(asyncio.Protocol):
    """`HTTPConnection` for Tornado's handlers."""

    __slots__ = (
        "_app",
        "_body",
        "_body_left",
        "_buffered",
        "_chunked_in",
        "_chunked_out",
        "_delegate",
        "_drained",
        "_is_due",
        "_is_new",
        "_is_paused",
        "_keeps_alive",
        "_length_left",
        "_looked_at",
        "_on_close",
        "_received",
        "_request",
        "_seconds",
        "_state",
        "deadline",
        "disconnected",
        "input_ended",
        "protocol",
        "remote_ip",
        "server",
        "transport",
        "write_paused",
    )

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
        self.input_ended = False  # the client sends no more; it may still take its answers
        self._drained: Future[None] | None = None
        self._on_close: Callable[[], None] | None = None
        self._received = b""  # and not read yet
        self._looked_at = 0  # bytes of that, for the end of a head
        self._is_due = False  # to be read in a later slice
        self._is_new = True  # nothing was answered yet
        self._is_paused = False
        self._state = State.HEAD
        self._delegate: HTTPMessageDelegate | None = None
        self._request: RequestStartLine | None = None
        self._keeps_alive = True
        self._chunked_in = False
        self._body_left = 0  # to come, of a body that has told its length
        self._body = bytearray()  # of a body in chunks, so far
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
            self._body_left -= len(data)
            if self._body_left < 0:
                self.abort()
            return
        self._received += data
        if self._state is not State.ANSWERING and not self.write_paused:
            self._read_soon()
        if len(self._received) > self.server.limits.body_bytes:
            self._pause_reading()

    def pause_writing(self) -> None:
        self.write_paused = True

    def resume_writing(self) -> None:
        self.write_paused = False
        if self._drained is not None:
            drained, self._drained = self._drained, None
            if not drained.done():
                drained.set_result(None)
        if (self._received or self.input_ended) and self._state in (State.HEAD, State.BODY):
            self._read_soon()

    def eof_received(self) -> bool:
        """The client sends no more. Complete requests are answered; then the connection closes."""
        self.input_ended = True
        if self._state is State.CLOSING:
            return False
        if self._state is not State.ANSWERING and not self.write_paused:
            self._read_soon()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.disconnected = True
        self.server.scheduler.defer(self._tell_of_close)

    def _tell_of_close(self) -> None:
        self.server.connection_closed(self)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(StreamClosedError())
            self._drained.exception()  # a handler that waits is told all the same
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
        try:
            if self._state is State.HEAD:
                self._read_head()
            if self._state is State.BODY:
                self._read_body()
        except ProtocolError as error:
            self._refuse(HTTPStatus(error.status))
        except HTTPInputError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        except Exception:
            _log.exception("a request from %s failed", self.remote_ip)
            self.abort()
        if self._state in (State.HEAD, State.BODY) and not self._is_due:
            if self.input_ended:
                self.close()
            else:
                self._resume_reading()

    def _read_head(self) -> None:
        end = _HEAD_END.search(self._received, max(self._looked_at - 3, 0))
        largest = self.server.limits.header_bytes
        if (len(self._received) if end is None else end.end()) > largest:
            raise ProtocolError(431, "The headers are too large")
        if end is None:
            self._looked_at = len(self._received)
            return
        self._looked_at = 0
        text = self._received[: end.end()].decode("latin-1").lstrip("\r\n")
        self._received = self._received[end.end() :]
        first, _, rest = text.partition("\n")
        if rest.count("\n") > _MOST_HEADERS:
            raise ProtocolError(431, "The headers are too large")
        self._request = head.start_line(first.removesuffix("\r"))
        headers = head.fields(rest)
        self._keeps_alive = head.keeps_alive(self._request.version, headers)
        self._delegate = self._app.start_request(self, self)  # type: ignore[arg-type]
        self._delegate.headers_received(self._request, headers)
        self._expect_body(headers)

    def _expect_body(self, headers: HTTPHeaders) -> None:
        assert self._request is not None
        version = self._request.version
        self._chunked_in, length = head.framing(version, headers)
        if length > self.server.limits.body_bytes:
            raise ProtocolError(413, "The body is too large")
        self._body_left = length
        self._state = State.BODY
        if self._chunked_in or len(self._received) < length:
            self._expect_within(self.server.timeouts.body_seconds)
            expects = version == "HTTP/1.1" and headers.get("Expect", "").lower() == "100-continue"
            if expects and not self._received and not self.closed():
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _read_body(self) -> None:
        body = self._chunks() if self._chunked_in else self._whole()
        if body is None:
            return
        assert self._delegate is not None
        if body:
            self._delegate.data_received(body)
        self._state = State.ANSWERING
        self.deadline = math.inf
        self._delegate.finish()

    def _whole(self) -> bytes | None:
        if len(self._received) < self._body_left:
            return None
        body = self._received[: self._body_left]
        self._received = self._received[self._body_left :]
        return body

    def _chunks(self) -> bytes | None:
        """RFC 9112, section 7.1, without extensions and trailers."""
        received, at = self._received, 0
        for _ in range(_CHUNKS_AT_ONCE):
            end = received.find(b"\r\n", at, at + _LONGEST_SIZE_LINE)
            if end < 0:
                if len(received) - at >= _LONGEST_SIZE_LINE:
                    raise HTTPInputError("a chunk has no size")
                break
            if not _CHUNK_SIZE.fullmatch(received, at, end):
                raise HTTPInputError("a chunk's size is no number")
            size = int(received[at:end], 16)
            if len(self._body) + size > self.server.limits.body_bytes:
                raise ProtocolError(413, "The body is too large")
            begin, after = end + 2, end + 4 + size
            if len(received) < after:
                break
            if received[after - 2 : after] != b"\r\n":
                raise HTTPInputError("a chunk does not end where it should")
            self._body += received[begin : after - 2]
            at = after
            if size == 0:
                self._received, body = received[at:], bytes(self._body)
                self._body.clear()
                return body
        else:
            self._is_due = True
            self.server.scheduler.defer(self._read)
        self._received = received[at:]
        return None

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
        self._received = b""
        self._state, self._body_left = State.CLOSING, _LINGER_BYTES
        self._on_close = None
        self._delegate = None
        if self.closed():
            return
        self.transport.write(written + body)
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
        self._delegate = None
        if self._state is not State.ANSWERING or self.disconnected:
            return
        if not self._keeps_alive or self.server.is_stopping or self.closed():
            self._received = b""
            self.close()
            return
        self._state, self._is_new = State.HEAD, False
        self._expect_within(self.server.timeouts.header_seconds)
        if self._received or self.input_ended:
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
        self._received = b""
        self._on_close = self._delegate = self._request = None
        self._resume_reading()
        return self.transport

    def _pause_reading(self) -> None:
        """Of a client that sends requests without taking the answers; a body is let in."""
        waits = self._state is State.ANSWERING or self._is_due or self.write_paused
        if waits and not self._is_paused and not self.closed():
            self._is_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused and not self.closed():
            self._is_paused = False
            self.transport.resume_reading()

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

    def abort(self) -> None:
        """Closes at once; what was not sent yet is dropped."""
        if not self.disconnected:
            self.transport.abort()
