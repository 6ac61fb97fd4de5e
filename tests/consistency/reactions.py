"""What people do beside their messages: they react to them, and choose what others learn."""

from collections.abc import Callable
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.consistency.changes import Changes
from tests.consistency.groups import choices
from tests.consistency.machine import Act, people

EMOJI = ("👍", "❤", "🐈")


class Reactions(Changes):
    @precondition(lambda self: self.sent)
    @rule(choice=choices, who=people, emoji=st.sampled_from(EMOJI), is_there=st.booleans())
    def react(self, choice: int, who: int, emoji: str, is_there: bool) -> None:
        _, talk, message_id = self._one_stored(choice)
        self.do(self._react(who, talk, message_id, emoji, is_there))

    @precondition(lambda self: self.sent)
    @rule(
        choice=choices,
        acts=st.lists(st.tuples(st.integers(0, 4), people), min_size=2, max_size=8),
    )
    def react_and_change_at_once(self, choice: int, acts: list[tuple[int, int]]) -> None:
        author, talk, message_id = self._one_stored(choice)
        kinds: list[Callable[[int], Act]] = [
            lambda who: self._react(who, talk, message_id, EMOJI[0], True),
            lambda who: self._react(who, talk, message_id, EMOJI[1], True),
            lambda who: self._react(who, talk, message_id, EMOJI[0], False),
            lambda who: self._edit(author, talk, message_id, f"edited for {who}"),
            lambda who: self._choose(who, talk, "none"),
        ]
        self.do(*(kinds[kind](who) for kind, who in acts))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, who=people, word=st.sampled_from(["all", "mentions", "none"]))
    def choose(self, choice: int, who: int, word: str) -> None:
        _, talk, _ = self._one_stored(choice)
        self.do(self._choose(who, talk, word))

    @rule(who=people, receipts=st.booleans())
    def switch_receipts(self, who: int, receipts: bool) -> None:
        self.do(self._switch(who, receipts))

    async def _react(
        self, who: int, talk: str, message_id: str, emoji: str, is_there: bool
    ) -> None:
        path = f"/{talk}/messages/{message_id}/reactions/{quote(emoji)}"
        # 409: the message is deleted.
        await self.ask(who, "PUT" if is_there else "DELETE", path, allowed=(204, 404, 409))

    async def _choose(self, who: int, talk: str, word: str) -> None:
        await self.ask(who, "PUT", f"/{talk}/notify", {"notify": word}, allowed=(204, 404))

    async def _switch(self, who: int, receipts: bool) -> None:
        answer = await self.people[who].ask("PATCH", "/api/settings", {"receipts": receipts})
        assert answer.status == 200, answer
