"""Who may do what in a group."""

from typing import Protocol

from db.pool import Database
from db.prepared import array
from db.snapshot import NotFound


class Write(Protocol):
    """A write to a conversation."""

    @property
    def conversation_id(self) -> int: ...

    @property
    def user_id(self) -> int: ...


class NotAGroup(Exception):
    """The conversation is a pair."""


class NotAdmin(Exception):
    """The user is a member without the right to do this."""


class LastAdmin(Exception):
    """The group would have no admin."""


# The group and the role of the user of `user_id`.
ME = """
    me AS (
        SELECT
            participants.role,
            conversations.id,
            conversations.name,
            conversations.history,
            conversations.member_count
        FROM participants
        JOIN conversations ON conversations.id = participants.conversation_id
        WHERE participants.user_id = %(user_id)s::bigint
            AND participants.conversation_id = %(conversation_id)s::bigint
    )
"""


def locking(write: Write) -> dict[str, str]:
    """Returns the parameters of `feed_append.LOCK` for one write."""
    return {
        "conversation_ids": array([write.conversation_id]),
        "user_ids": array([write.user_id]),
    }


def refused(role: str | None, *, needs_admin: bool = True) -> Exception | None:
    """Returns the refusal of a group's request, by the role of its user."""
    if role is None:
        return NotAGroup()
    return NotAdmin() if needs_admin and role != "admin" else None


async def check(
    db: Database,
    user_id: int,
    conversation_id: int,
    member_id: int | None = None,
    *,
    needs_admin: bool = True,
) -> None:
    """Raises the refusal of a group's request: `NotFound`, also of the member, or see `refused`."""
    row = await db.row(
        """
        SELECT me.role, member.user_id IS NOT NULL
        FROM participants me
        LEFT JOIN participants member
            ON member.conversation_id = me.conversation_id
            AND member.user_id = coalesce(%(member_id)s::bigint, me.user_id)
        WHERE me.user_id = %(user_id)s::bigint
            AND me.conversation_id = %(conversation_id)s::bigint
        """,
        {"user_id": user_id, "conversation_id": conversation_id, "member_id": member_id},
    )
    if row is None or not row[1]:
        raise NotFound
    if (refusal := refused(row[0], needs_admin=needs_admin)) is not None:
        raise refusal
