"""Deletes feed rows beyond the retention, and sessions that have ended, a few at a time.

A clock that leaps ahead deletes nothing: what it makes look old may be young once it is set right.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from db import pool, sessions
from db.errors import DatabaseError
from db.pool import Database

FEEDS_AT_ONCE = 100  # looked at in one statement
ROWS_AT_ONCE = 50  # of each of them, so that a step takes milliseconds
SESSIONS_AT_ONCE = 500  # looked at in one statement
USES_AT_ONCE = 5000  # sessions: milliseconds
PAUSE_SECONDS = 0.05  # between steps
REST_SECONDS = 3600  # between rounds
QUIET_SECONDS = 24 * 3600  # for how long nobody is believed to have written anything

_log = logging.getLogger("messenger.db")


class Pruner:
    """Goes round all feeds and sessions, over and over.

    What it deletes of a feed is always its beginning: nobody resumes from before it.
    """

    def __init__(self, db: Database, retention_days: int, *, pause: float = PAUSE_SECONDS) -> None:
        self._db = db
        self._retention_days = retention_days
        self._pause = pause
        self._clock = _SteadyClock(db)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            if pruned := await self.go_round():
                _log.info("%d events went beyond the feeds' retention", pruned)
            if ended := await self.go_round_sessions():
                _log.info("%d sessions that nobody used any more are deleted", ended)
            await asyncio.sleep(REST_SECONDS)

    async def go_round(self) -> int:
        """Deletes old feed rows. Returns how many."""
        return await self._steps(
            lambda after, now: _step(self._db, after, now, self._retention_days)
        )

    async def go_round_sessions(self) -> int:
        """Deletes sessions that were not used for too long to live. Returns how many."""
        return await self._steps(lambda after, now: _sessions_step(self._db, after, now))

    async def _steps(self, step: Callable[[int, float], Awaitable[tuple[int | None, int]]]) -> int:
        """Takes all steps, one after the other. A database that is away is waited for."""
        pruned = 0
        after: int | None = 0
        while after is not None:
            pool.begin_request()
            try:
                after, gone = await step(after, await self._clock.now())
                pruned += gone
            except DatabaseError as error:
                _log.info("pruning waits: %s", error)
            await asyncio.sleep(self._pause)
        return pruned


class _SteadyClock:
    """Goes as the monotonic clock does, from the database's time at the first look."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ahead: float | None = None  # of the monotonic clock, in seconds

    async def now(self) -> float:
        """The time in seconds since 1970. Raises `DatabaseError`.

        It begins a day after the last use of any session at most: a clock may be wrong at the start
        already, as where a machine has no battery for it.
        """
        if self._ahead is None:
            self._ahead = await self._believed() - time.monotonic()
        return self._ahead + time.monotonic()

    async def _believed(self) -> float:
        now, used = 0.0, list[float]()
        after: int | None = 0
        while after is not None:
            pool.begin_request()
            after, now, last_use = await _look_at_uses(self._db, after)
            used += [last_use] if last_use is not None else []
        return min(now, max(used, default=now) + QUIET_SECONDS)


async def _look_at_uses(db: Database, after: int) -> tuple[int | None, float, float | None]:
    """Looks at the next sessions beyond the id `after`.

    The id to go on from, None at the end, the database's time, and when one of them was used last.
    """
    rows = await db.rows(
        """
        SELECT
            max(id),
            extract(epoch FROM now())::double precision,
            extract(epoch FROM max(greatest(created_at, last_seen_at)))::double precision
        FROM (
            SELECT id, created_at, last_seen_at
            FROM sessions
            WHERE id > %(after)s
            ORDER BY id
            LIMIT %(sessions)s
        ) looked
        """,
        {"after": after, "sessions": USES_AT_ONCE},
    )
    return rows[0][0], rows[0][1], rows[0][2]


async def _step(
    db: Database, after: int, now: float, retention_days: int
) -> tuple[int | None, int]:
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
                    bool_and(created_at < least(now(), to_timestamp(%(now)s))
                        - make_interval(days => %(days)s))
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
        {
            "after": after,
            "now": now,
            "feeds": FEEDS_AT_ONCE,
            "rows": ROWS_AT_ONCE,
            "days": retention_days,
        },
    )
    return rows[0][0], rows[0][1]


async def _sessions_step(db: Database, after: int, now: float) -> tuple[int | None, int]:
    """Looks at the next sessions beyond the id `after`.

    The id to go on from, None at the end, and how many were deleted.
    """
    rows = await db.rows(
        """
        WITH looked AS (
            SELECT id
            FROM sessions
            WHERE id > %(after)s
            ORDER BY id
            LIMIT %(sessions)s
        ),
        gone AS (
            DELETE FROM sessions
            WHERE id = ANY (ARRAY (SELECT id FROM looked))
                AND last_seen_at < least(now(), to_timestamp(%(now)s))
                    - make_interval(days => %(idle_days)s)
            RETURNING id
        )
        SELECT (SELECT max(id) FROM looked), (SELECT count(*) FROM gone)
        """,
        {
            "after": after,
            "now": now,
            "sessions": SESSIONS_AT_ONCE,
            "idle_days": sessions.IDLE_DAYS,
        },
    )
    return rows[0][0], rows[0][1]
