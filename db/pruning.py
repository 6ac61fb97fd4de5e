"""Feed rows beyond the retention go, a few at a time: nobody resumes from before them."""

import asyncio
import logging

from db import pool
from db.errors import DatabaseError
from db.pool import Database

FEEDS_AT_ONCE = 100  # looked at in one statement
ROWS_AT_ONCE = 50  # of each of them, so that a step takes milliseconds
PAUSE_SECONDS = 0.05  # between steps
REST_SECONDS = 3600  # between rounds

_log = logging.getLogger("messenger.db")


class Pruner:
    """Goes round all feeds, over and over. What it deletes is always the beginning of a feed."""

    def __init__(self, db: Database, retention_days: int, *, pause: float = PAUSE_SECONDS) -> None:
        self._db = db
        self._retention_days = retention_days
        self._pause = pause

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if pruned := await self.go_round():
                _log.info("%d events went beyond the feeds' retention", pruned)
            await asyncio.sleep(REST_SECONDS)

    async def go_round(self) -> int:
        """How many rows went. A database that is away is waited for."""
        pruned = 0
        user_id: int | None = 0
        while user_id is not None:
            pool.begin_request()
            try:
                user_id, gone = await _step(self._db, user_id, self._retention_days)
                pruned += gone
            except DatabaseError as error:
                _log.info("pruning waits: %s", error)
            await asyncio.sleep(self._pause)
        return pruned


async def _step(db: Database, after: int, retention_days: int) -> tuple[int | None, int]:
    """Looks at the feeds of the next users beyond `after`.

    The user id to go on from, None at the end, and how many rows went. The beginning of a feed ends
    at its first row that is young enough, whatever the clock did since.
    """
    rows = await db.rows(
        """
        WITH looked AS (
            SELECT user_id
            FROM feeds
            WHERE user_id > %(after)s
            ORDER BY user_id
            LIMIT %(feeds)s
        ),
        old AS (
            SELECT looked.user_id, beginning.seq
            FROM looked
            CROSS JOIN LATERAL (
                SELECT
                    seq,
                    bool_and(created_at < now() - make_interval(days => %(days)s))
                        OVER (ORDER BY seq) AS is_old
                FROM (
                    SELECT seq, created_at
                    FROM feed_events
                    WHERE feed_events.user_id = looked.user_id
                    ORDER BY seq
                    LIMIT %(rows)s
                ) first
            ) beginning
            WHERE is_old
        ),
        gone AS (
            DELETE FROM feed_events
            USING old
            WHERE feed_events.user_id = old.user_id
                AND feed_events.seq = old.seq
        ),
        counted AS (
            SELECT user_id, count(*) AS n
            FROM old
            GROUP BY user_id
        )
        SELECT
            coalesce(
                (SELECT min(user_id) - 1 FROM counted WHERE n = %(rows)s),
                (SELECT max(user_id) FROM looked)
            ),
            (SELECT coalesce(sum(n), 0)::bigint FROM counted)
        """,
        {"after": after, "feeds": FEEDS_AT_ONCE, "rows": ROWS_AT_ONCE, "days": retention_days},
    )
    return rows[0][0], rows[0][1]
