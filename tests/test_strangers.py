"""A stranger requests every route and every object of others, and gets not one foreign byte.

Each answer is, byte for byte, the answer about an object that does not exist.
"""

import asyncio
import itertools
import json
import re
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from handlers.routes import ROUTES
from tests.support.people import Person, Visitor, cursor_of, two
from tests.support.rules import rule
from tests.support.sse import EventStream

WORD = "confidential"
CLIENT_ID = "123e4567-e89b-12d3-a456-426614174000"
NOWHERE = ("999999", str(2**63 - 1), str(2**63), "9" * 40)  # ids of no object
ID = "([1-9][0-9]*)"

BODIES: dict[str, bytes | None] = {
    "none": None,
    "a message": b'{"content": "hello"}',
    "a message stored before": json.dumps({"content": WORD, "clientId": CLIENT_ID}).encode(),
    "a wrong message": b'{"content": ""}',
    "a wrong marker": b'{"lastReadMessageId": "x"}',
    "a marker": b'{"lastReadMessageId": "1"}',
    "no JSON": b"{",
}


class World(NamedTuple):
    """What John and Jane have, and Mallory, who has objects of her own with Eve."""

    john: Person
    jane: Person
    mallory: Person
    conversation: str
    sessions: list[str]
    messages: list[str]
    cursors: list[str]
    own: str

    @property
    def secrets(self) -> list[str]:
        return [WORD, CLIENT_ID, self.john.token, self.jane.token, "Netscape"]


async def world(visitor: Visitor) -> World:
    john, jane, conversation = await two(visitor)
    sent = [await john.send(conversation, f"{WORD} {n}") for n in range(3)]
    sent.append(await john.send(conversation, WORD, CLIENT_ID))
    await jane.read(conversation, sent[0]["id"])
    elsewhere = await visitor.post("/api/login", {"username": "john"}, headers=BROWSER)
    assert elsewhere.status == 200
    sessions = (await john.get("/api/sessions")).json + (await jane.get("/api/sessions")).json
    pages = await john.get(f"/api/conversations/{conversation}/messages?limit=1")
    mallory, eve = await visitor.sign_in("mallory"), await visitor.sign_in("eve")
    own = await mallory.talk_to(eve)
    await mallory.send(own, "of her own")
    return World(
        john,
        jane,
        mallory,
        conversation,
        [session["id"] for session in sessions],
        [message["id"] for message in sent],
        [cursor_of(pages.headers["Link"])],
        own,
    )


BROWSER = {"User-Agent": "Netscape"}


async def whole_answer(
    person: Visitor, method: str, path: str, body: bytes | None = None, media: str = ""
) -> bytes:
    """Returns every byte of the answer, except the time of day."""
    url = urlsplit(person.base_url)
    head = [f"{method} {path} HTTP/1.1", f"Host: {url.netloc}", "Connection: close"]
    head += [f"{name}: {value}" for name, value in person.headers().items()]
    if body is not None:
        head += [f"Content-Length: {len(body)}", f"Content-Type: {media or 'application/json'}"]
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write("\r\n".join([*head, "", ""]).encode() + (body or b""))
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return re.sub(rb"\r\nDate: [^\r]*", b"", answer)


def requests() -> Iterator[tuple[str, str, bytes | None]]:
    """Returns method, path with `{id}`, and body, of every request about an object."""
    for pattern, handler in ROUTES:
        if ID not in pattern:
            continue
        for method in [*handler._methods, "PUT", "OPTIONS"]:
            bodies = list(BODIES.values()) if method in ("POST", "PATCH") else [None]
            for body in bodies:
                yield method, pattern.replace(ID, "{id}"), body


def test_the_matrix_has_all_routes_of_objects() -> None:
    found = {(method, path) for method, path, _ in requests()}
    assert len(found) > 15
    for method, path in (
        ("GET", "/api/conversations/{id}"),
        ("POST", "/api/conversations/{id}/messages"),
        ("POST", "/api/conversations/{id}/read_messages"),
        ("PATCH", "/api/conversations/{id}/messages/{id}"),
        ("DELETE", "/api/sessions/{id}"),
    ):
        assert (method, path) in found


@rule("api#not-yours")
@pytest.mark.gen_test(timeout=120)
async def test_others_objects_are_answered_byte_for_byte_like_missing_ones(
    visitor: Visitor,
) -> None:
    w = await world(visitor)
    before = await state(w)
    refused = 0
    async with w.john.stream() as of_john, w.jane.stream() as of_jane:
        for method, path, body in requests():
            mine = {w.own} if "conversations" in path else set()
            theirs = {w.conversation, *w.sessions, *w.messages, w.john.id, w.jane.id} - mine
            for media in ("", "text/plain") if body is not None else ("",):
                answers = {
                    await whole_answer(w.mallory, method, path.format(id=id_), body, media)
                    for id_ in [*theirs, *NOWHERE]
                    if not ("sessions" in path and id_ in await own_sessions(w.mallory))
                }
                (answer,) = answers
                status = int(answer.split()[1])
                assert status in (
                    (404,) if method in ("GET", "HEAD", "DELETE") else (400, 404, 405, 415)
                )
                assert not [secret for secret in w.secrets if secret.encode() in answer]
                refused += 1
        assert await of_john.silent(0.2)
        assert await of_jane.silent(0.2)
    assert refused > 25
    assert await state(w) == before


