"""Finds streams that are behind their feeds: publishing is an optimisation, and may have failed.

Streams are checked at each heartbeat, so that an event whose publisher died is at most that late.
All of them are checked at once after a write whose outcome was unknown for a while.
"""

import asyncio
from collections.abc import Sequence

from bus.bus import Bus, Subscriber
from db import feed, pool
from db.errors import DatabaseError
from db.pool import Database

LARGEST_CHECK = 256  # streams checked in one statement
AGAIN_SECONDS = (1, 2, 4)  # a statement whose connection broke may commit as late as its timeout


class GapDetector:
    """Compares the positions of streams with those of their feeds, in the background."""

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
        """Now, and again until a statement that nobody waits for any more has ended."""
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
