"""The event that tells others that a user is typing. It is in no feed, and may be lost."""

from collections.abc import Sequence

import msgspec

from db.pool import Database
from db.schema_types import Id
from db.snapshot import NotFound

NAME = "typing"
MOST_MEMBERS = 50  # a larger group hears of nobody: there, somebody types at any time


class Typing(msgspec.Struct, frozen=True, rename="camel"):
    """A user who is typing a message in a conversation."""

    conversation_id: Id
    user_id: Id


async def audience(db: Database, user_id: int, conversation_id: int) -> Sequence[int]:
    """Returns the ids of the users who see that this one is typing. Raises `NotFound`."""
    row = await db.row(
        f"""
        SELECT
            coalesce(settings.typing, true),
            ARRAY(
                SELECT participants.user_id
                FROM participants
                WHERE participants.conversation_id = me.conversation_id
                ORDER BY participants.user_id
                LIMIT {MOST_MEMBERS} + 1
            )
        FROM participants me
        LEFT JOIN settings USING (user_id)
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id},
    )
    if row is None:
        raise NotFound
    is_shown, members = row
    if not is_shown or len(members) > MOST_MEMBERS:
        return []
    return [member for member in members if member != user_id]
