"""Reactions: the emoji under a message, each once for each user.

Requests that wait together become one event for each message: it shows what is there after them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from db import feed_append, users
from db.changes.change import OnNotice
from db.changes.edits import OnDeleted
from db.kind import FeedRow, Kind, appends
from db.message import Message, Reaction
from db.pool import Database
from db.prepared import array
from db.schema_types import Id, Time
from db.snapshot import Keyset, NotFound, Page, Snapshot
from db.users import User
from db.write_result import Appended, WriteResult

MOST_KINDS = 20  # of a message: they fit below it
MOST_KINDS_OF_ONE = 8  # of one user and one message
NEWEST = (2**63 - 1,)  # beyond every reaction: (id)


class Reactions(msgspec.Struct, frozen=True, rename="camel", cache_hash=True):
    """All reactions to a message, as one user sees them."""

    conversation_id: Id
    message_id: Id
    reactions: tuple[Reaction, ...]

    @classmethod
    def from_row(cls, row: FeedRow) -> "Reactions | None":
        """Returns the reactions that are there now, or None if the message is gone."""
        if row.message is None:
            return None
        message = Message.of(row.message)
        return cls(message.conversation_id, message.id, message.reactions)

    def seen_by(self, user_id: int) -> "Reactions":
        return self


REACTIONS = Kind(
    name="reactions",
    from_row=Reactions.from_row,
    summary="The reactions to a message changed",
    sent_to="Every participant who sees the message gets it, with all of its reactions. Reactions"
    " that come at the same time are one event.",
    example=Reactions("12", "345", (Reaction("👍", 2, True), Reaction("❤️", 1, False))),
)


class _Counted:
    """All reactions to a message. Users who reacted with the same emoji share a view."""

    def __init__(
        self, conversation_id: int, message_id: int, kinds: Sequence[tuple[str, int]]
    ) -> None:
        self._of = str(conversation_id), str(message_id)
        self._kinds = kinds  # each emoji, and how many reacted with it
        self._own: dict[int, int] = {}  # by user, a bit for each of their emoji
        self._views: dict[int, Reactions] = {}

    @classmethod
    def of(cls, conversation_id: int, message_id: int, columns: Sequence[Any]) -> "_Counted":
        emoji, counts, user_ids, own = columns
        counted = cls(conversation_id, message_id, list(zip(emoji, counts, strict=True)))
        counted._own = dict(zip(user_ids, own, strict=True))
        return counted

    def seen_by(self, user_id: int) -> Reactions:
        own = self._own.get(user_id, 0)
        if own not in self._views:
            shown = (Reaction(*kind, bool(own >> n & 1)) for n, kind in enumerate(self._kinds))
            self._views[own] = Reactions(*self._of, tuple(shown))
        return self._views[own]


class Reacting(NamedTuple):
    """A request to react to a message with an emoji, or to take that back."""

    conversation_id: int
    user_id: int
    message_id: int
    emoji: str  # fully-qualified
    is_there: bool  # afterwards

    @property
    def event_key(self) -> tuple[int, int]:
        return self.conversation_id, self.message_id


class Reacted(msgspec.Struct, frozen=True, rename="camel"):
    """A reaction in the list of all of them."""

    emoji: str
    user: User
    created_at: Time


class TooMany(Exception):
    """The message has too many kinds of reactions, or too many by this user."""


@appends(REACTIONS)
async def store(db: Database, reactings: Sequence[Reacting]) -> list[WriteResult[None]]:
    """Adds and removes reactions, in one transaction and one round trip. Safe to repeat.

    Refusals are `NotFound`, `OnNotice`, `OnDeleted` and `TooMany`. Of several requests for the same
    user, emoji and message, only the last one counts. What is taken back makes room first. Then
    emoji that others have used come before new ones.
    """
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH wanted AS (
            SELECT *
            FROM unnest(
                %(conversation_ids)s::bigint[],
                %(user_ids)s::bigint[],
                %(message_ids)s::bigint[],
                %(emoji)s::text[],
                %(are_there)s::boolean[]
            ) WITH ORDINALITY
                AS reacting (conversation_id, user_id, message_id, emoji, is_there, n)
        ),
        seen AS (
            SELECT
                wanted.*,
                messages.notice IS NOT NULL AS is_notice,
                messages.deleted_at IS NOT NULL AS is_deleted
            FROM wanted
            JOIN participants USING (conversation_id, user_id)
            JOIN messages
                ON messages.conversation_id = wanted.conversation_id
                AND messages.id = wanted.message_id
                AND messages.id >= participants.sees_from
        ),
        last AS (
            SELECT DISTINCT ON (conversation_id, message_id, emoji, user_id) *
            FROM seen
            WHERE NOT is_notice
                AND NOT is_deleted
            ORDER BY conversation_id, message_id, emoji, user_id, n DESC
        ),
        removed AS (
            DELETE FROM reactions
            USING last
            WHERE NOT last.is_there
                AND reactions.conversation_id = last.conversation_id
                AND reactions.message_id = last.message_id
                AND reactions.emoji = last.emoji
                AND reactions.user_id = last.user_id
            RETURNING last.n, reactions.conversation_id, reactions.message_id, reactions.id
        ),
        kept AS (
            SELECT reactions.*
            FROM (
                SELECT DISTINCT conversation_id, message_id
                FROM last
            ) touched
            JOIN reactions USING (conversation_id, message_id)
            WHERE reactions.id NOT IN (SELECT id FROM removed)
        ),
        kinds AS (
            SELECT conversation_id, message_id, emoji
            FROM kept
            GROUP BY conversation_id, message_id, emoji
        ),
        missing AS (
            SELECT
                last.*,
                kinds.emoji IS NULL AS is_new_kind,
                min(last.n) OVER (PARTITION BY conversation_id, message_id, emoji) AS kind_n
            FROM last
            LEFT JOIN reactions USING (conversation_id, message_id, emoji, user_id)
            LEFT JOIN kinds USING (conversation_id, message_id, emoji)
            WHERE last.is_there
                AND reactions.id IS NULL
        ),
        own AS (
            SELECT
                missing.*,
                coalesce(before.count, 0) + row_number() OVER (
                    PARTITION BY conversation_id, message_id, user_id
                    ORDER BY is_new_kind, kind_n
                ) AS own_kinds
            FROM missing
            LEFT JOIN (
                SELECT conversation_id, message_id, user_id, count(*)
                FROM kept
                GROUP BY conversation_id, message_id, user_id
            ) before USING (conversation_id, message_id, user_id)
        ),
        fitting AS (
            SELECT
                own.*,
                CASE WHEN is_new_kind THEN coalesce(before.count, 0) + dense_rank() OVER (
                    PARTITION BY conversation_id, message_id, is_new_kind
                    ORDER BY kind_n
                ) END AS all_kinds
            FROM own
            LEFT JOIN (
                SELECT conversation_id, message_id, count(*)
                FROM kinds
                GROUP BY conversation_id, message_id
            ) before USING (conversation_id, message_id)
            WHERE own_kinds <= {MOST_KINDS_OF_ONE}
        ),
        added AS (
            SELECT n, conversation_id, message_id, emoji, user_id
            FROM fitting
            WHERE all_kinds IS NULL
                OR all_kinds <= {MOST_KINDS}
        ),
        stored AS (
            INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
            SELECT conversation_id, message_id, emoji, user_id
            FROM added
            ORDER BY n
            RETURNING *
        ),
        changed AS (
            SELECT conversation_id, message_id, max(n) AS n
            FROM (
                SELECT n, conversation_id, message_id
                FROM added
                UNION ALL
                SELECT n, conversation_id, message_id
                FROM removed
            ) either
            GROUP BY conversation_id, message_id
        ),
        standing AS (
            SELECT changed.n, either.emoji, either.user_id, either.id
            FROM changed
            JOIN (
                SELECT conversation_id, message_id, emoji, user_id, id
                FROM kept
                UNION ALL
                SELECT conversation_id, message_id, emoji, user_id, id
                FROM stored
            ) either USING (conversation_id, message_id)
        ),
        counted AS (
            SELECT
                n,
                emoji,
                count(*),
                row_number() OVER (PARTITION BY n ORDER BY min(id))::integer - 1 AS place
            FROM standing
            GROUP BY n, emoji
        ),
        by_user AS (
            SELECT n, user_id, bit_or(1 << place) AS own
            FROM standing
            JOIN counted USING (n, emoji)
            GROUP BY n, user_id
        ),
        marked AS (
            UPDATE messages
            SET reacted = now.reacted
            FROM (
                SELECT changed.*, changed.n IN (SELECT n FROM counted) AS reacted
                FROM changed
            ) now
            WHERE messages.conversation_id = now.conversation_id
                AND messages.id = now.message_id
                AND messages.reacted <> now.reacted
        ),
        new_events AS (
            SELECT
                changed.n,
                participants.user_id,
                '{REACTIONS.name}' AS kind,
                changed.conversation_id,
                changed.message_id,
                NULL::jsonb AS payload
            FROM changed
            JOIN participants
                ON participants.conversation_id = changed.conversation_id
                AND participants.sees_from <= changed.message_id
        ),
        {feed_append.APPEND}
        SELECT
            seen.n IS NOT NULL,
            seen.is_notice,
            seen.is_deleted,
            missing.n IS NOT NULL AND added.n IS NULL,
            ARRAY(SELECT emoji FROM counted WHERE n = recipients.n ORDER BY place),
            ARRAY(SELECT count FROM counted WHERE n = recipients.n ORDER BY place),
            ARRAY(SELECT user_id FROM by_user WHERE n = recipients.n ORDER BY user_id),
            ARRAY(SELECT own FROM by_user WHERE n = recipients.n ORDER BY user_id),
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM wanted
        JOIN meta ON meta.only_row
        LEFT JOIN seen ON seen.n = wanted.n
        LEFT JOIN missing
            ON missing.conversation_id = wanted.conversation_id
            AND missing.message_id = wanted.message_id
            AND missing.emoji = wanted.emoji
            AND missing.user_id = wanted.user_id
        LEFT JOIN added ON added.n = missing.n
        LEFT JOIN recipients ON recipients.n = wanted.n
        ORDER BY wanted.n
        """,
        {
            "conversation_ids": array(r.conversation_id for r in reactings),
            "user_ids": array(r.user_id for r in reactings),
            "message_ids": array(r.message_id for r in reactings),
            "emoji": [r.emoji for r in reactings],
            "are_there": array(r.is_there for r in reactings),
        },
        twice=False,  # as in `messages.store`
    )
    return [_outcome(reacting, *row) for reacting, row in zip(reactings, rows, strict=True)]


