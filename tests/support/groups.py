"""Large groups, made without the API."""

from collections.abc import Sequence

from db.pool import Database


async def group_of(db: Database, user_ids: Sequence[int]) -> int:
    """Returns the id of a new group, in which nothing has happened yet."""
    ((conversation_id,),) = await db.rows(
        """
        WITH made AS (
            INSERT INTO conversations (name, history, member_count)
            VALUES ('Crowd', 'all', cardinality(%(user_ids)s::bigint[]))
            RETURNING id
        ),
        joined AS (
            INSERT INTO participants (user_id, conversation_id, role, joined_at)
            SELECT user_id, made.id, 'member', now()
            FROM made, unnest(%(user_ids)s::bigint[]) AS user_id
        )
        SELECT id
        FROM made
        """,
        {"user_ids": list(user_ids)},
        twice=False,
    )
    return int(conversation_id)