async def own_sessions(person: Person) -> set[str]:
    return {session["id"] for session in (await person.get("/api/sessions")).json}


async def state(w: World) -> Any:
    """Returns all that John and Jane see, except when they were last seen."""
    seen: list[Any] = []
    for person in (w.john, w.jane):
        for path in ("", f"/{w.conversation}", f"/{w.conversation}/messages"):
            answer = await person.get(f"/api/conversations{path}")
            seen.append((answer.json, answer.headers["Last-Event-ID"]))
        seen.append(await own_sessions(person))
    return seen


@pytest.mark.gen_test(timeout=60)
async def test_guessed_ids_find_only_the_users_own_objects(visitor: Visitor) -> None:
    w = await world(visitor)
    for n in range(1, 60):
        for path in ("", "/messages", "/other_participant"):
            answer = await w.mallory.get(f"/api/conversations/{n}{path}")
            assert (answer.status == 200) is (str(n) == w.own), (n, path)
            assert not [secret for secret in w.secrets if secret.encode() in answer.body]
    for message in w.messages:  # another user's, in a conversation of her own
        there = await w.mallory.post(
            f"/api/conversations/{w.own}/read_messages", {"lastReadMessageId": message}
        )
        nowhere = await w.mallory.post(
            f"/api/conversations/{w.own}/read_messages", {"lastReadMessageId": "999999"}
        )
        assert there.status == 422
        assert there.seen == nowhere.seen


@pytest.mark.gen_test(timeout=60)
async def test_links_and_client_ids_of_others_reveal_nothing(visitor: Visitor) -> None:
    w = await world(visitor)
    for cursor in w.cursors:
        own = re.sub(r"conversations/\d+", f"conversations/{w.own}", cursor)
        for path, status in ((cursor, 404), (own, 422)):
            answer = await w.mallory.get(path)
            assert answer.status == status
            assert not [secret for secret in w.secrets if secret.encode() in answer.body]
    mine = await w.mallory.send(w.own, "hers", CLIENT_ID)  # each sender has their own client ids
    assert (mine["content"], mine["userId"]) == ("hers", w.mallory.id)


@pytest.mark.gen_test(timeout=60)
async def test_positions_of_others_replay_none_of_their_events(visitor: Visitor) -> None:
    w = await world(visitor)
    positions = [
        (await person.get("/api/conversations")).headers["Last-Event-ID"]
        for person in (w.john, w.jane)
    ]
    epoch = positions[0].partition("-")[0]
    guesses = [*positions, *(f"{epoch}-{n}" for n in range(9)), f"{epoch}-99", "nonsense"]
    for position, by in itertools.product(guesses, ("header", "query")):
        headers = w.mallory.headers() | ({"Last-Event-ID": position} if by == "header" else {})
        target = "/api/messages" + (f"?last_event_id={position}" if by == "query" else "")
        stream = await EventStream.open(visitor.base_url, headers, target=target)
        content = f"the last {uuid.uuid4()}"
        await w.mallory.send(w.own, content)
        while True:
            event = await stream.event()
            if event.name == "message" and event.data["content"] == content:
                break
        stream.close()
        assert not [secret for secret in w.secrets if secret.encode() in stream.raw]
        assert f'"{w.john.username}"'.encode() not in stream.raw


@pytest.mark.gen_test
async def test_event_numbers_do_not_reveal_the_traffic_of_others(visitor: Visitor) -> None:
    w = await world(visitor)

    async def position() -> int:
        answer = await w.mallory.get("/api/conversations")
        return int(answer.headers["Last-Event-ID"].partition("-")[2])

    before = await position()
    for n in range(20):
        await w.john.send(w.conversation, f"{n}")
    assert await position() == before


@pytest.mark.gen_test
async def test_a_stranger_receives_no_live_event(visitor: Visitor) -> None:
    w = await world(visitor)
    async with w.mallory.stream() as of_mallory, w.jane.stream() as of_jane:
        await w.john.send(w.conversation, f"{WORD} live")
        await w.jane.read(w.conversation)
        assert (await of_jane.event()).data["content"] == f"{WORD} live"  # they received it
        await w.mallory.send(w.own, "the end")
        event = await of_mallory.event()
        assert event.data["content"] == "the end"
        assert WORD.encode() not in of_mallory.raw
