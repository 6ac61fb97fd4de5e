"""The people of a storm, and the count of what they were answered and have read."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import NamedTuple

from tornado.httpclient import AsyncHTTPClient

from tests.chaos.people import Address, FeedWriter, Reader
from tests.support.people import Visitor, eventually
from tests.support.postgres import ask

PEOPLE = 8
PATIENCE_SECONDS = 10.0  # for the answer to a send
SETTLED_SECONDS = 60.0
FAULT = re.compile(r" (?:ERROR|CRITICAL) |Traceback|Unclosed connection|never retrieved")


class Counts(NamedTuple):
    """Each must be 0, from `lost` on."""

    answered: int
    answers_lost_and_told_by_a_repeat: int
    events_read: int
    connections: int
    lost: int
    doubled: int
    out_of_order: int
    gaps: int
    resets: int


class Crowd:
    """Eight people. Each talks to two others, and has one stream.

    `address` returns the server for the next request or stream.
    """

    def __init__(
        self, dsn: str, chance: random.Random, address: Address, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.senders: list[FeedWriter] = []
        self.readers: list[Reader] = []
        self._dsn = dsn
        self._chance = chance
        self._address = address
        self._patience = patience
        self._sending: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        client = AsyncHTTPClient(force_instance=True, max_clients=4 * PEOPLE)
        visitor = Visitor(client, self._address())
        people = [await visitor.sign_in(f"person{n}") for n in range(PEOPLE)]
        talks = [await people[n].talk_to(people[n - 1]) for n in range(PEOPLE)]
        for n, person in enumerate(people):
            answer = await person.get("/api/conversations")
            own = [talks[n], talks[(n + 1) % PEOPLE]]
            self.senders.append(FeedWriter(person, own, self._address, self._patience))
            self.readers.append(Reader(person, answer.headers["Last-Event-ID"], self._address))
        self._sending = [asyncio.create_task(sender.run()) for sender in self.senders]
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        try:
            yield
        finally:
            for task in [*self._sending, *reading]:
                task.cancel()
            await asyncio.gather(*self._sending, *reading, return_exceptions=True)
            client.close()

    @property
    def answered(self) -> int:
        return sum(len(sender.answered) for sender in self.senders)

    @property
    def is_sending(self) -> bool:
        return any(sender.in_flight for sender in self.senders)

    async def some_answers(self) -> None:
        """Waits until sends are answered, and more requests are in flight."""
        goal = self.answered + self._chance.randint(1, 60)
        await self.until(lambda: self.answered >= goal)
        await self.until(lambda: self.is_sending)

    async def until(self, true: Callable[[], bool]) -> None:
        def holds() -> bool:
            for task in self._sending:
                if task.done():
                    task.result()
            return true()

        await eventually(holds, SETTLED_SECONDS)

    async def settle(self) -> None:
        """Waits until all sends are answered and read."""
        for sender in self.senders:
            sender.stop()
        await asyncio.wait(self._sending, timeout=SETTLED_SECONDS)
        sql = """
            SELECT user_id::text, epoch || '-' || last_seq
            FROM feeds, meta
        """
        newest = dict(ask(self._dsn, sql))
        await eventually(
            lambda: all(
                reader.last_event_id == newest[reader.person.id] for reader in self.readers
            ),
            SETTLED_SECONDS,
        )

    def count(self) -> Counts:
        stored: Counter[tuple[str, str]] = Counter(
            ask(self._dsn, "SELECT id::text, client_id::text FROM messages")
        )
        client_ids = Counter(client_id for _, client_id in stored.elements())
        answered = [message for sender in self.senders for message in sender.answered]
        lost = [m["id"] for m in answered if (m["id"], m["clientId"]) not in stored]
        doubled = sum(count - 1 for count in client_ids.values())
        out_of_order = gaps = resets = 0
        for reader in self.readers:
            seqs = [event.seq for event in reader.events]
            gaps += sum(b - a > 1 for a, b in pairwise(seqs))
            doubled += len(seqs) - len(set(seqs))
            out_of_order += sum(b < a for a, b in pairwise(seqs))
            resets += sum(event.name == "reset" for event in reader.events)
            out_of_order += misplaced(reader)
            told = {event.data["id"] for event in reader.events if event.name == "message"}
            mine = ask(self._dsn, TAKES_PART, (int(reader.person.id),))
            lost += [message_id for (message_id,) in mine if message_id not in told]
        return Counts(
            answered=len(answered),
            answers_lost_and_told_by_a_repeat=sum(s.first_told_by_a_repeat for s in self.senders),
            events_read=sum(len(reader.arrivals) for reader in self.readers),
            connections=sum(reader.connections for reader in self.readers),
            lost=len(lost),
            doubled=doubled,
            out_of_order=out_of_order,
            gaps=gaps,
            resets=resets,
        )


TAKES_PART = """
    SELECT id::text
    FROM messages
    JOIN participants USING (conversation_id)
    WHERE participants.user_id = %s
"""


def misplaced(reader: Reader) -> int:
    """Messages that arrived before an older one of the same conversation."""
    newest: dict[str, int] = {}
    found = 0
    for event in reader.events:
        if event.name == "message":
            conversation, number = event.data["conversationId"], int(event.data["id"])
            found += number <= newest.get(conversation, 0)
            newest[conversation] = number
    return found


def faults(output: Iterable[str]) -> int:
    """The number of lines in which a server tells of a fault of its own."""
    return sum(FAULT.search(line) is not None for line in output)
