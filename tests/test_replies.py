"""Replies: which messages can be replied to, and what a repeat compares."""

import uuid
from typing import Any

import pytest

from handlers.application import Messenger
from tests.support.changes import Spent
from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


async def post(person: Person, talk: str, **fields: Any) -> Answer:
    return await person.post(f"/api/conversations/{talk}/messages", {"content": "hello"} | fields)


@rule("api#reply")
@pytest.mark.gen_test
async def test_a_reply_names_its_message_to_all_who_see_it(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    first = await john.send(talk, "first")
    async with john.stream() as stream:
        answer = await post(jane, talk, replyToId=first["id"])
        assert (answer.status, answer.json["replyToId"]) == (201, first["id"])
        assert (await stream.event()).data["replyToId"] == first["id"]
    assert [message.get("replyToId") for message in await john.history(talk)] == [first["id"], None]
    assert "replyToId" not in (await post(jane, talk, replyToId=None)).json


@rule("api#reply")
@pytest.mark.gen_test
async def test_a_reply_to_anything_but_a_message_that_one_sees_is_refused(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    friends, elsewhere = await john.group("Friends", jane), await john.talk_to(jane)
    early = (await john.send(friends, "early"))["id"]
    foreign = (await john.send(elsewhere, "elsewhere"))["id"]
    eve = await visitor.sign_in("eve")
    await john.add(friends, eve)
    notice = (await john.history(friends, limit=1))[0]["id"]
    before = await john.history(friends)
    for wrong in (early, foreign, notice, "999999", str(2**63), "9" * 30, "0", "01", "x", "", 7):
        answer = await post(eve, friends, replyToId=wrong)
        assert (answer.status, set(answer.json["errors"])) == (422, {"replyToId"}), wrong
    assert await john.history(friends) == before
    assert (await post(jane, friends, replyToId=early)).status == 201


@rule("api#client-id")
@pytest.mark.gen_test
async def test_a_repeat_compares_what_it_replies_to(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    targets = [(await jane.send(talk, "x"))["id"] for _ in range(2)]
    client_id = str(uuid.uuid4())
    first = await post(john, talk, replyToId=targets[0], clientId=client_id)
    again = await post(john, talk, replyToId=targets[0], clientId=client_id)
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    for other in (targets[1], None, "999999", str(2**63)):
        answer = await post(john, talk, replyToId=other, clientId=client_id)
        assert (answer.status, answer.json["code"]) == (409, "client_id_reused"), other
    malformed = await post(john, talk, replyToId="x", clientId=client_id)
    assert malformed.status == 422


@rule("api#order-of-refusals", "api#stored-before")
@pytest.mark.gen_test
async def test_a_wrong_reply_is_told_before_the_limit_and_a_repeat_is_answered_above_it(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, talk = await two(visitor)
    target = (await jane.send(talk, "x"))["id"]
    client_id = str(uuid.uuid4())
    first = await post(john, talk, replyToId=target, clientId=client_id)
    app.services.limits.sends = Spent()
    assert (await post(john, talk, replyToId=target, clientId=client_id)).json == first.json
    wrong = await post(john, talk, replyToId="999999")
    other = await post(john, talk, clientId=client_id)
    assert (wrong.status, other.status) == (422, 409)
    assert (await post(john, talk, replyToId=target)).status == 429


@pytest.mark.gen_test
async def test_a_refused_reply_leaves_its_client_id_free(visitor: Visitor) -> None:
    john, _, talk = await two(visitor)
    client_id = str(uuid.uuid4())
    assert (await post(john, talk, replyToId="999999", clientId=client_id)).status == 422
    assert (await post(john, talk, clientId=client_id)).status == 201
