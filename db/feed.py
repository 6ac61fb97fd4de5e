"""The feed: one numbered list of events per user, without a gap, in commit order.

Every durable fact writes a row into the feed of each user concerned, in its own transaction (see
`db/feed_append.py`). What the streams carry, and what they read again after a gap, are these rows.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from db.batch_loader import BatchLoader
from db.conversations import Conversation
from db.messages import Message
from db.pool import Database
from db.reads import Read
from db.users import User

LARGEST_BATCH = 64  # feeds read in one statement
MOST_EVENTS = 2048  # of all of them together: some 20 ms of work for the loop
LONGEST_PAGE = 64  # messages of 4,000 characters: 256 KB, held until a slow client has taken them


class Event(NamedTuple):
    """One row of a feed, with what its user is shown; `None` where it may not be seen any more."""

    user_id: int
    epoch: str
    seq: int
    data: Message | Conversation | Read | User | None


class After(NamedTuple):
    """The position in a feed from which a stream reads on."""

    user_id: int
    seq: int
    limit: int = MOST_EVENTS  # how many it wants


class Page(NamedTuple):
    """Events in their order, and whether the feed may have more."""

    events: list[Event]
    more: bool


class FeedReader:
    """Reads pages of many users' feeds together."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._loader = BatchLoader[After, Page](self._pages, LARGEST_BATCH)

    async def read(self, user_id: int, after: int, limit: int = LONGEST_PAGE) -> Page:
        """Returns up to `limit` events beyond `after`. Raises `errors.DatabaseError`."""
        return await self._loader.load(After(user_id, after, limit))

    async def _pages(self, starts: Sequence[After]) -> list[Page]:
        limit = min(LONGEST_PAGE, MOST_EVENTS // len(starts))
        found = await pages(self._db, starts, limit)
        asked = zip(starts, found, strict=True)
        return [Page(events, len(events) == min(start.limit, limit)) for start, events in asked]


async def pages(db: Database, starts: Sequence[After], limit: int) -> list[list[Event]]:
    """Returns for each start up to `limit` events beyond it, oldest first.

    Access is checked again: what the user no longer takes part in, or what was deleted, comes
    without data, and keeps its number.
    """
    rows = await db.rows(
        """
        SELECT
            wanted.n,
            e.user_id,
            meta.epoch,
            e.seq,
            CASE WHEN p.user_id IS NOT NULL OR e.kind = 'user' THEN e.kind END,
            e.conversation_id::text,
            m.id::text,
            m.user_id::text,
            m.content,
            rfc3339(m.created_at),
            m.user_id = e.user_id,
            CASE WHEN m.user_id = e.user_id AND m.client_id_given THEN m.client_id::text END,
            e.reader_id::text,
            e.last_read_message_id::text,
            e.unread_count,
            e.shown_user_id::text,
            e.shown_username,
            e.shown_avatar_url
        FROM unnest(%(user_ids)s::bigint[], %(seqs)s::bigint[], %(limits)s::bigint[])
            WITH ORDINALITY AS wanted (user_id, seq, most, n)
        JOIN meta ON meta.only_row
        CROSS JOIN LATERAL (
            SELECT *
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
    for n, user_id, epoch, seq, kind, *shown in rows:
        found[n - 1].append(Event(user_id, epoch, seq, _data(kind, shown)))
    return found


async def newest(db: Database, user_ids: Collection[int]) -> dict[int, int]:
    """The number of the last event in each of these users' feeds."""
    rows = await db.rows(
        """
        SELECT user_id, last_seq
        FROM feeds
        WHERE user_id = ANY (%(user_ids)s::bigint[])
        """,
        {"user_ids": list(user_ids)},
    )
    return dict(rows)


def _data(kind: str | None, row: Sequence[Any]) -> Message | Conversation | Read | User | None:
    conversation_id, message_id, author_id, content, created_at, mine, client_id = row[:7]
    reader_id, last_read_message_id, unread_count, *shown = row[7:]
    match kind:
        case "message" if message_id is not None:
            return Message(
                message_id, conversation_id, author_id, content, created_at, mine, client_id
            )
        case "conversation":
            return Conversation.new(conversation_id, User(*shown))
        case "user":
            return User(*shown)
        case "read":
            return Read(conversation_id, reader_id, last_read_message_id, unread_count)
        case _:
            return None
