"""Bounds the bytes that clients have not read: for each client, in all, and in time.

It counts the bytes in the write buffer of each transport. A connection registers only while its
writing is paused, so a client that keeps up costs nothing here.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from typing import Protocol

MAX_CLIENT_BYTES = 8 * 2**20  # for one user or address; above it, no new response starts
MAX_BYTES = 256 * 2**20  # for all clients together
MIN_BYTES_PER_SECOND = 1000  # a client with buffered bytes must read this much on average …
WINDOW_SECONDS = 30.0  # … over this time


class Writer(Protocol):
    """A connection that responses or a stream are written to."""

    @property
    def client(self) -> Hashable:
        """The user or address that is charged. It does not change while writing is paused."""

    @property
    def is_stream(self) -> bool: ...

    @property
    def write_buffer_size(self) -> int:
        """Bytes in the write buffer: the kernel has not accepted them yet."""

    @property
    def written_while_paused(self) -> int:
        """Bytes written since writing was paused."""

    def shed(self) -> None:
        """Closes the connection, because its client reads too slowly."""


class _Progress:
    """How many of the buffered bytes of one connection its client has read."""

    __slots__ = ("_at_pause", "_samples", "counted", "writer")

    def __init__(self, writer: Writer, now: float) -> None:
        self.writer = writer
        self.counted = self._at_pause = writer.write_buffer_size
        self._samples = deque([(now, 0)])  # each a time, and the bytes read until then

    def is_too_slow(self, now: float) -> bool:
        """Adds a sample, and compares it with the newest one that is `WINDOW_SECONDS` old."""
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
        self._buffered: dict[Hashable, int] = {}  # bytes by client, at the last count
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
        """Forgets a connection whose buffer is empty or that is closed.

        Does nothing for a connection that is not registered.
        """
        of_client = self._paused.get(writer.client)
        progress = None if of_client is None else of_client.pop(writer, None)
        if progress is not None:
            self._count(writer.client, -progress.counted)
            if not of_client:
                del self._paused[writer.client], self._buffered[writer.client]

    def write_buffer_size(self, client: Hashable) -> int:
        """Returns the buffered bytes of a client. The count is at most a second old."""
        return self._buffered.get(client, 0)

    def check(self) -> None:
        """Recounts, and closes connections that are too slow. Call it once a second."""
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
        """Ends the client's streams, largest buffer first, until the client is below its limit."""
        of_client = self._paused[client]
        for progress in list(of_client.values()):
            self._recount(progress)
        streams = [progress for progress in of_client.values() if progress.writer.is_stream]
        for progress in sorted(streams, key=_counted, reverse=True):
            if self.write_buffer_size(client) <= MAX_CLIENT_BYTES:
                break
            self._cut(progress.writer)

    def _shed(self) -> None:
        """Closes connections of the client with most buffered bytes, until the total fits."""
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
