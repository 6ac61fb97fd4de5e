"""Sessions: begins, checks, lists and ends sign-ins."""

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
from db.server.contact import Contact
from db.snapshot import Keyset, NotFound, Page

IDLE_DAYS = 30  # a session ends after this time without use
TOUCH_MINUTES = 5  # resolution of "last seen"; otherwise each request would be a write
USER_AGENT_LENGTH = 400
MOST_LISTED = 1000  # on one page
LATEST = (2**63 - 1, 2**63 - 1)  # after every session: (microseconds, id)
REMEMBERED = 100_000  # sessions, at about 100 bytes each
REMEMBERED_SECONDS = 60  # how late the server notices a change that it did not make
GATHER_SECONDS = 0.2  # uses within this time are written together, in the background


class Session(msgspec.Struct, frozen=True, rename="camel"):
    """A browser or a program that is signed in."""

    id: Id
    created_at: Time
    last_seen_at: Time
    user_agent: str
    current: bool


@dataclass(slots=True)
class _Living:
    user_id: int
    is_used: bool  # False: only a stream has opened, which does not count as use


class Sessions:
    """A cache of live sessions for a minute. All ends of sessions go through this object.

    It is used while there is `contact`: then this server hears of the ends by others.
    """

    def __init__(self, db: Database, contact: Contact | None = None) -> None:
        self._db = db
        self._contact = contact or Contact(needed=False)
        self._living: TTLCache[int, _Living] = TTLCache(REMEMBERED, REMEMBERED_SECONDS)
        self._ended: LRUCache[int, None] = LRUCache(REMEMBERED)  # an end is final
        self.ends = 0  # counts ends: a look-up that began before one must not be cached after it
        self._used: set[int] = set()  # uses that are not written yet
        self._writing: set[asyncio.Task[None]] = set()

    async def begin(self, user_id: int, user_agent: str) -> int:
        """Begins a session and returns its id. Stores the printable start of `user_agent`."""
        # Not repeated: a second session without a client would show up in the user's list.
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
        """Whether the user has this session and it has not ended. Counts as a use of it."""
        if self._contact.is_current and (known := self._living.get(session_id)) is not None:
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
        if row is not None and ends == self.ends and self._contact.is_current:
            self._living[session_id] = _Living(user_id, is_used=True)
        if row is None:
            self._ended[session_id] = None
        return row is not None

    def drop(self, session_ids: Iterable[int]) -> None:
        """Takes sessions out of the cache that have ended, on this server or on another."""
        self.ends += 1
        for session_id in session_ids:
            self._ended[session_id] = None
            self._living.pop(session_id, None)

    def forget(self) -> None:
        """Clears the cache, after a change of the database or a loss of contact."""
        self.ends += 1
        self._living.clear()
        self._ended.clear()
        self._used.clear()

    def has_ended(self, session_id: int) -> bool:
        """Whether the session is known to have ended. Does not ask the database."""
        return session_id in self._ended

    def remember(self, living: Iterable[tuple[int, int]], ends: int) -> None:
        """Caches live sessions and their users, unless a session has ended since `ends`."""
        if ends == self.ends and self._contact.is_current:
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
        """Writes the uses. After an error, a later use of the session writes it again."""
        used, self._used = self._used, set()
        pool.begin_request()
        with contextlib.suppress(DatabaseError):
            # SKIP LOCKED: waiting for one session while holding locks on others risks a deadlock.
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
        """Returns the user's live sessions after `before` (microseconds, id), latest seen first."""
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
        """Ends a session. Raises `NotFound` if the user has no such session."""
        if not await self._end(user_id, [session_id], "id = %(session_id)s", session_id):
            raise NotFound

    async def end_others(self, user_id: int, kept_id: int) -> None:
        """Ends all sessions of the user but one."""
        try:
            await self._end(user_id, [], "id <> %(session_id)s", kept_id)
        finally:  # reads the cache again: sessions may have been added during the statement
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
        finally:  # also if the outcome is unknown: the next request asks the database
            self.ends += 1
            for session in {*known, *ended}:
                self._living.pop(session, None)
        return ended


def _shown(text: str) -> str:
    """Removes control characters, lone surrogates, and changes of the writing direction."""
    return "".join(character for character in text if character.isprintable())
