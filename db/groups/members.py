"""How people come into a group, go, and change their roles."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import feed_append, users
from db.conversations import OPENED
from db.groups import acts
from db.groups.gone import GONE
from db.groups.listing import Member
from db.groups.making import GroupFull
from db.groups.names import NAMED, UNKNOWN, UnknownNames
from db.groups.rights import ME, LastAdmin, locking, refused
from db.kind import appends
from db.message import SENT
from db.pool import Database
from db.snapshot import NotFound
from db.write_result import WriteResult


class Adding(NamedTuple):
    """People to take into a group."""

    conversation_id: int
    user_id: int
    usernames: tuple[str, ...]  # each once in any case
    most_members: int
    only_checks: bool = False  # adds nobody, but refuses as usual


class Removing(NamedTuple):
    """A member who is to go. It may be the user."""

    conversation_id: int
    user_id: int
    member_id: int
    only_checks: bool = False


class Turning(NamedTuple):
    """A member who is to have a role."""

    conversation_id: int
    user_id: int
    member_id: int
    role: str
    only_checks: bool = False


class Done(NamedTuple):
    """The members named, and whether there was something to do."""

    members: list[Member]
    is_new: bool


@appends(OPENED, SENT, GONE)
async def add_all(db: Database, addings: Sequence[Adding]) -> list[WriteResult[Done]]:
    """Adds people, each time in one transaction and one round trip. Safe to repeat.

    The members are those who were named, in that order. Refusals are `NotFound`, `NotAGroup`,
    `NotAdmin`, `UnknownNames` and `GroupFull`.
    """
    return [await _add(db, adding) for adding in addings]


async def _add(db: Database, adding: Adding) -> WriteResult[Done]:
    rows = await db.rows(
        f"""
        {feed_append.LOCK_GROUPS}

        SELECT user_id
        FROM feeds
        WHERE user_id IN (
            SELECT everyone.user_id
            FROM participants me
            JOIN participants everyone USING (conversation_id)
            WHERE me.user_id = %(user_id)s::bigint
                AND me.conversation_id = %(conversation_id)s::bigint
            UNION ALL
            SELECT users.id
            FROM unnest(%(usernames)s::text[]) AS names (name)
            JOIN users ON lower(users.username) COLLATE "C" = lower(names.name)
        )
        ORDER BY user_id
        FOR NO KEY UPDATE;

        WITH {ME},
        {NAMED},
        known AS (
            SELECT named.n, named.user_id, participants.role, participants.joined_at
            FROM named
            LEFT JOIN participants
                ON participants.user_id = named.user_id
                AND participants.conversation_id = %(conversation_id)s::bigint
        ),
        fresh AS (
            SELECT n, user_id
            FROM known
            WHERE role IS NULL
        ),
        verdict AS (
            SELECT
                me.*,
                {UNKNOWN} AS unknown,
                me.member_count + (SELECT count(*) FROM fresh) AS count_after
            FROM me
        ),
        place AS (
            SELECT id AS conversation_id, name, history, count_after AS member_count
            FROM verdict
            WHERE role = 'admin'
                AND unknown = ARRAY[]::text[]
                AND count_after > member_count
                AND count_after <= %(most_members)s::bigint
                AND NOT %(only_checks)s::boolean
        ),
        notices AS (
            SELECT
                1 AS nth,
                'added' AS kind,
                %(user_id)s::bigint AS actor_id,
                ARRAY(SELECT user_id FROM fresh ORDER BY n) AS user_ids,
                name,
                history,
                member_count
            FROM place
        ),
        coming AS (
            SELECT fresh.user_id, 'member' AS role
            FROM place, fresh
        ),
        {acts.NOBODY_GOES},
        {acts.NOBODY_TURNS},
        {acts.TELL},
        {acts.CHANGED}
        SELECT
            verdict.role,
            verdict.unknown,
            verdict.count_after,
            verdict.count_after > verdict.member_count,
            (
                SELECT jsonb_agg(jsonb_build_object(
                    'user', {users.as_json("users")},
                    'role', coalesce(known.role, 'member'),
                    'joinedAt', rfc3339(coalesce(known.joined_at, first.created_at))
                ) ORDER BY known.n)
                FROM known
                JOIN users ON users.id = known.user_id
                LEFT JOIN first ON true
            ),
            {acts.EVENT_COLUMNS}
        FROM verdict
        CROSS JOIN {acts.EVENTS}
        ORDER BY recipients.n
        """,
        {**adding._asdict(), **locking(adding), "usernames": list(adding.usernames)},
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    role, unknown, count_after, is_new, members = rows[0][:5]
    if (refusal := refused(role)) is not None:
        return WriteResult(refusal)
    if unknown:
        return WriteResult(UnknownNames(unknown))
    if is_new and count_after > adding.most_members:
        return WriteResult(GroupFull())
    outcome = Done(msgspec.convert(members or [], list[Member]), is_new)
    return WriteResult(outcome, acts.appended([row[5:] for row in rows]))


@appends(OPENED, SENT, GONE)
async def remove_all(db: Database, removings: Sequence[Removing]) -> list[WriteResult[Done]]:
    """Removes members, each in one transaction and one round trip.

    If the last admin leaves, the member who has been there longest becomes one. Refusals are
    `NotFound`, also of the member, `NotAGroup` and `NotAdmin`.
    """
    return [await _remove(db, removing) for removing in removings]


async def _remove(db: Database, removing: Removing) -> WriteResult[Done]:
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH {ME},
        verdict AS (
            SELECT me.*, member.user_id AS member_id
            FROM me
            JOIN participants member
                ON member.conversation_id = me.id
                AND member.user_id = %(member_id)s::bigint
        ),
        place AS (
            SELECT id AS conversation_id, name, history, member_count - 1 AS member_count
            FROM verdict
            WHERE (role = 'admin' OR member_id = %(user_id)s::bigint AND role IS NOT NULL)
                AND NOT %(only_checks)s::boolean
        ),
        heir AS (
            SELECT rest.user_id
            FROM place
            JOIN participants rest ON rest.conversation_id = place.conversation_id
            WHERE rest.user_id <> %(member_id)s::bigint
                AND NOT EXISTS (
                    SELECT
                    FROM participants admin
                    WHERE admin.conversation_id = place.conversation_id
                        AND admin.role = 'admin'
                        AND admin.user_id <> %(member_id)s::bigint
                )
            ORDER BY rest.joined_message_id, rest.user_id
            LIMIT 1
        ),
        notices AS (
            SELECT
                1 AS nth,
                CASE WHEN %(member_id)s::bigint = %(user_id)s::bigint THEN 'left' ELSE 'removed' END
                    AS kind,
                %(user_id)s::bigint AS actor_id,
                ARRAY[%(member_id)s::bigint] AS user_ids,
                name,
                history,
                member_count
            FROM place
            UNION ALL
            SELECT 2, 'promoted', %(user_id)s, ARRAY[heir.user_id], name, history, member_count
            FROM place, heir
        ),
        {acts.NOBODY_COMES},
        going AS (
            SELECT
                %(member_id)s::bigint AS user_id,
                CASE WHEN %(member_id)s::bigint = %(user_id)s::bigint THEN 'left' ELSE 'removed' END
                    AS reason
            FROM place
        ),
        turning AS (
            SELECT user_id, 'admin' AS role
            FROM heir
        ),
        {acts.TELL},
        {acts.CHANGED}
        SELECT verdict.role, {acts.EVENT_COLUMNS}
        FROM verdict
        CROSS JOIN {acts.EVENTS}
        ORDER BY recipients.n
        """,
        {**removing._asdict(), **locking(removing)},
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    needs_admin = removing.member_id != removing.user_id
    if (refusal := refused(rows[0][0], needs_admin=needs_admin)) is not None:
        return WriteResult(refusal)
    return WriteResult(Done([], is_new=True), acts.appended([row[1:] for row in rows]))


