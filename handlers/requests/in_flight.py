"""The requests that have arrived and are not answered yet: a drain waits for them."""

import asyncio
from collections.abc import Hashable


class InFlight:
    """Streams that are open are not among them."""

    def __init__(self) -> None:
        self._requests: set[Hashable] = set()
        self._emptied: asyncio.Event | None = None  # while somebody waits for that

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Hashable) -> None:
        self._requests.add(request)

    def discard(self, request: Hashable) -> None:
        """It is answered, or its client has disconnected, or it has become a stream."""
        self._requests.discard(request)
        if self._emptied is not None and not self._requests:
            self._emptied.set()

    async def drained(self) -> None:
        """Returns when there are none."""
        if self._requests:
            self._emptied = asyncio.Event()
            await self._emptied.wait()
