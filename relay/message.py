"""A relay message: the events that one server has appended, numbered and signed.

    <server>-<start>-<number> <signature> <head as JSON>\n<bodies>

The signature covers everything else. The head lists the recipients and the length of each body.
PostgreSQL's NOTIFY takes text only, so a message is UTF-8 without NUL.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

_HEAD_BYTES = 192  # at most, apart from events: prefix, signature, epoch, time
_EVENT_BYTES = 24  # at most, for the length of a body
_RECIPIENT_BYTES = 44  # at most: two numbers of 20 digits, and four signs


class Invalid(Exception):
    """The message is malformed, or another secret has signed it."""


class Event(NamedTuple):
    """An event, as the streams of its recipients show it."""

    body: bytes | None  # None: too long for the relay, so the recipients' feeds are read
    user_ids: Sequence[int]
    seqs: Sequence[int]  # its number in the feed of each


class Sender(NamedTuple):
    """One start of one server. It numbers its messages from 1."""

    server: int
    start: str  # random, so that a restored database cannot repeat a sender

    @property
    def prefix(self) -> bytes:
        return b"%d-%s-" % (self.server, self.start.encode())


class Message(NamedTuple):
    sender: Sender
    number: int
    epoch: str
    committed_at: float  # of its oldest event, in seconds since 1970
    events: list[Event]


class _Head(msgspec.Struct, array_like=True):
    epoch: str
    committed_at: float
    events: list[tuple[int, list[int], list[int]]]  # length of the body or -1, users, numbers


@dataclass(frozen=True)
class Seal:
    """Signs messages with a key that is derived from the secret for tokens."""

    key: bytes

    @classmethod
    def of(cls, secret: str) -> "Seal":
        return cls(hmac.digest(secret.encode(), b"messenger relay", hashlib.sha256))

    def encode(self, message: Message) -> bytes:
        events = [
            (-1 if event.body is None else len(event.body), list(event.user_ids), list(event.seqs))
            for event in message.events
        ]
        head = msgspec.json.encode(_Head(message.epoch, message.committed_at, events))
        prefix = b"%s%d" % (message.sender.prefix, message.number)
        content = b"\n".join([head, b"".join(event.body or b"" for event in message.events)])
        return b"%s %s %s" % (prefix, self._signature(prefix, content), content)

    def decode(self, data: bytes) -> Message:
        """Raises `Invalid`."""
        prefix, _, rest = data.partition(b" ")
        signature, space, content = rest.partition(b" ")
        if not space or not hmac.compare_digest(signature, self._signature(prefix, content)):
            raise Invalid("its signature is wrong")
        try:
            return _message(prefix, content)
        except (ValueError, msgspec.DecodeError) as error:
            raise Invalid(str(error)) from None

    def _signature(self, prefix: bytes, content: bytes) -> bytes:
        digest = hmac.digest(self.key, b"%s %s" % (prefix, content), hashlib.sha256)
        return base64.b64encode(digest)


def _message(prefix: bytes, content: bytes) -> Message:
    server, start, number = prefix.decode("ascii").split("-")
    encoded, _, bodies = content.partition(b"\n")
    head = msgspec.json.decode(encoded, type=_Head)
    events, at = [], 0
    for length, user_ids, seqs in head.events:
        body = None if length < 0 else bodies[at : at + length]
        at += max(length, 0)
        events.append(Event(body, user_ids, seqs))
    return Message(Sender(int(server), start), int(number), head.epoch, head.committed_at, events)


def packed(events: Iterable[Event], largest: int) -> Iterator[list[Event]]:
    """Divides events into messages of at most `largest` bytes, in the same order.

    An event for many users takes several messages. A body that is too long is left out.
    """
    pack: list[Event] = []
    room = space = largest - _HEAD_BYTES
    for event in events:
        for part in _parts(event, space):
            size = _size(part)
            if size > room:
                yield pack
                pack, room = [], space
            pack.append(part)
            room -= size
    if pack:
        yield pack


def _parts(event: Event, space: int) -> Iterator[Event]:
    body = event.body
    if body is not None and len(body) + _EVENT_BYTES + _RECIPIENT_BYTES > space:
        body = None
    at_once = (space - _EVENT_BYTES - len(body or b"")) // _RECIPIENT_BYTES
    for start in range(0, len(event.user_ids), at_once):
        end = start + at_once
        yield Event(body, event.user_ids[start:end], event.seqs[start:end])


def _size(event: Event) -> int:
    return len(event.body or b"") + _EVENT_BYTES + _RECIPIENT_BYTES * len(event.user_ids)