def _outcome(
    reacting: Reacting, is_seen: bool, is_notice: bool, is_deleted: bool, *rest: Any
) -> WriteResult[None]:
    is_too_many, *columns, epoch, user_ids, seqs = rest
    refusal = _refusal(reacting, is_seen, is_notice, is_deleted, is_too_many)
    if user_ids is None:
        return WriteResult(refusal)
    counted = _Counted.of(reacting.conversation_id, reacting.message_id, columns)
    return WriteResult(refusal, [Appended(REACTIONS, counted, epoch, user_ids, seqs)])


def _refusal(
    reacting: Reacting, is_seen: bool, is_notice: bool, is_deleted: bool, is_too_many: bool
) -> Exception | None:
    if not is_seen:
        return NotFound()
    if is_notice:
        return OnNotice()
    if is_deleted and reacting.is_there:
        return OnDeleted()
    if is_too_many and reacting.is_there:
        return TooMany()
    return None


async def would_change(db: Database, reacting: Reacting) -> bool:
    """Returns whether `store` would change anything. Raises its refusals."""
    row = await db.row(
        """
        SELECT
            messages.notice IS NOT NULL,
            messages.deleted_at IS NOT NULL,
            there.mine,
            there.kinds,
            there.own_kinds
        FROM participants me
        JOIN messages
            ON messages.conversation_id = me.conversation_id
            AND messages.id = %(message_id)s
            AND messages.id >= me.sees_from
        CROSS JOIN LATERAL (
            SELECT
                coalesce(bool_or(emoji = %(emoji)s::text AND user_id = me.user_id), false) AS mine,
                count(DISTINCT emoji) FILTER (WHERE emoji <> %(emoji)s::text) AS kinds,
                count(*) FILTER (WHERE user_id = me.user_id) AS own_kinds
            FROM reactions
            WHERE reactions.conversation_id = me.conversation_id
                AND reactions.message_id = messages.id
        ) there
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {name: value for name, value in reacting._asdict().items() if name != "is_there"},
    )
    if row is None:
        raise NotFound
    is_notice, is_deleted, mine, kinds, own_kinds = row
    is_too_many = not mine and (kinds >= MOST_KINDS or own_kinds >= MOST_KINDS_OF_ONE)
    refusal = _refusal(reacting, True, is_notice, is_deleted, is_too_many)
    if refusal is not None:
        raise refusal
    return bool(mine) is not reacting.is_there


async def page(
    db: Database,
    user_id: int,
    conversation_id: int,
    message_id: int,
    *,
    before: Keyset = NEWEST,
    limit: int,
) -> Snapshot[Page[Reacted]]:
    """Returns the newest reactions to a message with ids below `before`. Raises `NotFound`."""
    rows = await db.rows(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            found.id,
            found.emoji,
            {users.as_json("users")},
            rfc3339(found.created_at)
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        JOIN messages
            ON messages.conversation_id = me.conversation_id
            AND messages.id = %(message_id)s
            AND messages.id >= me.sees_from
        LEFT JOIN LATERAL (
            SELECT id, emoji, user_id, created_at
            FROM reactions
            WHERE reactions.conversation_id = me.conversation_id
                AND reactions.message_id = messages.id
                AND reactions.id < %(before)s
            ORDER BY id DESC
            LIMIT %(limit)s
        ) found ON true
        LEFT JOIN users ON users.id = found.user_id
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        ORDER BY found.id DESC
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "message_id": message_id,
            "before": before[0],
            "limit": limit + 1,
        },
    )
    if not rows:
        raise NotFound
    found = [
        Reacted(emoji, msgspec.convert(user, User), created_at)
        for _, number, emoji, user, created_at in rows[:limit]
        if number is not None
    ]
    page = Page(found, len(rows) > limit, lambda index: (rows[index][1],))
    return Snapshot(rows[0][0], page)
