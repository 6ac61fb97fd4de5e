"""Where a stream starts: at the position that its client names, if the feed reaches back to it."""

import re
from typing import NamedTuple

from tornado.httputil import HTTPServerRequest

from db.positions import Position

FURTHEST_BEHIND = 1000  # events; beyond it, fetching snapshots is less work for both sides

# In a query, where a client can send no header: as `event-source-polyfill` and others call it.
QUERY_NAMES = ("lastEventId", "Last-Event-ID", "last_event_id")

_EVENT_ID = re.compile(r"([!-,.-~]+)-(0|[1-9][0-9]*)")
_BEYOND = 2**62  # stands for numbers that no feed will reach, and no bigint may hold


class Cursor(NamedTuple):
    """The id of the last event that a client has seen."""

    epoch: str
    seq: int


class Start(NamedTuple):
    """The number to go on from, and why that is not where the client left off, if it is not."""

    seq: int
    reset: str | None


def event_id(request: HTTPServerRequest) -> str:
    """The position that a client names, empty if it names none.

    The header wins, since a browser that reconnects sends the old query again.
    """
    named = request.headers.get_list("Last-Event-ID")[-1:]
    # Whatever the bytes are, they are no bad request.
    arguments = request.query_arguments
    named += [arguments[name][-1].decode("latin-1") for name in QUERY_NAMES if name in arguments]
    return next(filter(None, named), "")


def cursor(event_id: str) -> Cursor | None:
    """None where the text is no event id."""
    found = _EVENT_ID.fullmatch(event_id)
    if found is None:
        return None
    digits = found[2]
    return Cursor(found[1], int(digits) if len(digits) < 19 else _BEYOND)


def start(event_id: str, found: Position) -> Start:
    """`event_id` as the client sent it, empty where it sent none; `found` for its cursor's seq."""
    if not event_id:
        return Start(found.last_seq, None)
    seen = cursor(event_id)
    if seen is None:
        return Start(found.last_seq, "unknown")
    reason = _reset(seen, found)
    return Start(seen.seq if reason is None else found.last_seq, reason)


def _reset(seen: Cursor, found: Position) -> str | None:
    if seen.epoch != found.epoch:
        return "epoch"
    if seen.seq > found.last_seq:
        return "future"
    if found.last_seq - seen.seq > FURTHEST_BEHIND:
        return "backlog"
    if not found.reaches_back:
        return "expired"
    return None
