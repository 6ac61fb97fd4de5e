"""Finds where a stream starts: at the client's position if the feed reaches back to it."""

import re
from typing import NamedTuple

from tornado.httputil import HTTPServerRequest

from db.positions import Position

FURTHEST_BEHIND = 1000  # events; further behind, fetching snapshots is less work for both sides

# Query parameters for clients that cannot send the header, such as `event-source-polyfill`.
QUERY_NAMES = ("lastEventId", "Last-Event-ID", "last_event_id")

_EVENT_ID = re.compile(r"([!-,.-~]+)-(0|[1-9][0-9]*)")
_BEYOND = 2**62  # replaces numbers of 19 digits or more: no feed reaches it, and a bigint holds it


class Cursor(NamedTuple):
    """The id of the last event that a client has seen."""

    epoch: str
    seq: int


class Start(NamedTuple):
    """Where a stream starts."""

    seq: int  # the stream sends the events after this one
    reset: str | None  # why the stream cannot resume at the client's position; None: it can


def event_id(request: HTTPServerRequest) -> str:
    """Returns the position that the client sends, or an empty string.

    The header wins over the query, because a browser that reconnects repeats the old query.
    """
    named = request.headers.get_list("Last-Event-ID")[-1:]
    # Latin-1 decodes any bytes: a malformed position gets a `reset`, not a 400.
    arguments = request.query_arguments
    named += [arguments[name][-1].decode("latin-1") for name in QUERY_NAMES if name in arguments]
    return next(filter(None, named), "")


def cursor(event_id: str) -> Cursor | None:
    """Parses an event id. Returns None for any other text."""
    found = _EVENT_ID.fullmatch(event_id)
    if found is None:
        return None
    digits = found[2]
    return Cursor(found[1], int(digits) if len(digits) < 19 else _BEYOND)


def start(event_id: str, found: Position) -> Start:
    """Returns where the stream starts.

    `event_id` is what the client sent, or empty. `found` was looked up for its `seq`.
    """
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
