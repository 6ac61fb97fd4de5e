"""A proxy that cuts connections at a chosen byte."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple


class Cut(NamedTuple):
    """After how many bytes in each direction the first connection ends; None: it does not."""

    upwards: int | None = None
    downwards: int | None = None


class Proxy:
    """Passes bytes on, and cuts its first connection after a number of them."""

    def __init__(self, port: int, cut: Cut) -> None:
        self._port = port
        self._cut = cut
        self.url = ""
        self.connections = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Proxy"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    async def _serve(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        cut, self._cut = self._cut, Cut()
        self.connections += 1
        up, on = await asyncio.open_connection("127.0.0.1", self._port)
        ways = [
            asyncio.create_task(_pass(down, on, cut.upwards)),
            asyncio.create_task(_pass(up, back, cut.downwards)),
        ]
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        for writer in (back, on):
            writer.close()
        await asyncio.wait(ways)


async def _pass(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, most: int | None
) -> None:
    passed = 0
    while most is None or passed < most:
        room = 65536 if most is None else most - passed
        try:
            piece = await source.read(min(room, 65536))
        except ConnectionError:
            return
        if not piece:
            return
        passed += len(piece)
        target.write(piece)
