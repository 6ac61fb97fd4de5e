"""The bus: from each user to their open streams, in one dict in one loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from typing import Protocol

from bus.event import Frame

SLICE = 200  # streams written to in one turn of the loop: about 5 ms

_log = logging.getLogger("messenger.bus")


class Stream(Protocol):
    """An open stream, as the bus sees it. None of its methods blocks or awaits."""

    user_id: int
    session_id: int
    expires_at: float  # in the loop's time

    @property
    def left(self) -> bool:
        """Whether it is over; nothing may be written to it any more."""

    def deliver(self, seq: int, frame: Frame) -> None:
        """The event `seq` of its user's feed has happened."""

    def catch_up(self, seq: int) -> None:
        """Its user's feed has come to `seq`: what it has not been told of, it reads."""

    def ping(self) -> None:
        """The heartbeat; a stream whose time is up ends instead."""

    def end(self, reason: str) -> None:
        """Says `bye` and leaves."""

    def break_off(self) -> None:
        """Leaves at once: its state is in doubt, and its client shall resume."""


class Bus:
    """Registers streams and hands each event to all streams of its user, in the order published."""

    def __init__(self) -> None:
        self._streams: dict[int, set[Stream]] = {}
        self._count = 0
        self._pending: deque[tuple[Iterator[Stream], int, Frame]] = deque()

    def __len__(self) -> int:
        """How many streams are open."""
        return self._count

    def __iter__(self) -> Iterator[Stream]:
        """All open streams, as they are now."""
        return iter([stream for streams in self._streams.values() for stream in streams])

    def streams_of(self, user_id: int) -> Collection[Stream]:
        """As they are now: the caller may end them meanwhile."""
        return tuple(self._streams.get(user_id, ()))

    def count_of(self, user_id: int) -> int:
        return len(self._streams.get(user_id, ()))

    def add(self, stream: Stream) -> None:
        streams = self._streams.setdefault(stream.user_id, set())
        self._count += stream not in streams
        streams.add(stream)

    def discard(self, stream: Stream) -> None:
        streams = self._streams.get(stream.user_id, set())
        if stream in streams:
            streams.remove(stream)
            self._count -= 1
            if not streams:
                del self._streams[stream.user_id]

    def publish(self, user_id: int, seq: int, frame: Frame) -> None:
        """Hands the event on without waiting for anyone.

        Beyond `SLICE` streams the rest follows in later turns of the loop, and all that is
        published meanwhile queues up behind it.
        """
        streams = self._streams.get(user_id)
        if not streams:
            return
        self._pending.append((iter(tuple(streams)), seq, frame))
        if len(self._pending) == 1:
            self._hand_out()

    def end_sessions(self, user_id: int, session_ids: Collection[int]) -> None:
        """Ends the streams that these sessions opened."""
        for stream in self.streams_of(user_id):
            if stream.session_id in session_ids:
                stream.end("revoked")

    def _hand_out(self) -> None:
        room = SLICE
        while self._pending:
            streams, seq, frame = self._pending[0]
            for stream in islice(streams, room):
                room -= 1
                try:
                    stream.deliver(seq, frame)
                except Exception:
                    _log.exception("a stream of user %d broke", stream.user_id)
                    stream.break_off()
            if room == 0:
                asyncio.get_running_loop().call_soon(self._hand_out)
                return
            self._pending.popleft()
