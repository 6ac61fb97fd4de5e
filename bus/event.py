"""Encodes events for a stream of Server-Sent Events (WHATWG HTML, section 9.2).

An event is one block, with an optional name, id and `retry:`. It always has one line of JSON as
data, because parsers disagree on blocks without data.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Annotated

import msgspec

UNNAMED = "message"  # what an event without a name is to a client
HEARTBEAT_SECONDS = 20  # proxies cut idle streams at 30 to 60 s


def _one_of(*words: str) -> msgspec.Meta:
    """Lists the possible values in the schema. msgspec does not check them."""
    return msgspec.Meta(extra_json_schema={"enum": list(words)})


_RETRY_MILLISECONDS = (500, 5000)  # drawn for each stream, so that clients return spread over time


class Hello(msgspec.Struct, rename="camel"):
    """The stream is open. A `ping` follows every `heartbeatSeconds` or so.

    `version` changes when any file of the page does.
    """

    heartbeat_seconds: int
    version: str


class Reset(msgspec.Struct):
    """The stream cannot resume at the client's position. The client must fetch new snapshots."""

    reason: Annotated[str, _one_of("unknown", "expired", "future", "epoch", "backlog")]


class Ping(msgspec.Struct):
    """The stream is alive."""


class Bye(msgspec.Struct):
    """The server is about to end the stream."""

    reason: Annotated[str, _one_of("draining", "expired", "revoked", "slow")]


@dataclass(slots=True)
class Frame:
    """An encoded event, which any number of streams can write."""

    head: bytes  # the lines of this frame only, such as the id
    body: bytes  # the lines that it shares with frames of other users with the same view
    _chunk: bytes = field(default=b"", init=False, compare=False)

    def __len__(self) -> int:
        """The number of bytes of `plain`."""
        return len(self.head) + len(self.body)

    @property
    def plain(self) -> bytes:
        return self.head + self.body

    @property
    def chunk(self) -> bytes:
        """The frame as a chunk of HTTP/1.1 (RFC 9112, section 7.1). It is encoded only once."""
        if not self._chunk:
            self._chunk = b"%x\r\n%s%s\r\n" % (len(self), self.head, self.body)
        return self._chunk


def frame(
    data: object, *, name: str | None = None, event_id: str | None = None, retry: bool = False
) -> Frame:
    """Encodes an event. `data` is anything that msgspec encodes; without a name it is a `message`.

    `retry` adds a random reconnection time.
    """
    lines = []
    if name is not None:
        lines.append(b"event: %s\n" % name.encode("ascii"))
    if event_id is not None:
        lines.append(b"id: %s\n" % event_id.encode("ascii"))
    if retry:
        lines.append(b"retry: %d\n" % random.randint(*_RETRY_MILLISECONDS))  # noqa: S311
    return Frame(b"".join(lines), _data(data))


def body(data: object, name: str) -> bytes:
    """Encodes the part of an event that all recipients of the same `data` share."""
    if name == UNNAMED:
        return _data(data)
    return b"event: %s\n%s" % (name.encode("ascii"), _data(data))


def numbered(event_id: str, shared: bytes) -> Frame:
    """Returns an event of a feed: its id, and the shared `body`."""
    return Frame(b"id: %s\n" % event_id.encode("ascii"), shared)


def unnumbered(shared: bytes) -> Frame:
    """Returns an event that is in no feed, from its `body`."""
    return Frame(b"", shared)


def joined(frames: Iterable[Frame]) -> Frame:
    """Returns several frames as one, to write them at once."""
    return Frame(b"", b"".join(frame.plain for frame in frames))


def chunk(plain: bytes) -> bytes:
    """Returns one chunk for several joined frames."""
    return b"%x\r\n%s\r\n" % (len(plain), plain)


def hello(event_id: str | None, version: str) -> Frame:
    """Returns the first event of a stream. The id is None if a `reset` with the id follows."""
    data = Hello(HEARTBEAT_SECONDS, version)
    return frame(data, name="hello", event_id=event_id, retry=True)


def reset(reason: str, event_id: str) -> Frame:
    return frame(Reset(reason), name="reset", event_id=event_id)


def bye(reason: str) -> Frame:
    return frame(Bye(reason), name="bye", retry=True)


def _data(data: object) -> bytes:
    return b"data: %s\n\n" % _one_line(msgspec.json.encode(data))


def _one_line(json: bytes) -> bytes:
    """Escapes the three characters in `_LINE_ENDS`; JSON escapes CR and LF already.

    Some parsers decode the text first, and then split lines at these as well.
    """
    if b"\xe2\x80" in json or b"\xc2\x85" in json:
        for raw, escaped in _LINE_ENDS:
            json = json.replace(raw, escaped)
    return json


_LINE_ENDS = (
    (b"\xc2\x85", b"\\u0085"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)

PING = frame(Ping(), name="ping")  # the same for all streams
