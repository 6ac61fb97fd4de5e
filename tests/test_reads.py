"""Read markers, and the unread counts that they leave."""

import asyncio
from typing import Any

import pytest

from tests.support.people import Person, Visitor
from tests.support.postgres import ask
from tests.support.rules import rule


async def two(visitor: Visitor) -> tuple[Person, Person, str]:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    return john, jane, await john.talk_to(jane)


async def unread(person: Person, conversation: str) -> Any:
    found = await person.conversation(conversation)
    assert found["hasUnreadMessages"] is (found["unreadCount"] > 0)
    return found["unreadCount"]


@rule("api#own-messages")
@pytest.mark.gen_test
async def test_messages_of_others_are_unread_and_own_ones_never(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    for _ in range(3):
        await john.send(conversation, "hello")
    await jane.send(conversation, "hello yourself")
    assert await unread(jane, conversation) == 3  # sending does not move the marker
    assert await unread(john, conversation) == 1
    (listed,) = (await jane.get("/api/conversations")).json
    assert (listed["unreadCount"], listed["hasUnreadMessages"]) == (3, True)


@pytest.mark.gen_test
async def test_reading_moves_the_marker_that_both_sides_see(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    messages = [await john.send(conversation, f"{n}") for n in range(3)]
    await jane.read(conversation, messages[1]["id"])
    assert await unread(jane, conversation) == 1
    hers, his = await jane.conversation(conversation), await john.conversation(conversation)
    assert hers["lastReadMessageId"] == his["otherLastReadMessageId"] == messages[1]["id"]
    assert hers["otherLastReadMessageId"] is None


@rule("api#marker", "api#read-count")
@pytest.mark.gen_test
async def test_the_marker_only_moves_forward(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    messages = [await john.send(conversation, f"{n}") for n in range(3)]
    await jane.read(conversation, messages[2]["id"])
    async with john.stream() as stream:
        await jane.read(conversation, messages[0]["id"])
        assert await stream.silent()
    assert (await jane.conversation(conversation))["lastReadMessageId"] == messages[2]["id"]


@rule("api#marker")
@pytest.mark.gen_test
async def test_without_a_body_all_messages_are_read(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await jane.read(conversation)  # an empty conversation is no error
    assert (await jane.conversation(conversation))["lastReadMessageId"] is None
    last = [await john.send(conversation, f"{n}") for n in range(3)][-1]
    await jane.read(conversation)
    assert (await jane.conversation(conversation))["lastReadMessageId"] == last["id"]
    assert await unread(jane, conversation) == 0
    last = await jane.send(conversation, "mine")
    answer = await jane.post(f"/api/conversations/{conversation}/read_messages", {})
    assert (answer.status, answer.body) == (204, b"")
    assert (await jane.conversation(conversation))["lastReadMessageId"] == last["id"]


@rule("api#marker")
@pytest.mark.gen_test
async def test_an_id_of_no_message_of_the_conversation_is_refused(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    jack = await visitor.sign_in("jack")
    elsewhere = await john.send(await john.talk_to(jack), "elsewhere")
    for wrong in (elsewhere["id"], "999", "0", "-1", "01", "x", "", "9" * 30, 5, "٣", "1\0"):
        path = f"/api/conversations/{conversation}/read_messages"
        answer = await jane.post(path, {"lastReadMessageId": wrong})
        assert (answer.status, set(answer.json["errors"])) == (422, {"lastReadMessageId"}), wrong
    assert (await jane.conversation(conversation))["lastReadMessageId"] is None


@rule("api#unread-count")
@pytest.mark.parametrize(("number", "shown"), [(999, 999), (1000, 1000), (1003, 1000)])
@pytest.mark.gen_test
async def test_the_count_is_exact_up_to_999_and_1000_means_that_many_or_more(
    visitor: Visitor, dsn: str, number: int, shown: int
) -> None:
    john, jane, conversation = await two(visitor)
    first = await john.send(conversation, "read this one")
    ask(
        dsn,
        """
        INSERT INTO messages (
            conversation_id, user_id, content, created_at, client_id, client_id_given
        )
        SELECT %s, %s, 'x', clock_timestamp(), gen_random_uuid(), false
        FROM generate_series(1, %s)
        """,
        (conversation, john.id, number),
    )
    async with jane.stream() as stream:
        await jane.read(conversation, first["id"])
        assert (await stream.event()).data["unreadCount"] == shown
    assert await unread(jane, conversation) == shown


@pytest.mark.gen_test
async def test_counts_in_events_agree_with_fresh_snapshots_whatever_happens_at_once(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        for _ in range(10):
            sent = [john.send(conversation, "x") for _ in range(5)]
            await asyncio.gather(*sent, jane.read(conversation), jane.send(conversation, "y"))
        position = (await jane.get("/api/conversations")).headers["Last-Event-ID"]
        count = 0
        while True:
            event = await stream.event()
            if event.name == "read":
                count = event.data["unreadCount"]
            elif not event.data["mine"]:
                count += 1
            if event.id == position:
                break
    assert count == await unread(jane, conversation)
