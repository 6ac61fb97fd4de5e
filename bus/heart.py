"""The heartbeat: each open stream is called upon now and then, all of them spread over time.

At the latest when its token expires, so that no stream needs a timer of its own.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from bus.bus import Stream
from bus.event import HEARTBEAT_SECONDS

SLICE = 200  # streams pinged in one turn of the loop: about 2 ms
SPREAD = 0.2  # of the interval, either way
SLOT_SECONDS = 0.05  # of 10,000 streams some 25 are due in each: half a millisecond of the loop

_log = logging.getLogger("messenger.bus")


class Heart:
    """A wheel of short slots, each with the streams that are due then.

    One timer for all streams, and none while there are no streams. `after` is told which streams
    were pinged in one turn of the loop.
    """

    def __init__(
        self,
        interval: Callable[[], float] | None = None,
        after: Callable[[Sequence[Stream]], None] | None = None,
    ) -> None:
        self._interval = interval or _interval
        self._after = after
        self._slots: dict[int, dict[Stream, None]] = {}
        self._due: dict[Stream, int] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._next = 0  # the slot that it waits for

    def add(self, stream: Stream) -> None:
        now = asyncio.get_running_loop().time()
        due = int(max(now, min(now + self._interval(), stream.expires_at)) / SLOT_SECONDS) + 1
        self._due[stream] = due
        self._slots.setdefault(due, {})[stream] = None
        if self._timer is None or due < self._next:
            self._wait()

    def discard(self, stream: Stream) -> None:
        due = self._due.pop(stream, None)
        if due is not None and due in self._slots:
            self._slots[due].pop(stream, None)

    def _wait(self) -> None:
        """For the next slot that has streams."""
        if self._timer is not None:
            self._timer.cancel()
        self._next = min(self._slots)
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(self._next * SLOT_SECONDS, self._beat)

    def _beat(self) -> None:
        """Serves what is due, one slice a turn of the loop."""
        self._next = 0  # whoever is added meanwhile waits for the end of this
        now = asyncio.get_running_loop().time()
        pinged: list[Stream] = []
        for slot in sorted(self._slots):
            if slot * SLOT_SECONDS > now:
                break
            streams = self._slots[slot]
            while streams and len(pinged) < SLICE:
                stream, _ = streams.popitem()
                pinged.append(stream)
                self._serve(stream)
            if not streams:
                del self._slots[slot]
        if self._after is not None and pinged:
            self._after(pinged)
        if not self._due:
            self._timer = None
        elif len(pinged) == SLICE:
            self._timer = asyncio.get_running_loop().call_later(0, self._beat)
        else:
            self._wait()

    def _serve(self, stream: Stream) -> None:
        del self._due[stream]
        try:
            stream.ping()
        except Exception:
            _log.exception("a stream of user %d broke", stream.user_id)
            stream.break_off()
        else:
            if not stream.left:
                self.add(stream)


def _interval() -> float:
    """Seconds."""
    return HEARTBEAT_SECONDS * random.uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311
