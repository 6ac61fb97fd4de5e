"""One client's connection: requests of HTTP/1.1 in, answers out, on the loop's own transport.

Tornado's application runs on it unchanged: this is its `HTTPConnection`, without an IOStream and
without a coroutine, two futures and two timers for each request. What a head says is for
`http1/head.py` to tell.

What has come is worked off in turns of the loop, see `http1/turns.py`.
"""

import asyncio
import logging
import re
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
from http1.turns import Turns
from http1.watch import Watch

_HEAD_END = re.compile(rb"\r?\n\r?\n")
_CHUNK_SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")
_LONGEST_SIZE_LINE = 10  # bytes, with its CRLF
_CHUNKS_AT_ONCE = 500  # read in one turn: about a millisecond
_MOST_HEADERS = 128  # a browser behind proxies sends 30; to read thousands takes 0.1 s
_THROWN_AWAY = 2**20  # bytes of what is too large, so that its sender reads of it; then it is cut
NOT_WRITABLE = -1
_WITHOUT_BODY = frozenset({204, 304})
_log = logging.getLogger("messenger")


class Refused(Exception):
    """This is no request, or one that is too large: it is answered with `status`, and no more."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Limits(NamedTuple):
    header_bytes: int
    body_bytes: int


class Owner(Protocol):
    """What a connection tells the one that accepted it."""

    limits: Limits
    turns: Turns
    watch: Watch
    common: answer.Common

    @property
    def done(self) -> "Future[None]":
        """Of what needs no waiting."""

    def refusal(self, status: int) -> bytes:
        """The body of an answer to what is no request: problem details (RFC 9457)."""

    @property
    def is_stopping(self) -> bool:
        """No request is taken any more."""

    def has_opened(self, connection: "Connection") -> None: ...
    def waits_for_head(self, connection: "Connection") -> None: ...
    def waits_for_body(self, connection: "Connection") -> None: ...
    def is_answering(self, connection: "Connection") -> None: ...
    def is_leaving(self, connection: "Connection") -> None: ...
    def has_closed(self, connection: "Connection") -> None: ...


class State(Enum):
    HEAD = "waits for a request's head, or for the rest of it"
    BODY = "waits for the rest of a body"
    ANSWERING = "a request is being answered"
    REFUSED = "what comes is thrown away, up to a point"
    STREAM = "an answer without an end; what the client sends is thrown away"


class Connection(asyncio.Protocol):
    """`HTTPConnection` for Tornado's handlers, and a place for `handlers/wire.py` to write to."""

    __slots__ = (
        "_app",
        "_body",
        "_body_left",
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
        "_on_writable",
        "_owner",
        "_received",
        "_request",
        "_state",
        "is_behind",
        "is_lost",
        "protocol",
        "remote_ip",
        "transport",
    )

    def __init__(self, app: HTTPServerConnectionDelegate, owner: Owner, remote_ip: str) -> None:
        self._app = app
        self._owner = owner
        self.remote_ip = remote_ip
        self.protocol = "http"
        self.transport: asyncio.Transport
        self.is_behind = False  # something waits in the transport, and the rest behind it
        self.is_lost = False  # nothing may be written; the handler hears of it in a turn to come
        self._drained: Future[None] | None = None
        self._on_close: Callable[[], None] | None = None
        self._on_writable: Callable[[int], None] | None = None
        self._received = b""  # and not read yet
        self._looked_at = 0  # bytes of that, for the end of a head
        self._is_due = False  # to be read in a turn to come
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

    @property
    def context(self) -> "Connection":
        """Where Tornado's requests look for `remote_ip` and `protocol`."""
        return self

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's are none by name
        self.transport.set_write_buffer_limits(high=0)  # told as soon as anything has to wait
        self._owner.has_opened(self)

    def data_received(self, data: bytes) -> None:
        if self._state is State.STREAM:
            return
        if self._state is State.REFUSED:
            self._body_left -= len(data)
            if self._body_left < 0:
                self.abort()
            return
        self._received += data
        if self._state is not State.ANSWERING and not self.is_behind:
            self._read_soon()
        if len(self._received) > self._owner.limits.body_bytes:
            self._pause_reading()

    def pause_writing(self) -> None:
        self.is_behind = True
        self._tell_descriptor()

    def resume_writing(self) -> None:
        self.is_behind = False
        self._tell_descriptor()
        if self._drained is not None:
            drained, self._drained = self._drained, None
            if not drained.done():
                drained.set_result(None)
        if self._received and self._state in (State.HEAD, State.BODY):
            self._read_soon()

    def eof_received(self) -> None:
        """The client is done, and does not wait for answers; what was written it may take yet."""
        if self.is_behind:
            self._owner.is_leaving(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        if self._on_writable is not None:
            self._on_writable(NOT_WRITABLE)  # in this very step: the transport closes it next
        if self._state is State.STREAM:
            self._owner.watch.end(self._descriptor())
        self._owner.turns.put_off(self._tell_of_close)

    def _tell_of_close(self) -> None:
        self._owner.has_closed(self)
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(StreamClosedError())
            self._drained.exception()  # whoever waits is told all the same
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            on_close()
        elif self._state is State.BODY and self._delegate is not None:
            self._delegate.on_connection_close()
        self._delegate = None

    # From bytes to requests.

    def _read_soon(self) -> None:
        if not self._is_due:
            self._is_due = True
            turns = self._owner.turns
            (turns.welcome if self._is_new else turns.talk)(self._read)

    def _read(self) -> None:
        """Up to the end of a request, whose answer comes before the next one is read.

        Not before the client has taken the answers that it has: see `resume_writing`.
        """
        self._is_due = False
        if self.is_behind or (self._is_new and self.closed()):
            return
        try:
            if self._state is State.HEAD:
                self._read_head()
            if self._state is State.BODY:
                self._read_body()
        except HTTPInputError:
            self._refuse(HTTPStatus.BAD_REQUEST)
        except Refused as refused:
            self._refuse(HTTPStatus(refused.status))
        except Exception:
            _log.exception("a request from %s broke", self.remote_ip)
            self.abort()
        if self._state in (State.HEAD, State.BODY) and not self._is_due:
            self._resume_reading()

    def _read_head(self) -> None:
        end = _HEAD_END.search(self._received, max(self._looked_at - 3, 0))
        largest = self._owner.limits.header_bytes
        if (len(self._received) if end is None else end.end()) > largest:
            raise Refused(431)
        if end is None:
            self._looked_at = len(self._received)
            return
        self._looked_at = 0
        text = self._received[: end.end()].decode("latin-1").lstrip("\r\n")
        self._received = self._received[end.end() :]
        first, _, rest = text.partition("\n")
        if rest.count("\n") > _MOST_HEADERS:
            raise Refused(431)
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
        if length > self._owner.limits.body_bytes:
            raise Refused(413)
        self._body_left = length
        self._state = State.BODY
        if self._chunked_in or len(self._received) < length:
            self._owner.waits_for_body(self)
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
        self._owner.is_answering(self)
        self._delegate.finish()

    def _whole(self) -> bytes | None:
        if len(self._received) < self._body_left:
            return None
        body = self._received[: self._body_left]
        self._received = self._received[self._body_left :]
        return body

    def _chunks(self) -> bytes | None:
        """RFC 9112, section 7.1, without extensions and trailers, which nobody here would read."""
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
            if len(self._body) + size > self._owner.limits.body_bytes:
                raise Refused(413)
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
            self._owner.turns.put_off(self._read)
        self._received = received[at:]
        return None

    def _refuse(self, status: HTTPStatus) -> None:
        """Answers what is no request, and closes: where the next one begins is unknown."""
        body = self._owner.refusal(status)
        headers = HTTPHeaders(
            {
                "Content-Type": "application/problem+json",
                "Cache-Control": "no-store",
                "Content-Length": str(len(body)),
                "Connection": "close",
            }
        )
        start_line = ResponseStartLine("HTTP/1.1", status, status.phrase)
        written = answer.head(start_line, headers, self._owner.common)
        self._received = b""
        self._state, self._body_left = State.REFUSED, _THROWN_AWAY
        self._on_close = None
        self._delegate = None
        if not self.closed():
            # To close at once, with something unread, would reset: the answer might be lost.
            self._resume_reading()
            self.transport.write(written + body)
            self.transport.write_eof()
            self._owner.is_leaving(self)

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
        if self._owner.is_stopping or (with_body and length is None and not self._chunked_out):
            self._keeps_alive = False
        if self._chunked_out:
            headers["Transfer-Encoding"] = "chunked"
        if request.version != "HTTP/1.1":
            headers["Connection"] = "keep-alive" if self._keeps_alive else "close"
        elif not self._keeps_alive:
            headers["Connection"] = "close"
        written = answer.head(start_line, headers, self._owner.common)
        return self._write(written + self._framed(chunk or b""))

    def write(self, chunk: bytes) -> "Future[None]":
        return self._write(self._framed(chunk))

    def finish(self) -> None:
        if self._length_left:
            self.transport.abort()
            raise ValueError(f"{self._length_left} bytes of an answer are missing")
        if self._chunked_out and not self.is_lost:
            self.transport.write(b"0\r\n\r\n")
        self._delegate = None
        if self._state is not State.ANSWERING or self.is_lost:
            return
        if not self._keeps_alive or self._owner.is_stopping or self.closed():
            self._state = State.STREAM
            self._received = b""
            self.close()
            return
        self._state, self._is_new = State.HEAD, False
        self._owner.waits_for_head(self)
        if self._received:
            self._is_due = True
            self._owner.turns.put_off(self._read)
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

    def waits_for_us(self) -> bool:
        """It has sent something that was not looked at yet."""
        return self._is_due and not self.closed()

    async def others_are_told(self) -> None:
        """Returns when all whose clients have left until now have been told of it."""
        await self._owner.watch.catch_up()
        await self._owner.turns.all_done()

    def untaken(self) -> int:
        """Bytes that wait until the client takes them."""
        return self.transport.get_write_buffer_size() if self.is_behind and not self.is_lost else 0

    # For a stream that lives on when its request is forgotten.

    def closed(self) -> bool:
        return self.is_lost or self.transport.is_closing()

    def drained(self) -> "Future[None]":
        """Done when the kernel has taken all that was written; fails with `StreamClosedError`."""
        if self.closed():
            lost: Future[None] = asyncio.get_running_loop().create_future()
            lost.set_exception(StreamClosedError())
            lost.exception()  # nobody has to look at it
            return lost
        if not self.is_behind:
            return self._owner.done
        if self._drained is None or self._drained.done():
            self._drained = asyncio.get_running_loop().create_future()
        return self._drained

    def set_writable_callback(self, callback: Callable[[int], None] | None) -> None:
        """It is told, now and at each change, to which descriptor bytes may be written directly.

        That is the socket's while nothing waits in the transport; else `NOT_WRITABLE`.
        """
        self._on_writable = callback
        self._tell_descriptor()

    def _tell_descriptor(self) -> None:
        if self._on_writable is None:
            return
        if self.is_behind or self.closed():
            self._on_writable(NOT_WRITABLE)
        else:
            self._on_writable(self._descriptor())

    def _descriptor(self) -> int:
        return int(self.transport.get_extra_info("socket").fileno())

    def detach(self) -> "Connection":
        """Lets go of the request, for a stream; of what the client sends nothing is kept."""
        self._state = State.STREAM
        self._received = b""
        self._request = self._delegate = None
        if not self.closed() and self._owner.watch.begin(self._descriptor(), self):
            self._stop_reading()
        else:
            self._resume_reading()  # who does not read is not told of a close
        return self

    def wake(self, *, has_left: bool) -> None:
        """At once, without a read, where nothing is left to be written."""
        if has_left and not self.is_behind:
            self.close()
        else:
            self._resume_reading()

    def _pause_reading(self) -> None:
        """Of whoever asks on and on, and does not wait for answers; a body is let come in."""
        waits = self._state is State.ANSWERING or self._is_due or self.is_behind
        if waits and not self.closed():
            self._stop_reading()

    def _stop_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._is_paused and not self.closed():
            self._is_paused = False
            self.transport.resume_reading()

    def close_if_idle(self) -> None:
        """Unless a request that has arrived is being answered."""
        self._read()
        if self._state in (State.HEAD, State.BODY):
            self.close()

    def close(self) -> None:
        """When what was written is on its way; the owner has patience with who does not take it."""
        if not self.is_lost:
            self._owner.is_leaving(self)
            self.transport.close()

    def abort(self) -> None:
        if not self.is_lost:
            self.transport.abort()
