"""Where a stream's frames leave: all that a fan-out has to touch of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.bus import Stream

CLOSED = -1


class Outlet:
    """Small, and apart from its stream, since what a frame costs beyond the kernel is memory.

    A stream that is live and has nothing waiting opens it: it names the descriptor to which the
    next frame may be written as it is. It closes it in the same step in which that ceases to hold.
    """

    __slots__ = ("descriptor", "seq", "stream")

    def __init__(self) -> None:
        self.stream: Stream | None = None  # whose it is, while that is with the bus
        self.descriptor = CLOSED
        self.seq = 0  # of the last event that was written, or handed to the transport

    def name(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def takes(self, seq: int) -> bool:
        """Whether the event may be written to the descriptor: it is the next one."""
        return self.descriptor != CLOSED and self.seq == seq - 1
