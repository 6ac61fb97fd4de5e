"""The requests that have arrived and have no answer yet. A drain waits for them."""

import asyncio
from collections.abc import Hashable


class InFlight:
    """The set of unanswered requests, without open streams."""

    def __init__(self) -> None:
        self._requests: set[Hashable] = set()
        self._emptied: asyncio.Event | None = None  # set while `drained` is waiting

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Hashable) -> None:
        self._requests.add(request)

    def discard(self, request: Hashable) -> None:
        """Removes a request that is answered, has lost its client, or has become a stream."""
        self._requests.discard(request)
        if self._emptied is not None and not self._requests:
            self._emptied.set()

    async def drained(self) -> None:
        """Returns when no request is left."""
        if self._requests:
            self._emptied = asyncio.Event()
            await self._emptied.wait()
