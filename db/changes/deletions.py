"""Deletions: an empty message remains, so that ids, the order and replies stay."""

from collections.abc import Sequence
from typing import NamedTuple

from db import feed_append, message, unread
from db.changes.change import APPEND, CHANGED, TOLD, NotYours, OnNotice, Told
from db.kind import appends
from db.message import Message
from db.pool import Database
from db.snapshot import NotFound
from db.unread import MOST_UNREAD, MOST_UNREAD_MENTIONS
from db.write_result import WriteResult

# Messages that one pass counts for all members. Whoever has 1,000 of their own among them, and an
# older marker, is counted alone.
_WINDOW = 2 * MOST_UNREAD


class Deletion(NamedTuple):
    """A request to delete a message."""

    conversation_id: int
    user_id: int
    message_id: int


_REFUSALS = {"notice": OnNotice, "not_yours": NotYours}

# One row with the message and the first reason that applies, if the user sees the message.
_JUDGED = """
    judged AS (
        SELECT
            me.role,
            messages.conversation_id,
            messages.id AS message_id,
            messages.mentions,
            CASE
                WHEN messages.notice IS NOT NULL THEN 'notice'
                WHEN messages.user_id <> me.user_id AND me.role IS DISTINCT FROM 'admin'
                THEN 'not_yours'
                WHEN messages.deleted_at IS NOT NULL THEN 'done'
                ELSE 'allowed'
            END AS verdict
        FROM participants me
        JOIN messages
            ON messages.conversation_id = me.conversation_id
            AND messages.id = %(message_id)s::bigint
            AND messages.id >= me.sees_from
        WHERE me.user_id = %(user_id)s::bigint
            AND me.conversation_id = %(conversation_id)s::bigint
    )
"""

# The counts of all members to whom the message was unread, without it. The statement's snapshot
# still has it. `newest` numbers the messages that count; a member's unread ones are those beyond
# their marker less their own.
_COUNTED = f"""
    concerned AS (
        SELECT participants.user_id, coalesce(last_read_message_id, 0) AS marker
        FROM changed
        JOIN participants USING (conversation_id)
        WHERE participants.user_id <> changed.user_id
            AND participants.sees_from <= changed.id
            AND coalesce(participants.last_read_message_id, 0) < changed.id
    ),
    newest AS (
        SELECT countable.id, countable.user_id
        FROM changed
        CROSS JOIN LATERAL (
            SELECT id, user_id
            FROM messages
            WHERE messages.conversation_id = changed.conversation_id
                AND messages.id > (SELECT min(marker) FROM concerned)
                AND messages.id <> changed.id
                AND messages.notice IS NULL
                AND messages.deleted_at IS NULL
            ORDER BY id DESC
            LIMIT {_WINDOW}
        ) countable
    ),
    reach AS (
        SELECT CASE WHEN count(*) = {_WINDOW} THEN min(id) ELSE 0 END AS id
        FROM newest
    ),
    ranked AS (
        SELECT
            user_id,
            at AS marker,
            is_member,
            count(*) FILTER (WHERE NOT is_member) OVER (ORDER BY at DESC, is_member DESC)
                - count(*) FILTER (WHERE NOT is_member) OVER (
                    PARTITION BY user_id ORDER BY at DESC, is_member DESC
                ) AS count
        FROM (
            SELECT user_id, marker AS at, true AS is_member
            FROM concerned
            UNION ALL
            SELECT user_id, id, false
            FROM newest
        ) either
    ),
    counted AS (
        SELECT mine.user_id, unread.count AS unread_count, mentions.count AS unread_mention_count
        FROM changed
        CROSS JOIN reach
        CROSS JOIN ranked
        JOIN participants mine
            ON mine.user_id = ranked.user_id
            AND mine.conversation_id = changed.conversation_id
        LEFT JOIN mentioned ON mentioned.user_id = mine.user_id
        CROSS JOIN LATERAL (
            SELECT CASE
                WHEN ranked.count >= {MOST_UNREAD} THEN {MOST_UNREAD}
                WHEN ranked.marker >= reach.id THEN ranked.count
                ELSE ({unread.unread("changed.id")})
            END AS count
            OFFSET 0 -- once, and not for each mention of it
        ) unread
        CROSS JOIN LATERAL (
            SELECT ({unread.unread_mentions("changed.id")}) AS count
            WHERE unread.count < {MOST_UNREAD}
                OR mentioned.user_id IS NOT NULL
            OFFSET 0
        ) mentions
        WHERE ranked.is_member
            AND (unread.count < {MOST_UNREAD} OR mentions.count < {MOST_UNREAD_MENTIONS})
    )
"""


@appends(CHANGED)
async def store(db: Database, deletions: Sequence[Deletion]) -> list[WriteResult[None]]:
    """Deletes messages one at a time, each in one transaction and one round trip.

    Safe to repeat.
    """
    return [await _store(db, deletion) for deletion in deletions]


async def _store(db: Database, deletion: Deletion) -> WriteResult[None]:
    """Refusals are `NotFound`, `OnNotice` and `NotYours`, in this order."""
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH {_JUDGED},
        changed AS (
            UPDATE messages
            SET content = '',
                version = messages.version + 1,
                edited_at = NULL,
                deleted_at = clock_timestamp(),
                deleted_by = %(user_id)s::bigint,
                mentions = NULL,
                reacted = false
            FROM judged
            WHERE judged.verdict = 'allowed'
                AND messages.conversation_id = judged.conversation_id
                AND messages.id = judged.message_id
            RETURNING messages.*
        ),
        removed_reactions AS (
            DELETE FROM reactions
            USING changed
            WHERE reactions.conversation_id = changed.conversation_id
                AND reactions.message_id = changed.id
        ),
        mentioned AS (
            SELECT (mention ->> 'userId')::bigint AS user_id
            FROM judged, jsonb_array_elements(judged.mentions) mention
            WHERE judged.verdict = 'allowed'
        ),
        removed_mentions AS (
            DELETE FROM mentions
            USING mentioned, changed
            WHERE mentions.user_id = mentioned.user_id
                AND mentions.conversation_id = changed.conversation_id
                AND mentions.message_id = changed.id
        ),
        {_COUNTED},
        {APPEND}
        SELECT
            judged.verdict,
            {message.columns("m", viewer="m.user_id", is_group="judged.role IS NOT NULL")},
            {TOLD}
        FROM judged
        JOIN meta ON meta.only_row
        LEFT JOIN changed m ON true
        LEFT JOIN recipients ON true
        """,
        {
            **deletion._asdict(),
            "conversation_ids": [deletion.conversation_id],
            "user_ids": [deletion.user_id],
        },
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    ((verdict, *columns),) = rows
    if verdict in _REFUSALS:
        return WriteResult(_REFUSALS[verdict]())
    if verdict == "done":
        return WriteResult(None)
    shown, told = Told.split(columns)
    return WriteResult(None, told.appended(Message.of(shown)))


async def is_done(db: Database, deletion: Deletion) -> bool:
    """Returns whether the message is deleted. Raises `NotFound` and the refusals of `store`."""
    row = await db.row(f"WITH {_JUDGED} SELECT verdict FROM judged", deletion._asdict())
    if row is None:
        raise NotFound
    (verdict,) = row
    if verdict in _REFUSALS:
        raise _REFUSALS[verdict]
    return bool(verdict == "done")
