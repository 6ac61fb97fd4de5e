"""Makes groups, each client id once."""

from collections.abc import Sequence
from typing import NamedTuple

from db.conversations import OPENED
from db.groups import acts
from db.groups.gone import GONE
from db.groups.names import NAMED, UNKNOWN, UnknownNames
from db.kind import appends
from db.message import SENT
from db.messages import ClientIdReused
from db.pool import Database
from db.write_result import WriteResult


class Making(NamedTuple):
    """A group to make, with its maker as the admin."""

    user_id: int
    name: str
    history: str
    usernames: tuple[str, ...]  # each once in any case; the maker's own does not count
    client_id: str
    client_id_given: bool  # False: the server made it, so that it can repeat the write
    most_members: int
    only_checks: bool = False  # makes nothing, but refuses as usual


class Made(NamedTuple):
    conversation_id: int | None  # None: it was only checked
    created: bool  # False: an earlier request with this client id has made it


class GroupFull(Exception):
    """The group would have more members than it may have."""


@appends(OPENED, SENT, GONE)
async def make_all(db: Database, makings: Sequence[Making]) -> list[WriteResult[Made]]:
    """Makes groups one at a time, each in one transaction and one round trip. Safe to repeat.

    Refusals are `ClientIdReused`, `UnknownNames` and `GroupFull`.
    """
    return [await _make(db, making) for making in makings]


async def _make(db: Database, making: Making) -> WriteResult[Made]:
    rows = await db.rows(
        f"""
        SELECT user_id
        FROM feeds
        WHERE user_id IN (
            SELECT %(user_id)s::bigint
            UNION ALL
            SELECT users.id
            FROM unnest(%(usernames)s::text[]) AS names (name)
            JOIN users ON lower(users.username) COLLATE "C" = lower(names.name)
        )
        ORDER BY user_id
        FOR NO KEY UPDATE;

        WITH {NAMED},
        others AS (
            SELECT n, name, user_id
            FROM named
            WHERE user_id IS DISTINCT FROM %(user_id)s::bigint
        ),
        earlier AS (
            SELECT id, asked, made_as
            FROM conversations
            WHERE creator_id = %(user_id)s::bigint
                AND client_id = %(client_id)s::uuid
        ),
        maker AS (
            SELECT coalesce(earlier.made_as, users.username) AS name
            FROM users
            LEFT JOIN earlier ON true
            WHERE users.id = %(user_id)s::bigint
        ),
        asked AS (
            SELECT sha256(convert_to(
                concat_ws(chr(10), %(history)s::text, %(name)s::text, names), 'UTF8'
            )) AS digest
            FROM (
                SELECT string_agg(lower(named.name), ' ' ORDER BY lower(named.name) COLLATE "C")
                    AS names
                FROM named, maker
                WHERE lower(named.name) <> lower(maker.name)
            ) sorted
        ),
        verdict AS (
            SELECT
                {UNKNOWN} AS unknown,
                1 + (SELECT count(*) FROM others) AS member_count
        ),
        place AS (
            SELECT
                nextval(pg_get_serial_sequence('conversations', 'id')) AS conversation_id,
                %(name)s::text AS name,
                %(history)s::text AS history,
                member_count
            FROM verdict
            WHERE unknown = ARRAY[]::text[]
                AND member_count <= %(most_members)s::bigint
                AND NOT %(only_checks)s::boolean
                AND NOT EXISTS (SELECT FROM earlier)
        ),
        notices AS (
            SELECT
                1 AS nth,
                'created' AS kind,
                %(user_id)s::bigint AS actor_id,
                ARRAY(SELECT user_id FROM others ORDER BY n) AS user_ids,
                name,
                history,
                member_count
            FROM place
        ),
        coming AS (
            SELECT others.user_id, 'member' AS role
            FROM place, others
            UNION ALL
            SELECT %(user_id)s::bigint, 'admin'
            FROM place
        ),
        {acts.NOBODY_GOES},
        {acts.NOBODY_TURNS},
        {acts.TELL},
        made AS (
            INSERT INTO conversations (
                id, name, history, member_count, creator_id, client_id, asked, made_as, active_at,
                active_id
            )
            OVERRIDING SYSTEM VALUE
            SELECT
                place.conversation_id,
                place.name,
                place.history,
                place.member_count,
                %(user_id)s::bigint,
                %(client_id)s::uuid,
                asked.digest,
                maker.name,
                first.created_at,
                first.id
            FROM place, asked, maker, first
        )
        SELECT
            earlier.id,
            earlier.asked = asked.digest,
            verdict.unknown,
            verdict.member_count,
            place.conversation_id,
            {acts.EVENT_COLUMNS}
        FROM verdict
        CROSS JOIN asked
        LEFT JOIN earlier ON true
        LEFT JOIN place ON true
        CROSS JOIN {acts.EVENTS}
        ORDER BY recipients.n
        """,
        {
            **making._asdict(),
            "usernames": list(making.usernames),
        },
        twice=False,  # as in `messages.store`
    )
    earlier_id, is_same, unknown, member_count, conversation_id = rows[0][:5]
    if earlier_id is not None:
        if not is_same:
            return WriteResult(ClientIdReused())
        return WriteResult(Made(earlier_id, created=not making.client_id_given))
    if unknown:
        return WriteResult(UnknownNames(unknown))
    if member_count > making.most_members:
        return WriteResult(GroupFull())
    made = Made(conversation_id, created=True)
    return WriteResult(made, acts.appended([row[5:] for row in rows]))
