"""Who has read a message, as far as they show it."""

from db import reads
from db.changes.change import NotYours
from db.pool import Database
from db.snapshot import NotFound, Snapshot
from db.users import User

MOST_MEMBERS = 100  # a larger conversation does not tell who has read a message


class TooManyMembers(Exception):
    """The conversation has more than `MOST_MEMBERS` members."""


async def of(
    db: Database, user_id: int, conversation_id: int, message_id: int
) -> Snapshot[list[User]]:
    """Returns the other members who have read the message, by id, if it was sent to them.

    Raises `NotFound`, `NotYours` and `TooManyMembers`, in this order.
    """
    rows = await db.rows(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            asked.is_author,
            asked.has_too_many,
            reader.*
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        JOIN conversations ON conversations.id = me.conversation_id
        JOIN messages
            ON messages.conversation_id = me.conversation_id
            AND messages.id = %(message_id)s
            AND messages.id >= me.sees_from
        CROSS JOIN LATERAL (
            SELECT
                messages.user_id = me.user_id AS is_author,
                coalesce(conversations.member_count > {MOST_MEMBERS}, false) AS has_too_many
        ) asked
        LEFT JOIN LATERAL (
            SELECT users.id::text, users.username, users.avatar_url, users.display_name
            FROM participants member
            JOIN users ON users.id = member.user_id
            WHERE asked.is_author
                AND NOT asked.has_too_many
                AND member.conversation_id = me.conversation_id
                AND member.user_id <> me.user_id
                AND coalesce(member.joined_message_id, 0) < messages.id
                AND {reads.shown("member")} >= messages.id
            ORDER BY users.id
        ) reader ON true
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id, "message_id": message_id},
    )
    if not rows:
        raise NotFound
    position, is_author, has_too_many, *_ = rows[0]
    if not is_author:
        raise NotYours
    if has_too_many:
        raise TooManyMembers
    return Snapshot(position, [User(*row[3:]) for row in rows if row[3] is not None])
