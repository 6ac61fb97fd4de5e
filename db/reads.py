"""Read markers: the last message that a participant has read. They only move forward."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import feed_append
from db.kind import FeedRow, Kind, appends
from db.pool import Database
from db.schema_types import Id
from db.snapshot import NotFound
from db.unread import UNREAD, UNREAD_MENTIONS
from db.write_result import Appended, WriteResult


class Read(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A marker that moved. Only the reader gets the counts. An absent count of mentions is 0."""

    conversation_id: Id
    user_id: Id
    last_read_message_id: Id
    unread_count: int | None = None
    unread_mention_count: int = 0

    @classmethod
    def from_row(cls, row: FeedRow) -> "Read":
        """Returns the event as the reader sees it."""
        return cls(row.conversation_id, **row.payload)

    def seen_by(self, user_id: int) -> "Read":
        if self.user_id == str(user_id):
            return self
        return msgspec.structs.replace(self, unread_count=None, unread_mention_count=0)


MOVED = Kind(
    name="read",
    from_row=Read.from_row,
    summary="A read marker moved",
    sent_to="Both of a pair get it. In a group, or if the reader shows no receipts, only the reader"
    " does. Only the reader gets the counts.",
    example=Read("12", "7", "345", 0),
)


def shown(participant: str) -> str:
    """Returns SQL for what others see of the marker of a row of participants."""
    seen = f"{participant}.shown_read_message_id", f"{participant}.last_read_message_id"
    return f"nullif(coalesce({', '.join(seen)}), 0)"


class Reading(NamedTuple):
    """A request to mark a conversation as read up to a message, or all of it (None)."""

    conversation_id: int
    user_id: int
    message_id: int | None


class NoSuchMessage(Exception):
    """The conversation has no message with that id."""


@appends(MOVED, reaches_all=False)
async def mark(db: Database, readings: Sequence[Reading]) -> list[WriteResult[Read | None]]:
    """Moves the markers, in one transaction and one round trip. Safe to repeat.

    Each result is the event, or None if the marker did not move. Refusals are `NotFound` and
    `NoSuchMessage`. Of several readings of one marker, only the furthest moves it.
    """
    # The statement that counts begins after the lock, so that its snapshot is current.
    rows = await db.rows(
        f"""
        {feed_append.LOCK_OWN}

        WITH wanted AS (
            SELECT n, conversation_id, user_id, message_id
            FROM unnest(
                %(conversation_ids)s::bigint[], %(user_ids)s::bigint[], %(message_ids)s::bigint[]
            ) WITH ORDINALITY AS reading (conversation_id, user_id, message_id, n)
        ),
        found AS (
            SELECT
                wanted.n,
                wanted.conversation_id,
                wanted.user_id,
                wanted.message_id IS NULL OR message.id IS NOT NULL AS is_right,
                coalesce(message.id, newest.id) AS message_id
            FROM wanted
            JOIN participants USING (conversation_id, user_id)
            LEFT JOIN messages message
                ON message.conversation_id = wanted.conversation_id
                AND message.id = wanted.message_id
                AND message.id >= participants.sees_from
            LEFT JOIN LATERAL (
                SELECT id
                FROM messages
                WHERE messages.conversation_id = wanted.conversation_id
                    AND wanted.message_id IS NULL
                ORDER BY id DESC
                LIMIT 1
            ) newest ON true
        ),
        furthest AS (
            SELECT DISTINCT ON (conversation_id, user_id) n, conversation_id, user_id, message_id
            FROM found
            WHERE message_id IS NOT NULL
            ORDER BY conversation_id, user_id, message_id DESC, n
        ),
        moved AS (
            UPDATE participants
            SET
                last_read_message_id = furthest.message_id,
                shown_read_message_id = CASE WHEN NOT furthest.is_shown THEN coalesce(
                    participants.shown_read_message_id, participants.last_read_message_id, 0
                ) END
            FROM (
                SELECT furthest.*, coalesce(settings.receipts, true) AS is_shown
                FROM furthest
                LEFT JOIN settings USING (user_id)
            ) furthest
            WHERE participants.conversation_id = furthest.conversation_id
                AND participants.user_id = furthest.user_id
                AND furthest.message_id > coalesce(participants.last_read_message_id, 0)
            RETURNING
                furthest.n,
                furthest.is_shown,
                participants.conversation_id,
                participants.user_id,
                participants.role,
                participants.last_read_message_id
        ),
        counted AS (
            SELECT
                mine.*,
                ({UNREAD})::integer AS unread_count,
                ({UNREAD_MENTIONS})::integer AS unread_mention_count
            FROM moved mine
        ),
        new_events AS (
            SELECT
                counted.n,
                told.user_id,
                '{MOVED.name}' AS kind,
                counted.conversation_id,
                NULL::bigint AS message_id,
                jsonb_build_object(
                    'user_id', counted.user_id::text,
                    'last_read_message_id', counted.last_read_message_id::text,
                    'unread_count', counted.unread_count,
                    'unread_mention_count', counted.unread_mention_count
                ) AS payload
            FROM counted
            CROSS JOIN LATERAL (
                SELECT counted.user_id
                UNION ALL
                SELECT other.user_id
                FROM participants other
                WHERE counted.role IS NULL
                    AND counted.is_shown
                    AND other.conversation_id = counted.conversation_id
                    AND other.user_id <> counted.user_id
            ) told
        ),
        {feed_append.APPEND}
        SELECT
            found.n IS NOT NULL,
            found.is_right,
            wanted.conversation_id::text,
            wanted.user_id::text,
            counted.last_read_message_id::text,
            counted.unread_count,
            counted.unread_mention_count,
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM wanted
        JOIN meta ON meta.only_row
        LEFT JOIN found ON found.n = wanted.n
        LEFT JOIN counted ON counted.n = wanted.n
        LEFT JOIN recipients ON recipients.n = wanted.n
        ORDER BY wanted.n
        """,
        {
            "conversation_ids": [r.conversation_id for r in readings],
            "user_ids": [r.user_id for r in readings],
            "message_ids": [r.message_id for r in readings],
        },
        twice=False,  # as in `messages.store`
    )
    return [_outcome(*row) for row in rows]


def _outcome(
    member: bool,
    is_right: bool,
    conversation_id: str,
    user_id: str,
    last_read_message_id: str | None,
    unread_count: int,
    unread_mention_count: int,
    epoch: str,
    user_ids: list[int],
    seqs: list[int],
) -> WriteResult[Read | None]:
    if not member:
        return WriteResult(NotFound())
    if not is_right:
        return WriteResult(NoSuchMessage())
    if last_read_message_id is None:
        return WriteResult(None)
    counts = unread_count, unread_mention_count
    read = Read(conversation_id, user_id, last_read_message_id, *counts)
    return WriteResult(read, [Appended(MOVED, read, epoch, user_ids, seqs)])
