"""The clients of a storm: they repeat what they ask until it is answered, and resume streams."""

import asyncio
import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple
from urllib.parse import quote

from tornado.httpclient import HTTPClientError
from tornado.iostream import StreamClosedError

from tests.support.law import State
from tests.support.people import Answer, Person
from tests.support.sse import Ended, Event, EventStream

AGAIN_SECONDS = 0.03
BROKEN = (OSError, HTTPClientError, StreamClosedError, TimeoutError, asyncio.IncompleteReadError)
CHANGED_SHARE = 0.2  # of messages: an edit, a deletion or a reaction follows
REST_SECONDS = (0.0, 1.0)  # between changes of a group
EMOJI = ("👍", "❤")

Address = Callable[[], str]  # of the server for the next request


class Asking:
    """Repeats each request until it is answered."""

    def __init__(self, address: Address, patience: float) -> None:
        self.in_flight = False
        self.asked: list[str] = []  # the servers that have had the latest request, each time
        self._address = address
        self._patience = patience
        self._stopping = False

    def stop(self) -> None:
        """Stops after what is under way."""
        self._stopping = True

    async def ask(
        self,
        person: Person,
        method: str,
        path: str,
        fields: Any = None,
        *,
        allowed: Collection[int],
    ) -> Answer:
        """Asks under /api/conversations."""
        self.asked = []
        while True:
            server = self._address()
            self.asked.append(server)
            self.in_flight = True
            try:
                answer = await person.at(server).ask(
                    method, f"/api/conversations{path}", fields, request_timeout=self._patience
                )
            except BROKEN:
                answer = None
            self.in_flight = False
            if answer is not None and answer.status in allowed:
                return answer
            assert answer is None or answer.status == 503, (method, path, fields, answer)
            await asyncio.sleep(AGAIN_SECONDS)


class Sender(Asking):
    """Sends messages in turn, each under a client id, and changes some that are there."""

    def __init__(
        self,
        reader: "Reader",
        conversations: Sequence[str],
        visits: Collection[str],
        address: Address,
        patience: float,
        chance: random.Random,
    ) -> None:
        """The sender comes into `visits`, and goes, at any time."""
        super().__init__(address, patience)
        self.person = reader.person
        self.answered: list[dict[str, Any]] = []
        self.refused: list[str] = []  # client ids that nothing was stored under
        self.servers: dict[str, set[str]] = {}  # by client id, those that were asked
        self.first_told_by_a_repeat = 0  # stored, but the answer was lost
        self._reader = reader
        self._conversations = conversations
        self._visits = visits
        self._chance = chance

    async def run(self) -> None:
        while not self._stopping:
            for conversation in self._conversations:
                await self._send(conversation, str(uuid.uuid4()))
                if self._chance.random() < CHANGED_SHARE:
                    await self._change()

    async def _send(self, conversation: str, client_id: str) -> None:
        fields = {"content": f"{len(self.answered)} of {client_id}", "clientId": client_id}
        allowed = (200, 201, 404) if conversation in self._visits else (200, 201)
        path = f"/{conversation}/messages"
        answer = await self.ask(self.person, "POST", path, fields, allowed=allowed)
        self.servers[client_id] = set(self.asked)
        if answer.status == 404:
            # An earlier request may have stored it, before the sender went.
            self.refused += [client_id] if len(self.asked) == 1 else []
        else:
            self.first_told_by_a_repeat += answer.status == 200
            self.answered.append(dict(answer.json))

    async def _change(self) -> None:
        """Edits or deletes an own message, reacts to one of the latest, or reads up to it."""
        own = self._chance.choice(self.answered[-5:])
        seen = self._chance.choice(self._reader.latest_messages() or [own])
        kind = self._chance.choice(("edit", "delete", "react", "take back", "read"))
        path = "/{conversationId}/messages/{id}".format_map(own if kind in OWN else seen)
        reaction = f"{path}/reactions/{quote(self._chance.choice(EMOJI))}"
        # 404 and 422: they do not see it any more; 409: it is deleted.
        if kind == "edit":
            fields = {"content": f"edited at {time.time()}"}
            await self.ask(self.person, "PATCH", path, fields, allowed=(200, 404, 409))
        elif kind == "delete":
            await self.ask(self.person, "DELETE", path, allowed=(204, 404))
        elif kind == "read":
            fields = {"lastReadMessageId": seen["id"]}
            path = f"/{seen['conversationId']}/read_messages"
            await self.ask(self.person, "POST", path, fields, allowed=(204, 404, 422))
        elif kind == "react":
            await self.ask(self.person, "PUT", reaction, allowed=(204, 404, 409))
        else:
            await self.ask(self.person, "DELETE", reaction, allowed=(204, 404))


OWN = ("edit", "delete")


class Host(Asking):
    """The admin of a group, who lets visitors come and go, and changes the group."""

    def __init__(
        self,
        admin: Person,
        group: str,
        visitors: Sequence[Person],
        address: Address,
        patience: float,
        chance: random.Random,
    ) -> None:
        super().__init__(address, patience)
        self._admin = admin
        self._group = group
        self._visitors = visitors
        self._there: set[Person] = set()
        self._chance = chance
        self._answered = 0

    async def run(self) -> None:
        while not self._stopping:
            if self._chance.random() < 0.7:
                await self._let_come_or_go(self._chance.choice(self._visitors))
            else:
                await self._change()
            self._answered += 1
            await asyncio.sleep(self._chance.uniform(*REST_SECONDS))

    async def _let_come_or_go(self, visitor: Person) -> None:
        if visitor in self._there:
            self._there.remove(visitor)
            by = self._chance.choice((self._admin, visitor))
            path = f"/{self._group}/members/{visitor.id}"
            await self.ask(by, "DELETE", path, allowed=(204, 404))
            if self._chance.random() < 0.5:
                return
        self._there.add(visitor)
        fields = {"usernames": [visitor.username]}
        await self.ask(self._admin, "POST", f"/{self._group}/members", fields, allowed=(200,))

    async def _change(self) -> None:
        fields = {"name": f"Group {self._answered}"}
        if self._chance.random() < 0.5:
            fields["history"] = self._chance.choice(("joined", "all"))
        await self.ask(self._admin, "PATCH", f"/{self._group}", fields, allowed=(200,))


class Arrival(NamedTuple):
    """An event, and how it came. Times are in seconds since 1970."""

    event: Event
    at: float
    server: str
    opened_at: float  # when its stream was opened


class Reader:
    """A client of the event stream as the standard describes it: it resumes from its last id."""

    def __init__(self, person: Person, begun: State, address: Address) -> None:
        """`begun` is what the client has fetched before the storm."""
        self.person = person
        self.begun = begun
        self.arrivals: list[Arrival] = []
        self.refused: Counter[int] = Counter()
        self.connections = 0
        self._last_event_id = begun.position
        self._address = address

    @property
    def events(self) -> list[Event]:
        return [arrival.event for arrival in self.arrivals]

    @property
    def last_event_id(self) -> str:
        return self._last_event_id

    def latest_messages(self) -> list[Any]:
        """Returns the latest messages that are no notices, as they came."""
        latest = [arrival.event for arrival in self.arrivals[-20:]]
        return [e.data for e in latest if e.name == "message" and "notice" not in e.data]

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
