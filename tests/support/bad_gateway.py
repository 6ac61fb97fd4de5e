"""A reverse proxy that behaves like real ones: it may lose its server, or fall silent."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum, auto

_BAD_GATEWAY = (
    b"HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html\r\nContent-Length: 20\r\n"
    b"Connection: close\r\n\r\n<h1>Bad Gateway</h1>"
)


class Mood(Enum):
    PASSING = auto()
    REFUSING = auto()  # answers each request with 502
    SILENT = auto()  # accepts connections and bytes, and sends nothing back


class BadGateway:
    """Passes bytes between its clients and the server at `port`, as its mood allows."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._mood = Mood.PASSING
        self._connections: set[asyncio.Task[None]] = set()
        self._lost: list[asyncio.StreamWriter] = []
        self.url = ""
        self.refused = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator["BadGateway"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://localhost:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self
            await self._end_all()
            for writer in self._lost:
                writer.close()

    async def become(self, mood: Mood) -> None:
        """Changes the mood, and ends open connections.

        When it falls silent, their clients are not told.
        """
        self._mood = mood
        await self._end_all()

    async def _end_all(self) -> None:
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._talk(down, back))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)
        try:
            await asyncio.wait([task])
        finally:
            if self._mood is Mood.SILENT:
                self._lost.append(back)
            else:
                back.close()

    async def _talk(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        if self._mood is Mood.SILENT:
            await asyncio.Event().wait()
        if self._mood is Mood.REFUSING:
            await down.readuntil(b"\r\n\r\n")
            self.refused += 1
            back.write(_BAD_GATEWAY)
            return
        up, on = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            ways = [asyncio.ensure_future(_pass(down, on)), asyncio.ensure_future(_pass(up, back))]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
        finally:
            on.close()


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while piece := await source.read(65536):
        target.write(piece)
