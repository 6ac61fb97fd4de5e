"""Looks whether streams are behind their feeds: publishing is an optimisation, and may have failed.

At each heartbeat, so that an event whose publisher died is at most that late; and at once, for all
streams, after a write whose outcome was unknown for a while.
"""

import asyncio
from collections.abc import Sequence

from bus.bus import Bus, Stream
from db import feed, pool
from db.errors import DatabaseError
from db.pool import Database

LARGEST_LOOK = 256  # streams looked at in one statement
AGAIN_SECONDS = (1, 2, 4)  # a statement whose connection broke may commit as late as its timeout


class Lookout:
    """Compares the positions of streams with those of their feeds, in the background."""

    def __init__(self, db: Database, bus: Bus) -> None:
        self._db = db
        self._bus = bus
        self._looks: set[asyncio.Task[None]] = set()
        self._again: list[asyncio.TimerHandle] = []

    def look_at(self, streams: Sequence[Stream]) -> None:
        look = asyncio.create_task(self._look(streams))
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    def look_at_all(self) -> None:
        """Now, and again until a statement that nobody waits for any more has ended."""
        while self._again:
            self._again.pop().cancel()
        loop = asyncio.get_running_loop()
        self._again = [loop.call_later(seconds, self._look_at_all) for seconds in AGAIN_SECONDS]
        self._look_at_all()

    def _look_at_all(self) -> None:
        streams = list(self._bus)
        for start in range(0, len(streams), LARGEST_LOOK):
            self.look_at(streams[start : start + LARGEST_LOOK])

    async def _look(self, streams: Sequence[Stream]) -> None:
        pool.begin_request()
        try:
            newest = await feed.newest(self._db, {stream.user_id for stream in streams})
        except DatabaseError:
            return  # the next heartbeat looks again
        for stream in streams:
            stream.catch_up(newest.get(stream.user_id, 0))
