"""Looks up the feed positions of streams that open, in batches."""

from collections.abc import Sequence
from typing import NamedTuple

from db import sessions
from db.batch_loader import BatchLoader
from db.pool import Database
from db.sessions import Sessions

LARGEST_BATCH = 64  # these streams open in one iteration of the loop: about 10 ms


class PositionRequest(NamedTuple):
    """The question of a stream that opens."""

    user_id: int
    session_id: int
    after: int | None  # the last event that the client has seen


class Position(NamedTuple):
    """The answer to a `PositionRequest`."""

    epoch: str
    last_seq: int
    session_lives: bool
    reaches_back: bool  # the feed still has all events after `after`


class StreamPositions:
    """Answers requests in batches, and puts live sessions into the cache of `Sessions`.

    The statement begins after `look_up` was called. So a stream that subscribed to the bus before
    misses no event.
    """

    def __init__(self, db: Database, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions
        self._loader = BatchLoader[PositionRequest, Position](self._look_up, LARGEST_BATCH)

    async def look_up(self, wanted: PositionRequest) -> Position:
        """Returns the position for one stream. Raises `errors.DatabaseError`."""
        return await self._loader.load(wanted)

    async def _look_up(self, wanted: Sequence[PositionRequest]) -> list[Position]:
        ends = self._sessions.ends
        found = await of(self._db, wanted)
        asked = zip(wanted, found, strict=True)
        living = ((w.session_id, w.user_id) for w, position in asked if position.session_lives)
        self._sessions.remember(living, ends)
        return found


async def of(db: Database, wanted: Sequence[PositionRequest]) -> list[Position]:
    """Returns one position for each request, in the same order. Requests may repeat.

    Raises `errors.DatabaseError`.
    """
    rows = await db.rows(
        """
        SELECT
            meta.epoch,
            coalesce(feeds.last_seq, 0),
            sessions.id IS NOT NULL,
            coalesce(wanted.after, feeds.last_seq) >= feeds.last_seq OR EXISTS (
                SELECT
                FROM feed_events
                WHERE feed_events.user_id = wanted.user_id
                    AND feed_events.seq = wanted.after + 1
            )
        FROM unnest(%(user_ids)s::bigint[], %(session_ids)s::bigint[], %(afters)s::bigint[])
            WITH ORDINALITY AS wanted (user_id, session_id, after, n)
        JOIN meta ON meta.only_row
        LEFT JOIN feeds ON feeds.user_id = wanted.user_id
        LEFT JOIN sessions
            ON sessions.id = wanted.session_id
            AND sessions.user_id = wanted.user_id
            AND sessions.last_seen_at > now() - make_interval(days => %(idle_days)s)
        ORDER BY wanted.n
        """,
        {
            "user_ids": [w.user_id for w in wanted],
            "session_ids": [w.session_id for w in wanted],
            "afters": [w.after for w in wanted],
            "idle_days": sessions.IDLE_DAYS,
        },
    )
    return [Position(*row) for row in rows]
