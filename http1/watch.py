"""For whom nothing is left to say: thousands of them who leave in one moment leave in turns.

uvloop's own poll takes all that has happened at once: of 19,000 connections that were cut together
it read, told and closed all in one turn, of 0.1 s. In a set of their own they are looked at some at
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
        self._is_due = False  # to look

    def begin(self, descriptor: int, watched: Watched) -> bool:
        """Until it is woken, once; False where that is for the loop to see to."""
        if not hasattr(select, "epoll"):
            return False
        if self._epoll is None:
            self._epoll = select.epoll()
            asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._look_soon)
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

    async def catch_up(self) -> None:
        """Returns when all who have left until now were woken, a turn ago at the latest."""
        while self._wake_some() == AT_ONCE:
            await asyncio.sleep(0)
        await asyncio.sleep(0)

    def _look_soon(self) -> None:
        """Once in a turn, in which uvloop may come here several times."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self._look)

    def _look(self) -> None:
        self._is_due = False
        self._wake_some()

    def _wake_some(self) -> int:
        """How many had something to tell, of whom there may be more."""
        if self._epoll is None:
            return 0
        ready = self._epoll.poll(0, AT_ONCE)
        for descriptor, events in ready:
            if (watched := self._watched.pop(descriptor, None)) is not None:
                watched.wake(has_left=events & ~select.EPOLLIN != 0)
        return len(ready)
