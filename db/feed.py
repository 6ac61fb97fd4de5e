"""The feed: one numbered list of events per user, without a gap, in commit order.

Every durable fact writes a row into the feed of each user concerned, in its own transaction (see
`db/appending.py`). What the streams carry, and what they read again after a gap, are these rows.
"""

from collections.abc import Collection
from typing import Any, NamedTuple

from db.conversations import Conversation
from db.messages import Message
from db.pool import Database
from db.reads import Read
from db.users import User


class Event(NamedTuple):
    """One row of a feed, with what its user is shown; `None` where it may not be seen any more."""

    user_id: int
    epoch: str
    seq: int
    data: Message | Conversation | Read | None


async def page(db: Database, user_id: int, after: int, limit: int) -> list[Event]:
    """Up to `limit` events beyond `after`, oldest first.

    Access is checked again: what the user no longer takes part in, or what was deleted, comes
    without data, and keeps its number.
    """
    rows = await db.rows(
        """
        SELECT
            meta.epoch,
            e.seq,
            CASE WHEN p.user_id IS NOT NULL THEN e.kind END,
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
            other.id::text,
            other.username,
            other.avatar_url
        FROM feed_events e
        JOIN meta ON meta.only_row
        LEFT JOIN participants p
            ON p.user_id = e.user_id
            AND p.conversation_id = e.conversation_id
        LEFT JOIN messages m
            ON m.conversation_id = p.conversation_id
            AND m.id = e.message_id
        LEFT JOIN participants o
            ON e.kind = 'conversation'
            AND o.conversation_id = p.conversation_id
            AND o.user_id <> e.user_id
        LEFT JOIN users other ON other.id = o.user_id
        WHERE e.user_id = %(user_id)s
            AND e.seq > %(after)s
        ORDER BY e.seq
        LIMIT %(limit)s
        """,
        {"user_id": user_id, "after": after, "limit": limit},
    )
    return [Event(user_id, row[0], row[1], _data(row[2], row[3:])) for row in rows]


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


def _data(kind: str | None, row: tuple[Any, ...]) -> Message | Conversation | Read | None:
    conversation_id, message_id, author_id, content, created_at, mine, client_id = row[:7]
    reader_id, last_read_message_id, unread_count, other_id, username, avatar_url = row[7:]
    match kind:
        case "message" if message_id is not None:
            return Message(
                message_id, conversation_id, author_id, content, created_at, mine, client_id
            )
        case "conversation" if other_id is not None:
            return Conversation.new(conversation_id, User(other_id, username, avatar_url))
        case "read":
            return Read(conversation_id, reader_id, last_read_message_id, unread_count)
        case _:
            return None
