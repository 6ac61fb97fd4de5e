"""Edits and deletions through the API."""

from collections.abc import Hashable
from typing import Any

from tests.support import secret_leaks
from tests.support.people import Answer, Person


class Spent:
    """A limit that is reached."""

    def take(self, key: Hashable) -> float:
        return 5.0


def path_of(message: Any) -> str:
    return f"/api/conversations/{message['conversationId']}/messages/{message['id']}"


async def edit(person: Person, message: Any, content: Any, **fields: Any) -> Answer:
    secret_leaks.note(str(content))
    return await person.ask("PATCH", path_of(message), {"content": content} | fields)


async def delete(person: Person, message: Any) -> Answer:
    return await person.delete(path_of(message))


async def now(person: Person, message: Any) -> Any:
    """Returns the message as the person sees it now."""
    answer = await person.get(path_of(message))
    assert answer.status == 200, answer
    return answer.json


async def code_of(asked: Any) -> tuple[int, str]:
    """Awaits an answer, and returns the status and the code of a refusal."""
    answer = await asked
    return answer.status, answer.json["code"]
