"""Typing: the others see it at once, seldom enough, and only while the user shows it."""

import asyncio
import dataclasses

import pytest

from config import Config
from db.feed import Page
from handlers.application import Messenger
from handlers.requests.limits import Limits
from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule


class Clock:
    time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock(app: Messenger, config: Config) -> Clock:
    clock = Clock()
    app.services.limits = Limits(config, clock)
    return clock


async def type_in(person: Person, talk: str) -> Answer:
    return await person.post(f"/api/conversations/{talk}/typing")


@rule("api#typing")
@pytest.mark.gen_test
async def test_the_others_see_it_without_a_number_and_it_is_never_replayed(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    async with john.stream() as his, jane.stream() as hers, mallory.stream() as strangers:
        assert (await type_in(jane, talk)).status == 204
        told = await his.event()
        assert (told.name, told.id) == ("typing", None)
        assert told.data == {"conversationId": talk, "userId": jane.id}
        sent = await jane.send(talk, "hello")
        after = await his.event()
        assert (after.name, after.data["id"]) == ("message", sent["id"])
        assert after.seq == his.hello.seq + 1
        assert (await hers.event()).name == "message"
        assert await strangers.silent()
    async with john.stream(his.hello.id) as again:
        assert await again.event() == after
        assert await again.silent()


@rule("api#typing")
@pytest.mark.gen_test
async def test_the_others_see_it_at_most_once_in_three_seconds(
    visitor: Visitor, clock: Clock
) -> None:
    john, jane, talk = await two(visitor)
    other = await jane.talk_to(await visitor.sign_in("mary"))
    async with john.stream() as stream:
        for wait, is_seen in ((0, True), (0, False), (2.9, False), (0.1, True), (3, True)):
            clock.time += wait
            assert (await type_in(jane, talk)).status == 204
            assert (await type_in(jane, other)).status == 204  # has a time of its own
            if is_seen:
                assert (await stream.event()).data["userId"] == jane.id
        assert await stream.silent()
    async with jane.stream() as hers:
        assert (await type_in(john, talk)).status == 204  # and so has every user
        assert (await hers.event()).data["userId"] == john.id


@rule("api#typing", "api#settings")
@pytest.mark.gen_test
async def test_a_user_who_does_not_show_it_still_sees_others_type(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    await jane.ask("PATCH", "/api/settings", {"typing": False})
    async with john.stream() as his, jane.stream() as hers:
        assert (await type_in(jane, talk)).status == 204
        assert await his.silent()
        assert (await type_in(john, talk)).status == 204
        assert (await hers.event()).name == "typing"
        await jane.ask("PATCH", "/api/settings", {"typing": True})
        assert (await type_in(jane, talk)).status == 204
        assert (await his.event()).name == "typing"


@rule("api#typing")
@pytest.mark.parametrize(("members", "is_seen"), [(50, True), (51, False)])
@pytest.mark.gen_test
async def test_a_group_of_more_than_fifty_sees_nobody_type(
    visitor: Visitor, members: int, is_seen: bool
) -> None:
    people = [await visitor.sign_in(f"one-of-{n}") for n in range(members)]
    talk = await people[0].group("Team", *people[1:])
    async with people[0].stream() as first, people[-1].stream() as last:
        assert (await type_in(people[0], talk)).status == 204
        assert await last.silent() is not is_seen
        assert await first.silent()


@rule("api#typing", "api#not-yours")
@pytest.mark.gen_test
async def test_only_a_member_types(visitor: Visitor) -> None:
    john, _, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    async with john.stream() as stream:
        refused = await type_in(mallory, talk)
        assert refused.status == 404
        assert refused.seen == (await type_in(john, "987654321")).seen
        assert await stream.silent()


@rule("api#typing", "api#promise")
@pytest.mark.gen_test
async def test_a_stream_that_still_replays_leaves_it_out(
    visitor: Visitor, app: Messenger, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    john, jane, talk = await two(visitor)
    async with john.stream() as stream:
        start = stream.hello.id
    sent = await jane.send(talk, "hello")
    asked, release = asyncio.Event(), asyncio.Event()
    read = app.services.feed_reader.read

    async def slowly(user_id: int, after: int, limit: int) -> Page:
        asked.set()
        await release.wait()
        return await read(user_id, after, limit)

    monkeypatch.setattr(app.services.feed_reader, "read", slowly)
    async with john.stream(start) as stream:
        await asked.wait()
        assert (await type_in(jane, talk)).status == 204
        release.set()
        assert (await stream.event()).data["id"] == sent["id"]
        clock.time += 3
        assert (await type_in(jane, talk)).status == 204
        assert (await stream.event()).name == "typing"
        assert await stream.silent()


@rule("api#typing")
@pytest.mark.gen_test
async def test_limits_that_are_off_do_not_make_it_more_frequent(
    visitor: Visitor, app: Messenger, config: Config
) -> None:
    assert not config.rate_limits
    for on in (True, False):
        limits = Limits(dataclasses.replace(config, rate_limits=on), Clock())
        assert [limits.typing.take((1, 1)) for _ in range(2)] == [0, 3]
