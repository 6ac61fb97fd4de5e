"""The SQL that all changes of a group share: they store notices, and tell the members.

A statement begins with the CTEs of its own, which say what is to happen. Each may be empty:

    place    one row if something happens: conversation_id, and the name, history and member_count
             after it
    notices  nth (from 1), kind, actor_id, user_ids (in the order named), and the name, history and
             member_count after this notice
    coming   user_id, role: who becomes a member
    going    user_id, reason: who is not a member any more
    turning  user_id, role: who gets another role

At its end, it selects `EVENT_COLUMNS` from `EVENTS`: a row for each event, or one without an event.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from db import feed_append, message
from db.conversations import OPENED, Conversation, Group
from db.groups.gone import GONE, Gone
from db.kind import Fact, Kind
from db.message import NOTICE_USERS, SENT, Message
from db.write_result import Appended

CALM_MEMBERS = 50  # a larger group notifies newcomers of mentions only

NOBODY_COMES = "coming AS (SELECT NULL::bigint AS user_id, NULL::text AS role WHERE false)"
NOBODY_GOES = "going AS (SELECT NULL::bigint AS user_id, NULL::text AS reason WHERE false)"
NOBODY_TURNS = "turning AS (SELECT NULL::bigint AS user_id, NULL::text AS role WHERE false)"

CHANGED = """
    changed AS (
        UPDATE conversations
        SET name = place.name,
            history = place.history,
            member_count = place.member_count,
            active_at = latest.created_at,
            active_id = latest.id
        FROM place, (SELECT * FROM kept ORDER BY id DESC LIMIT 1) latest
        WHERE conversations.id = place.conversation_id
    )
"""

TELL = f"""
    kept AS (
        INSERT INTO messages (
            conversation_id, user_id, content, client_id, client_id_given, created_at, notice
        )
        SELECT
            place.conversation_id,
            notices.actor_id,
            '',
            gen_random_uuid(),
            false,
            clock_timestamp(),
            jsonb_build_object(
                'kind', notices.kind,
                'users', to_jsonb((notices.user_ids[1:{NOTICE_USERS}])::text[]),
                'count', cardinality(notices.user_ids),
                'name', notices.name,
                'history', notices.history,
                'memberCount', notices.member_count
            )
        FROM place, notices
        ORDER BY notices.nth
        RETURNING *
    ),
    counted AS (
        SELECT kept.*, row_number() OVER (ORDER BY id) AS nth
        FROM kept
    ),
    first AS (
        SELECT id, created_at
        FROM counted
        WHERE nth = 1
    ),
    told AS (
        SELECT participants.user_id
        FROM place
        JOIN participants USING (conversation_id)
        WHERE participants.user_id NOT IN (SELECT user_id FROM going)
        UNION ALL
        SELECT user_id
        FROM coming
    ),
    new_events AS (
        SELECT
            1 AS n,
            coming.user_id,
            '{OPENED.name}' AS kind,
            place.conversation_id,
            first.id AS message_id,
            jsonb_build_object(
                'group', jsonb_build_object(
                    'name', place.name,
                    'memberCount', place.member_count,
                    'role', coming.role,
                    'history', place.history
                ),
                'notify', CASE
                    WHEN place.member_count > {CALM_MEMBERS} THEN 'mentions'
                    ELSE 'all'
                END
            ) AS payload
        FROM place, coming, first
        UNION ALL
        SELECT
            1,
            going.user_id,
            '{GONE.name}',
            place.conversation_id,
            NULL,
            jsonb_build_object('reason', going.reason)
        FROM place, going
        UNION ALL
        SELECT
            1 + counted.nth,
            told.user_id,
            '{SENT.name}',
            counted.conversation_id,
            counted.id,
            NULL
        FROM counted, told
    ),
    {feed_append.APPEND},
    came AS (
        INSERT INTO participants (
            user_id, conversation_id, role, notify, last_read_message_id, sees_from,
            joined_message_id, joined_at, came_at_seq
        )
        SELECT
            user_id,
            conversation_id,
            payload -> 'group' ->> 'role',
            payload ->> 'notify',
            first.id,
            CASE WHEN payload -> 'group' ->> 'history' = 'all' THEN 0 ELSE first.id END,
            first.id,
            first.created_at,
            seq
        FROM numbered, first
        WHERE kind = '{OPENED.name}'
    ),
    went AS (
        DELETE FROM participants
        USING place, going
        WHERE participants.user_id = going.user_id
            AND participants.conversation_id = place.conversation_id
    ),
    turned AS (
        UPDATE participants
        SET role = turning.role
        FROM place, turning
        WHERE participants.user_id = turning.user_id
            AND participants.conversation_id = place.conversation_id
    ),
    remembered AS (
        INSERT INTO former_participants (user_id, conversation_id)
        SELECT going.user_id, place.conversation_id
        FROM place, going
        ON CONFLICT DO NOTHING
    ),
    returned AS (
        DELETE FROM former_participants
        USING place, coming
        WHERE former_participants.user_id = coming.user_id
            AND former_participants.conversation_id = place.conversation_id
    ),
    particulars AS (
        SELECT
            (array_agg(payload))[1] AS payload,
            array_agg(payload -> 'group' ->> 'role' ORDER BY user_id) AS roles
        FROM numbered
        WHERE n = 1
    )
"""

# What `appended` takes, for the end of the statement.
EVENT_COLUMNS = f"""
    meta.epoch,
    recipients.n,
    recipients.user_ids,
    recipients.seqs,
    particulars.payload,
    particulars.roles,
    {message.columns("m", viewer="m.user_id", is_group="true")}
"""

EVENTS = """
    meta
    LEFT JOIN recipients ON true
    LEFT JOIN particulars ON recipients.n = 1
    LEFT JOIN counted m ON m.nth = greatest(recipients.n - 1, 1)
"""


class Joined(NamedTuple):
    """A group, for those who came into it with a notice."""

    notice: Message  # as the one who made it sees it
    payload: Any
    roles: dict[int, str]  # by user id

    def seen_by(self, user_id: int) -> Conversation:
        group = msgspec.convert(self.payload["group"] | {"role": self.roles[user_id]}, Group)
        return Conversation.joined(self.notice.seen_by(user_id), group, self.payload["notify"])


def appended(rows: Sequence[Sequence[Any]]) -> list[Appended]:
    """Returns the events, from rows of `EVENT_COLUMNS`."""
    found = []
    for epoch, n, user_ids, seqs, payload, roles, *shown in rows:
        if n is not None:
            notice = Message.of(shown)
            kind, fact = _event(notice, payload, dict(zip(user_ids, roles or (), strict=False)))
            found.append(Appended(kind, fact, epoch, user_ids, seqs))
    return found


def _event(notice: Message, payload: Any, roles: dict[int, str]) -> tuple[Kind, Fact]:
    if payload is None:
        return SENT, notice
    if "reason" in payload:
        return GONE, Gone(notice.conversation_id, payload["reason"])
    return OPENED, Joined(notice, payload, roles)