@appends(OPENED, SENT, GONE)
async def turn_all(db: Database, turnings: Sequence[Turning]) -> list[WriteResult[Done]]:
    """Changes roles, each in one transaction and one round trip. Safe to repeat.

    Refusals are `NotFound`, also of the member, `NotAGroup`, `NotAdmin` and `LastAdmin`.
    """
    return [await _turn(db, turning) for turning in turnings]


async def _turn(db: Database, turning: Turning) -> WriteResult[Done]:
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH {ME},
        verdict AS (
            SELECT
                me.*,
                member.user_id AS member_id,
                member.role AS role_before,
                member.joined_at,
                member.role = 'admin' AND NOT EXISTS (
                    SELECT
                    FROM participants admin
                    WHERE admin.conversation_id = me.id
                        AND admin.role = 'admin'
                        AND admin.user_id <> member.user_id
                ) AS is_last_admin
            FROM me
            JOIN participants member
                ON member.conversation_id = me.id
                AND member.user_id = %(member_id)s::bigint
        ),
        place AS (
            SELECT id AS conversation_id, name, history, member_count
            FROM verdict
            WHERE role = 'admin'
                AND role_before <> %(role)s::text
                AND NOT is_last_admin
                AND NOT %(only_checks)s::boolean
        ),
        notices AS (
            SELECT
                1 AS nth,
                CASE %(role)s::text WHEN 'admin' THEN 'promoted' ELSE 'demoted' END AS kind,
                %(user_id)s::bigint AS actor_id,
                ARRAY[%(member_id)s::bigint] AS user_ids,
                name,
                history,
                member_count
            FROM place
        ),
        {acts.NOBODY_COMES},
        {acts.NOBODY_GOES},
        turning AS (
            SELECT %(member_id)s::bigint AS user_id, %(role)s::text AS role
            FROM place
        ),
        {acts.TELL},
        {acts.CHANGED}
        SELECT
            verdict.role,
            verdict.role_before <> %(role)s::text,
            verdict.is_last_admin,
            jsonb_build_object(
                'user', {users.as_json("users")},
                'role', %(role)s::text,
                'joinedAt', rfc3339(verdict.joined_at)
            ),
            {acts.EVENT_COLUMNS}
        FROM verdict
        JOIN users ON users.id = verdict.member_id
        CROSS JOIN {acts.EVENTS}
        ORDER BY recipients.n
        """,
        {**turning._asdict(), **locking(turning)},
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    role, is_new, is_last_admin, member = rows[0][:4]
    if (refusal := refused(role)) is not None:
        return WriteResult(refusal)
    if is_new and is_last_admin:
        return WriteResult(LastAdmin())
    outcome = Done([msgspec.convert(member, Member)], is_new)
    return WriteResult(outcome, acts.appended([row[4:] for row in rows]))
