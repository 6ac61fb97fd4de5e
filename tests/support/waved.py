"""All that a new event kind consists of: a user waves, and only they see how often they did."""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from db import feed_append
from db.kind import FeedRow, Kind, appends
from db.pool import Database
from db.schema_types import Id
from db.snapshot import NotFound
from db.write_result import Appended, WriteResult


class Waved(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    conversation_id: Id
    user_id: Id
    times: int | None = None

    @classmethod
    def from_row(cls, row: FeedRow) -> "Waved":
        return cls(row.conversation_id, **row.payload)

    def seen_by(self, user_id: int) -> "Waved":
        return self if self.user_id == str(user_id) else msgspec.structs.replace(self, times=None)


WAVED = Kind(
    name="waved",
    from_row=Waved.from_row,
    summary="Somebody waved",
    sent_to="Every participant gets it.",
    example=Waved("12", "7", 3),
)


class Wave(NamedTuple):
    conversation_id: int
    user_id: int
    times: int


@appends(WAVED)
async def wave(db: Database, waves: Sequence[Wave]) -> list[WriteResult[None]]:
    return [await _wave(db, wave) for wave in waves]


async def _wave(db: Database, wave: Wave) -> WriteResult[None]:
    rows = await db.rows(
        f"""
        {feed_append.LOCK}

        WITH new_events AS (
            SELECT
                1 AS n,
                everyone.user_id,
                '{WAVED.name}' AS kind,
                me.conversation_id,
                NULL::bigint AS message_id,
                jsonb_build_object('user_id', me.user_id::text, 'times', %(times)s::int) AS payload
            FROM participants me
            JOIN participants everyone USING (conversation_id)
            WHERE (me.conversation_id, me.user_id)
                = ((%(conversation_ids)s::bigint[])[1], (%(user_ids)s::bigint[])[1])
        ),
        {feed_append.APPEND}
        SELECT meta.epoch, recipients.user_ids, recipients.seqs
        FROM recipients
        JOIN meta ON meta.only_row
        """,
        {
            "conversation_ids": [wave.conversation_id],
            "user_ids": [wave.user_id],
            "times": wave.times,
        },
        twice=False,
    )
    if not rows:
        return WriteResult(NotFound())
    waved = Waved(str(wave.conversation_id), str(wave.user_id), wave.times)
    return WriteResult(None, [Appended(WAVED, waved, *rows[0])])
