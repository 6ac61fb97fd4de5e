"""What people do in conversations of two, and what they do to themselves."""

import uuid
from collections.abc import Callable

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from tornado.ioloop import IOLoop

from db.github import Account, Picture
from handlers.application import Messenger
from tests.consistency.machine import Act, Machine, people
from tests.support.people import Person, Visitor

PAIRS = ((0, 1), (0, 2), (1, 2), (2, 3))
contents = st.text("ab \n€", min_size=1, max_size=5)
pairs = st.sampled_from(PAIRS)


class Pairs(Machine):
    def __init__(self, io_loop: IOLoop, app: Messenger, visitor: Visitor) -> None:
        super().__init__(io_loop, app, visitor)
        self.talks: dict[tuple[int, int], str] = {}
        self.sent: list[tuple[int, str, str, str]] = []  # who, where, content, client id
        self.stored: list[tuple[int, str, str]] = []  # who, where, message id

    @rule(pair=pairs, turned=st.booleans())
    def open(self, pair: tuple[int, int], turned: bool) -> None:
        self.do(self._open(pair, turned))

    @rule(pair=pairs)
    def open_from_both_sides(self, pair: tuple[int, int]) -> None:
        self.do(self._open(pair, False), self._open(pair, True))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), content=contents, side=st.booleans())
    def send(self, data: st.DataObject, content: str, side: bool) -> None:
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(self._send(pair[side], self.talks[pair], f"x{content}", str(uuid.uuid4())))

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
    @rule(data=st.data(), kinds=st.lists(st.integers(0, 4), min_size=2, max_size=8))
    def much_at_once(self, data: st.DataObject, kinds: list[int]) -> None:
        acts: list[Callable[[tuple[int, int]], Act]] = [
            lambda pair: self._send(pair[0], self.talks[pair], "at once", str(uuid.uuid4())),
            lambda pair: self._send(pair[1], self.talks[pair], "at once", str(uuid.uuid4())),
            lambda pair: self._read(pair[0], self.talks[pair]),
            lambda pair: self._read(pair[1], self.talks[pair], 2),
            lambda pair: self._rename(self.people[pair[0]], next(self.numbers)),
        ]
        pair = data.draw(st.sampled_from(sorted(self.talks)))
        self.do(*(acts[kind](pair) for kind in kinds))

    @rule(who=people)
    def rename(self, who: int) -> None:
        """Renames a user: a sign-in with GitHub brings a new name and a new picture."""
        self.do(self._rename(self.people[who], next(self.numbers)))

    async def _open(self, pair: tuple[int, int], turned: bool) -> None:
        one, other = reversed(pair) if turned else pair
        self.talks[pair] = await self.people[one].talk_to(self.people[other])

    async def _send(self, who: int, talk: str, content: str, client_id: str) -> None:
        """Sends, also into a group that the sender may not be in."""
        fields = {"content": content, "clientId": client_id}
        path = f"/{talk}/messages"
        answer = await self.ask(who, "POST", path, fields, allowed=(200, 201, 404))
        self.sent.append((who, talk, content, client_id))
        if answer.status == 201:
            self.stored.append((who, talk, answer.json["id"]))

    async def _read(self, who: int, talk: str, age: int | None = None) -> None:
        """Reads all, or up to an older message, also where the reader may not be."""
        fields = None
        if age is not None:
            answer = await self.ask(who, "GET", f"/{talk}/messages", allowed=(200, 404))
            if answer.status == 404 or not answer.json:
                return
            fields = {"lastReadMessageId": answer.json[min(age, len(answer.json) - 1)]["id"]}
        # Who has come again meanwhile does not see that message any more.
        await self.ask(who, "POST", f"/{talk}/read_messages", fields, allowed=(204, 404, 422))

    async def _rename(self, person: Person, n: int) -> None:
        picture = Picture(f"/avatars/{n}.png", "image/png", b"%d" % n)
        account = Account("github", int(person.id), f"renamed-{n}", picture, keeps_picture=False)
        person.username = (await self.app.services.writer.sign_in(account)).username
