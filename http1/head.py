"""What the head of a request says, and where its body ends (RFC 9112). Strict: nothing is guessed.

Fields are read by one expression over all of their lines. Tornado's parser checks the same, line by
line, and takes three times as long; `tests/test_head.py` compares what the two say.
"""

import re
from typing import NamedTuple

from tornado.httputil import HTTPHeaders, HTTPInputError, RequestStartLine

LONGEST_NAME = 64  # characters of a header's name that is kept: nobody here reads longer ones
LONGEST_HOST = 300  # characters: a name has 253, and a port 5

# Nothing is tried in a second way: `++` and `*+` give back nothing of what they have taken.
# A target has no fragment: section 3.2 of RFC 9112 leaves no room for a `#`.
_START_LINE = re.compile(
    r"([!#$%&'*+\-.^_`|~0-9A-Za-z]++) ([\x21\x22\x24-\x7e\x80-\xff]++) (HTTP/1\.[0-9])"
)
_FIELD = re.compile(
    r"^([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)\r\n", re.MULTILINE
)
_ABSOLUTE = re.compile(r"https?://([^/?#]*+)(.*+)", re.IGNORECASE)
_LENGTH = re.compile(r"([0-9]{1,18})(?:,[ \t]*\1)*")  # several that say the same are one
_CLOSE = re.compile(r"(?:^|,)[ \t]*+close[ \t]*+(?:,|$)", re.IGNORECASE)
_KEEP_ALIVE = re.compile(r"(?:^|,)[ \t]*+keep-alive[ \t]*+(?:,|$)", re.IGNORECASE)


class ProtocolError(HTTPInputError):
    """The input is not a request, or is too large. The connection answers `status` and closes."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Target(NamedTuple):
    """What a request asks for, and the authority that it names in absolute form."""

    origin_form: str  # path and query
    authority: str | None


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
    """Has the authority of an absolute target count as the `Host`, which must be there as well.

    Raises `ProtocolError`. A request without a `Host` is left as it is; HTTP/1.0 has none.
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
    """Reads all lines of a head but its first, with their ends; the last of them is empty.

    A header whose name is longer than any that is read here is left out. Raises `ProtocolError`.
    """
    found = _FIELD.findall(lines)
    if len(found) != lines.count("\n") - 1:
        raise ProtocolError(400, "Malformed header")
    headers = HTTPHeaders()
    seen = set()
    for name, value in found:
        if len(name) > LONGEST_NAME:
            continue  # to Tornado each word of it is some work
        folded = name.lower()
        if folded in seen:
            headers.add(name, value.rstrip(" \t"))
        else:
            seen.add(folded)
            headers[name] = value.rstrip(" \t")
    return headers


def framing(version: str, headers: HTTPHeaders) -> tuple[bool, int]:
    """Whether the body comes in chunks, and else its length (section 6.3).

    Raises `ProtocolError` for what two readers could read in two ways.
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
    """Whether the connection is meant to have another request after this one (section 9.3)."""
    said = headers.get("Connection", "")
    if version == "HTTP/1.1":
        return not (said and _CLOSE.search(said))
    return _KEEP_ALIVE.search(said) is not None
