"""Connections that are cut at any byte: nothing is lost, and nothing arrives twice."""

import asyncio
import uuid
from typing import Any

import pytest

from handlers.application import Messenger
from tests.support.people import Person, Visitor
from tests.support.proxy import Cut, Proxy
from tests.support.rules import rule
from tests.support.sse import Ended, Event, EventStream

AT_ONCE = 8  # connections; one user may have ten streams


async def for_all(numbers: range, act: Any) -> None:
    """Runs `act` for each number, several at once."""
    left = iter(numbers)

    async def work() -> None:
        for number in left:
            await act(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(work())


async def what_came(url: str, person: Person, last_event_id: str, most: int) -> list[Event]:
    """Returns all whole events before the cut, or the first `most` of them."""
    events: list[Event] = []
    try:
        stream = await EventStream.open(
            url, person.headers() | {"Host": "localhost", "Last-Event-ID": last_event_id}
        )
    except (asyncio.IncompleteReadError, ConnectionError):
        return events
    try:
        while len(events) < most:
            events.append(await stream.event())
    except (Ended, ConnectionError):
        pass
    finally:
        stream.close()
    return events


def last_id(events: list[Event], before: str) -> str:
    """Returns the id that a client sends after it has seen these events."""
    return next((event.id for event in reversed(events) if event.id is not None), before)


@rule("api#promise")
@pytest.mark.parametrize("start", ["a position", "another epoch"])
@pytest.mark.gen_test(timeout=120)
async def test_a_stream_that_is_cut_at_any_byte_resumes_exactly(
    visitor: Visitor, http_port: int, app: Messenger, start: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with jane.stream() as stream:
        cursor = str(stream.hello.id) if start == "a position" else "another-1"
        conversation = await john.talk_to(jane)
        await john.send(conversation, "one\ntwo")
        await jane.send(conversation, "drei €")
        await jane.read(conversation)
        durable = await stream.events(4)
    async with jane.stream(cursor) as stream:
        expected = durable if start == "a position" else [await stream.event()]
        if start == "a position":
            assert await stream.events(4) == durable
        else:
            assert expected[0].data == {"reason": "epoch"}
        length = len(stream.raw)
    headers = 450  # bytes of the answer before its body, at most; a larger number costs nothing

    async def cut_at(offset: int) -> None:
        async with Proxy(http_port, Cut(downwards=offset)).open() as proxy:
            came = await what_came(proxy.url, jane, cursor, 1 + len(expected))
        position = last_id(came, cursor)
        seen = [event for event in came if event.name != "hello"]
        missing = len(expected) - len(seen)
        async with jane.stream(position) as resumed:
            rest = await resumed.events(missing)
            assert resumed.hello.id in (position, None)
        assert [*seen, *rest] == expected, offset

    offsets = range(headers + length + 20 * 6)
    await for_all(offsets, cut_at)


@pytest.mark.parametrize("way", ["the request", "the answer"])
@pytest.mark.gen_test(timeout=120)
async def test_a_send_that_is_cut_at_any_byte_is_safe_to_repeat(
    visitor: Visitor, http_port: int, way: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    path = f"/api/conversations/{conversation}/messages"
    stored: set[int] = set()

    async def cut_at(offset: int) -> None:
        client_id = str(uuid.uuid4())
        body = f'{{"content": "{offset}", "clientId": "{client_id}"}}'
        request = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"Authorization: Bearer {john.token}\r\nContent-Length: {len(body)}\r\n"
            f"Connection: close\r\n\r\n{body}"
        ).encode()
        cut = Cut(upwards=offset) if way == "the request" else Cut(downwards=offset)
        async with Proxy(http_port, cut).open() as proxy:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url[-5:]))
            writer.write(request)
            await reader.read()
            writer.close()
        answer = await john.post(path, {"content": str(offset), "clientId": client_id})
        assert answer.status in (200, 201)
        if answer.status == 200:
            stored.add(offset)

    most = 700
    async with jane.stream() as stream:
        reading = asyncio.create_task(stream.events(most))
        await for_all(range(most), cut_at)
        told = [event.data for event in await reading]
        assert await stream.silent()
    assert sorted(int(message["content"]) for message in told) == list(range(most))
    ids = [int(message["id"]) for message in told]
    assert ids == sorted(set(ids))
    # The cuts lay on both sides of the moment at which the server had the whole request.
    assert len(stored) > 0 if way == "the answer" else 0 < len(stored) < most
    assert (await jane.conversation(conversation))["unreadCount"] == most


@pytest.mark.gen_test(timeout=60)
async def test_two_hundred_cursors_over_the_history_while_messages_flow(
    visitor: Visitor, app: Messenger
) -> None:
    john = await visitor.sign_in("john")
    people = [await visitor.sign_in(f"person{n}") for n in range(20)]
    talks = [await john.talk_to(person) for person in people]
    before, after = 30, 20
    positions = [
        (await person.get("/api/conversations")).headers["Last-Event-ID"] for person in people
    ]
    for talk in talks:
        for n in range(before):
            await john.send(talk, f"{n}")

    async def read(n: int, nth: int) -> None:
        epoch, _, seq = positions[n].partition("-")
        skipped = nth * before // 10
        async with people[n].stream(f"{epoch}-{int(seq) + skipped}") as stream:
            events = await stream.events(before + after - skipped)
            numbers = [int(event.data["content"]) for event in events]
            assert numbers == list(range(skipped, before + after))
            assert await stream.silent()

    reading = [asyncio.create_task(read(n, nth)) for n in range(20) for nth in range(10)]
    for n in range(before, before + after):
        await asyncio.gather(*(john.send(talk, f"{n}") for talk in talks))
    await asyncio.gather(*reading)
