"""Bytes that clients have not taken: bounded for each client, in all, and in how long they wait.

Counted are bytes that were written to a connection and wait in its transport. A connection reports
itself only while some do, so a client that keeps up costs nothing here.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol

MAX_CLIENT_BYTES = 8 * 2**20  # of one user or address: no more of its answers are begun
MAX_BYTES = 256 * 2**20  # in all
MIN_BYTES_PER_SECOND = 1000  # that a client takes while bytes for it wait …
WINDOW_SECONDS = 30.0  # … over as long as this


class Writer(Protocol):
    """A connection that answers are written to, or that is a stream."""

    @property
    def client(self) -> Hashable:
        """The user or address that its bytes count for; the same while its writing is paused."""

    @property
    def is_stream(self) -> bool: ...

    @property
    def write_buffer_size(self) -> int:
        """Bytes that the kernel has not taken yet."""

    @property
    def written_while_paused(self) -> int:
        """Bytes that were written since its writing was paused."""

    def shed(self) -> None:
        """Cuts the connection, since its client does not take what is written."""


class _Progress:
    """How much of what waits a client has taken."""

    __slots__ = ("_at_pause", "_samples", "counted", "writer")

    def __init__(self, writer: Writer, now: float) -> None:
        self.writer = writer
        self.counted = self._at_pause = writer.write_buffer_size
        self._samples = deque([(now, 0)])  # times, and bytes taken by then

    def is_too_slow(self, now: float) -> bool:
        """Notes how far the client is; the first sample is the newest that is old enough."""
        taken = self._at_pause + self.writer.written_while_paused - self.writer.write_buffer_size
        samples = self._samples
        samples.append((now, taken))
        begin = now - WINDOW_SECONDS
        while samples[1][0] <= begin:
            samples.popleft()
        since, before = samples[0]
        return since <= begin and taken - before < MIN_BYTES_PER_SECOND * WINDOW_SECONDS


class Backpressure:
    """The connections whose writing is paused, by client."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._paused: dict[Hashable, dict[Writer, _Progress]] = {}
        self._buffered: dict[Hashable, int] = {}  # by client, as counted last
        self.total = 0

    def write_paused(self, writer: Writer) -> None:
        progress = _Progress(writer, self._now())
        self._paused.setdefault(writer.client, {})[writer] = progress
        self._count(writer.client, progress.counted)
        if self._buffered[writer.client] > MAX_CLIENT_BYTES:
            self._shed_streams(writer.client)
        if self.total > MAX_BYTES:
            self._shed()

    def write_resumed(self, writer: Writer) -> None:
        """Its client has taken all, or the connection is closed; may be called for any."""
        of_client = self._paused.get(writer.client)
        progress = None if of_client is None else of_client.pop(writer, None)
        if progress is not None:
            self._count(writer.client, -progress.counted)
            if not of_client:
                del self._paused[writer.client], self._buffered[writer.client]

    def write_buffer_size(self, client: Hashable) -> int:
        """Bytes that wait for a client, as of a second ago at most."""
        return self._buffered.get(client, 0)

    def check(self) -> None:
        """Counts anew, and cuts clients that take too little; to be called once a second."""
        now = self._now()
        for progress in list(self._all()):
            self._recount(progress)
            if progress.is_too_slow(now):
                self._cut(progress.writer)
        for client in [c for c, size in self._buffered.items() if size > MAX_CLIENT_BYTES]:
            self._shed_streams(client)
        if self.total > MAX_BYTES:
            self._shed()

    def _all(self) -> Iterator[_Progress]:
        for of_client in self._paused.values():
            yield from of_client.values()

    def _count(self, client: Hashable, change: int) -> None:
        self._buffered[client] = self._buffered.get(client, 0) + change
        self.total += change

    def _recount(self, progress: _Progress) -> None:
        size = progress.writer.write_buffer_size
        self._count(progress.writer.client, size - progress.counted)
        progress.counted = size

    def _shed_streams(self, client: Hashable) -> None:
        """Ends the streams of a client with most bytes waiting, until what waits for it fits."""
        of_client = self._paused[client]
        for progress in list(of_client.values()):
            self._recount(progress)
        streams = [progress for progress in of_client.values() if progress.writer.is_stream]
        for progress in sorted(streams, key=_counted, reverse=True):
            if self.write_buffer_size(client) <= MAX_CLIENT_BYTES:
                break
            self._cut(progress.writer)

    def _shed(self) -> None:
        """Cuts connections of the client with most bytes waiting, until all fits."""
        for progress in list(self._all()):
            self._recount(progress)
        while self.total > MAX_BYTES:
            client = max(self._buffered, key=self.write_buffer_size)
            self._cut(max(self._paused[client].values(), key=_counted).writer)

    def _cut(self, writer: Writer) -> None:
        self.write_resumed(writer)
        writer.shed()


def _counted(progress: _Progress) -> int:
    return progress.counted
