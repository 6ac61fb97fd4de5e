"""Parses bytes into requests: heads, and bodies with a length or in chunks. Uses no socket.

Each call does a bounded amount of work for any input. `tests/test_parser.py` compares the results
with those of llhttp, the parser of Node.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from tornado.httputil import HTTPHeaders, RequestStartLine

from http1 import head
from http1.head import ProtocolError

MOST_HEADERS = 128  # a browser behind proxies sends 30; parsing thousands takes 0.1 s
MOST_QUERY_BYTES = 2 * 1024
MOST_QUERY_FIELDS = 20
CHUNKS_AT_ONCE = 500  # chunks in one call: about a millisecond

_EMPTY_LINES = re.compile(rb"(?:\r\n)++")
_SIZE = rb"[0-9a-fA-F]{1,8}"
_EXTENSION = rb"[ \t]*+;[\t\x20-\x7e\x80-\xff]*+"
_CHUNK_LINE = re.compile(rb"(" + _SIZE + rb")(" + _EXTENSION + rb")?")
_BEGUN_CHUNK_LINE = re.compile(rb"(?:" + _SIZE + rb"(?:(?:" + _EXTENSION + rb")?\r?|[ \t]++))?")
_LINE_END = 13  # the byte before the LF of a line


class Limits(NamedTuple):
    """The largest request that is read. `query_bytes` returns the limit for a path."""

    header_bytes: int
    body_bytes: int
    query_bytes: Callable[[str], int] = lambda path: MOST_QUERY_BYTES


class Head(NamedTuple):
    """A request without its body."""

    start_line: RequestStartLine  # its `path` is path and query, in origin form
    headers: HTTPHeaders
    authority: str | None  # from a target in absolute form


class RequestParser:
    """Parses one request after the other: call `head`, then `body`, then `head` again.

    Both return None while bytes are missing. Both raise `ProtocolError` for malformed input.
    """

    __slots__ = (
        "_body",
        "_body_left",
        "_chunked",
        "_extension_bytes",
        "_in_trailers",
        "_limits",
        "_received",
        "_scanned",
        "has_more",
    )

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._received = b""  # input that is not parsed yet
        self._scanned = 0  # bytes of `_received` already searched for the end of a head
        self._chunked = False
        self._in_trailers = False
        self._body_left = 0  # bytes of a body with a Content-Length
        self._body = bytearray()  # the chunks that have arrived
        self._extension_bytes = 0
        self.has_more = False  # `body` stopped after `CHUNKS_AT_ONCE`: call it again

    def feed(self, data: bytes) -> None:
        self._received = self._received + data if self._received else data

    @property
    def buffered(self) -> int:
        """Bytes of input that are not parsed yet."""
        return len(self._received)

    @property
    def is_whole(self) -> bool:
        """Whether all bytes of the body have arrived. False for any chunked body."""
        return not self._chunked and len(self._received) >= self._body_left

    def clear(self) -> None:
        """Drops all input."""
        self._received = b""
        self._body.clear()

    # Heads.

    def head(self) -> Head | None:
        if (empty := _EMPTY_LINES.match(self._received)) is not None:  # RFC 9112, section 2.2
            self._received, self._scanned = self._received[empty.end() :], 0
        section = self._section()
        if section is None:
            return None
        first, _, rest = section.decode("latin-1").partition("\r\n")
        start_line = head.start_line(first)
        authority = None
        if not start_line.path.startswith("/"):
            origin_form, authority = head.target(start_line.method, start_line.path)
            start_line = start_line._replace(path=origin_form)
        if "?" in start_line.path:
            path = start_line.path.partition("?")[0]
            head.check_query(start_line.path, self._limits.query_bytes(path), MOST_QUERY_FIELDS)
        headers = _fields(rest)
        self._chunked, self._body_left = head.framing(start_line.version, headers)
        if self._body_left > self._limits.body_bytes:
            raise ProtocolError(413, "The body is too large")
        self._extension_bytes = 0
        return Head(start_line, headers, authority)

    def _section(self) -> bytes | None:
        """Returns the lines up to an empty one, or None while it is missing."""
        received, scanned = self._received, self._scanned
        end = received.find(b"\r\n\r\n", max(scanned - 3, 0))
        size = len(received) if end < 0 else end + 4
        begin = scanned - 1 if scanned and received[scanned - 1] == _LINE_END else scanned
        if received.count(b"\n", begin, size) != received.count(b"\r\n", begin, size):
            raise ProtocolError(400, "A line ends in a bare LF")
        if size > self._limits.header_bytes:
            raise self._too_large()
        if end < 0:
            self._scanned = size
            return None
        self._scanned = 0
        self._received = received[size:]
        return received[:size]

    def _too_large(self) -> ProtocolError:
        """Returns 414 if the query alone is too long, and otherwise 431."""
        first = self._received.partition(b"\r\n")[0].decode("latin-1")
        path, _, query = first.partition(" ")[2].partition("?")
        if len(query.partition(" ")[0]) > self._limits.query_bytes(path):
            return ProtocolError(414, "The query is too long")
        return ProtocolError(431, "The headers are too large")

    # Bodies.

    def body(self) -> bytes | None:
        if self._chunked:
            return self._chunks()
        if not self._body_left:
            return b""
        if len(self._received) < self._body_left:
            return None
        body = self._received[: self._body_left]
        self._received = self._received[self._body_left :]
        return body

    def _chunks(self) -> bytes | None:
        """Parses chunks (RFC 9112, section 7.1). Ignores extensions and trailers."""
        if self._in_trailers:
            return self._end_of_trailers()
        received, at = self._received, 0
        self.has_more = False
        for _ in range(CHUNKS_AT_ONCE):
            line = self._chunk_line(received, at)
            if line is None:
                break
            size, begin = int(line[1], 16), line.end() + 2
            if size == 0:
                self._received, self._in_trailers = received[begin:], True
                return self._end_of_trailers()
            if len(self._body) + size > self._limits.body_bytes:
                raise ProtocolError(413, "The body is too large")
            ending = received[begin + size : begin + size + 2]
            if ending != b"\r\n":
                if not b"\r\n".startswith(ending):
                    raise ProtocolError(400, "A chunk does not end where it should")
                break
            self._body += received[begin : begin + size]
            at = begin + size + 2
            self._extension_bytes += len(line[2] or b"")
        else:
            self.has_more = True
        self._received = received[at:]
        return None

    def _chunk_line(self, received: bytes, at: int) -> re.Match[bytes] | None:
        """Matches the size and extensions of the chunk at `at`, without the line end.

        Returns None while the line is incomplete.
        """
        most = at + self._limits.header_bytes - self._extension_bytes
        line_feed = received.find(b"\n", at, most)
        if line_feed >= 0:
            line = _CHUNK_LINE.fullmatch(received, at, max(line_feed - 1, at))
            if line is None or received[line_feed - 1] != _LINE_END:
                raise ProtocolError(400, "Malformed chunk")
            return line
        if not _BEGUN_CHUNK_LINE.fullmatch(received, at, most):
            raise ProtocolError(400, "Malformed chunk")
        if len(received) >= most:
            raise ProtocolError(413, "The chunk extensions are too large")
        return None

    def _end_of_trailers(self) -> bytes | None:
        """Returns the body when all trailers have arrived, and otherwise None."""
        if self._received.startswith(b"\r\n"):
            self._received = self._received[2:]
        elif self._received in (b"", b"\r") or (section := self._section()) is None:
            return None
        else:
            _fields(section.decode("latin-1"))
        self._in_trailers = False
        body = bytes(self._body)
        self._body.clear()
        return body


def _fields(lines: str) -> HTTPHeaders:
    if lines.count("\n") > MOST_HEADERS + 1:
        raise ProtocolError(431, "Too many headers")
    return head.fields(lines)
