"""Finds streams that have missed an event or the end of their session.

Publishing may fail, and news from other servers may be lost. Each stream is checked at its
heartbeat. So an event that was stored but not published arrives one heartbeat late at most. After a
write with an unknown outcome, and after the end of another server, all streams are checked at once.
"""

import asyncio
from collections.abc import Sequence

from bus.bus import Bus, Subscriber
from db import pool, positions
from db.errors import DatabaseError
from db.pool import Database
from db.positions import PositionRequest

LARGEST_CHECK = 256  # streams checked in one statement
AGAIN_SECONDS = (1, 2, 4)  # after a lost connection, a statement may still commit until its timeout


class GapDetector:
    """Compares the positions of streams with their feeds, in background tasks."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._checks: set[asyncio.Task[bool]] = set()
        self._again: list[asyncio.TimerHandle] = []

    def check(self, streams: Sequence[Subscriber]) -> None:
        task = asyncio.create_task(self._compare(streams))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    def check_all(self) -> None:
        """Checks all streams now, and again until a statement of a lost connection has ended."""
        while self._again:
            self._again.pop().cancel()
        loop = asyncio.get_running_loop()
        self._again = [loop.call_later(seconds, self._check_all) for seconds in AGAIN_SECONDS]
        self._check_all()

    async def compare_all(self) -> bool:
        """Checks all streams that are open now. Returns whether each could be checked."""
        streams = list(self._bus)
        parts = [streams[n : n + LARGEST_CHECK] for n in range(0, len(streams), LARGEST_CHECK)]
        return all([await self._compare(part) for part in parts])

    def _check_all(self) -> None:
        streams = list(self._bus)
        for start in range(0, len(streams), LARGEST_CHECK):
            self.check(streams[start : start + LARGEST_CHECK])

    async def _compare(self, streams: Sequence[Subscriber]) -> bool:
        """Returns False if the database did not answer: the next heartbeat checks again."""
        pool.begin_request()
        wanted = [PositionRequest(stream.user_id, stream.session_id, None) for stream in streams]
        try:
            found = await positions.of(self._db, wanted)
        except DatabaseError:
            return False
        for stream, position in zip(streams, found, strict=True):
            if position.session_lives:
                stream.catch_up(position.last_seq)
            else:
                stream.end("revoked")
        return True
