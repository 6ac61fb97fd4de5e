"""Where streams start: thousands that open at once are looked up in a few statements."""

from collections.abc import Sequence
from typing import NamedTuple

from db import sessions
from db.batch_loader import BatchLoader
from db.pool import Database
from db.sessions import Sessions

LARGEST_BATCH = 64  # all of them open in one turn of the loop: some 10 ms


class PositionRequest(NamedTuple):
    """A stream about to open: whose, under which session, and where it left off."""

    user_id: int
    session_id: int
    after: int | None


class Position(NamedTuple):
    """What the database says to `PositionRequest`."""

    epoch: str
    last_seq: int
    session_lives: bool
    reaches_back: bool  # no event after `after` is gone from the feed


class StreamPositions:
    """Looks up what is wanted together, and has the sessions that live remembered.

    The statement begins after `look_up` was called: who has registered with the bus before that
    misses nothing between the two.
    """

    def __init__(self, db: Database, sessions: Sessions) -> None:
        self._db = db
        self._sessions = sessions
        self._loader = BatchLoader[PositionRequest, Position](self._look_up, LARGEST_BATCH)

    async def look_up(self, wanted: PositionRequest) -> Position:
        """Raises `errors.DatabaseError`."""
        return await self._loader.load(wanted)

    async def _look_up(self, wanted: Sequence[PositionRequest]) -> list[Position]:
        ends = self._sessions.ends
        found = await _positions(self._db, wanted)
        asked = zip(wanted, found, strict=True)
        living = ((w.session_id, w.user_id) for w, position in asked if position.session_lives)
        self._sessions.remember(living, ends)
        return found


async def _positions(db: Database, wanted: Sequence[PositionRequest]) -> list[Position]:
    """In the order asked; one row each, whatever is wanted twice."""
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
