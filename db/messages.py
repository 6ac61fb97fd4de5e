"""Messages: stores batches, each client id once, and reads pages, newest first."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from db import feed_append, message
from db.kind import appends
from db.message import SENT, Message
from db.pool import Database
from db.prepared import array
from db.snapshot import Keyset, NotFound, Page, Snapshot
from db.write_result import Appended, WriteResult

NEWEST = (2**63 - 1,)  # beyond every message id

_SPACES = f"'{''.join(c for c in map(chr, range(0x3001)) if c.isspace())}'"  # none higher


class Draft(NamedTuple):
    """A message that is not stored yet. Its content is checked; the membership is not."""

    conversation_id: int
    user_id: int
    content: str
    client_id: str  # a UUID in lower case
    client_id_given: bool  # False: the server made it, so that it can repeat the write
    reply_to_id: int | None = None
    names: Sequence[str] = ()  # that the content may mention, each once in any case


class Stored(NamedTuple):
    message: Message
    created: bool  # False: an earlier request with this client id has stored it


class ClientIdReused(Exception):
    """The client id belongs to another message."""


class NoSuchReply(Exception):
    """The message to reply to is not one that the sender sees, or it is a notice."""


async def page(
    db: Database,
    user_id: int,
    conversation_id: int,
    *,
    before: Keyset = NEWEST,
    after: int = 0,
    limit: int,
) -> Snapshot[Page[Message]]:
    """Returns the newest messages with ids below `before` (a one-tuple) and above `after`.

    Raises `NotFound`.
    """
    rows = await db.rows(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            {message.columns("m", viewer="me.user_id", is_group="me.role IS NOT NULL")}
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        LEFT JOIN LATERAL (
            SELECT *
            FROM messages
            WHERE conversation_id = me.conversation_id
                AND id >= me.sees_from
                AND id < %(before)s
                AND id > %(after)s
            ORDER BY id DESC
            LIMIT %(limit)s
        ) m ON true
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        ORDER BY m.id DESC
        """,
        {
            "user_id": user_id,
            "conversation_id": conversation_id,
            "before": before[0],
            "after": after,
            "limit": limit + 1,
        },
    )
    if not rows:
        raise NotFound
    found = [Message.of(row[1:]) for row in rows if row[1] is not None]
    page = Page(found[:limit], len(found) > limit, lambda index: (int(found[index].id),))
    return Snapshot(rows[0][0], page)


async def one(
    db: Database, user_id: int, conversation_id: int, message_id: int
) -> Snapshot[Message]:
    """Returns a message. Raises `NotFound`."""
    row = await db.row(
        f"""
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            {message.columns("m", viewer="me.user_id", is_group="me.role IS NOT NULL")}
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        JOIN messages m
            ON m.conversation_id = me.conversation_id
            AND m.id = %(message_id)s
            AND m.id >= me.sees_from
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id, "message_id": message_id},
    )
    if row is None:
        raise NotFound
    return Snapshot(row[0], Message.of(row[1:]))


async def check_seen(db: Database, user_id: int, conversation_id: int, message_id: int) -> None:
    """Raises `NotFound` if the user does not see the message."""
    row = await db.row(
        """
        SELECT 1
        FROM participants me
        JOIN messages m
            ON m.conversation_id = me.conversation_id
            AND m.id = %(message_id)s
            AND m.id >= me.sees_from
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {"user_id": user_id, "conversation_id": conversation_id, "message_id": message_id},
    )
    if row is None:
        raise NotFound


