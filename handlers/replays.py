"""Replays: the events that a stream has missed, in encoded pages.

A user may have ten streams, and each may miss a thousand events of 24 KB. So one page at a time is
read and encoded for each user, at a bounded rate. A client that reads its page slowly does not
delay the user's other streams.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

from db.feed import LONGEST_PAGE, FeedReader
from handlers.delivery import encoded
from time_budget import TimeBudget

PIECE_BYTES = 32 * 1024  # of one write
ENCODING_SECONDS = 0.001  # of one iteration of the loop
PAGE_BYTES = 256 * 1024  # of memory for a client that does not read; one event may be larger
BYTES_PER_SECOND = 16 * 2**20  # for one user: a few hundredths of the loop's time
_SHORTEST_TIMER_SECONDS = 0.001


class Pruned(Exception):
    """Pruning has removed the next event from the feed."""


class LeftOut(Exception):
    """The user has left a conversation since the stream opened, and the feed hides its events."""


class Piece(NamedTuple):
    data: bytes
    seq: int  # of its last event


class Page(NamedTuple):
    pieces: list[Piece]
    seq: int  # of the last event that was read
    size: int  # bytes
    seconds: float  # time of the loop that encoding took
    more: bool
    limit: int  # number of events to read for the next page, if they have the same size
    appended_at: list[float]  # of each event, in seconds since 1970


async def read_page(
    feeds: FeedReader,
    user_id: int,
    after: int,
    limit: int,
    *,
    opened_at: int,
    epoch: str | None = None,
) -> Page:
    """Reads up to `limit` events after `after`, and encodes up to `PAGE_BYTES` of them.

    Skips events that the user may no longer see. Raises `LeftOut` for one of those if it is later
    than `opened_at`, the newest number as the stream opened. Also raises `Pruned`,
    `feed.UnknownKind` and `errors.DatabaseError`. Events of another epoch than `epoch` belong to
    another database.
    """
    events, more = await feeds.read(user_id, after, limit)
    pieces: list[Piece] = []
    times: list[float] = []
    piece, size, seq = b"", 0, after
    seconds, began, budget = 0.0, time.monotonic(), TimeBudget(ENCODING_SECONDS)
    for fact in events:
        if size >= PAGE_BYTES:
            more = True
            break
        if fact.seq != seq + 1 or epoch not in (None, fact.epoch):
            raise Pruned
        feeds.check(fact)
        if fact.kind is None and fact.seq > opened_at:
            raise LeftOut
        seq = fact.seq
        times.append(fact.appended_at)
        if fact.data is not None:
            frame = encoded(fact).plain
            piece += frame
            size += len(frame)
        if len(piece) >= PIECE_BYTES:
            pieces.append(Piece(piece, seq))
            piece = b""
        if budget.is_spent:
            seconds += time.monotonic() - began
            await asyncio.sleep(0)
            began, budget = time.monotonic(), TimeBudget(ENCODING_SECONDS)
    pieces.append(Piece(piece, seq))
    seconds += time.monotonic() - began
    limit_that_fits = (seq - after) * PAGE_BYTES // max(size, 1)
    limit = min(max(limit_that_fits, 1), LONGEST_PAGE)
    return Page(pieces, seq, size, seconds, more, limit, times)


class ReplayTurn:
    """The right of one stream to read. The stream sets `size` to the bytes that it has encoded."""

    size = 0


class ReplayQueue:
    """Lets one stream of each user read at a time, in the order of their requests."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[asyncio.Future[None]]] = {}  # a user has one while reading

    @asynccontextmanager
    async def turn(self, user_id: int) -> AsyncIterator[ReplayTurn]:
        await self._enter(user_id)
        turn = ReplayTurn()
        try:
            yield turn
        finally:
            rest = turn.size / BYTES_PER_SECOND
            if rest < _SHORTEST_TIMER_SECONDS:
                self._next(user_id)
            else:
                asyncio.get_running_loop().call_later(rest, self._next, user_id)

    async def _enter(self, user_id: int) -> None:
        queue = self._waiting.get(user_id)
        if queue is None:
            self._waiting[user_id] = deque()
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(granted)
        try:
            await granted
        except asyncio.CancelledError:
            if granted.done() and not granted.cancelled():
                self._next(user_id)
            raise

    def _next(self, user_id: int) -> None:
        queue = self._waiting[user_id]
        while queue:
            granted = queue.popleft()
            if not granted.done():
                return granted.set_result(None)
        del self._waiting[user_id]
