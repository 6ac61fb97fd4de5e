"""What the head of a request says, and where its body ends (RFC 9112). Strict: nothing is guessed.

Fields are read by one expression over all of their lines. Tornado's parser checks the same, line by
line, and takes three times as long; `tests/test_head.py` compares what the two say.
"""

import re

from tornado.httputil import (
    HTTPHeaders,
    HTTPInputError,
    RequestStartLine,
    parse_request_start_line,
)

# Nothing is tried in a second way: `++` and `*+` give back nothing of what they have taken.
_FIELD = re.compile(
    r"^([!#$%&'*+\-.^_`|~0-9A-Za-z]++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)\r?\n", re.MULTILINE
)
_LENGTH = re.compile(r"([0-9]{1,18})(?:,[ \t]*\1)*")  # several that say the same are one


def start_line(line: str) -> RequestStartLine:
    """Raises `HTTPInputError`."""
    found = parse_request_start_line(line)
    if found.version in ("HTTP/1.1", "HTTP/1.0"):
        return found
    return found._replace(version="HTTP/1.1")  # a later one is answered as what we speak


def fields(lines: str) -> HTTPHeaders:
    """Of all the lines of a head but its first, with their ends; the last of them is empty.

    Raises `HTTPInputError`.
    """
    found = _FIELD.findall(lines)
    if len(found) != lines.count("\n") - 1:
        raise HTTPInputError("a line that is no field")
    headers = HTTPHeaders()
    for name, value in found:
        if name in headers:
            headers.add(name, value.rstrip(" \t"))
        else:
            headers[name] = value.rstrip(" \t")
    return headers


def framing(version: str, headers: HTTPHeaders) -> tuple[bool, int]:
    """Whether the body comes in chunks, and else its length (section 6.3).

    Raises `HTTPInputError` for what two readers could read in two ways.
    """
    coding, length = headers.get("Transfer-Encoding"), headers.get("Content-Length")
    if coding is not None:
        if length is not None:
            raise HTTPInputError("both Transfer-Encoding and Content-Length")
        if version == "HTTP/1.0" or coding.lower() != "chunked":
            raise HTTPInputError("an unknown Transfer-Encoding")
        return True, 0
    if length is None:
        return False, 0
    only = _LENGTH.fullmatch(length)
    if only is None:
        raise HTTPInputError("no one Content-Length")
    return False, int(only[1])


def keeps_alive(version: str, headers: HTTPHeaders) -> bool:
    """Whether the connection is meant to have another request after this one (section 9.3)."""
    said = headers.get("Connection")
    options = [] if said is None else [option.strip() for option in said.lower().split(",")]
    return "close" not in options if version == "HTTP/1.1" else "keep-alive" in options
