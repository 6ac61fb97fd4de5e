"""A snapshot plus the events after its position equals a fresh snapshot, whatever happened."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tornado.ioloop import IOLoop

from db.github import Account, Picture
from handlers.application import Messenger
from tests.support import rules
from tests.support.people import Person, Visitor, path
from tests.support.sse import Event

USERNAMES = ("john", "jane", "mary")
PAIRS = ((0, 1), (0, 2), (1, 2))
EMOJI = ("👍", "❤", "🐈")

people = st.integers(0, 2)
pairs = st.sampled_from(PAIRS)
State = dict[str, Any]

LINK = """
    INSERT INTO github_accounts (provider, id, user_id, name)
    SELECT 'github', id, id, username
    FROM users
    WHERE id = %(user_id)s
"""


def apply(state: State, event: Event, me: str) -> None:
    """Applies an event as a client does. `state` has its conversations and their histories."""
    data = event.data
    if event.name == "conversation":
        state["conversations"].insert(0, data)
        state["histories"][data["id"]] = []
        return
    if event.name == "user":
        for conversation in state["conversations"]:
            if conversation["otherParticipant"]["id"] == data["id"]:
                conversation["otherParticipant"] = data
        return
    shown = data.get("message", data)
    conversation = next(c for c in state["conversations"] if c["id"] == shown["conversationId"])
    if event.name == "change":
        change(state["histories"][conversation["id"]], conversation, data)
    elif event.name == "message":
        state["histories"][conversation["id"]].insert(0, data)
        conversation["lastMessage"] = data
        conversation["unreadCount"] += not data["mine"]
        names_me = me in (mention["userId"] for mention in data.get("mentions", ()))
        count_mentions(conversation, mentions_of(conversation) + (names_me and not data["mine"]))
        state["conversations"].remove(conversation)
        state["conversations"].insert(0, conversation)
    elif event.name == "reactions":
        for message in (*state["histories"][conversation["id"]], conversation["lastMessage"]):
            if message is not None and message["id"] == data["messageId"]:
                message.pop("reactions", None)
                message.update({"reactions": data["reactions"]} if data["reactions"] else {})
    elif event.name == "setting":
        conversation.pop("notify", None)
        conversation.update({} if data["notify"] == "all" else {"notify": data["notify"]})
    elif event.name == "read" and data["userId"] == me:
        conversation["lastReadMessageId"] = data["lastReadMessageId"]
        conversation["unreadCount"] = data["unreadCount"]
        count_mentions(conversation, mentions_of(data))
    elif event.name == "read":
        conversation["otherLastReadMessageId"] = data["lastReadMessageId"]
    else:
        raise AssertionError(event)
    conversation["hasUnreadMessages"] = conversation["unreadCount"] > 0


def change(history: list[State], conversation: State, data: State) -> None:
    """Replaces the message wherever it stands, unless a higher version stands there."""
    message = data["message"]
    for n, old in enumerate(history):
        history[n] = newer(old, message)
    conversation["lastMessage"] = newer(conversation["lastMessage"], message)
    if "unreadCount" in data:
        conversation["unreadCount"] = data["unreadCount"]
        count_mentions(conversation, data["unreadMentionCount"])


def newer(old: State, message: State) -> State:
    """Returns the one that a client keeps of two states, or `old` if they are two messages."""
    is_older = message["version"] < old.get("version", 1)
    return old if old["id"] != message["id"] or is_older else message


def mentions_of(data: State) -> int:
    return int(data.get("unreadMentionCount", 0))


def count_mentions(conversation: State, count: int) -> None:
    """Leaves out a count of 0, as the server does."""
    conversation.pop("unreadMentionCount", None)
    if count:
        conversation["unreadMentionCount"] = count


async def snapshot(person: Person) -> tuple[str, State]:
    """Fetches everything.

    The position is that of the oldest part; each part knows its own.
    """
    answer = await person.get("/api/conversations?limit=100")
    position = answer.headers["Last-Event-ID"]
    histories = {}
    for conversation in answer.json:
        part = await person.get(f"/api/conversations/{conversation['id']}/messages?limit=100")
        if part.headers["Last-Event-ID"] != position:
            return await snapshot(person)  # something happened meanwhile: fetch everything again
        histories[conversation["id"]] = part.json
    return position, {"conversations": answer.json, "histories": histories}


class Talk(RuleBasedStateMachine):
    """Three people do all that the API allows; each holds snapshots of different ages."""

    numbers = count()

    def __init__(self, io_loop: IOLoop, app: Messenger, visitor: Visitor) -> None:
        super().__init__()
        self.io_loop = io_loop
        self.app = app
        self.visitor = visitor
        self.people: list[Person] = []
        self.talks: dict[tuple[int, int], str] = {}
        self.sent: list[tuple[int, str, str, str]] = []  # who, where, content, client id
        self.stored: list[tuple[int, str, str]] = []  # who, where, message id
        self.held: list[tuple[int, str, State]] = []

    def do(self, *acts: Coroutine[Any, Any, Any]) -> None:
        """Performs all actions at once."""

        async def together() -> None:
            await asyncio.gather(*acts)

        self.io_loop.run_sync(together, timeout=20)

    @initialize()
    def sign_in(self) -> None:
        async def sign_in() -> None:
            n = next(self.numbers)
            self.people = [await self.visitor.sign_in(f"{name}-{n}") for name in USERNAMES]
            for person in self.people:
                await self.app.services.db.rows(LINK, {"user_id": int(person.id)})

        self.do(sign_in())

    @rule(pair=pairs, turned=st.booleans())
    def open(self, pair: tuple[int, int], turned: bool) -> None:
        self.do(self._open(pair, turned))

    @rule(pair=pairs)
    def open_from_both_sides(self, pair: tuple[int, int]) -> None:
        self.do(self._open(pair, False), self._open(pair, True))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), content=st.text("ab \n€", min_size=1, max_size=5), side=st.booleans())
    def send(self, data: st.DataObject, content: str, side: bool) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(self._send(pair[side], self.talks[pair], f"x{content}", str(uuid.uuid4())))

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), back=st.booleans(), called=people)
    def reply_and_call(self, data: st.DataObject, back: bool, called: int) -> None:
        author, talk, message_id = data.draw(st.sampled_from(self.stored))
        (pair,) = (pair for pair, of in self.talks.items() if of == talk)
        who = next(one for one in pair if (one != author) == back)
        self.do(self._reply(who, talk, self._calling(called), message_id))

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), called=people, again=st.booleans())
    def edit(self, data: st.DataObject, called: int, again: bool) -> None:
        stored = data.draw(st.sampled_from(self.stored))
        content = self._calling(called) if again else f"edited {next(self.numbers)}"
        self.do(self._edit(*stored, content))

    @precondition(lambda self: self.stored)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        self.do(self._delete(*data.draw(st.sampled_from(self.stored))))

    @precondition(lambda self: self.stored)
    @rule(data=st.data(), called=people)
    def change_and_read_at_once(self, data: st.DataObject, called: int) -> None:
        who, talk, message_id = data.draw(st.sampled_from(self.stored))
        (pair,) = (pair for pair, of in self.talks.items() if of == talk)
        edits = (self._calling(called), "edited at once")
        self.do(
            *(self._edit(who, talk, message_id, content) for content in edits),
            self._delete(who, talk, message_id),
            *(self._read(one, talk) for one in pair),
        )

    @precondition(lambda self: self.sent)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        self.do(self._send(*data.draw(st.sampled_from(self.sent))))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), side=st.booleans())
    def read(self, data: st.DataObject, side: bool) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(self._read(pair[side], self.talks[pair]))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), side=st.booleans(), age=st.integers(0, 5))
    def read_up_to_an_older_message(self, data: st.DataObject, side: bool, age: int) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(self._read(pair[side], self.talks[pair], age))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), side=st.booleans(), age=st.integers(0, 2), is_there=st.booleans())
    def react(self, data: st.DataObject, side: bool, age: int, is_there: bool) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        text = data.draw(st.sampled_from(EMOJI))
        self.do(self._react(pair[side], self.talks[pair], age, text, is_there))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), side=st.booleans(), word=st.sampled_from(["all", "mentions", "none"]))
    def choose(self, data: st.DataObject, side: bool, word: str) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(self._choose(pair[side], self.talks[pair], word))

    @rule(who=people, receipts=st.booleans())
    def switch_receipts(self, who: int, receipts: bool) -> None:
        self.do(self._switch(who, receipts))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), kinds=st.lists(st.integers(0, 9), min_size=2, max_size=8))
    def much_at_once(self, data: st.DataObject, kinds: list[int]) -> None:
        acts: list[Callable[[tuple[int, int]], Coroutine[Any, Any, None]]] = [
            lambda pair: self._send(pair[0], self.talks[pair], "at once", str(uuid.uuid4())),
            lambda pair: self._send(pair[1], self.talks[pair], "at once", str(uuid.uuid4())),
            lambda pair: self._read(pair[0], self.talks[pair]),
            lambda pair: self._read(pair[1], self.talks[pair], 2),
            lambda pair: self._rename(self.people[pair[0]], next(self.numbers)),
            lambda pair: self._react(pair[0], self.talks[pair], 0, EMOJI[0], True),
            lambda pair: self._react(pair[1], self.talks[pair], 0, EMOJI[0], True),
            lambda pair: self._react(pair[1], self.talks[pair], 0, EMOJI[0], False),
            lambda pair: self._choose(pair[0], self.talks[pair], "none"),
            lambda pair: self._switch(pair[1], False),
        ]
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(*(acts[kind](pair) for kind in kinds))

    @rule(who=people)
    def rename(self, who: int) -> None:
        """Renames a user: a sign-in with GitHub brings a new name and a new picture."""
        self.do(self._rename(self.people[who], next(self.numbers)))

    @rule(who=people)
    def take_a_snapshot(self, who: int) -> None:
        async def take() -> None:
            self.held.append((who, *await snapshot(self.people[who])))

        self.do(take())

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def bring_a_snapshot_up_to_date(self, data: st.DataObject) -> None:
        index = data.draw(st.integers(0, len(self.held) - 1))
        self.do(self._compare(*self.held.pop(index)))

    def teardown(self) -> None:
        for held in self.held:
            self.do(self._compare(*held))

    async def _compare(self, who: int, position: str, state: State) -> None:
        person = self.people[who]
        newest, fresh = await snapshot(person)
        missing = int(newest.partition("-")[2]) - int(position.partition("-")[2])
        async with person.stream(position) as stream:
            for event in await stream.events(missing):
                apply(state, event, person.id)
        assert state == fresh

    async def _open(self, pair: tuple[int, int], turned: bool) -> None:
        one, other = reversed(pair) if turned else pair
        self.talks[pair] = await self.people[one].talk_to(self.people[other])

    async def _send(self, who: int, talk: str, content: str, client_id: str) -> None:
        message = await self.people[who].send(talk, content, client_id)
        self.sent.append((who, talk, content, client_id))
        self.stored.append((who, talk, message["id"]))

    async def _reply(self, who: int, talk: str, content: str, message_id: str) -> None:
        fields = {"content": content, "replyToId": message_id}
        answer = await self.people[who].post(f"/api/conversations/{talk}/messages", fields)
        assert answer.status == 201, answer
        self.stored.append((who, talk, answer.json["id"]))

    async def _edit(self, who: int, talk: str, message_id: str, content: str) -> None:
        path = f"/api/conversations/{talk}/messages/{message_id}"
        answer = await self.people[who].ask("PATCH", path, {"content": content})
        assert answer.status == 200 or answer.json["code"] == "deleted", answer

    async def _delete(self, who: int, talk: str, message_id: str) -> None:
        path = f"/api/conversations/{talk}/messages/{message_id}"
        assert (await self.people[who].delete(path)).status == 204

    def _calling(self, called: int) -> str:
        return f"hello @{self.people[called].username}"

    async def _rename(self, person: Person, n: int) -> None:
        picture = Picture(f"/avatars/{n}.png", "image/png", b"%d" % n)
        account = Account("github", int(person.id), f"renamed-{n}", picture, keeps_picture=False)
        person.username = (await self.app.services.writer.sign_in(account)).username

    async def _react(self, who: int, talk: str, age: int, text: str, is_there: bool) -> None:
        if history := await self.people[who].history(talk):
            message = history[min(age, len(history) - 1)]["id"]
            where = path("api", "conversations", talk, "messages", message, "reactions", text)
            answer = await self.people[who].ask("PUT" if is_there else "DELETE", where)
            assert answer.status == 204, answer

    async def _choose(self, who: int, talk: str, word: str) -> None:
        where = f"/api/conversations/{talk}/notify"
        answer = await self.people[who].ask("PUT", where, {"notify": word})
        assert answer.status == 204, answer

    async def _switch(self, who: int, receipts: bool) -> None:
        answer = await self.people[who].ask("PATCH", "/api/settings", {"receipts": receipts})
        assert answer.status == 200, answer

    async def _read(self, who: int, talk: str, age: int | None = None) -> None:
        if age is None:
            await self.people[who].read(talk)
        elif history := await self.people[who].history(talk):
            await self.people[who].read(talk, history[min(age, len(history) - 1)]["id"])


@rules.rule("api#compare-positions")
def test_snapshot_plus_events_equals_a_fresh_snapshot(
    io_loop: IOLoop, app: Messenger, visitor: Visitor
) -> None:
    run_state_machine_as_test(
        lambda: Talk(io_loop, app, visitor),  # type: ignore[arg-type]
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
