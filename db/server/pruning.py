"""Deletes old feed rows, sessions that have ended, and groups without members, in small steps.

If the clock jumps ahead, nothing is deleted: rows that look old may be young when it is corrected.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from db import pool, sessions
from db.errors import DatabaseError
from db.pool import Database

FEEDS_AT_ONCE = 100  # in one statement
ROWS_AT_ONCE = 50  # of each feed, so that a step takes milliseconds
SESSIONS_AT_ONCE = 500  # in one statement
USES_AT_ONCE = 5000  # sessions in one statement, which takes milliseconds
PAUSE_SECONDS = 0.05  # between steps
MOST_ROWS = 1200  # of a feed: a client that is 1,000 events behind cannot resume anyway
MESSAGES_AT_ONCE = 500  # of a group without members, in one statement
GROUPS_REST_SECONDS = 20  # between rounds for groups: their messages are gone within a minute
PRUNING_LOCK = 0x6D657373656E6767  # one server prunes at a time; the others find nothing
REST_SECONDS = 3600  # between rounds
QUIET_SECONDS = 24 * 3600  # the longest believable time since the last use of any session

_log = logging.getLogger("messenger.db")


class Pruner:
    """Prunes all feeds and sessions, again and again.

    It always deletes the beginning of a feed. So the rest of the feed has no gap.
    """

    def __init__(self, db: Database, retention_days: int, *, pause: float = PAUSE_SECONDS) -> None:
        self._db = db
        self._retention_days = retention_days
        self._pause = pause
        self._clock = _SteadyClock(db)

    async def run(self) -> None:
        """Prunes until cancelled."""
        while True:
            if pruned := await self.go_round():
                _log.info("%d events that no client can resume from are deleted", pruned)
            if ended := await self.go_round_sessions():
                _log.info("%d unused sessions are deleted", ended)
            await asyncio.sleep(REST_SECONDS)

    async def run_groups(self) -> None:
        """Deletes groups without members until cancelled."""
        while True:
            if await self.go_round_groups():
                _log.info("groups that everybody has left are deleted")
            await asyncio.sleep(GROUPS_REST_SECONDS)

    async def go_round_groups(self) -> int:
        """Deletes groups without members. Returns the number of rows of messages and groups."""
        return await self._steps(lambda after, now: _groups_step(self._db, after))

    async def go_round(self) -> int:
        """Deletes old feed rows, and returns their number."""
        return await self._steps(
            lambda after, now: _step(self._db, after, now, self._retention_days)
        )

    async def go_round_sessions(self) -> int:
        """Deletes sessions that were unused for too long, and returns their number."""
        return await self._steps(lambda after, now: _sessions_step(self._db, after, now))

    async def _steps(self, step: Callable[[int, float], Awaitable[tuple[int | None, int]]]) -> int:
        """Takes all steps, one after the other. Waits while the database is unavailable."""
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
    """A clock that starts at the database's time, and advances with the monotonic clock."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ahead: float | None = None  # seconds to add to the monotonic clock

    async def now(self) -> float:
        """Returns the time in seconds since 1970. Raises `DatabaseError`.

        It starts at most a day after the last use of any session. The database's clock may be wrong
        at the start, for example on a machine without a clock battery.
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
    """Reads the next sessions after the id `after`.

    Returns the id to continue from (None at the end), the database's time, and the time of the last
    use of these sessions.
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
    """Prunes the feeds of the next users after `after`.

    Returns the user id to continue from (None at the end), and the number of deleted rows. Keeps a
    feed from its first row that is young enough, even if later rows have older times, but at most
    its last `MOST_ROWS`.
    """
    rows = await db.rows(
        """
        WITH looked AS (
            SELECT user_id, last_seq
            FROM feeds
            WHERE user_id > %(after)s
                AND (SELECT pg_try_advisory_xact_lock(%(lock)s))
            ORDER BY user_id
            LIMIT %(feeds)s
        ),
        old AS (
            SELECT looked.user_id, beginning.seq
            FROM looked
            CROSS JOIN LATERAL (
                SELECT
                    seq,
                    seq <= looked.last_seq - %(most)s
                        OR bool_and(created_at < least(now(), to_timestamp(%(now)s))
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
            "most": MOST_ROWS,
            "days": retention_days,
            "lock": PRUNING_LOCK,
        },
    )
    return rows[0][0], rows[0][1]


async def _sessions_step(db: Database, after: int, now: float) -> tuple[int | None, int]:
    """Prunes the next sessions after the id `after`.

    Returns the id to continue from (None at the end), and the number of deleted sessions.
    """
    rows = await db.rows(
        """
        WITH looked AS (
            SELECT id
            FROM sessions
            WHERE id > %(after)s
                AND (SELECT pg_try_advisory_xact_lock(%(lock)s))
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
            "lock": PRUNING_LOCK,
            "idle_days": sessions.IDLE_DAYS,
        },
    )
    return rows[0][0], rows[0][1]


async def _groups_step(db: Database, after: int) -> tuple[int | None, int]:
    """Deletes messages of one group without members, and the group if there are none any more.

    Returns the id to continue after (None at the end), and the number of deleted rows.
    """
    rows = await db.rows(
        """
        WITH empty AS (
            SELECT id
            FROM conversations
            WHERE member_count = 0
                AND id > %(after)s
                AND (SELECT pg_try_advisory_xact_lock(%(lock)s))
            ORDER BY id
            LIMIT 1
        ),
        doomed AS (
            SELECT messages.conversation_id, messages.id, messages.mentions
            FROM empty
            CROSS JOIN LATERAL (
                SELECT conversation_id, id, mentions
                FROM messages
                WHERE messages.conversation_id = empty.id
                ORDER BY id
                LIMIT %(messages)s
            ) messages
        ),
        unmentioned AS (
            DELETE FROM mentions
            USING doomed, jsonb_array_elements(doomed.mentions) mention
            WHERE mentions.user_id = (mention ->> 'userId')::bigint
                AND mentions.conversation_id = doomed.conversation_id
                AND mentions.message_id = doomed.id
        ),
        unreacted AS (
            DELETE FROM reactions
            USING doomed
            WHERE reactions.conversation_id = doomed.conversation_id
                AND reactions.message_id = doomed.id
        ),
        gone AS (
            DELETE FROM messages
            USING doomed
            WHERE messages.conversation_id = doomed.conversation_id
                AND messages.id = doomed.id
        ),
        ended AS (
            DELETE FROM conversations
            USING empty
            WHERE conversations.id = empty.id
                AND NOT EXISTS (SELECT FROM doomed)
            RETURNING conversations.id
        )
        SELECT
            CASE WHEN (SELECT count(*) FROM ended) > 0 THEN empty.id ELSE empty.id - 1 END,
            (SELECT count(*) FROM doomed) + (SELECT count(*) FROM ended)
        FROM empty
        """,
        {"after": after, "messages": MESSAGES_AT_ONCE, "lock": PRUNING_LOCK},
    )
    return (rows[0][0], rows[0][1]) if rows else (None, 0)
