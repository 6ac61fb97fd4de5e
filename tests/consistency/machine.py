"""Five people, their streams, and what each of them has fetched at different times.

What they do is in the other modules, by topic: classes with rules, which tests/test_consistency.py
puts together.
"""

import asyncio
import copy
from collections.abc import Coroutine, Sequence
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tornado.ioloop import IOLoop

from handlers.application import Messenger
from tests.support import law
from tests.support.law import State
from tests.support.people import Answer, Person, Visitor
from tests.support.sse import Event, EventStream

USERNAMES = ("john", "jane", "mary", "carol", "dave")

people = st.integers(0, len(USERNAMES) - 1)
Act = Coroutine[Any, Any, Any]

LINK = """
    INSERT INTO github_accounts (provider, id, user_id, name)
    SELECT 'github', id, id, username
    FROM users
    WHERE id = %(user_id)s
"""


class Live:
    """A client that never leaves: it keeps all events that come, and applies them."""

    def __init__(self, person: Person, stream: EventStream, state: State) -> None:
        self.person = person
        self.events: list[Event] = []
        self.state = state
        self._stream = stream

    @classmethod
    async def open(cls, person: Person) -> "Live":
        stream = await EventStream.open(person.base_url, person.headers())
        assert (await stream.event()).name == "hello"
        return cls(person, stream, await law.snapshot(person))

    async def catch_up(self) -> None:
        """Applies what has happened up to now."""
        position = (await self.person.get("/api/conversations?limit=1")).headers["Last-Event-ID"]
        begun = len(self.events)
        first = law.seq_of(self.state.position) + 1
        while first + len(self.events) <= law.seq_of(position):
            self.events.append(await self._stream.event())
            assert self.events[-1].seq == first + len(self.events) - 1, self.events
        for event in self.events[begun:]:
            law.apply(self.state, event)

    def close(self) -> None:
        self._stream.close()


class Machine(RuleBasedStateMachine):
    """Compares live events, replayed ones, and snapshots."""

    numbers = count()

    def __init__(self, io_loop: IOLoop, app: Messenger, visitor: Visitor) -> None:
        super().__init__()
        self.io_loop = io_loop
        self.app = app
        self.visitor = visitor
        self.people: list[Person] = []
        self.live: list[Live] = []
        self.held: list[tuple[int, State]] = []

    def do(self, *acts: Act) -> None:
        """Performs all actions at once."""

        async def together() -> None:
            await asyncio.gather(*acts)

        self.io_loop.run_sync(together, timeout=20)

    async def ask(
        self, who: int, method: str, path: str, fields: Any = None, *, allowed: Sequence[int]
    ) -> Answer:
        """Asks under /api/conversations."""
        answer = await self.people[who].ask(method, f"/api/conversations{path}", fields)
        assert answer.status in allowed, answer
        return answer

    @initialize()
    def sign_in(self) -> None:
        async def sign_in() -> None:
            n = next(self.numbers)
            self.people = [await self.visitor.sign_in(f"{name}-{n}") for name in USERNAMES]
            for person in self.people:
                await self.app.services.db.rows(LINK, {"user_id": int(person.id)})
                self.live.append(await Live.open(person))

        self.do(sign_in())

    @rule(who=people)
    def take_a_snapshot(self, who: int) -> None:
        async def take() -> None:
            self.held.append((who, await law.snapshot(self.people[who])))

        self.do(take())

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def bring_a_snapshot_up_to_date(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.held) - 1))
        self.do(self._compare(*self.held.pop(index)))

    @rule(who=people)
    def fetch_what_has_begun(self, who: int) -> None:
        """Fetches parts, perhaps before their `conversation` has come, or long after."""
        self.do(law.fetch_missing(self.people[who], self.live[who].state))

    @rule(who=people)
    def listen(self, who: int) -> None:
        self.do(self.live[who].catch_up())

    def teardown(self) -> None:
        try:
            for held in self.held:
                self.do(self._compare(*held))
            self.do(*(self._compare_live(live) for live in self.live))
        finally:
            for live in self.live:
                live.close()

    async def _compare(self, who: int, state: State) -> None:
        """Replays what a held snapshot has missed."""
        await self._compare_live(self.live[who])
        fresh = await law.snapshot(self.people[who])
        expected = law.replayed(self.live[who].events, law.seq_of(state.position), fresh)
        events = await self._replay(who, state.position, len(expected))
        assert events == expected
        for event in events:
            law.apply(state, event)
        await law.fetch_missing(self.people[who], state)
        assert_equal(state, fresh)

    async def _compare_live(self, live: Live) -> None:
        await live.catch_up()
        fresh = await law.snapshot(live.person)
        state = copy.deepcopy(live.state)
        await law.fetch_missing(live.person, state)
        assert_equal(state, fresh)
        epoch = fresh.position.partition("-")[0]
        first = law.seq_of(live.state.position)
        expected = law.replayed(live.events, first, fresh)
        who = self.people.index(live.person)
        assert await self._replay(who, f"{epoch}-{first}", len(expected)) == expected

    async def _replay(self, who: int, position: str, number: int) -> list[Event]:
        async with self.people[who].stream(position) as stream:
            return await stream.events(number)


def assert_equal(state: State, fresh: State) -> None:
    assert state.me == fresh.me
    assert state.conversations.items == fresh.conversations.items
    assert items_of(state.messages) == items_of(fresh.messages)
    assert items_of(state.members) == items_of(fresh.members)


def items_of(parts: dict[str, law.Part | None]) -> dict[str, Any]:
    return {key: None if part is None else part.items for key, part in parts.items()}
