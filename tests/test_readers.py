"""Readers: who has read a message, told to its author."""

from typing import Any

import pytest

from tests.support.changes import code_of, path_of
from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


async def readers(person: Person, message: Any) -> Answer:
    return await person.get(f"{path_of(message)}/readers")


@rule("api#readers", "api#snapshot-position")
@pytest.mark.gen_test
async def test_the_author_sees_who_has_read_up_to_the_message(visitor: Visitor) -> None:
    names = ("john", "eve", "jane", "mary", "jack")
    john, eve, jane, mary, jack = [await visitor.sign_in(name) for name in names]
    friends = await john.group("Friends", mary, jane, eve, jack)
    before = await john.send(friends, "before")
    sent = await john.send(friends, "a")
    after = await john.send(friends, "after")
    await jane.read(friends, sent["id"])
    await eve.read(friends, after["id"])
    await mary.read(friends, before["id"])
    await john.read(friends)
    answer = await readers(john, sent)
    assert answer.status == 200
    assert answer.json == [
        {"id": one.id, "username": one.username, "avatarURL": None} for one in (eve, jane)
    ]
    assert "Last-Event-ID" in answer.headers
    assert "Link" not in answer.headers
    assert len((await readers(john, before)).json) == 3
    await jack.read(friends)
    assert [one["username"] for one in (await readers(john, after)).json] == ["eve", "jack"]


@rule("api#readers")
@pytest.mark.gen_test
async def test_in_a_pair_the_other_is_a_reader_or_nobody(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "a")
    assert (await readers(john, sent)).json == []
    await jane.read(talk)
    assert [one["id"] for one in (await readers(john, sent)).json] == [jane.id]


@rule("api#readers")
@pytest.mark.parametrize("history", ["joined", "all"])
@pytest.mark.gen_test
async def test_whoever_came_after_a_message_is_no_reader(visitor: Visitor, history: str) -> None:
    john, jane, eve = [await visitor.sign_in(name) for name in ("john", "jane", "eve")]
    friends = await john.group("Friends", jane, history=history)
    sent = await john.send(friends, "a")
    await jane.read(friends)
    assert [one["username"] for one in (await readers(john, sent)).json] == ["jane"]
    await john.add(friends, eve)
    await john.remove(friends, jane)
    await john.add(friends, jane)
    for person in (jane, eve):
        await person.read(friends)
    assert (await readers(john, sent)).json == []
    later = await john.send(friends, "b")
    await eve.read(friends)
    assert [one["username"] for one in (await readers(john, later)).json] == ["eve"]


@rule("api#readers", "api#not-yours")
@pytest.mark.gen_test
async def test_only_the_author_learns_who_has_read(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    mallory, eve = await visitor.sign_in("mallory"), await visitor.sign_in("eve")
    friends = await john.group("Friends", jane)
    sent = await jane.send(friends, "a")
    await john.add(friends, eve)
    assert await code_of(readers(john, sent)) == (403, "not_yours")
    for stranger in (mallory, eve):
        assert (await readers(stranger, sent)).status == 404
    assert (await readers(jane, sent | {"id": "999999"})).status == 404


@rule("api#most-readers")
@pytest.mark.gen_test
async def test_a_hundred_members_are_told_and_one_more_are_too_many(visitor: Visitor) -> None:
    john = await visitor.sign_in("john")
    others = [await visitor.sign_in(f"p{n}") for n in range(100)]
    crowd = await john.group("Crowd", *others[:99])
    sent = await john.send(crowd, "a")
    for other in others[:99]:
        await other.read(crowd)
    found = [int(one["id"]) for one in (await readers(john, sent)).json]
    assert found == [int(other.id) for other in others[:99]]
    await john.add(crowd, others[99])
    assert await code_of(readers(john, sent)) == (409, "too_many_members")
    assert await code_of(readers(others[0], sent)) == (403, "not_yours")
