"""Parses the head of a request and finds the length of its body (RFC 9112). Guesses nothing.

One regular expression reads all header lines. Tornado's parser makes the same checks line by line,
and takes three times as long. `tests/test_head.py` compares the results of both.
"""

import re
from typing import NamedTuple

from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine

LONGEST_NAME = 64  # characters of a header name; no handler reads a longer one
LONGEST_HOST = 300  # characters: a name has at most 253, and a port 5

# The quantifiers `++` and `*+` are possessive, so that no input makes a match backtrack.
# A target has no fragment: the grammar in section 3.2 of RFC 9112 excludes `#`.
_START_LINE = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++) ([\x21\x22\x24-\x7e\x80-\xff]++) (HTTP/1\.[0-9])"
)
_FIELD = re.compile(
    r"^([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)\r\n", re.MULTILINE
)
_ABSOLUTE = re.compile(r"https?://([^/?#]*+)(.*+)", re.IGNORECASE)
_LENGTH = re.compile(r"([0-9]{1,18})(?:,[ \t]*\1)*")  # equal lengths in a list count as one
_CLOSE = re.compile(r"(?:^|,)[ \t]*+close[ \t]*+(?:,|$)", re.IGNORECASE)
_KEEP_ALIVE = re.compile(r"(?:^|,)[ \t]*+keep-alive[ \t]*+(?:,|$)", re.IGNORECASE)


class ProtocolError(HTTPInputError):
    """The input is not a request, or is too large.

    The connection answers `status` and closes.
    """

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Target(NamedTuple):
    """The target of a request."""

    origin_form: str  # path and query
    authority: str | None  # None: the target was not in absolute form


def start_line(line: str) -> RequestStartLine:
    """Raises `ProtocolError`."""
    found = _START_LINE.fullmatch(line)
    if found is None:
        raise ProtocolError(400, "Malformed request line")
    method, target, version = found.groups()
    # A later version is answered as HTTP/1.1.
    return RequestStartLine(method, target, "HTTP/1.0" if version == "HTTP/1.0" else "HTTP/1.1")


def target(method: str, said: str) -> Target:
    """Reads a target in origin form, absolute form, or the asterisk form (RFC 9112, section 3.2).

    Raises `ProtocolError`.
    """
    if said.startswith("/") or (said == "*" and method == "OPTIONS"):
        return Target(said, None)
    absolute = _ABSOLUTE.fullmatch(said)
    if absolute is None or not absolute[1] or "@" in absolute[1]:
        raise ProtocolError(400, "Malformed request target")
    rest = absolute[2]
    return Target(rest if rest.startswith("/") else f"/{rest}", absolute[1])


def name_host(version: str, headers: HTTPHeaders, authority: str) -> None:
    """Replaces the `Host` header by the authority of a target in absolute form.

    Adds none to an HTTP/1.1 request that lacks it: that request is refused. HTTP/1.0 needs no
    `Host`. Raises `ProtocolError` for several of them.
    """
    hosts = headers.get_list("Host")
    if len(hosts) > 1:
        raise ProtocolError(400, "Several Hosts")
    if hosts or version == "HTTP/1.0":
        headers["Host"] = authority


def check_query(origin_form: str, most_bytes: int, most_fields: int) -> None:
    """Raises `ProtocolError` for a query that is too long or has too many fields."""
    query = origin_form.partition("?")[2]
    if len(query) > most_bytes or query.count("&") >= most_fields:
        raise ProtocolError(414, "The query is too long")


def fields(lines: str) -> HTTPHeaders:
    """Parses the header lines with their line ends, up to and including the empty line.

    Skips headers with a name longer than `LONGEST_NAME`. Raises `ProtocolError`.
    """
    found = _FIELD.findall(lines)
    if len(found) != lines.count("\n") - 1:
        raise ProtocolError(400, "Malformed header")
    headers = HTTPHeaders()
    seen = set()
    for name, value in found:
        if len(name) > LONGEST_NAME:
            continue  # Tornado normalises each word of a name, which takes time
        folded = name.lower()
        if folded in seen:
            headers.add(name, value.rstrip(" \t"))
        else:
            seen.add(folded)
            headers[name] = value.rstrip(" \t")
    return headers


def framing(version: str, headers: HTTPHeaders) -> tuple[bool, int]:
    """Returns whether the body is chunked, and otherwise its length in bytes (section 6.3).

    Raises `ProtocolError` if two parsers could disagree on the length.
    """
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None:
        if length is not None:
            raise ProtocolError(400, "both Transfer-Encoding and Content-Length")
        if version == "HTTP/1.0" or coding.lower() != "chunked":
            raise ProtocolError(400, "an unknown Transfer-Encoding")
        return True, 0
    if length is None:
        return False, 0
    only = _LENGTH.fullmatch(length)
    if only is None:
        raise ProtocolError(400, "no one Content-Length")
    return False, int(only[1])


def keeps_alive(version: str, headers: HTTPHeaders) -> bool:
    """Whether the client may send another request on this connection (section 9.3)."""
    said = headers.get("Connection", "")
    if version == "HTTP/1.1":
        return not (said and _CLOSE.search(said))
    return _KEEP_ALIVE.search(said) is not None
