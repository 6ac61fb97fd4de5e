"""The heartbeat: each open stream is called upon now and then, all of them spread over time.

At the latest when its token expires, so that no stream needs a timer of its own.
"""

import asyncio
import logging
import random
from collections.abc import Callable, Sequence

from bus.bus import SLICE, Stream
from bus.event import HEARTBEAT_SECONDS

SPREAD = 0.2  # of the interval, either way

_log = logging.getLogger("messenger.bus")


class Heart:
    """A wheel of one-second slots, each with the streams that are due then.

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

    def add(self, stream: Stream) -> None:
        now = asyncio.get_running_loop().time()
        due = int(max(now, min(now + self._interval(), stream.expires_at))) + 1
        self._due[stream] = due
        self._slots.setdefault(due, {})[stream] = None
        if self._timer is None:
            self._wait()

    def discard(self, stream: Stream) -> None:
        due = self._due.pop(stream, None)
        if due is not None and due in self._slots:
            self._slots[due].pop(stream, None)

    def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(int(loop.time()) + 1, self._beat)

    def _beat(self) -> None:
        """Serves what is due, one slice a turn of the loop."""
        now = asyncio.get_running_loop().time()
        pinged: list[Stream] = []
        for slot in sorted(self._slots):
            if slot > now:
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
