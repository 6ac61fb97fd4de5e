"""A message as one viewer sees it, and the SQL that reads it."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

import msgspec

from db.kind import FeedRow, Kind
from db.prepared import array
from db.schema_types import Id, Time, Username, Uuid
from db.users import User

NOTICE_USERS = 20  # that a notice names; it counts all of them

History = Literal["joined", "all"]
NoticeKind = Literal[
    "created", "added", "joined", "removed", "left", "renamed", "promoted", "demoted", "history"
]


class Mention(msgspec.Struct, frozen=True, rename="camel"):
    """A user whom a message calls by name, as the name stands in its content."""

    user_id: Id
    username: Username


class Reaction(msgspec.Struct, frozen=True):
    """How many people reacted with an emoji, and whether the viewer did."""

    emoji: str
    count: int
    mine: bool


class Notice(msgspec.Struct, frozen=True, rename="camel"):
    """What happened to a group. `users` are the first ones concerned, `count` is how many.

    The name, the history and the number of members are those after it.
    """

    kind: NoticeKind
    users: tuple[User, ...]
    count: int
    name: str
    history: History
    member_count: int


class Message(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A message as one viewer sees it. Only its sender sees the `clientId`.

    A field that is absent has its default.
    """

    id: Id
    conversation_id: Id
    user_id: Id
    content: str
    created_at: Time
    mine: bool
    client_id: Uuid | None
    author: User | None = None  # in groups
    version: Annotated[int, msgspec.Meta(ge=1)] = 1
    edited_at: Time | None = None
    deleted_at: Time | None = None
    deleted_by: Id | None = None
    reply_to_id: Id | None = None
    mentions: tuple[Mention, ...] = ()
    reactions: tuple[Reaction, ...] = ()
    notice: Notice | None = None

    @classmethod
    def of(cls, columns: Sequence[Any]) -> "Message":
        """Takes the columns of `columns`."""
        *plain, rare = columns
        if rare is None:
            return cls(*plain)
        return cls(*plain, *msgspec.structs.astuple(msgspec.convert(rare, _Rare)))

    @classmethod
    def from_row(cls, row: FeedRow) -> "Message | None":
        """Returns the message as the owner of the feed sees it, or None if it is gone."""
        return None if row.message is None else cls.of(row.message)

    def seen_by(self, user_id: int) -> "Message":
        if not self.mine or self.user_id == str(user_id):
            return self
        return msgspec.structs.replace(self, mine=False, client_id=None)


class _Rare(msgspec.Struct, rename="camel"):
    """The fields of a message that most messages do not have, in the same order."""

    author: User | None
    version: int
    edited_at: str | None
    deleted_at: str | None
    deleted_by: str | None
    reply_to_id: str | None
    mentions: tuple[Mention, ...]
    reactions: tuple[Reaction, ...]
    notice: Notice | None


SENT = Kind(
    name="message",
    from_row=Message.from_row,
    summary="A message",
    sent_to="Every participant gets it, and so do the sender's other tabs.",
    example=Message(
        "345", "12", "8", "Hello, Jane", "2026-11-29T12:34:56.789Z", mine=False, client_id=None
    ),
)


MOST_MENTIONS = 50

# The mentions of each draft `n` of a CTE `allowed`, if it has any; see `called`.
CALLED = f"""
    called AS (
        SELECT n, jsonb_agg(
            jsonb_build_object('userId', user_id::text, 'username', name) ORDER BY place
        ) AS mentions
        FROM (
            SELECT
                allowed.n,
                users.id AS user_id,
                names.name,
                row_number() OVER (PARTITION BY allowed.n ORDER BY names.place) AS place
            FROM unnest(%(name_ns)s::bigint[], %(names)s::text[])
                WITH ORDINALITY AS names (n, name, place)
            JOIN allowed ON allowed.n = names.n
            JOIN users ON lower(users.username) COLLATE "C" = lower(names.name)
            JOIN participants
                ON participants.user_id = users.id
                AND participants.conversation_id = allowed.conversation_id
                AND participants.sees_from <= coalesce(allowed.message_id, participants.sees_from)
        ) found
        WHERE place <= {MOST_MENTIONS}
        GROUP BY n
    )
"""


def called(names: Iterable[Sequence[str]]) -> dict[str, object]:
    """Returns the parameters of `CALLED`, from the names in each draft, in order."""
    pairs = [(n, name) for n, found in enumerate(names, 1) for name in found]
    return {"name_ns": array(n for n, _ in pairs), "names": array(name for _, name in pairs)}


def columns(message: str, *, viewer: str, is_group: str) -> str:
    """Returns SQL for the columns that `Message.of` takes.

    `message` is the alias of a row of messages, `viewer` a user id, `is_group` a condition.
    """
    return f"""
        {message}.id::text,
        {message}.conversation_id::text,
        {message}.user_id::text,
        {message}.content,
        rfc3339({message}.created_at),
        {message}.user_id = {viewer},
        CASE
            WHEN {message}.user_id = {viewer} AND {message}.client_id_given
            THEN {message}.client_id::text
        END,
        {rare(message, viewer=viewer, is_group=is_group)}
    """


def rare(message: str, *, viewer: str, is_group: str) -> str:
    """Returns SQL for the last column: the fields that most messages do not have, or NULL."""
    return f"""
        CASE
            WHEN {is_group}
                OR {message}.version > 1
                OR {message}.reacted
                OR {message}.reply_to_id IS NOT NULL
                OR {message}.mentions IS NOT NULL
            THEN rare_fields(
                {viewer}, {is_group}, {message}.conversation_id, {message}.id, {message}.user_id,
                {message}.version, {message}.edited_at, {message}.deleted_at,
                {message}.deleted_by, {message}.reply_to_id, {message}.mentions,
                {message}.reacted, {message}.notice
            )
        END
    """


def rare_of_new(message: str, *, is_group: str, reply_to_id: str, mentions: str) -> str:
    """Like `rare`, for a message that is stored now."""
    return f"""
        CASE
            WHEN {is_group} OR {reply_to_id} IS NOT NULL OR {mentions} IS NOT NULL
            THEN rare_fields(
                {message}.user_id, {is_group}, {message}.conversation_id, {message}.id,
                {message}.user_id, 1, NULL, NULL, NULL, {reply_to_id}, {mentions}, false, NULL
            )
        END
    """
