"""Limits idle connections for each address, and picks the ones to close on a full server."""

import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol

MOST_IDLE = 256  # idle connections of one address …
GRACE_SECONDS = 2.0  # … older than this
AGAIN_SECONDS = 0.1  # between scans of all connections on a full server

Address = Callable[[str], Hashable]


class Connection(Protocol):
    remote_ip: str
    opened_at: float

    @property
    def is_idle(self) -> bool:
        """Whether the connection has neither a stream nor a complete request."""

    def abort(self) -> None: ...


class IdleConnections:
    """`address` maps an IP address to the key that is limited; None for a trusted proxy.

    Callers pass connections in the order of opening. Connections of trusted proxies have no limit.
    """

    def __init__(self, address: Address, now: Callable[[], float] = time.monotonic) -> None:
        self._address = address
        self._now = now
        self._candidates: deque[Connection] = deque()  # to close next, oldest first
        self._found_at = -AGAIN_SECONDS

    def enforce(self, connections: Iterable[Connection]) -> None:
        """Closes the oldest idle connections of each address above its limit.

        Call it once a second.
        """
        before = self._now() - GRACE_SECONDS
        for idle in self._by_address(connections).values():
            old = [connection for connection in idle if connection.opened_at < before]
            for connection in old[: max(len(old) - MOST_IDLE, 0)]:
                connection.abort()

    def give_way(self, connections: Iterable[Connection]) -> Connection | None:
        """Closes and returns the oldest idle connection of the address with the most of them."""
        if not self._candidates and self._now() >= self._found_at + AGAIN_SECONDS:
            self._found_at = self._now()
            self._find(connections)
        while self._candidates:
            connection = self._candidates.popleft()
            if connection.is_idle:
                connection.abort()
                return connection
        return None

    def _find(self, connections: Iterable[Connection]) -> None:
        """Fills `_candidates` with connections of the largest address.

        Takes so many that it keeps as many as the second largest address has.
        """
        largest = sorted(self._by_address(connections).values(), key=len)[-2:]
        if largest:
            next_size = len(largest[0]) if len(largest) > 1 else 0
            self._candidates.extend(largest[-1][: max(len(largest[-1]) - next_size, 1)])

    def _by_address(self, connections: Iterable[Connection]) -> dict[Hashable, list[Connection]]:
        found = defaultdict(list)
        for connection in connections:
            if connection.is_idle and (address := self._address(connection.remote_ip)) is not None:
                found[address].append(connection)
        return found
