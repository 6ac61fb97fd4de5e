"""The bus: from each user to their open streams, in one dict in one loop."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from typing import Protocol

from bus.event import Frame
from bus.outlet import Outlet
from bus.volley import OneByOne, Volley, best

SLICE = 2000  # streams written to in one turn of the loop: about 5 ms, 20 where none is ready
MANY = 16  # streams; for fewer a volley gains nothing

_log = logging.getLogger("messenger.bus")


class Stream(Protocol):
    """An open stream, as the bus sees it. None of its methods blocks or awaits."""

    user_id: int
    session_id: int
    expires_at: float  # in the loop's time
    outlet: Outlet

    @property
    def left(self) -> bool:
        """Whether it is over; nothing may be written to it any more."""

    def deliver(self, seq: int, frame: Frame) -> None:
        """The event `seq` of its user's feed has happened."""

    def go_on(self, rest: bytes) -> None:
        """Of the last event its outlet took all but this, which is to be sent first."""

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
        self._outlets: dict[int, set[Outlet]] = {}
        self._count = 0
        self._pending: deque[tuple[Iterator[Outlet], int, Frame]] = deque()
        self._volley: Volley | None = None  # the best that this machine has, once one is needed

    def __len__(self) -> int:
        """How many streams are open."""
        return self._count

    def __iter__(self) -> Iterator[Stream]:
        """All open streams, as they are now."""
        return iter([s for user_id in self._outlets for s in self.streams_of(user_id)])

    def streams_of(self, user_id: int) -> Collection[Stream]:
        """As they are now: the caller may end them meanwhile."""
        outlets = self._outlets.get(user_id, ())
        return tuple(outlet.stream for outlet in outlets if outlet.stream is not None)

    def count_of(self, user_id: int) -> int:
        return len(self._outlets.get(user_id, ()))

    def add(self, stream: Stream) -> None:
        outlets = self._outlets.setdefault(stream.user_id, set())
        self._count += stream.outlet not in outlets
        outlets.add(stream.outlet)
        stream.outlet.stream = stream

    def discard(self, stream: Stream) -> None:
        outlets = self._outlets.get(stream.user_id, set())
        if stream.outlet in outlets:
            outlets.remove(stream.outlet)
            stream.outlet.stream = None  # a cycle would leave it to the garbage collector
            self._count -= 1
            if not outlets:
                del self._outlets[stream.user_id]

    def publish(self, user_id: int, seq: int, frame: Frame) -> None:
        """Hands the event on without waiting for anyone.

        Beyond `SLICE` streams the rest follows in later turns of the loop, and all that is
        published meanwhile queues up behind it.
        """
        outlets = self._outlets.get(user_id)
        if not outlets:
            return
        self._pending.append((iter(tuple(outlets)), seq, frame))
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
            outlets, seq, frame = self._pending[0]
            some = list(islice(outlets, room))
            room -= len(some)
            if len(some) >= MANY:
                self._write_to_many(some, seq, frame)
            for outlet in some:
                if outlet.seq != seq and (stream := outlet.stream) is not None:
                    _guarded(stream, stream.deliver, seq, frame)
            if room == 0:
                asyncio.get_running_loop().call_soon(self._hand_out)
                return
            self._pending.popleft()

    def _write_to_many(self, outlets: Sequence[Outlet], seq: int, frame: Frame) -> None:
        """To those that take it as it is."""
        ready = [outlet for outlet in outlets if outlet.takes(seq)]
        if len(ready) < MANY:
            return
        for outlet in ready:
            outlet.seq = seq
        try:
            if self._volley is None:
                self._volley = best()
            shorts = self._volley.write([outlet.descriptor for outlet in ready], frame.chunk)
        except Exception:
            _log.exception("a volley broke")
            self._volley = OneByOne()  # what the other one holds is in doubt
            for stream in [outlet.stream for outlet in ready]:
                if stream is not None:
                    stream.break_off()
            return
        for place, sent in shorts:
            if (stream := ready[place].stream) is not None:
                _guarded(stream, stream.go_on, frame.chunk[sent:])


def _guarded(stream: Stream, call: Callable[..., None], *args: object) -> None:
    """A stream that breaks is no other's trouble."""
    try:
        call(*args)
    except Exception:
        _log.exception("a stream of user %d broke", stream.user_id)
        stream.break_off()
