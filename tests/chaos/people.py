"""The clients of a storm: senders that repeat until they are answered, readers that resume."""

import asyncio
import uuid
from collections import Counter
from typing import Any

from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError

from tests.support.people import Person
from tests.support.sse import Ended, Event, EventStream

AGAIN_SECONDS = 0.03
BROKEN = (OSError, HTTPClientError, StreamClosedError, TimeoutError, asyncio.IncompleteReadError)


class FeedWriter:
    """Sends messages in turn, and repeats each under its client id until it is answered."""

    def __init__(self, person: Person, conversations: list[str]) -> None:
        self.person = person
        self.answered: list[dict[str, Any]] = []
        self.first_told_by_a_repeat = 0  # stored, but the answer was lost
        self.in_flight = False
        self._conversations = conversations
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
        attempts = 0
        while True:
            attempts += 1
            self.in_flight = True
            try:
                answer = await self.person.post(path, fields, request_timeout=10)
            except BROKEN:
                answer = None
            self.in_flight = False
            if answer is not None and answer.status in (200, 201):
                self.first_told_by_a_repeat += answer.status == 200
                return dict(answer.json)
            assert answer is None or answer.status == 503, answer
            await asyncio.sleep(AGAIN_SECONDS)


class Reader:
    """A client of the event stream as the standard describes it: it resumes from its last id."""

    def __init__(self, person: Person, last_event_id: str) -> None:
        self.person = person
        self.events: list[Event] = []
        self.refused: Counter[int] = Counter()
        self.connections = 0
        self._last_event_id = last_event_id

    @property
    def last_event_id(self) -> str:
        return self._last_event_id

    async def run(self) -> None:
        while True:
            try:
                await self._connect_and_read()
            except (Ended, *BROKEN):
                await asyncio.sleep(AGAIN_SECONDS)

    async def _connect_and_read(self) -> None:
        headers = self.person.headers() | {"Last-Event-ID": self._last_event_id}
        stream = await EventStream.open(self.person.base_url, headers)
        try:
            if stream.status != 200:
                self.refused[stream.status] += 1
                return
            self.connections += 1
            while True:
                event = await stream.event(60)
                if event.id is not None:
                    self._last_event_id = event.id
                if event.name not in ("hello", "bye"):
                    self.events.append(event)
        finally:
            stream.close()
