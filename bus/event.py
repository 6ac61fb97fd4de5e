"""Events as bytes of a Server-Sent-Events stream (WHATWG HTML, section 9.2).

Each is one block: an optional name, id and `retry:`, and always one line of JSON as data, because
parsers differ on blocks without data.
"""

import random
from typing import NamedTuple

import msgspec

HEARTBEAT_SECONDS = 20  # proxies cut idle streams at 30 to 60 s

_RETRY_MILLISECONDS = (500, 5000)  # drawn for each stream, so that all do not return at once


class Frame(NamedTuple):
    """One event, ready for any number of streams: encoded and framed once."""

    plain: bytes
    chunk: bytes  # the same as a chunk of HTTP/1.1's chunked coding (RFC 9112, section 7.1)


def frame(
    data: object, *, name: str | None = None, event_id: str | None = None, retry: bool = False
) -> Frame:
    """`data` is what msgspec can encode; `name` None makes an unnamed event, a `message`."""
    lines = []
    if name is not None:
        lines.append(b"event: %s\n" % name.encode("ascii"))
    if event_id is not None:
        lines.append(b"id: %s\n" % event_id.encode("ascii"))
    if retry:
        lines.append(b"retry: %d\n" % random.randint(*_RETRY_MILLISECONDS))  # noqa: S311
    lines.append(b"data: %s\n\n" % _one_line(msgspec.json.encode(data)))
    return framed(b"".join(lines))


def framed(plain: bytes) -> Frame:
    return Frame(plain, b"%x\r\n%s\r\n" % (len(plain), plain))


def hello(event_id: str | None) -> Frame:
    """The first of each stream: where it starts, unless a `reset` is about to say that."""
    data = {"heartbeatSeconds": HEARTBEAT_SECONDS}
    return frame(data, name="hello", event_id=event_id, retry=True)


def reset(reason: str, event_id: str) -> Frame:
    return frame({"reason": reason}, name="reset", event_id=event_id)


def bye(reason: str) -> Frame:
    return frame({"reason": reason}, name="bye", retry=True)


def _one_line(json: bytes) -> bytes:
    """JSON escapes CR and LF; these three end a line in none but the parsers that split text."""
    if b"\xe2\x80" in json or b"\xc2\x85" in json:
        for raw, escaped in _LINE_ENDS:
            json = json.replace(raw, escaped)
    return json


_LINE_ENDS = (
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)

PING = frame({}, name="ping")  # the same bytes for everyone
