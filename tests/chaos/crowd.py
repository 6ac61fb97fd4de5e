"""The people of a storm: who talks with whom, and who comes into which group."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from tornado.httpclient import AsyncHTTPClient

from tests.chaos import counts
from tests.chaos.counts import Counts
from tests.chaos.people import Address, Host, Reader, Sender
from tests.support import law
from tests.support.people import Person, Visitor, eventually
from tests.support.postgres import ask

PEOPLE = 8
MEMBERS = 50  # of the large group; eight of them send
READERS = 38  # of them have streams
VISITORS = 10  # of them come and go
ADDED_AT_ONCE = 20  # a notice names as many
PATIENCE_SECONDS = 10.0  # for the answer to a send
SETTLED_SECONDS = 60.0
FAULT = re.compile(r" (?:ERROR|CRITICAL) |Traceback|Unclosed connection|never retrieved")


class Crowd:
    """Eight people, and those who only read.

    Each of the eight talks to two others, in three groups of up to three, and in one of fifty.
    `address` returns the server for the next request or stream.
    """

    def __init__(
        self, dsn: str, chance: random.Random, address: Address, patience: float = PATIENCE_SECONDS
    ) -> None:
        self.senders: list[Sender] = []
        self.readers: list[Reader] = []
        self._hosts: list[Host] = []
        self._dsn = dsn
        self._chance = chance
        self._address = address
        self._patience = patience
        self._acting: list[asyncio.Task[None]] = []
        self._differing = 0

    @asynccontextmanager
    async def talking(self) -> AsyncIterator[None]:
        client = AsyncHTTPClient(force_instance=True, max_clients=4 * MEMBERS)
        visitor = Visitor(client, self._address())
        everyone = [await visitor.sign_in(f"person{n}") for n in range(MEMBERS)]
        await self._gather(everyone)
        ask(self._dsn, counts.KEPT)
        actors: list[Sender | Host] = [*self.senders, *self._hosts]
        self._acting = [asyncio.create_task(actor.run()) for actor in actors]
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        try:
            yield
        finally:
            for task in [*self._acting, *reading]:
                task.cancel()
            await asyncio.gather(*self._acting, *reading, return_exceptions=True)
            client.close()

    async def _gather(self, everyone: Sequence[Person]) -> None:
        """Makes the conversations. Half of what is sent goes to groups."""
        people = everyone[:PEOPLE]
        pairs = [await people[n].talk_to(people[n - 1]) for n in range(PEOPLE)]
        small = [await people[n].group(f"Small {n}", people[n - 1]) for n in range(PEOPLE)]
        large = await people[0].group("Large", *people[1:])
        residents = everyone[PEOPLE : MEMBERS - VISITORS]
        for first in range(0, len(residents), ADDED_AT_ONCE):
            await people[0].add(large, *residents[first : first + ADDED_AT_ONCE])
        for person in [*people, *everyone[PEOPLE - READERS :]]:
            self.readers.append(Reader(person, await law.snapshot(person), self._address))
        options = self._address, self._patience, self._chance
        for n, reader in enumerate(self.readers[:PEOPLE]):
            own = [pairs[n], pairs[(n + 1) % PEOPLE]]
            visit = small[(n + PEOPLE // 2) % PEOPLE]
            groups = [small[n], visit, small[(n + 1) % PEOPLE], large]
            turns = [*own, *groups[:2], *own, *groups[2:]]
            self.senders.append(Sender(reader, turns, [visit], *options))
        for n, group in enumerate(small):
            visitor = people[(n + PEOPLE // 2) % PEOPLE]
            self._hosts.append(Host(people[n], group, [visitor], *options))
        self._hosts.append(Host(people[0], large, everyone[-VISITORS:], *options))

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
            for task in self._acting:
                if task.done():
                    task.result()
            return true()

        await eventually(holds, SETTLED_SECONDS)

    async def settle(self) -> None:
        """Waits until all is answered and read, and compares what each client has."""
        for actor in (*self.senders, *self._hosts):
            actor.stop()
        await asyncio.wait(self._acting, timeout=SETTLED_SECONDS)
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
        self._differing = sum([await counts.differences(reader) for reader in self.readers])

    def count(self) -> Counts:
        return counts.count(self._dsn, self.senders, self.readers, self._differing)


def faults(output: Iterable[str]) -> int:
    """The number of lines in which a server tells of a fault of its own."""
    return sum(FAULT.search(line) is not None for line in output)
