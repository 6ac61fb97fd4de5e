"""Clients that read nothing until a test tells them to."""

import asyncio
import socket
from typing import Any

from bus.connection import StreamConnection
from handlers.stream import StreamHandler
from tests.support.people import Person
from tests.support.sse import EventStream

LONG = "€" * 3900  # 12 KB


class Unread:
    """A client with a small window that opens a stream, and reads only when it is told to.

    It sends `more` after the request.
    """

    def __init__(self, person: Person, last_event_id: str = "", more: bytes = b"") -> None:
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self._socket.connect(("127.0.0.1", int(person.base_url.rpartition(":")[2])))
        self._socket.sendall(
            b"GET /api/messages HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
            + f"Last-Event-ID: {last_event_id}\r\n".encode()
            + f"Authorization: Bearer {person.token}\r\n\r\n".encode()
            + more
        )

    async def read(self) -> EventStream:
        self._socket.setblocking(False)
        reader, writer = await asyncio.open_connection(sock=self._socket)
        stream = EventStream(reader, writer)
        await stream._read_head()
        return stream

    def close(self) -> None:
        self._socket.close()


def number(event: Any) -> int:
    return int(event.data["content"].split()[0])


def is_open(stream: object) -> bool:
    """Whether one of the bus's subscribers has its first bytes."""
    assert isinstance(stream, StreamHandler)
    return isinstance(stream.connection, StreamConnection)


def connection_of(stream: object) -> StreamConnection:
    """Returns the connection of a subscriber of the bus."""
    assert isinstance(stream, StreamHandler)
    assert isinstance(stream.connection, StreamConnection)
    return stream.connection
