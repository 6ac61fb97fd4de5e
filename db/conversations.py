"""Conversations: one for each pair of users, as each of them sees it."""

import sys
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, cast

import msgspec

from db import feed_append, message, reads
from db.kind import FeedRow, Kind, appends
from db.message import History, Message
from db.pool import Database
from db.schema_types import Id
from db.snapshot import Keyset, NotFound, Page, Snapshot
from db.unread import UNREAD, UNREAD_MENTIONS, UNREAD_TOTAL
from db.users import User
from db.write_result import Appended, WriteResult

NEWEST = (2**63 - 1, 2**63 - 1)  # beyond every conversation: (active_id, id)

Role = Literal["admin", "member"]
Notify = Literal["all", "mentions", "none"]


def same(notify: str) -> Notify:
    """Returns the object that equals it. msgspec leaves out a default only if it is that object."""
    return cast("Notify", sys.intern(notify))


class Group(msgspec.Struct, frozen=True, rename="camel"):
    """What a conversation of any number of people has, as one of them sees it."""

    name: str
    member_count: int
    role: Role
    history: History


class Conversation(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A conversation as one participant sees it. A field that is absent has its default."""

    id: Id
    other_participant: User | None  # None in a group
    last_message: Message | None
    unread_count: int
    has_unread_messages: bool
    last_read_message_id: Id | None
    other_last_read_message_id: Id | None
    group: Group | None = None
    unread_mention_count: int = 0
    notify: Notify = "all"

    @classmethod
    def new(cls, conversation_id: str, other_participant: User) -> "Conversation":
        """Returns a pair in the state after its creation."""
        return cls(conversation_id, other_participant, None, 0, False, None, None)

    @classmethod
    def joined(cls, notice: Message | None, group: Group, notify: Notify) -> "Conversation":
        """Returns a group in the state in which somebody came into it, with that notice."""
        assert notice is not None
        return cls(
            notice.conversation_id, None, notice, 0, False, notice.id, None, group, 0, same(notify)
        )

    @classmethod
    def from_row(cls, row: FeedRow) -> "Conversation":
        """Returns the conversation as the owner of the feed has seen it."""
        if "group" not in row.payload:
            return cls.new(row.conversation_id, User(**row.payload))
        group = msgspec.convert(row.payload["group"], Group)
        return cls.joined(Message.from_row(row), group, row.payload["notify"])

    def seen_by(self, user_id: int) -> "Conversation":
        return self


OPENED = Kind(
    name="conversation",
    from_row=Conversation.from_row,
    summary="A new conversation",
    sent_to="Both of a pair get it, and everyone who comes into a group. A group is as it was"
    " then, and its history is for the client to fetch.",
    example=Conversation.new("12", User("8", "john", None)),
)


class Opening(NamedTuple):
    """A request to open a conversation with the user of that name."""

    user_id: int
    username: str


class Opened(NamedTuple):
    conversation_id: int
    created: bool  # False: it existed already
    participants: dict[int, User]  # by user id

    def seen_by(self, user_id: int) -> Conversation:
        """Returns the new conversation for one of the participants."""
        (other,) = (user for key, user in self.participants.items() if key != user_id)
        return Conversation.new(str(self.conversation_id), other)


class Listing(NamedTuple):
    """A page of a user's conversations at `position`."""

    position: str
    page: Page[Conversation]
    unread_total: int | None  # of all conversations, up to `MOST_UNREAD`; only on the first page


class WithOneself(Exception):
    """A user cannot open a conversation with themselves."""


_COLUMNS = f"""
    mine.conversation_id::text,
    other.id::text,
    other.username,
    other.avatar_url,
    other.display_name,
    ({UNREAD}),
    mine.last_read_message_id::text,
    other.last_read_message_id::text,
    CASE WHEN mine.role IS NOT NULL THEN (
        SELECT jsonb_build_object(
            'name', name, 'memberCount', member_count, 'role', mine.role, 'history', history
        )
        FROM conversations
        WHERE conversations.id = mine.conversation_id
    ) END,
    ({UNREAD_MENTIONS}),
    mine.notify,
    {message.columns("last", viewer="mine.user_id", is_group="mine.role IS NOT NULL")}
"""

_SIDES = f"""
    LEFT JOIN LATERAL (
        SELECT
            users.id,
            users.username,
            users.avatar_url,
            users.display_name,
            {reads.shown("participants")} AS last_read_message_id
        FROM participants
        JOIN users ON users.id = participants.user_id
        WHERE mine.role IS NULL
            AND participants.conversation_id = mine.conversation_id
            AND participants.user_id <> mine.user_id
        ORDER BY users.id
        LIMIT 1
    ) other ON true
    LEFT JOIN LATERAL (
        SELECT *
        FROM messages
        WHERE messages.conversation_id = mine.conversation_id
        ORDER BY id DESC
        LIMIT 1
    ) last ON true
"""


async def page(db: Database, user_id: int, *, before: Keyset = NEWEST, limit: int) -> Listing:
    """Returns the user's conversations after `before` (active_id, id), latest activity first.

    Raises `NotFound` if there is no such user.
    """
    rows = await db.rows(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            unread.total,
            list.*
        FROM feeds
        JOIN meta ON meta.only_row
        CROSS JOIN LATERAL (
            SELECT CASE WHEN %(is_first)s::boolean THEN ({UNREAD_TOTAL}) END AS total
            OFFSET 0 -- once, and not for each row
        ) unread
        LEFT JOIN LATERAL (
            SELECT mine.active_id, {_COLUMNS}
            FROM (
                SELECT
                    participants.conversation_id,
                    participants.user_id,
                    participants.last_read_message_id,
                    conversations.active_id,
                    participants.role,
                    participants.notify
                FROM participants
                JOIN conversations ON conversations.id = participants.conversation_id
                WHERE participants.user_id = feeds.user_id
                    AND (conversations.active_id, conversations.id)
                        < (%(active_id)s::bigint, %(conversation_id)s::bigint)
                ORDER BY 4 DESC, 1 DESC
                LIMIT %(limit)s
            ) mine
            {_SIDES}
        ) list (active_id, key) ON true
        WHERE feeds.user_id = %(user_id)s
        ORDER BY list.active_id DESC, list.key::bigint DESC
        """,
        {
            "user_id": user_id,
            "active_id": before[0],
            "conversation_id": before[1],
            "limit": limit + 1,
            "is_first": before == NEWEST,
        },
    )
    if not rows:
        raise NotFound
    items = [_conversation(row[3:]) for row in rows[:limit] if row[2] is not None]
    page = Page(items, len(rows) > limit, lambda index: (rows[index][2], int(items[index].id)))
    return Listing(rows[0][0], page, rows[0][1])


async def one(db: Database, user_id: int, conversation_id: int) -> Snapshot[Conversation]:
    """Returns a conversation. Raises `NotFound`."""
    row = await db.row(
        f"""
        SELECT meta.epoch || '-' || feeds.last_seq, {_COLUMNS}
        FROM participants mine
        JOIN feeds ON feeds.user_id = mine.user_id
        JOIN meta ON meta.only_row
        {_SIDES}
        WHERE mine.user_id = %(user_id)s
            AND mine.conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id},
    )
    if row is None:
        raise NotFound
    return Snapshot(row[0], _conversation(row[1:]))


