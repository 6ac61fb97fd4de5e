"""Of which messages of a conversation a user is notified, as they have chosen it."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import conversations, feed_append
from db.conversations import Notify
from db.kind import FeedRow, Kind, appends
from db.pool import Database
from db.prepared import array
from db.schema_types import Id
from db.snapshot import NotFound
from db.write_result import Appended, WriteResult


class Setting(msgspec.Struct, frozen=True, rename="camel"):
    """What the user has chosen for a conversation."""

    conversation_id: Id
    notify: Notify

    @classmethod
    def from_row(cls, row: FeedRow) -> "Setting":
        return cls(row.conversation_id, conversations.same(row.payload["notify"]))

    def seen_by(self, user_id: int) -> "Setting":
        return self


SETTING = Kind(
    name="setting",
    from_row=Setting.from_row,
    summary="You chose what to be notified of in a conversation",
    sent_to="Only the user who chose gets it.",
    example=Setting("12", "mentions"),
)


class Choice(NamedTuple):
    conversation_id: int
    user_id: int
    notify: Notify


@appends(SETTING, reaches_all=False)
async def store(db: Database, choices: Sequence[Choice]) -> list[WriteResult[None]]:
    """Stores choices, in one transaction and one round trip. Safe to repeat.

    The only refusal is `NotFound`. Of several choices of one user for one conversation, the last
    one counts.
    """
    rows = await db.rows(
        f"""
        {feed_append.LOCK_WRITERS}

        WITH wanted AS (
            SELECT *
            FROM unnest(%(conversation_ids)s::bigint[], %(user_ids)s::bigint[], %(words)s::text[])
                WITH ORDINALITY AS choice (conversation_id, user_id, notify, n)
        ),
        changed AS (
            UPDATE participants
            SET notify = last.notify
            FROM (
                SELECT DISTINCT ON (conversation_id, user_id) *
                FROM wanted
                ORDER BY conversation_id, user_id, n DESC
            ) last
            WHERE participants.conversation_id = last.conversation_id
                AND participants.user_id = last.user_id
                AND participants.notify <> last.notify
            RETURNING last.*
        ),
        new_events AS (
            SELECT
                n,
                user_id,
                '{SETTING.name}' AS kind,
                conversation_id,
                NULL::bigint AS message_id,
                jsonb_build_object('notify', notify) AS payload
            FROM changed
        ),
        {feed_append.APPEND}
        SELECT
            participants.user_id IS NOT NULL,
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM wanted
        JOIN meta ON meta.only_row
        LEFT JOIN participants USING (conversation_id, user_id)
        LEFT JOIN recipients ON recipients.n = wanted.n
        ORDER BY wanted.n
        """,
        {
            "conversation_ids": array(choice.conversation_id for choice in choices),
            "user_ids": array(choice.user_id for choice in choices),
            "words": array(choice.notify for choice in choices),
        },
        twice=False,  # as in `messages.store`
    )
    return [_outcome(choice, *row) for choice, row in zip(choices, rows, strict=True)]


def _outcome(
    choice: Choice, is_member: bool, epoch: str, user_ids: list[int] | None, seqs: list[int]
) -> WriteResult[None]:
    if not is_member:
        return WriteResult(NotFound())
    if user_ids is None:
        return WriteResult(None)
    setting = Setting(str(choice.conversation_id), choice.notify)
    return WriteResult(None, [Appended(SETTING, setting, epoch, user_ids, seqs)])
