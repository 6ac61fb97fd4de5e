"""The event that a message was edited or deleted, and what both changes have in common."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from db.kind import FeedRow, Kind
from db.message import Message, Reaction
from db.write_result import Appended


class Change(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, cache_hash=True):
    """A message as it is now. Only a user whose counts changed gets them: both, or neither."""

    message: Message
    unread_count: int | None = None
    unread_mention_count: int | None = None

    @classmethod
    def from_row(cls, row: FeedRow) -> "Change | None":
        """Returns the message as it is now, with the counts at the time of the event."""
        message = Message.from_row(row)
        return None if message is None else cls(message, **row.payload or {})

    def seen_by(self, user_id: int) -> "Change":
        return self


CHANGED = Kind(
    name="change",
    from_row=Change.from_row,
    summary="A message was edited or deleted",
    sent_to="Every participant who sees the message gets it, and whoever has it unread also the new"
    " counts.",
    example=Change(
        Message(
            "345",
            "12",
            "8",
            "",
            "2026-11-29T12:34:56.789Z",
            mine=False,
            client_id=None,
            version=2,
            deleted_at="2026-11-29T12:35:56.789Z",
            deleted_by="8",
        ),
        0,
        0,
    ),
)


class OnNotice(Exception):
    """Nobody can change a notice."""


class NotYours(Exception):
    """The message is somebody else's."""


class Told(NamedTuple):
    """The columns of `TOLD`, which a statement has after those of the message."""

    epoch: str
    user_ids: list[int] | None  # None: nothing has changed
    seqs: list[int]
    reactions: Mapping[str, int] | None  # by user who reacted, a bit for each emoji
    counts: Mapping[str, tuple[int, int]] | None  # by user, if they changed

    @classmethod
    def split(cls, columns: Sequence[Any]) -> "tuple[Sequence[Any], Told]":
        """Returns the columns for `Message.of`, and those of `TOLD`."""
        shown = len(columns) - len(cls._fields)
        return columns[:shown], cls(*columns[shown:])

    def appended(self, message: Message) -> list[Appended]:
        """Returns the event. `message` is as its author sees it."""
        if self.user_ids is None:
            return []
        changed = _Changed(message, self.reactions or {}, self.counts or {})
        return [Appended(CHANGED, changed, self.epoch, self.user_ids, self.seqs)]


class _Changed:
    """A changed message, for all who see it. Users with the same view share an object."""

    def __init__(
        self,
        message: Message,
        reactions: Mapping[str, int],
        counts: Mapping[str, tuple[int, int]],
    ) -> None:
        self._message = message
        self._reactions = reactions
        self._counts = counts
        self._views: dict[tuple[bool, int], Change] = {}

    def seen_by(self, user_id: int) -> Change:
        user = str(user_id)
        view = self._view(user == self._message.user_id, user_id)
        if user not in self._counts:
            return view
        return Change(view.message, *self._counts[user])

    def _view(self, is_author: bool, user_id: int) -> Change:
        own = self._reactions.get(str(user_id), 0)
        if (is_author, own) not in self._views:
            message = self._message.seen_by(user_id)
            shown = tuple(
                Reaction(kind.emoji, kind.count, bool(own >> n & 1))
                for n, kind in enumerate(message.reactions)
            )
            self._views[is_author, own] = Change(msgspec.structs.replace(message, reactions=shown))
        return self._views[is_author, own]


# Needs the CTEs `changed`, with the new row of messages if there is one, and `counted`, with
# user_id, unread_count and unread_mention_count of the users whose counts changed. It is like
# `feed_append.APPEND` for one event, but joins no CTEs of a thousand rows: PostgreSQL expects one
# row of each, and would compare all pairs.
APPEND = f"""
    told AS (
        SELECT
            user_id,
            max(unread_count) AS unread_count,
            max(unread_mention_count) AS mention_count
        FROM (
            SELECT participants.user_id, NULL AS unread_count, NULL AS unread_mention_count
            FROM changed
            JOIN participants
                ON participants.conversation_id = changed.conversation_id
                AND participants.sees_from <= changed.id
            UNION ALL
            SELECT user_id, unread_count, unread_mention_count
            FROM counted
        ) either
        GROUP BY user_id
    ),
    advanced AS (
        UPDATE feeds
        SET last_seq = feeds.last_seq + 1
        FROM told
        WHERE feeds.user_id = told.user_id
        RETURNING feeds.user_id, feeds.last_seq AS seq, told.unread_count, told.mention_count
    ),
    appended AS (
        INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id, payload)
        SELECT
            advanced.user_id,
            advanced.seq,
            '{CHANGED.name}',
            changed.conversation_id,
            changed.id,
            CASE WHEN advanced.unread_count IS NOT NULL THEN jsonb_build_object(
                'unread_count', advanced.unread_count,
                'unread_mention_count', advanced.mention_count
            ) END
        FROM changed, advanced
    ),
    recipients AS (
        SELECT
            array_agg(user_id ORDER BY user_id) AS user_ids,
            array_agg(seq ORDER BY user_id) AS seqs
        FROM advanced
        HAVING count(*) > 0
    )
"""

# The columns of `Told`, in a statement with `APPEND`, `meta` and an outer join of `recipients`.
TOLD = """
    meta.epoch,
    recipients.user_ids,
    recipients.seqs,
    (
        SELECT jsonb_object_agg(user_id, own)
        FROM (
            SELECT reactions.user_id, bit_or(1 << kinds.place) AS own
            FROM (
                SELECT
                    changed.conversation_id,
                    changed.id,
                    emoji,
                    row_number() OVER (ORDER BY min(reactions.id))::integer - 1 AS place
                FROM changed
                JOIN reactions
                    ON reactions.conversation_id = changed.conversation_id
                    AND reactions.message_id = changed.id
                WHERE changed.reacted
                GROUP BY changed.conversation_id, changed.id, emoji
            ) kinds
            JOIN reactions
                ON reactions.conversation_id = kinds.conversation_id
                AND reactions.message_id = kinds.id
                AND reactions.emoji = kinds.emoji
            GROUP BY reactions.user_id
        ) by_user
    ),
    (
        SELECT jsonb_object_agg(
            user_id, jsonb_build_array(unread_count, unread_mention_count)
        )
        FROM counted
    )
"""
