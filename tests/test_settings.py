"""Settings: others see how far a user reads only while that user shows it."""

from typing import Any

import pytest

from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


async def switch(person: Person, **settings: Any) -> Answer:
    return await person.ask("PATCH", "/api/settings", settings)


async def seen(person: Person, talk: str) -> str | None:
    """Returns the other's marker, as one sees it."""
    marker: str | None = (await person.conversation(talk))["otherLastReadMessageId"]
    ((listed,),) = [[c] for c in (await person.get("/api/conversations")).json if c["id"] == talk]
    assert listed["otherLastReadMessageId"] == marker
    return marker


@rule("api#settings")
@pytest.mark.gen_test
async def test_both_settings_are_on_at_first_and_change_one_by_one(visitor: Visitor) -> None:
    john, jane, _ = await two(visitor)
    both = {"receipts": True, "typing": True}
    async with john.stream() as stream:
        assert (await john.get("/api/settings")).json == both
        for fields, expected in (
            ({}, both),
            ({"typing": False}, both | {"typing": False}),
            ({"receipts": False}, {"receipts": False, "typing": False}),
            ({}, {"receipts": False, "typing": False}),
            ({"receipts": True, "typing": True}, both),
            ({"receipts": False}, both | {"receipts": False}),
        ):
            answer = await switch(john, **fields)
            assert (answer.status, answer.json) == (200, expected)
            assert (await john.get("/api/settings")).json == expected
        assert (await jane.get("/api/settings")).json == both
        assert await stream.silent()


@rule("api#settings")
@pytest.mark.parametrize("name", ["receipts", "typing"])
@pytest.mark.gen_test
async def test_a_setting_is_a_boolean(visitor: Visitor, name: str) -> None:
    john = await visitor.sign_in("john")
    for value in (None, 1, "true", ["true"]):
        refused = await switch(john, **{name: value})
        assert (refused.status, refused.json["errors"].keys()) == (422, {name})
    assert (await john.get("/api/settings")).json == {"receipts": True, "typing": True}
    assert (await visitor.get("/api/settings")).status == 401


@rule("api#settings")
@pytest.mark.gen_test
async def test_without_receipts_a_marker_moves_unseen_until_the_next_move_with_them(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    sent = [(await john.send(talk, f"message {n}"))["id"] for n in range(5)]
    await jane.read(talk, sent[0])
    assert await seen(john, talk) == sent[0]
    async with john.stream() as his, jane.stream() as hers:
        await switch(jane, receipts=False)
        await jane.read(talk, sent[1])
        await jane.read(talk, sent[2])
        assert await seen(john, talk) == sent[0]  # what was seen stays seen
        assert (await jane.conversation(talk))["lastReadMessageId"] == sent[2]
        assert await jane.unread(talk) == 2
        await switch(jane, receipts=True)
        assert await seen(john, talk) == sent[0]  # the switch itself shows nothing
        await jane.read(talk, sent[2])  # moves nothing
        assert await seen(john, talk) == sent[0]
        await jane.read(talk, sent[3])
        assert await seen(john, talk) == sent[3]
        told = await his.event()
        assert (told.name, told.data["lastReadMessageId"]) == ("read", sent[3])
        assert [event.data["lastReadMessageId"] for event in await hers.events(3)] == sent[1:4]
        assert await his.silent()


@rule("api#settings")
@pytest.mark.gen_test
async def test_a_first_marker_without_receipts_is_not_seen_at_all(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    await john.send(talk, "hello")
    await switch(jane, receipts=False)
    await jane.read(talk)
    assert await seen(john, talk) is None
    hers = (await jane.send(talk, "an answer"))["id"]
    await john.read(talk)
    assert await seen(jane, talk) == hers  # she still sees his
    await switch(jane, receipts=True)
    assert await seen(john, talk) is None
    await jane.read(talk)
    assert await seen(john, talk) == hers


@rule("api#settings")
@pytest.mark.gen_test
async def test_in_a_group_too_a_marker_moves_unseen(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    talk = await john.group("Team", jane)
    sent = [int((await john.send(talk, f"message {n}"))["id"]) for n in range(2)]
    await jane.read(talk, str(sent[0]))
    await switch(jane, receipts=False)
    async with john.stream() as stream:
        await jane.read(talk, str(sent[1]))
        assert await stream.silent()
    for message_id, names in zip(sent, (["jane"], []), strict=True):
        answer = await john.get(f"/api/conversations/{talk}/messages/{message_id}/readers")
        assert [reader["username"] for reader in answer.json] == names
