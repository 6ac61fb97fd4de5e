"""Lists the members of a conversation, and finds them by name."""

from collections.abc import Sequence
from typing import Any

import msgspec

from db.conversations import Role
from db.pool import Database
from db.schema_types import Time
from db.snapshot import Keyset, NotFound, Page, Snapshot
from db.users import User

NEWEST = (2**63 - 1, 2**63 - 1)  # beyond every member: (joined_message_id, user_id)
MOST_FOUND = 10  # by name


class Member(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A participant. Those of a pair have neither a role nor a time."""

    user: User
    role: Role | None = None
    joined_at: Time | None = None


async def page(
    db: Database, user_id: int, conversation_id: int, *, before: Keyset = NEWEST, limit: int
) -> Snapshot[Page[Member]]:
    """Returns the members after `before`, latest come first. Raises `NotFound`."""
    rows = await db.rows(
        """
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            coalesce(member.joined_message_id, 0),
            users.id::text,
            users.username,
            users.avatar_url,
            users.display_name,
            member.role,
            rfc3339(member.joined_at)
        FROM participants me
        JOIN feeds ON feeds.user_id = me.user_id
        JOIN meta ON meta.only_row
        LEFT JOIN LATERAL (
            SELECT user_id, role, joined_at, joined_message_id
            FROM participants
            WHERE participants.conversation_id = me.conversation_id
                AND (coalesce(joined_message_id, 0), user_id)
                    < (%(joined)s::bigint, %(member_id)s::bigint)
            ORDER BY coalesce(joined_message_id, 0) DESC, user_id DESC
            LIMIT %(limit)s::bigint
        ) member ON true
        LEFT JOIN users ON users.id = member.user_id
        WHERE me.user_id = %(user_id)s::bigint
            AND me.conversation_id = %(conversation_id)s::bigint
        ORDER BY 2 DESC, member.user_id DESC
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "joined": before[0],
            "member_id": before[1],
            "limit": limit + 1,
        },
    )
    if not rows:
        raise NotFound
    found = [row for row in rows[:limit] if row[2] is not None]
    members = [_member(row[2:]) for row in found]
    page = Page(members, len(rows) > limit, lambda index: (found[index][1], int(found[index][2])))
    return Snapshot(rows[0][0], page)


async def search(
    db: Database, user_id: int, conversation_id: int, prefix: str
) -> Snapshot[list[Member]]:
    """Returns up to `MOST_FOUND` members, sorted by user name. Raises `NotFound`.

    Their user name, or a word of their display name, begins with `prefix`, a `users.folded` text.
    """
    rows = await db.rows(
        """
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            found.id::text,
            found.username,
            found.avatar_url,
            found.display_name,
            found.role,
            rfc3339(found.joined_at)
        FROM participants me
        JOIN feeds ON feeds.user_id = me.user_id
        JOIN meta ON meta.only_row
        LEFT JOIN LATERAL (
            SELECT users.*, member.role, member.joined_at
            FROM participants member
            JOIN users ON users.id = member.user_id
            WHERE member.conversation_id = me.conversation_id
                AND (
                    starts_with(lower(users.username), %(prefix)s::text)
                    OR EXISTS (
                        SELECT
                        FROM name_words
                        WHERE name_words.user_id = users.id
                            AND starts_with(name_words.words, %(prefix)s::text)
                    )
                )
            ORDER BY lower(users.username) COLLATE "C"
            LIMIT %(limit)s::bigint
        ) found ON true
        WHERE me.user_id = %(user_id)s::bigint
            AND me.conversation_id = %(conversation_id)s::bigint
        ORDER BY lower(found.username) COLLATE "C"
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "prefix": prefix,
            "limit": MOST_FOUND,
        },
    )
    if not rows:
        raise NotFound
    return Snapshot(rows[0][0], [_member(row[1:]) for row in rows if row[1] is not None])


def _member(row: Sequence[Any]) -> Member:
    *user, role, joined_at = row
    return Member(User(*user), role, joined_at)
