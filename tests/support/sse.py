"""A reader of event streams on a plain socket, exactly as WHATWG HTML, section 9.2.6, describes."""

import asyncio
import json
import ssl
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Event(NamedTuple):
    name: str
    data: Any
    id: str | None  # None if the block had no `id` field
    retry: int | None = None

    @property
    def seq(self) -> int:
        assert self.id is not None
        return int(self.id.partition("-")[2])


class Ended(Exception):
    """The stream has ended."""


class EventStream:
    """An answer to GET /api/messages.

    `event` skips pings; `raw` keeps every byte of the body.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.status = 0
        self.headers: dict[str, str] = {}
        self.hello = Event("", None, None)
        self.raw = bytearray()
        self._text = b""

    @classmethod
    async def open(
        cls,
        base_url: str,
        headers: dict[str, str] | None = None,
        *,
        target: str = "/api/messages",
        method: str = "GET",
        version: str = "1.1",
        tls: ssl.SSLContext | None = None,
        server_name: str | None = None,
    ) -> "EventStream":
        """Opens a stream, and returns when its headers have arrived."""
        url = urlsplit(base_url)
        reader, writer = await asyncio.open_connection(
            url.hostname, url.port, ssl=tls, server_hostname=server_name
        )
        stream = cls(reader, writer)
        sent = {"Host": url.netloc, "Accept": "text/event-stream"} | (headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        writer.write(f"{method} {target} HTTP/{version}\r\n{head}\r\n".encode("latin1"))
        try:
            await stream._read_head()
        except BaseException:
            writer.close()
            raise
        return stream

    async def event(self, seconds: float = 30, *, pings: bool = False) -> Event:
        """Returns the next event. Raises `Ended`, `TimeoutError`."""
        async with asyncio.timeout(seconds):
            while True:
                event = await self._next()
                if event is not None and (pings or event.name != "ping"):
                    return event

    async def events(self, number: int) -> list[Event]:
        return [await self.event() for _ in range(number)]

    async def events_until(self, name: str) -> list[Event]:
        """Returns all events up to and including the first one of that name."""
        found = [await self.event()]
        while found[-1].name != name:
            found.append(await self.event())
        return found

    async def rest(self, seconds: float = 30) -> list[Event]:
        """Returns all events until the stream ends."""
        found = []
        try:
            while True:
                found.append(await self.event(seconds))
        except Ended:
            return found

    async def silent(self, seconds: float = 0.3) -> bool:
        """Returns whether only pings arrive for that time."""
        try:
            await self.event(seconds)
        except TimeoutError:
            return True
        return False

    def close(self) -> None:
        self.writer.close()

    async def left(self) -> None:
        """Leaves as `reset` does, and waits until the socket is closed."""
        self.reset()
        await self.writer.wait_closed()

    def reset(self) -> None:
        """Leaves with RST instead of FIN."""
        self.writer.transport.abort()

    async def _read_head(self) -> None:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin1")
        status, *lines = head.strip().split("\r\n")
        self.status = int(status.split()[1])
        for line in lines:
            name, _, value = line.partition(":")
            self.headers[name.strip().lower()] = value.strip()

    async def _next(self) -> Event | None:
        while b"\n\n" not in self._text:
            piece = await self._piece()
            if not piece:
                raise Ended
            self.raw += piece
            self._text += piece
        block, _, self._text = self._text.partition(b"\n\n")
        return _parsed(block.decode("utf-8"))

    async def _piece(self) -> bytes:
        if self.headers.get("transfer-encoding") != "chunked":
            return await self.reader.read(65536)
        try:
            size = int(await self.reader.readuntil(b"\r\n"), 16)
            return (await self.reader.readexactly(size + 2))[:-2]
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""


def _parsed(block: str) -> Event | None:
    name, event_id, retry, data = "message", None, None, []
    for line in block.split("\n"):
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "event":
                name = value
            case "data":
                data.append(value)
            case "id":
                event_id = value
            case "retry":
                retry = int(value)
    if not data:
        return None
    return Event(name, json.loads("\n".join(data)), event_id, retry)
