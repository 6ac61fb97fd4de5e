"""Changes the name of a group, and what newcomers see of its history."""

from collections.abc import Sequence
from typing import NamedTuple

from db import feed_append
from db.conversations import OPENED
from db.groups import acts
from db.groups.gone import GONE
from db.groups.rights import ME, locking, refused
from db.kind import appends
from db.message import SENT
from db.pool import Database
from db.snapshot import NotFound
from db.write_result import WriteResult


class Changing(NamedTuple):
    """What a group is to have. None: it stays."""

    conversation_id: int
    user_id: int
    name: str | None
    history: str | None
    only_checks: bool = False  # changes nothing, but refuses as usual


@appends(OPENED, SENT, GONE)
async def change_all(db: Database, changings: Sequence[Changing]) -> list[WriteResult[bool]]:
    """Changes groups one at a time, each in one transaction and one round trip. Safe to repeat.

    Each result is whether there was something to change. Refusals are `NotFound`,
    `NotAGroup` and `NotAdmin` (db/groups/rights.py).
    """
    return [await _change(db, changing) for changing in changings]


async def _change(db: Database, changing: Changing) -> WriteResult[bool]:
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH {ME},
        verdict AS (
            SELECT
                me.*,
                coalesce(%(name)s::text, name) AS new_name,
                coalesce(%(history)s::text, history) AS new_history
            FROM me
        ),
        place AS (
            SELECT
                id AS conversation_id,
                new_name AS name,
                new_history AS history,
                member_count,
                name AS old_name,
                history AS old_history
            FROM verdict
            WHERE role = 'admin'
                AND (new_name, new_history) <> (name, history)
                AND NOT %(only_checks)s::boolean
        ),
        notices AS (
            SELECT
                1 AS nth,
                'renamed' AS kind,
                %(user_id)s::bigint AS actor_id,
                ARRAY[]::bigint[] AS user_ids,
                name,
                old_history AS history,
                member_count
            FROM place
            WHERE name <> old_name
            UNION ALL
            SELECT 2, 'history', %(user_id)s::bigint, ARRAY[]::bigint[], name, history, member_count
            FROM place
            WHERE history <> old_history
        ),
        {acts.NOBODY_COMES},
        {acts.NOBODY_GOES},
        {acts.NOBODY_TURNS},
        {acts.TELL},
        {acts.CHANGED}
        SELECT
            verdict.role,
            (verdict.new_name, verdict.new_history) <> (verdict.name, verdict.history),
            {acts.EVENT_COLUMNS}
        FROM verdict
        CROSS JOIN {acts.EVENTS}
        ORDER BY recipients.n
        """,
        {**changing._asdict(), **locking(changing)},
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    role, is_new = rows[0][:2]
    if (refusal := refused(role)) is not None:
        return WriteResult(refusal)
    return WriteResult(is_new, acts.appended([row[2:] for row in rows]))
