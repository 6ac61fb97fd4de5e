"""For whom nothing is left to say: thousands of them who leave in one moment leave in turns.

The loop's own poll takes all that has happened at once: of 19,000 connections that are cut together
it read, told and closed all in one turn, of 0.2 s. In a set of their own they are looked at some at
a time. (epoll alone can do it; elsewhere such connections stay with the loop.)
"""

import asyncio
import select
from typing import Protocol

AT_ONCE = 200  # in one turn of the loop: 2 ms


class Watched(Protocol):
    def wake(self, *, has_left: bool) -> None:
        """Its client has left, or else has said something; it is watched no more."""


class Watch:
    """Over sockets of connections that are not read meanwhile, by their descriptors."""

    def __init__(self) -> None:
        self._watched: dict[int, Watched] = {}
        self._epoll: select.epoll | None = None  # once it is needed

    def begin(self, descriptor: int, watched: Watched) -> bool:
        """Until it is woken, once; False where that is for the loop to see to."""
        if not hasattr(select, "epoll"):
            return False
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._look)
        self._epoll.register(descriptor, select.EPOLLIN | select.EPOLLRDHUP | select.EPOLLONESHOT)
        self._watched[descriptor] = watched
        return True

    def end(self, descriptor: int) -> None:
        """Before the descriptor is closed; may be called for any."""
        if self._watched.pop(descriptor, None) is not None:
            assert self._epoll is not None
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        if self._epoll is not None:
            asyncio.get_running_loop().remove_reader(self._epoll.fileno())
            self._epoll.close()
            self._epoll = None

    def _look(self) -> None:
        assert self._epoll is not None
        for descriptor, events in self._epoll.poll(0, AT_ONCE):
            if (watched := self._watched.pop(descriptor, None)) is not None:
                watched.wake(has_left=events & ~select.EPOLLIN != 0)
