"""Sessions: who has signed in where, and whether that still holds."""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec
from cachetools import LRUCache, TTLCache

from db import pool
from db.errors import DatabaseError
from db.pool import Database
from db.prepared import array
from db.schema_types import Id, Time
from db.snapshot import Keyset, NotFound, Page

IDLE_DAYS = 30  # a session that is not used for so long has ended
TOUCH_MINUTES = 5  # how exact "last seen" is; each request would be a write otherwise
USER_AGENT_LENGTH = 400
MOST_LISTED = 1000  # on one page
LATEST = (2**63 - 1, 2**63 - 1)  # beyond every session: (microseconds, id)
REMEMBERED = 100_000  # sessions, at about 100 bytes each
REMEMBERED_SECONDS = 60  # bounds what a change made behind the server's back can do
GATHER_SECONDS = 0.2  # uses, which are written together while nobody waits for that


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """A sign-in as its user sees it."""

    id: Id
    created_at: Time
    last_seen_at: Time
    user_agent: str
    current: bool


@dataclass(slots=True)
class _Living:
    user_id: int
    is_used: bool  # False: known from a stream that opened, which is no use


class Sessions:
    """Living sessions, remembered for a minute: one server a database, so all ends pass here."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._living: TTLCache[int, _Living] = TTLCache(REMEMBERED, REMEMBERED_SECONDS)
        self._ended: LRUCache[int, None] = LRUCache(REMEMBERED)  # none comes back to life
        self.ends = 0  # a look-up that began before an end must not be remembered after it
        self._used: set[int] = set()  # and not written yet
        self._writing: set[asyncio.Task[None]] = set()

    async def begin(self, user_id: int, user_agent: str) -> int:
        """A new session's id. Of `user_agent` the beginning is kept, and what can be shown."""
        # Not twice: a second session that nobody holds would show up in the user's list.
        rows = await self._db.rows(
            """
            INSERT INTO sessions (user_id, user_agent)
            VALUES (%(user_id)s, %(user_agent)s)
            RETURNING id
            """,
            {"user_id": user_id, "user_agent": _shown(user_agent)[:USER_AGENT_LENGTH]},
            twice=False,
        )
        return int(rows[0][0])

    async def is_living(self, session_id: int, user_id: int) -> bool:
        """Whether this is a session of that user which has not ended; counts as its use."""
        if (known := self._living.get(session_id)) is not None:
            if known.user_id == user_id and not known.is_used:
                known.is_used = True
                self._write_soon(session_id)
            return known.user_id == user_id
        ends = self.ends
        row = await self._db.row(
            """
            WITH touched AS (
                UPDATE sessions
                SET last_seen_at = clock_timestamp()
                WHERE id = %(session_id)s
                    AND user_id = %(user_id)s
                    AND last_seen_at < now() - make_interval(mins => %(touch_minutes)s)
                    AND last_seen_at > now() - make_interval(days => %(idle_days)s)
            )
            SELECT user_id
            FROM sessions
            WHERE id = %(session_id)s
                AND user_id = %(user_id)s
                AND last_seen_at > now() - make_interval(days => %(idle_days)s)
            """,
            {
                "session_id": session_id,
                "user_id": user_id,
                "touch_minutes": TOUCH_MINUTES,
                "idle_days": IDLE_DAYS,
            },
        )
        if row is not None and ends == self.ends:
            self._living[session_id] = _Living(user_id, is_used=True)
        if row is None:
            self._ended[session_id] = None
        return row is not None

    def forget(self) -> None:
        """All that is known, since the database is another one."""
        self.ends += 1
        self._living.clear()
        self._ended.clear()
        self._used.clear()

    def has_ended(self, session_id: int) -> bool:
        """Whether that is known here; nobody is asked."""
        return session_id in self._ended

    def remember(self, living: Iterable[tuple[int, int]], ends: int) -> None:
        """Sessions and their users, that were seen to live after `ends` of them had ended."""
        if ends == self.ends:
            for session_id, user_id in living:
                if session_id not in self._living:
                    self._living[session_id] = _Living(user_id, is_used=False)

    def _write_soon(self, session_id: int) -> None:
        if not self._used:
            asyncio.get_running_loop().call_later(GATHER_SECONDS, self._begin_to_write)
        self._used.add(session_id)

    def _begin_to_write(self) -> None:
        task = asyncio.create_task(self._write_uses())
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)

    async def _write_uses(self) -> None:
        """What is lost here is written when the session is used beyond its minute."""
        used, self._used = self._used, set()
        pool.begin_request()
        with contextlib.suppress(DatabaseError):
            # Skipped: to wait for one session while others are locked would be half a deadlock.
            await self._db.rows(
                """
                UPDATE sessions
                SET last_seen_at = clock_timestamp()
                WHERE id IN (
                    SELECT id
                    FROM sessions
                    WHERE id = ANY (%(session_ids)s::bigint[])
                        AND last_seen_at < now() - make_interval(mins => %(touch_minutes)s)
                        AND last_seen_at > now() - make_interval(days => %(idle_days)s)
                    FOR NO KEY UPDATE SKIP LOCKED
                )
                """,
                {
                    "session_ids": array(used),
                    "touch_minutes": TOUCH_MINUTES,
                    "idle_days": IDLE_DAYS,
                },
            )

    async def of(self, user_id: int, current_id: int, *, before: Keyset = LATEST) -> Page[Session]:
        """The user's living sessions beyond `before` (microseconds, id), latest seen first."""
        rows = await self._db.rows(
            """
            SELECT id::text, rfc3339(created_at), rfc3339(last_seen_at), user_agent,
                id = %(current_id)s, microseconds(last_seen_at)
            FROM sessions
            WHERE user_id = %(user_id)s
                AND last_seen_at > now() - make_interval(days => %(idle_days)s)
                AND (microseconds(last_seen_at), id) < (%(seen_at)s::bigint, %(id)s::bigint)
            ORDER BY last_seen_at DESC, id DESC
            LIMIT %(limit)s
            """,
            {
                "user_id": user_id,
                "current_id": current_id,
                "idle_days": IDLE_DAYS,
                "seen_at": before[0],
                "id": before[1],
                "limit": MOST_LISTED + 1,
            },
        )
        items = [Session(*row[:5]) for row in rows[:MOST_LISTED]]
        has_more = len(rows) > MOST_LISTED
        return Page(items, has_more, lambda index: (rows[index][5], int(rows[index][0])))

    async def end(self, user_id: int, session_id: int) -> None:
        """Raises `NotFound` where the user has no such session."""
        if not await self._end(user_id, [session_id], "id = %(session_id)s", session_id):
            raise NotFound

    async def end_others(self, user_id: int, kept_id: int) -> None:
        """Ends all of the user's sessions but one."""
        try:
            await self._end(user_id, [], "id <> %(session_id)s", kept_id)
        finally:  # those of now: some may have been remembered while it was written
            for session_id, living in list(self._living.items()):
                if living.user_id == user_id and session_id != kept_id:
                    self._living.pop(session_id, None)

    async def _end(self, user_id: int, known: list[int], which: str, session_id: int) -> list[int]:
        ended = known
        try:
            rows = await self._db.rows(
                f"""
                DELETE FROM sessions
                WHERE user_id = %(user_id)s
                    AND {which}
                RETURNING id
                """,
                {"user_id": user_id, "session_id": session_id},
            )
            ended = [session for (session,) in rows]
            self._ended.update(dict.fromkeys(ended))
        finally:  # also when the outcome is unknown: the next request asks the database
            self.ends += 1
            for session in {*known, *ended}:
                self._living.pop(session, None)
        return ended


def _shown(text: str) -> str:
    """Without control characters, half characters and what turns the direction of writing."""
    return "".join(character for character in text if character.isprintable())