async def stored_before(db: Database, draft: Draft) -> Message | None:
    """Returns the message that an earlier request with this client id has stored, or None.

    Raises `NotFound`, `ClientIdReused` and `NoSuchReply`, like the refusals of `store`.
    """
    row = await db.row(
        f"""
        SELECT
            {_is_reply_right("%(reply_to_id)s::bigint")},
            {_is_repeat("earlier", "me.conversation_id", "%(content)s::text", "%(reply_to_id)s")},
            {message.columns("earlier", viewer="me.user_id", is_group="me.role IS NOT NULL")}
        FROM participants me
        LEFT JOIN messages earlier
            ON earlier.user_id = me.user_id
            AND earlier.client_id = %(client_id)s::uuid
        {_reply_of("%(reply_to_id)s::bigint")}
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        {name: value for name, value in draft._asdict().items() if name != "names"},
    )
    if row is None:
        raise NotFound
    is_reply_right, is_repeat, *shown = row
    if shown[0] is None:
        if not is_reply_right:
            raise NoSuchReply
        return None
    if not is_repeat:
        raise ClientIdReused
    return Message.of(shown)


def _is_repeat(earlier: str, conversation_id: str, content: str, reply_to_id: str) -> str:
    """Returns SQL for whether a draft is the earlier message with its client id.

    After an edit or a deletion, the first content is not known any more.
    """
    return f"""(
        {earlier}.conversation_id = {conversation_id}
        AND (
            {earlier}.version > 1
            OR {_same(f"{earlier}.content", content)}
                AND {earlier}.reply_to_id IS NOT DISTINCT FROM {reply_to_id}::bigint
        )
    )"""


def _reply_of(reply_to_id: str) -> str:
    """Returns SQL that joins the message that `me` may reply to, as `reply`."""
    return f"""
        LEFT JOIN messages reply
            ON reply.conversation_id = me.conversation_id
            AND reply.id = {reply_to_id}
            AND reply.id >= me.sees_from
            AND reply.notice IS NULL
    """


def _is_reply_right(reply_to_id: str) -> str:
    return f"({reply_to_id} IS NULL OR reply.id IS NOT NULL)"


def _same(content: str, other: str) -> str:
    """Returns SQL that compares two contents without white space at either end.

    Earlier releases removed that white space, and a client may repeat a request to one of them.
    """
    return f"({content} = {other} OR btrim({content}, {_SPACES}) = btrim({other}, {_SPACES}))"


@appends(SENT)
async def store(db: Database, drafts: Sequence[Draft]) -> list[WriteResult[Stored]]:
    """Stores the drafts, in order, in one transaction and one round trip.

    Refusals are `NotFound`, `ClientIdReused` and `NoSuchReply`. Safe to repeat: a client id is
    stored once.
    """
    is_rich = any(draft.names or draft.reply_to_id is not None for draft in drafts)
    params: dict[str, object] = {
        "conversation_ids": array(d.conversation_id for d in drafts),
        "user_ids": array(d.user_id for d in drafts),
        "contents": [d.content for d in drafts],
        "client_ids": array(d.client_id for d in drafts),
        "client_ids_given": array(d.client_id_given for d in drafts),
    }
    if is_rich:
        params["reply_to_ids"] = array(d.reply_to_id for d in drafts)
        params |= message.called(d.names for d in drafts)
    # `FeedWriter` repeats it, and calls `unsure`.
    rows = await db.rows(_STORE_RICH if is_rich else _STORE_PLAIN, params, twice=False)
    return [_outcome(row) for row in rows]


class _Parts(NamedTuple):
    """What differs between statements for plain drafts and for those with replies and mentions."""

    reply_to_ids: str = ""
    reply_to_id: str = "NULL::bigint"
    reply: str = ""
    is_reply_right: str = "true"
    called: str = ""
    join_called: str = ""
    mentions: str = "NULL::jsonb"
    mentioned: str = ""


_RICH = _Parts(
    reply_to_ids=", %(reply_to_ids)s::bigint[]",
    reply_to_id="drafts.reply_to_id",
    reply=_reply_of("drafts.reply_to_id"),
    is_reply_right=_is_reply_right("drafts.reply_to_id"),
    called=f"{message.CALLED},",
    join_called="LEFT JOIN called USING (n)",
    mentions="called.mentions",
    mentioned="""
        mentioned AS (
            INSERT INTO mentions (user_id, conversation_id, message_id)
            SELECT (mention ->> 'userId')::bigint, stored.conversation_id, stored.id
            FROM stored, jsonb_array_elements(stored.mentions) mention
            WHERE (mention ->> 'userId')::bigint <> stored.user_id
        ),
    """,
)


def _storing(parts: _Parts) -> str:
    of_new = message.rare_of_new(
        "stored",
        is_group="allowed.role IS NOT NULL",
        reply_to_id="stored.reply_to_id",
        mentions="stored.mentions",
    )
    of_earlier = message.rare(
        "earlier", viewer="drafts.user_id", is_group="allowed.role IS NOT NULL"
    )
    return f"""
        {feed_append.LOCK}

        WITH drafts AS (
            SELECT *
            FROM unnest(
                %(conversation_ids)s::bigint[],
                %(user_ids)s::bigint[],
                %(contents)s::text[],
                %(client_ids)s::uuid[],
                %(client_ids_given)s::boolean[]
                {parts.reply_to_ids}
            ) WITH ORDINALITY
                AS draft (
                    conversation_id, user_id, content, client_id, client_id_given
                    {", reply_to_id" if parts.reply_to_ids else ""}, n
                )
        ),
        allowed AS (
            SELECT
                drafts.*,
                NULL::bigint AS message_id,
                me.role,
                {parts.is_reply_right} AS is_reply_right,
                row_number() OVER (
                    PARTITION BY drafts.user_id, drafts.client_id, {parts.is_reply_right}
                    ORDER BY drafts.n
                ) AS nth
            FROM drafts
            JOIN participants me USING (user_id, conversation_id)
            {parts.reply}
        ),
        {parts.called}
        stored AS (
            INSERT INTO messages (
                conversation_id, user_id, content, client_id, client_id_given, reply_to_id,
                mentions, created_at
            )
            SELECT
                conversation_id, user_id, content, client_id, client_id_given,
                {parts.reply_to_id.replace("drafts.", "allowed.")}, {parts.mentions},
                clock_timestamp()
            FROM allowed
            {parts.join_called}
            WHERE nth = 1
                AND is_reply_right
            ORDER BY n
            ON CONFLICT (user_id, client_id) DO NOTHING
            RETURNING
                id, conversation_id, user_id, content, client_id, client_id_given, created_at,
                reply_to_id, mentions
        ),
        {parts.mentioned}
        touched AS (
            UPDATE conversations
            SET active_at = latest.created_at, active_id = latest.id
            FROM (
                SELECT conversation_id, max(created_at) AS created_at, max(id) AS id
                FROM stored
                GROUP BY conversation_id
            ) latest
            WHERE conversations.id = latest.conversation_id
        ),
        new_events AS (
            SELECT
                allowed.n,
                participants.user_id,
                '{SENT.name}' AS kind,
                stored.conversation_id,
                stored.id AS message_id,
                NULL::jsonb AS payload
            FROM stored
            JOIN allowed USING (user_id, client_id)
            JOIN participants ON participants.conversation_id = stored.conversation_id
            WHERE allowed.nth = 1
        ),
        {feed_append.APPEND}
        SELECT
            allowed.n IS NOT NULL,
            allowed.is_reply_right,
            stored.id IS NOT NULL AND allowed.nth = 1,
            stored.id IS NOT NULL AND stored.conversation_id = drafts.conversation_id
                AND {_same("stored.content", "drafts.content")}
                AND stored.reply_to_id IS NOT DISTINCT FROM {parts.reply_to_id}
                OR {
        _is_repeat("earlier", "drafts.conversation_id", "drafts.content", parts.reply_to_id)
    },
            drafts.client_id_given,
            coalesce(stored.id, earlier.id)::text,
            drafts.conversation_id::text,
            drafts.user_id::text,
            coalesce(stored.content, earlier.content),
            rfc3339(coalesce(stored.created_at, earlier.created_at)),
            true,
            CASE
                WHEN coalesce(stored.client_id_given, earlier.client_id_given)
                THEN drafts.client_id::text
            END,
            CASE WHEN stored.id IS NOT NULL THEN {of_new} ELSE {of_earlier} END,
            meta.epoch,
            recipients.user_ids,
            recipients.seqs
        FROM drafts
        JOIN meta ON meta.only_row
        LEFT JOIN allowed ON allowed.n = drafts.n
        LEFT JOIN stored
            ON stored.user_id = drafts.user_id
            AND stored.client_id = drafts.client_id
        LEFT JOIN messages earlier
            ON earlier.user_id = drafts.user_id
            AND earlier.client_id = drafts.client_id
        LEFT JOIN recipients ON recipients.n = drafts.n
        ORDER BY drafts.n
    """


_STORE_PLAIN = _storing(_Parts())
_STORE_RICH = _storing(_RICH)


def _outcome(row: Sequence[Any]) -> WriteResult[Stored]:
    allowed, is_reply_right, created, is_repeat, client_id_given, *shown, epoch, user_ids, seqs = (
        row
    )
    if not allowed:
        return WriteResult(NotFound())
    if shown[0] is None:
        return WriteResult(NoSuchReply() if not is_reply_right else ClientIdReused())
    if not is_repeat:
        return WriteResult(ClientIdReused())
    message = Message.of(shown)
    stored = Stored(message, bool(created) or not client_id_given)
    if user_ids is None:
        return WriteResult(stored)
    return WriteResult(stored, [Appended(SENT, message, epoch, user_ids, seqs)])
