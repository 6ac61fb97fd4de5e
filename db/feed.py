"""Reads feeds: each user has one list of events, numbered without gaps in commit order.

The transaction that writes a durable fact also writes a row to the feed of each recipient (see
`db/feed_append.py`). Streams send these rows, and read them again after a gap.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import message
from db.batch_loader import BatchLoader
from db.events import KINDS
from db.groups.gone import GONE
from db.kind import FeedRow
from db.pool import Database

LARGEST_BATCH = 64  # feeds read in one statement
MOST_EVENTS = 2048  # in one statement: about 20 ms of work for the loop
LONGEST_PAGE = 64  # messages of 4,000 characters: 256 KB, in memory until a client has read them


class UnknownKind(Exception):
    """A newer server has written an event that this server cannot read."""


class Event(NamedTuple):
    """One row of a feed. `kind` and `data` are None if the user may no longer see it."""

    user_id: int
    epoch: str
    seq: int
    kind: str | None
    data: msgspec.Struct | None  # as the user sees it
    appended_at: float = 0.0  # seconds since 1970


class After(NamedTuple):
    """The position in a feed after which a stream reads."""

    user_id: int
    seq: int
    limit: int = MOST_EVENTS  # the largest number of events


class Page(NamedTuple):
    """Events in feed order, and whether the feed may have more."""

    events: list[Event]
    more: bool


class FeedReader:
    """Reads pages of the feeds of many users, in batches."""

    def __init__(self, db: Database, *, skips_unknown: bool = True) -> None:
        """With `skips_unknown`, an event of an unknown kind has no data; see `check`."""
        self._db = db
        self._skips_unknown = skips_unknown
        self._loader = BatchLoader[After, Page](self._pages, LARGEST_BATCH)

    async def read(self, user_id: int, after: int, limit: int = LONGEST_PAGE) -> Page:
        """Returns up to `limit` events after `after`. Raises `errors.DatabaseError`."""
        return await self._loader.load(After(user_id, after, limit))

    def check(self, event: Event) -> None:
        """Raises `UnknownKind` for an event that this server must not skip."""
        unknown = event.kind is not None and event.kind not in KINDS
        if unknown and not self._skips_unknown:
            raise UnknownKind(f"it has an event of the kind {event.kind}, which is not known here")

    async def _pages(self, starts: Sequence[After]) -> list[Page]:
        limit = min(LONGEST_PAGE, MOST_EVENTS // len(starts))
        found = await pages(self._db, starts, limit)
        asked = zip(starts, found, strict=True)
        return [Page(events, len(events) == min(start.limit, limit)) for start, events in asked]


async def pages(db: Database, starts: Sequence[After], limit: int) -> list[list[Event]]:
    """Returns for each start up to `limit` events after it, oldest first.

    Checks access again. An event keeps its number, but has no data in two cases: the user has left
    the conversation since, or this server does not know the kind.
    """
    rows = await db.rows(
        f"""
        SELECT
            wanted.n,
            e.user_id,
            meta.epoch,
            e.seq,
            CASE
                WHEN e.conversation_id IS NULL
                    OR e.kind = '{GONE.name}'
                    OR e.seq >= p.came_at_seq
                THEN e.kind
            END,
            extract(epoch FROM e.created_at)::float8,
            e.conversation_id::text,
            e.payload,
            {message.columns("m", viewer="e.user_id", is_group="p.role IS NOT NULL")}
        FROM unnest(%(user_ids)s::bigint[], %(seqs)s::bigint[], %(limits)s::bigint[])
            WITH ORDINALITY AS wanted (user_id, seq, most, n)
        JOIN meta ON meta.only_row
        CROSS JOIN LATERAL (
            SELECT user_id, seq, kind, conversation_id, message_id, payload, created_at
            FROM feed_events
            WHERE feed_events.user_id = wanted.user_id
                AND feed_events.seq > wanted.seq
            ORDER BY feed_events.seq
            LIMIT wanted.most
        ) e
        LEFT JOIN participants p
            ON p.user_id = e.user_id
            AND p.conversation_id = e.conversation_id
        LEFT JOIN messages m
            ON m.conversation_id = p.conversation_id
            AND m.id = e.message_id
        ORDER BY wanted.n, e.seq
        """,
        {
            "user_ids": [start.user_id for start in starts],
            "seqs": [start.seq for start in starts],
            "limits": [min(start.limit, limit) for start in starts],
        },
    )
    found: list[list[Event]] = [[] for _ in starts]
    for n, user_id, epoch, seq, kind, appended_at, conversation_id, payload, *shown in rows:
        row = FeedRow(conversation_id, payload, None if shown[0] is None else shown)
        data = _shown(user_id, kind, row)
        found[n - 1].append(Event(user_id, epoch, seq, kind, data, appended_at))
    return found


def _shown(user_id: int, kind: str | None, row: FeedRow) -> msgspec.Struct | None:
    known = None if kind is None else KINDS.get(kind)
    fact = None if known is None else known.from_row(row)
    return None if fact is None else fact.seen_by(user_id)
