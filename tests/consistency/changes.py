"""What people do with messages that were sent: they reply, call each other, edit and delete."""

import uuid

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from tests.consistency.groups import Groups, choices
from tests.consistency.machine import people

NOWHERE = (0, "9" * 18, "1")


class Changes(Groups):
    @precondition(lambda self: self.sent)
    @rule(choice=choices, who=people, is_author=st.booleans(), called=people)
    def reply_and_call(self, choice: int, who: int, is_author: bool, called: int) -> None:
        author, talk, message_id = self._one_stored(choice)
        replier = author if is_author else who
        self.do(self._reply(replier, talk, self._calling(called), message_id))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, called=people, again=st.booleans())
    def edit(self, choice: int, called: int, again: bool) -> None:
        content = self._calling(called) if again else f"edited {next(self.numbers)}"
        self.do(self._edit(*self._one_stored(choice), content))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, who=people, is_author=st.booleans())
    def delete(self, choice: int, who: int, is_author: bool) -> None:
        """Deletes one's own message, or somebody else's, which only an admin may."""
        author, talk, message_id = self._one_stored(choice)
        self.do(self._delete(author if is_author else who, talk, message_id))

    @precondition(lambda self: self.sent)
    @rule(choice=choices, called=people, acts=st.sets(st.integers(0, 8), min_size=2, max_size=6))
    def change_and_read_at_once(self, choice: int, called: int, acts: set[int]) -> None:
        who, talk, message_id = self._one_stored(choice)
        some = [
            self._edit(who, talk, message_id, self._calling(called)),
            self._edit(who, talk, message_id, "edited at once"),
            self._delete(who, talk, message_id),
            self._reply(who, talk, self._calling(called), message_id),
            self._rename(self.people[called], next(self.numbers)),
            self._read(called, talk),
            self._read(who, talk, 1),
            self._remove(called, talk, called),
            self._add(who, talk, {called}),
        ]
        for n, act in enumerate(some):
            if n not in acts:
                act.close()
        self.do(*(act for n, act in enumerate(some) if n in acts))

    def _one_stored(self, choice: int) -> tuple[int, str, str]:
        """Returns the author, the conversation and the id of one of the latest messages."""
        if not self.stored:
            return NOWHERE  # all of `sent` were refused
        return self.stored[-1 - choice % len(self.stored)]

    async def _reply(self, who: int, talk: str, content: str, message_id: str) -> None:
        fields = {"content": content, "replyToId": message_id, "clientId": str(uuid.uuid4())}
        # 422: who has come after the message does not see it.
        answer = await self.ask(who, "POST", f"/{talk}/messages", fields, allowed=(201, 404, 422))
        if answer.status == 201:
            self.stored.append((who, talk, answer.json["id"]))

    async def _edit(self, who: int, talk: str, message_id: str, content: str) -> None:
        path = f"/{talk}/messages/{message_id}"
        answer = await self.ask(who, "PATCH", path, {"content": content}, allowed=(200, 404, 409))
        assert answer.status != 409 or answer.json["code"] == "deleted", answer

    async def _delete(self, who: int, talk: str, message_id: str) -> None:
        path = f"/{talk}/messages/{message_id}"
        await self.ask(who, "DELETE", path, allowed=(204, 403, 404))

    def _calling(self, called: int) -> str:
        return f"hello @{self.people[called].username}"
