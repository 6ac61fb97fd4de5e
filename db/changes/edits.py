"""Edits: a new text for a message. The earlier text is gone."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from db import feed_append, message, unread
from db.changes.change import APPEND, CHANGED, TOLD, NotYours, OnNotice, Told
from db.kind import appends
from db.message import Message
from db.pool import Database
from db.snapshot import NotFound
from db.unread import MOST_UNREAD_MENTIONS
from db.write_result import WriteResult


class Edit(NamedTuple):
    """A request for another text. Its content is checked; the right to edit is not."""

    conversation_id: int
    user_id: int
    message_id: int
    content: str
    version: int | None  # that the user has seen; None: any
    edit_hours: int  # since the message was sent; 0: always
    names: Sequence[str] = ()  # that the content may mention, each once in any case


class OnDeleted(Exception):
    """A deleted message has no text any more."""


class OtherVersion(Exception):
    """The message has changed since the version that the user has seen."""


class TooLate(Exception):
    """The time for edits is over."""


_REFUSALS = {
    "notice": OnNotice,
    "not_yours": NotYours,
    "deleted": OnDeleted,
    "version": OtherVersion,
    "too_late": TooLate,
}

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
                WHEN messages.user_id <> me.user_id THEN 'not_yours'
                WHEN messages.deleted_at IS NOT NULL THEN 'deleted'
                WHEN messages.content = %(content)s::text THEN 'unchanged'
                WHEN messages.version <> %(version)s::integer THEN 'version'
                WHEN %(edit_hours)s::integer > 0
                    AND messages.created_at
                        < clock_timestamp() - make_interval(hours => %(edit_hours)s::integer)
                THEN 'too_late'
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

# The messages table has this text already.
_UNCHANGED = """
    SELECT messages.*
    FROM judged
    JOIN messages
        ON messages.conversation_id = judged.conversation_id
        AND messages.id = judged.message_id
    WHERE judged.verdict = 'unchanged'
"""


@appends(CHANGED)
async def store(db: Database, edits: Sequence[Edit]) -> list[WriteResult[Message]]:
    """Edits messages one at a time, each in one transaction and one round trip. Safe to repeat."""
    return [await _store(db, edit) for edit in edits]


async def _store(db: Database, edit: Edit) -> WriteResult[Message]:
    """Returns the message, also if it has this text already.

    Refusals are `NotFound`, `OnNotice`, `NotYours`, `OnDeleted`, `OtherVersion` and `TooLate`, in
    this order.
    """
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH {_JUDGED},
        allowed AS (
            SELECT 1 AS n, conversation_id, message_id, mentions
            FROM judged
            WHERE verdict = 'allowed'
        ),
        {message.CALLED},
        changed AS (
            UPDATE messages
            SET content = %(content)s::text,
                version = messages.version + 1,
                edited_at = clock_timestamp(),
                mentions = called.mentions
            FROM allowed
            LEFT JOIN called USING (n)
            WHERE messages.conversation_id = allowed.conversation_id
                AND messages.id = allowed.message_id
            RETURNING messages.*
        ),
        mentioned AS (
            SELECT (mention ->> 'userId')::bigint AS user_id, true AS is_now
            FROM changed, jsonb_array_elements(changed.mentions) mention
            UNION ALL
            SELECT (mention ->> 'userId')::bigint, false
            FROM allowed, jsonb_array_elements(allowed.mentions) mention
        ),
        differing AS (
            SELECT user_id, bool_or(is_now) AS is_now
            FROM mentioned
            WHERE user_id <> %(user_id)s::bigint
            GROUP BY user_id
            HAVING count(*) = 1
        ),
        removed AS (
            DELETE FROM mentions
            USING differing, changed
            WHERE NOT differing.is_now
                AND mentions.user_id = differing.user_id
                AND mentions.conversation_id = changed.conversation_id
                AND mentions.message_id = changed.id
        ),
        added AS (
            INSERT INTO mentions (user_id, conversation_id, message_id)
            SELECT differing.user_id, changed.conversation_id, changed.id
            FROM differing, changed
            WHERE differing.is_now
            ON CONFLICT DO NOTHING
        ),
        counted AS (
            SELECT
                mine.user_id,
                ({unread.unread()}) AS unread_count,
                others.count + differing.is_now::integer AS unread_mention_count
            FROM changed
            CROSS JOIN differing
            JOIN participants mine
                ON mine.user_id = differing.user_id
                AND mine.conversation_id = changed.conversation_id
                AND mine.sees_from <= changed.id
                AND coalesce(mine.last_read_message_id, 0) < changed.id
            CROSS JOIN LATERAL ({unread.unread_mentions("changed.id")}) others (count)
            WHERE others.count < {MOST_UNREAD_MENTIONS}
        ),
        {APPEND},
        shown AS (
            SELECT *
            FROM changed
            UNION ALL
            {_UNCHANGED}
        )
        SELECT
            judged.verdict,
            {message.columns("m", viewer="m.user_id", is_group="judged.role IS NOT NULL")},
            {TOLD}
        FROM judged
        JOIN meta ON meta.only_row
        LEFT JOIN shown m ON true
        LEFT JOIN recipients ON true
        """,
        {
            **_parameters(edit),
            "conversation_ids": [edit.conversation_id],
            "user_ids": [edit.user_id],
            **message.called([edit.names]),
        },
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    ((verdict, *columns),) = rows
    if verdict in _REFUSALS:
        return WriteResult(_REFUSALS[verdict]())
    shown, told = Told.split(columns)
    edited = Message.of(shown)
    return WriteResult(edited, told.appended(edited))


async def stored_before(db: Database, edit: Edit) -> Message | None:
    """Returns the message if it has this text already, or else None.

    Raises `NotFound` and the refusals of `store`.
    """
    row = await db.row(
        f"""
        WITH {_JUDGED}
        SELECT
            judged.verdict,
            {message.columns("m", viewer="m.user_id", is_group="judged.role IS NOT NULL")}
        FROM judged
        LEFT JOIN ({_UNCHANGED}) m ON true
        """,
        _parameters(edit),
    )
    if row is None:
        raise NotFound
    verdict, *shown = row
    if verdict in _REFUSALS:
        raise _REFUSALS[verdict]
    return None if verdict == "allowed" else Message.of(shown)


async def check_author(db: Database, user_id: int, conversation_id: int, message_id: int) -> None:
    """Raises `NotFound`, `OnNotice` or `NotYours` for any but the author of a message."""
    row = await db.row(
        f"WITH {_JUDGED} SELECT verdict FROM judged",
        _parameters(Edit(conversation_id, user_id, message_id, "", None, 0)),
    )
    if row is None:
        raise NotFound
    (verdict,) = row
    if verdict in ("notice", "not_yours"):
        raise _REFUSALS[verdict]


def _parameters(edit: Edit) -> dict[str, Any]:
    return {name: value for name, value in edit._asdict().items() if name != "names"}
