"""Finds streams that have missed an event, because publishing may fail.

Each stream is checked at its heartbeat. So an event that was stored but not published arrives one
heartbeat late at most. After a write with an unknown outcome, all streams are checked at once.
"""

import asyncio
from collections.abc import Sequence

from bus.bus import Bus, Subscriber
from db import feed, pool
from db.errors import DatabaseError
from db.pool import Database

LARGEST_CHECK = 256  # streams checked in one statement
AGAIN_SECONDS = (1, 2, 4)  # after a lost connection, a statement may still commit until its timeout


class GapDetector:
    """Compares the positions of streams with their feeds, in background tasks."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._checks: set[asyncio.Task[None]] = set()
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

    def _check_all(self) -> None:
        streams = list(self._bus)
        for start in range(0, len(streams), LARGEST_CHECK):
            self.check(streams[start : start + LARGEST_CHECK])

    async def _compare(self, streams: Sequence[Subscriber]) -> None:
        pool.begin_request()
        try:
            newest = await feed.newest(self._db, {stream.user_id for stream in streams})
        except DatabaseError:
            return  # the next heartbeat checks again
        for stream in streams:
            stream.catch_up(newest.get(stream.user_id, 0))
