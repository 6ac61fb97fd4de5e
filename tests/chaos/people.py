"""The clients of a storm: senders that repeat until they are answered, readers that resume."""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, NamedTuple

from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError

from tests.support.people import Person
from tests.support.sse import Ended, Event, EventStream

AGAIN_SECONDS = 0.03
BROKEN = (OSError, HTTPClientError, StreamClosedError, TimeoutError, asyncio.IncompleteReadError)

Address = Callable[[], str]  # of the server for the next request


class FeedWriter:
    """Sends messages in turn, and repeats each under its client id until it is answered."""

    def __init__(
        self, person: Person, conversations: list[str], address: Address, patience: float
    ) -> None:
        self.person = person
        self.answered: list[dict[str, Any]] = []
        self.asked: dict[str, set[str]] = {}  # by client id, the servers that were asked
        self.first_told_by_a_repeat = 0  # stored, but the answer was lost
        self.in_flight = False
        self._conversations = conversations
        self._address = address
        self._patience = patience
        self._stopping = False

    async def run(self) -> None:
        while not self._stopping:
            conversation = self._conversations[len(self.answered) % len(self._conversations)]
            self.answered.append(await self._send(conversation, str(uuid.uuid4())))

    def stop(self) -> None:
        """Stops after the current message."""
        self._stopping = True

    async def _send(self, conversation: str, client_id: str) -> dict[str, Any]:
        path = f"/api/conversations/{conversation}/messages"
        fields = {"content": f"{len(self.answered)} of {client_id}", "clientId": client_id}
        asked = self.asked[client_id] = set()
        while True:
            server = self._address()
            asked.add(server)
            self.in_flight = True
            try:
                answer = await self.person.at(server).post(
                    path, fields, request_timeout=self._patience
                )
            except BROKEN:
                answer = None
            self.in_flight = False
            if answer is not None and answer.status in (200, 201):
                self.first_told_by_a_repeat += answer.status == 200
                return dict(answer.json)
            assert answer is None or answer.status == 503, answer
            await asyncio.sleep(AGAIN_SECONDS)


class Arrival(NamedTuple):
    """An event, and how it came. Times are in seconds since 1970."""

    event: Event
    at: float
    server: str
    opened_at: float  # when its stream was opened


class Reader:
    """A client of the event stream as the standard describes it: it resumes from its last id."""

    def __init__(self, person: Person, last_event_id: str, address: Address) -> None:
        self.person = person
        self.arrivals: list[Arrival] = []
        self.refused: Counter[int] = Counter()
        self.connections = 0
        self._last_event_id = last_event_id
        self._address = address

    @property
    def events(self) -> list[Event]:
        return [arrival.event for arrival in self.arrivals]

    @property
    def last_event_id(self) -> str:
        return self._last_event_id

    async def run(self) -> None:
        while True:
            try:
                await self._connect_and_read(self._address())
            except (Ended, *BROKEN):
                await asyncio.sleep(AGAIN_SECONDS)

    async def _connect_and_read(self, server: str) -> None:
        headers = self.person.headers() | {"Last-Event-ID": self._last_event_id}
        stream = await EventStream.open(server, headers)
        try:
            if stream.status != 200:
                self.refused[stream.status] += 1
                return
            self.connections += 1
            opened_at = time.time()
            while True:
                event = await stream.event(60)
                if event.id is not None:
                    self._last_event_id = event.id
                if event.name not in ("hello", "bye"):
                    self.arrivals.append(Arrival(event, time.time(), server, opened_at))
        finally:
            stream.close()
