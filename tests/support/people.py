"""People with tokens, who use the server as a browser or a program does."""

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse

from tests.support import secret_leaks
from tests.support.sse import EventStream

PATIENCE_SECONDS = 60  # for a server that shares its processors with other tests


class Answer(NamedTuple):
    """A response; a JSON body is parsed."""

    status: int
    headers: Any
    json: Any
    body: bytes

    @property
    def seen(self) -> tuple[int, bytes, dict[str, str]]:
        """Returns all that the answer gives away, except the time of day."""
        headers = {name: value for name, value in self.headers.get_all() if name != "Date"}
        return self.status, self.body, headers


class Visitor:
    """A client that has not signed in."""

    def __init__(self, client: AsyncHTTPClient, base_url: str) -> None:
        self._client = client
        self.base_url = base_url

    async def get(self, path: str, **options: Any) -> Answer:
        return await self.ask("GET", path, **options)

    async def post(self, path: str, fields: Any = None, **options: Any) -> Answer:
        """Sends `fields` as a JSON body; without them, sends no body."""
        return await self.ask("POST", path, fields, **options)

    async def delete(self, path: str, **options: Any) -> Answer:
        return await self.ask("DELETE", path, **options)

    async def ask(
        self,
        method: str,
        path: str,
        fields: Any = None,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        **options: Any,
    ) -> Answer:
        sent = self.headers() | (headers or {})
        if fields is not None:
            body = json.dumps(fields).encode()
            sent = {"Content-Type": "application/json"} | sent
        response = await self._client.fetch(
            self.base_url + path,
            method=method,
            headers=sent,
            body=body,
            allow_nonstandard_methods=True,
            follow_redirects=False,
            raise_error=False,
            **{"connect_timeout": PATIENCE_SECONDS, "request_timeout": PATIENCE_SECONDS} | options,
        )
        return _answer(response)

    def headers(self) -> dict[str, str]:
        return {}

    async def sign_in(self, username: str) -> "Person":
        answer = await self.post("/api/login", {"username": username})
        assert answer.status == 200, answer
        return Person(self._client, self.base_url, answer.json)


class Person(Visitor):
    """A user who has signed in: `john` and `jane` talk, `mallory` belongs nowhere."""

    def __init__(self, client: AsyncHTTPClient, base_url: str, login: Any) -> None:
        super().__init__(client, base_url)
        self.token: str = login["token"]
        secret_leaks.note(self.token)
        self.id: str = login["authUser"]["id"]
        self.username: str = login["authUser"]["username"]

    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def at(self, base_url: str) -> "Person":
        """Returns the same person, who asks another server."""
        other = copy.copy(self)
        other.base_url = base_url
        return other

    @property
    def cookie(self) -> Any:
        """Returns the session cookie, as the server sets it for a browser."""
        return self.cookie_of(self.base_url)

    def cookie_of(self, origin: str) -> Any:
        return {"name": "messenger-session", "value": self.token, "url": origin}

    async def talk_to(self, other: "Person") -> str:
        """Starts a conversation, and returns its id."""
        answer = await self.post("/api/conversations", {"username": other.username})
        assert answer.status in (200, 201), answer
        return str(answer.json["id"])

    async def group(self, name: str, *others: "Person", history: str = "joined") -> str:
        """Makes a group, and returns its id."""
        usernames = [other.username for other in others]
        fields = {"name": name, "usernames": usernames, "history": history}
        answer = await self.post("/api/conversations", fields)
        assert answer.status == 201, answer
        return str(answer.json["id"])

    async def add(self, group: str, *others: "Person") -> Any:
        """Adds people to a group, and returns them as members."""
        usernames = [other.username for other in others]
        answer = await self.post(f"/api/conversations/{group}/members", {"usernames": usernames})
        assert answer.status == 200, answer
        return answer.json

    async def remove(self, group: str, member: "Person") -> Answer:
        """Removes a member, or leaves."""
        return await self.delete(f"/api/conversations/{group}/members/{member.id}")

    async def turn(self, group: str, member: "Person", role: str) -> Answer:
        """Gives a member a role."""
        path = f"/api/conversations/{group}/members/{member.id}"
        return await self.ask("PATCH", path, {"role": role})

    async def change(self, group: str, **fields: str) -> Answer:
        return await self.ask("PATCH", f"/api/conversations/{group}", fields)

    async def send(self, conversation: str, content: str, client_id: str | None = None) -> Any:
        """Sends a message, and returns it as stored."""
        secret_leaks.note(content)
        answer = await self.post(
            f"/api/conversations/{conversation}/messages",
            {"content": content, "clientId": client_id},
        )
        assert answer.status in (200, 201), answer
        return answer.json

    async def read(self, conversation: str, message_id: str | None = None) -> None:
        fields = None if message_id is None else {"lastReadMessageId": message_id}
        answer = await self.post(f"/api/conversations/{conversation}/read_messages", fields)
        assert answer.status == 204, answer

    async def conversation(self, conversation: str) -> Any:
        answer = await self.get(f"/api/conversations/{conversation}")
        assert answer.status == 200, answer
        return answer.json

    async def unread(self, conversation: str) -> int:
        count: int = (await self.conversation(conversation))["unreadCount"]
        return count

    async def history(self, conversation: str, limit: int = 100) -> list[Any]:
        answer = await self.get(f"/api/conversations/{conversation}/messages?limit={limit}")
        assert answer.status == 200, answer
        return list(answer.json)

    @asynccontextmanager
    async def stream(
        self, last_event_id: str | None = None, **headers: str
    ) -> AsyncIterator[EventStream]:
        """Opens a stream, reads its `hello`, and keeps that as `stream.hello`."""
        sent = self.headers() | {name.replace("_", "-"): value for name, value in headers.items()}
        if last_event_id is not None:
            sent["Last-Event-ID"] = last_event_id
        stream = await EventStream.open(self.base_url, sent)
        try:
            assert stream.status == 200, (stream.status, stream.headers)
            stream.hello = await stream.event()
            assert stream.hello.name == "hello"
            yield stream
        finally:
            stream.close()


async def two(visitor: Visitor) -> tuple[Person, Person, str]:
    """Returns John and Jane, and the id of their conversation."""
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    return john, jane, await john.talk_to(jane)


async def three(visitor: Visitor) -> tuple[Person, Person, Person]:
    """Returns John, Jane and Mary."""
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    return john, jane, await visitor.sign_in("mary")


def cursor_of(link: str) -> str:
    """Returns the path and query of a `Link` header."""
    target, _, parameters = link.partition(";")
    assert parameters.strip() == 'rel="next"'
    return target.strip("<> ")


def path(*segments: str) -> str:
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


async def eventually(true: Any, seconds: float = 30) -> None:
    """Waits until `true()` holds, where no event tells of it."""
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.005)


async def eventually_equal(
    expected: object, ask: Callable[[], Awaitable[object]], seconds: float = 30
) -> None:
    """Waits until `ask()` answers `expected`, where no event tells of it."""
    answer = None
    try:
        async with asyncio.timeout(seconds):
            while (answer := await ask()) != expected:
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{answer!r}, and not {expected!r}, after {seconds} s") from None


def _answer(response: HTTPResponse) -> Answer:
    content_type = response.headers.get("Content-Type", "")
    body = response.body or b""
    is_json = "json" in content_type and body
    return Answer(response.code, response.headers, json.loads(body) if is_json else None, body)


__all__ = [
    "Answer",
    "HTTPClientError",
    "Person",
    "Visitor",
    "cursor_of",
    "eventually",
    "eventually_equal",
    "path",
    "three",
    "two",
]
