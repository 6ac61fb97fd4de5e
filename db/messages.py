"""Messages: stores batches, each client id once, and reads pages, newest first."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import feed_append
from db.kind import FeedRow, Kind, appends
from db.pool import Database
from db.prepared import array
from db.schema_types import Id, Time, Uuid
from db.snapshot import Keyset, NotFound, Page, Snapshot
from db.write_result import Appended, WriteResult

NEWEST = (2**63 - 1,)  # beyond every message id

_SPACES = f"'{''.join(c for c in map(chr, range(0x3001)) if c.isspace())}'"  # none higher


class Message(msgspec.Struct, frozen=True, rename="camel"):
    """A message as one viewer sees it. Only its sender sees the `clientId`."""

    id: Id
    conversation_id: Id
    user_id: Id
    content: str
    created_at: Time
    mine: bool
    client_id: Uuid | None

    @classmethod
    def from_row(cls, row: FeedRow) -> "Message | None":
        """Returns the message as its sender sees it, or None if it was deleted."""
        if row.message_id is None:
            return None
        return cls(
            row.message_id,
            row.conversation_id,
            row.author_id,
            row.content,
            row.created_at,
            True,
            row.client_id,
        )

    def seen_by(self, user_id: int) -> "Message":
        if self.user_id == str(user_id):
            return self
        return msgspec.structs.replace(self, mine=False, client_id=None)


SENT = Kind(
    name="message",
    from_row=Message.from_row,
    summary="A message",
    sent_to="Every participant gets it, and so do the sender's other tabs.",
    example=Message(
        "345", "12", "8", "Hello, Jane", "2026-11-29T12:34:56.789Z", mine=False, client_id=None
    ),
)


class Draft(NamedTuple):
    """A message that is not stored yet. Its content is checked; the membership is not."""

    conversation_id: int
    user_id: int
    content: str
    client_id: str  # a UUID in lower case
    client_id_given: bool  # False: the server made it, so that it can repeat the write


class Stored(NamedTuple):
    message: Message
    created: bool  # False: an earlier request with this client id has stored it


class ClientIdReused(Exception):
    """The client id belongs to a message with other content or in another conversation."""


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
        """
        SELECT
            meta.epoch || '-' || feeds.last_seq,
            m.id::text,
            m.conversation_id::text,
            m.user_id::text,
            m.content,
            rfc3339(m.created_at),
            m.user_id = me.user_id,
            CASE WHEN m.user_id = me.user_id AND m.client_id_given THEN m.client_id::text END
        FROM participants me
        JOIN feeds USING (user_id)
        JOIN meta ON meta.only_row
        LEFT JOIN LATERAL (
            SELECT id, conversation_id, user_id, content, created_at, client_id, client_id_given
            FROM messages
            WHERE conversation_id = me.conversation_id
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
    found = [Message(*row[1:]) for row in rows if row[1] is not None]
    page = Page(found[:limit], len(found) > limit, lambda index: (int(found[index].id),))
    return Snapshot(rows[0][0], page)


async def stored_before(db: Database, draft: Draft) -> Message | None:
    """Returns the message that an earlier request with this client id has stored, or None.

    Raises `NotFound` and `ClientIdReused`, like the refusals of `store`.
    """
    row = await db.row(
        f"""
        SELECT
            earlier.id::text,
            me.conversation_id::text,
            me.user_id::text,
            earlier.content,
            rfc3339(earlier.created_at),
            true,
            earlier.client_id::text,
            earlier.conversation_id = me.conversation_id
                AND {_same("earlier.content", "%(content)s::text")}
        FROM participants me
        LEFT JOIN messages earlier
            ON earlier.user_id = me.user_id
            AND earlier.client_id = %(client_id)s::uuid
        WHERE me.user_id = %(user_id)s
            AND me.conversation_id = %(conversation_id)s
        """,
        draft._asdict(),
    )
    if row is None:
        raise NotFound
    *message, same = row
    if same is False:
        raise ClientIdReused
    return Message(*message) if same else None


def _same(content: str, other: str) -> str:
    """Returns SQL that compares two contents without white space at either end.

    Earlier releases removed that white space, and a client may repeat a request to one of them.
    """
    return f"({content} = {other} OR btrim({content}, {_SPACES}) = btrim({other}, {_SPACES}))"


@appends(SENT)
async def store(db: Database, drafts: Sequence[Draft]) -> list[WriteResult[Stored]]:
    """Stores the drafts, in order, in one transaction and one round trip.

    Refusals are `NotFound` and `ClientIdReused`. Safe to repeat: a client id is stored once.
    """
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH drafts AS (
            SELECT n, conversation_id, user_id, content, client_id, client_id_given
            FROM unnest(
                %(conversation_ids)s::bigint[],
                %(user_ids)s::bigint[],
                %(contents)s::text[],
                %(client_ids)s::uuid[],
                %(client_ids_given)s::boolean[]
            ) WITH ORDINALITY
                AS draft (conversation_id, user_id, content, client_id, client_id_given, n)
        ),
        allowed AS (
            SELECT
                drafts.*,
                row_number() OVER (PARTITION BY user_id, client_id ORDER BY n) AS nth
            FROM drafts
            JOIN participants USING (user_id, conversation_id)
        ),
        stored AS (
            INSERT INTO messages (
                conversation_id, user_id, content, client_id, client_id_given, created_at
            )
            SELECT
                conversation_id, user_id, content, client_id, client_id_given, clock_timestamp()
            FROM allowed
            WHERE nth = 1
            ORDER BY n
            ON CONFLICT (user_id, client_id) DO NOTHING
            RETURNING id, conversation_id, user_id, content, client_id, client_id_given, created_at
        ),
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
            coalesce(stored.id, earlier.id)::text,
            drafts.conversation_id::text,
            drafts.user_id::text,
            coalesce(stored.content, earlier.content),
            rfc3339(coalesce(stored.created_at, earlier.created_at)),
            coalesce(stored.client_id_given, earlier.client_id_given),
            drafts.client_id::text,
            stored.id IS NOT NULL AND allowed.nth = 1,
            coalesce(stored.conversation_id, earlier.conversation_id) = drafts.conversation_id
                AND {_same("coalesce(stored.content, earlier.content)", "drafts.content")},
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
        """,
        {
            "conversation_ids": array(d.conversation_id for d in drafts),
            "user_ids": array(d.user_id for d in drafts),
            "contents": [d.content for d in drafts],
            "client_ids": array(d.client_id for d in drafts),
            "client_ids_given": array(d.client_id_given for d in drafts),
        },
        twice=False,  # `FeedWriter` repeats it, and calls `unsure`
    )
    return [_outcome(*row) for row in rows]


def _outcome(
    allowed: bool,
    message_id: str,
    conversation_id: str,
    user_id: str,
    content: str,
    created_at: str,
    client_id_given: bool,
    client_id: str,
    created: bool,
    same: bool,
    epoch: str,
    user_ids: list[int] | None,
    seqs: list[int],
) -> WriteResult[Stored]:
    if not allowed:
        return WriteResult(NotFound())
    if not same:
        return WriteResult(ClientIdReused())
    shown = client_id if client_id_given else None
    message = Message(message_id, conversation_id, user_id, content, created_at, True, shown)
    stored = Stored(message, created or not client_id_given)
    if user_ids is None:
        return WriteResult(stored)
    return WriteResult(stored, Appended(SENT, message, epoch, user_ids, seqs))