async def other_participant(db: Database, user_id: int, conversation_id: int) -> Snapshot[User]:
    """Returns the other participant. Raises `NotFound`."""
    row = await db.row(
        """
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            users.id::text,
            username,
            avatar_url,
            display_name
        FROM participants mine
        JOIN feeds ON feeds.user_id = mine.user_id
        JOIN meta ON meta.only_row
        JOIN participants other
            ON other.conversation_id = mine.conversation_id
            AND other.user_id <> mine.user_id
            AND mine.role IS NULL
        JOIN users ON users.id = other.user_id
        WHERE mine.user_id = %(user_id)s
            AND mine.conversation_id = %(conversation_id)s
        ORDER BY users.id
        LIMIT 1
        """,
        {"user_id": user_id, "conversation_id": conversation_id},
    )
    if row is None:
        raise NotFound
    return Snapshot(row[0], User(*row[1:]))


async def check_member(db: Database, user_id: int, conversation_id: int) -> None:
    """Raises `NotFound` if the user is not a participant."""
    row = await db.row(
        """
        SELECT 1
        FROM participants
        WHERE user_id = %(user_id)s
            AND conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id},
    )
    if row is None:
        raise NotFound


async def opened_before(db: Database, opening: Opening) -> int | None:
    """Returns the id of the existing conversation of the pair, or None.

    Raises `NotFound` if there is no user of that name, and `WithOneself`, like `open_all`.
    """
    row = await db.row(
        """
        SELECT other.id = me.id, known.id
        FROM users me
        JOIN users other ON lower(other.username) COLLATE "C" = lower(%(username)s)
        LEFT JOIN conversations known
            ON known.low_user_id = least(me.id, other.id)
            AND known.high_user_id = greatest(me.id, other.id)
        WHERE me.id = %(user_id)s
        """,
        opening._asdict(),
    )
    if row is None:
        raise NotFound
    with_oneself, conversation_id = row
    if with_oneself:
        raise WithOneself
    return None if conversation_id is None else int(conversation_id)


@appends(OPENED)
async def open_all(db: Database, openings: Sequence[Opening]) -> list[WriteResult[Opened]]:
    """Opens conversations one at a time, each in one transaction and one round trip."""
    return [await _open(db, opening) for opening in openings]


async def _open(db: Database, opening: Opening) -> WriteResult[Opened]:
    """Returns the conversation of the pair, and creates it if there is none.

    Refusals are `NotFound`, if there is no user of that name, and `WithOneself`.
    """
    rows = await db.rows(
        f"""
        SELECT user_id
        FROM feeds
        WHERE user_id IN (
            SELECT %(user_id)s
            UNION ALL
            SELECT id
            FROM users
            WHERE lower(username) COLLATE "C" = lower(%(username)s)
        )
        ORDER BY user_id
        FOR NO KEY UPDATE;

        WITH pair AS (
            SELECT least(me.id, other.id) AS low, greatest(me.id, other.id) AS high
            FROM users me, users other
            WHERE me.id = %(user_id)s
                AND lower(other.username) COLLATE "C" = lower(%(username)s)
        ),
        made AS (
            INSERT INTO conversations (low_user_id, high_user_id, active_id)
            SELECT low, high, coalesce(latest.active_id, 0)
            FROM pair
            CROSS JOIN LATERAL (
                SELECT max(conversations.active_id) AS active_id
                FROM participants
                JOIN conversations ON conversations.id = participants.conversation_id
                WHERE participants.user_id IN (low, high)
            ) latest
            WHERE low <> high
            ON CONFLICT (low_user_id, high_user_id) DO NOTHING
            RETURNING id
        ),
        people AS (
            SELECT users.id, users.username, users.avatar_url, users.display_name
            FROM pair
            JOIN users ON users.id = ANY (ARRAY[pair.low, pair.high])
        ),
        joined AS (
            INSERT INTO participants (user_id, conversation_id)
            SELECT people.id, made.id
            FROM people, made
        ),
        new_events AS (
            SELECT
                1 AS n,
                people.id AS user_id,
                '{OPENED.name}' AS kind,
                made.id AS conversation_id,
                NULL::bigint AS message_id,
                jsonb_build_object(
                    'id', other.id::text,
                    'username', other.username,
                    'avatar_url', other.avatar_url,
                    'display_name', other.display_name
                ) AS payload
            FROM made
            CROSS JOIN people
            JOIN people other ON other.id <> people.id
        ),
        {feed_append.APPEND}
        SELECT
            coalesce(made.id, known.id),
            made.id IS NOT NULL,
            ARRAY(SELECT id FROM people ORDER BY id),
            ARRAY(SELECT username FROM people ORDER BY id),
            ARRAY(SELECT avatar_url FROM people ORDER BY id),
            ARRAY(SELECT display_name FROM people ORDER BY id),
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM pair
        JOIN meta ON meta.only_row
        LEFT JOIN made ON true
        LEFT JOIN conversations known
            ON known.low_user_id = pair.low
            AND known.high_user_id = pair.high
        LEFT JOIN recipients ON true
        """,
        opening._asdict(),
        twice=False,  # as in `messages.store`
    )
    if not rows:
        return WriteResult(NotFound())
    ((conversation_id, created, *people, epoch, user_ids, seqs),) = rows
    if conversation_id is None:
        return WriteResult(WithOneself())
    participants = {row[0]: User(str(row[0]), *row[1:]) for row in zip(*people, strict=True)}
    opened = Opened(conversation_id, created, participants)
    if not created:
        return WriteResult(opened)
    return WriteResult(opened, [Appended(OPENED, opened, epoch, user_ids, seqs)])


def _conversation(row: Sequence[Any]) -> Conversation:
    conversation_id, *other = row[:5]
    unread, last_read, other_last_read, group, unread_mentions, notify = row[5:11]
    return Conversation(
        id=conversation_id,
        other_participant=None if other[0] is None else User(*other),
        last_message=None if row[11] is None else Message.of(row[11:]),
        unread_count=unread,
        has_unread_messages=unread > 0,
        last_read_message_id=last_read,
        other_last_read_message_id=other_last_read,
        group=None if group is None else msgspec.convert(group, Group),
        unread_mention_count=unread_mentions,
        notify=same(notify),
    )
