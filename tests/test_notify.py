"""Of which messages a user is notified: chosen for each conversation, and told to one's devices."""

import asyncio

import pytest

from db import notify
from db.notify import Choice
from db.pool import Database
from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


async def choose(person: Person, talk: str, word: object) -> Answer:
    return await person.ask("PUT", f"/api/conversations/{talk}/notify", {"notify": word})


@rule("api#notify")
@pytest.mark.gen_test
async def test_a_choice_is_told_to_oneself_alone_and_replayed(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    assert "notify" not in await john.conversation(talk)
    async with john.stream() as his, jane.stream() as hers:
        for word in ("mentions", "mentions", "none", "all", "all"):
            assert (await choose(john, talk, word)).status == 204
            assert (await john.conversation(talk)).get("notify", "all") == word
            assert "notify" not in await jane.conversation(talk)
        told = await his.events(3)  # a state that is there already makes no event
        assert [(event.name, event.data) for event in told] == [
            ("setting", {"conversationId": talk, "notify": word})
            for word in ("mentions", "none", "all")
        ]
        assert await his.silent()
        assert await hers.silent()
    async with john.stream(his.hello.id) as again:
        assert await again.events(3) == told


@rule("api#notify", "api#not-yours")
@pytest.mark.gen_test
async def test_only_a_member_chooses_one_of_three_words(visitor: Visitor) -> None:
    john, _, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    missing = (await choose(john, "987654321", "all")).seen
    for word in ("none", "nonsense"):
        assert (await choose(mallory, talk, word)).seen == missing
    for wrong in ("nonsense", "", None, 1, ["all"]):
        refused = await choose(john, talk, wrong)
        assert (refused.status, refused.json["code"]) == (422, "invalid_field")
        assert refused.json["errors"].keys() == {"notify"}
    assert (await john.ask("PUT", f"/api/conversations/{talk}/notify", {})).status == 422
    assert "notify" not in await john.conversation(talk)


@rule("api#notify")
@pytest.mark.gen_test
async def test_of_choices_at_once_the_last_one_counts(visitor: Visitor, db: Database) -> None:
    john, jane, talk = await two(visitor)
    words = [(john, "none"), (jane, "none"), (john, "mentions")]
    results = await notify.store(
        db,
        [Choice(int(talk), int(person.id), word) for person, word in words],  # type: ignore[arg-type]
    )
    assert [len(one.appended) for one in results] == [0, 1, 1]
    assert (await john.conversation(talk))["notify"] == "mentions"
    assert (await jane.conversation(talk))["notify"] == "none"
    await asyncio.gather(*(choose(john, talk, word) for word in ("all", "none", "all")))
