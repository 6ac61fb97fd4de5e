"""Display names and user names: how people change them, who hears of it, and who is found."""

import asyncio
from typing import Any
from urllib.parse import quote

import pytest

from tests.support.people import Answer, Person, Visitor, two
from tests.support.rules import rule

PATH = "/api/auth_user"


async def rename(person: Person, **names: Any) -> Answer:
    return await person.ask("PATCH", PATH, names)


async def found(person: Person, search: str) -> list[str]:
    answer = await person.get(f"/api/users?search={quote(search)}")
    assert answer.status == 200
    return [user["username"] for user in answer.json]


@rule("api#renaming")
@pytest.mark.gen_test
async def test_a_new_display_name_reaches_all_who_talk_with_its_owner(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    async with jane.stream() as hers, john.stream() as his, mallory.stream() as strangers:
        answer = await rename(john, displayName="  Джон Смит  ")
        shown = {"id": john.id, "username": "john", "avatarURL": None, "displayName": "Джон Смит"}
        assert (answer.status, answer.json) == (200, shown)
        for stream in (hers, his):
            event = await stream.event()
            assert (event.name, event.data) == ("user", shown)
        assert await strangers.silent()
        async with jane.stream(hers.hello.id) as again:
            assert (await again.event()).data == shown
    path = f"/api/conversations/{talk}"
    assert (await jane.get(path)).json["otherParticipant"] == shown
    assert (await jane.get("/api/conversations")).json[0]["otherParticipant"] == shown
    assert (await jane.get(f"{path}/other_participant")).json == shown
    assert (await john.get(PATH)).json == shown


@pytest.mark.gen_test
async def test_a_conversation_shows_the_display_name_from_its_first_event_on(
    visitor: Visitor,
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    await rename(jane, displayName="Jane Doe")
    async with john.stream() as his:
        await john.talk_to(jane)
        assert (await his.event()).data["otherParticipant"]["displayName"] == "Jane Doe"


@rule("api#renaming")
@pytest.mark.gen_test
async def test_a_display_name_is_taken_away_by_null_and_what_is_there_already_tells_nobody(
    visitor: Visitor,
) -> None:
    john = await visitor.sign_in("john")
    await rename(john, displayName="John Doe")
    async with john.stream() as his:
        for names in ({"displayName": "John Doe"}, {"username": "john"}, {}):
            answer = await rename(john, **names)
            assert (answer.status, answer.json["displayName"]) == (200, "John Doe")
        assert await his.silent()
        plain = {"id": john.id, "username": "john", "avatarURL": None}
        assert (await rename(john, displayName=None)).json == plain
        assert (await his.event()).data == plain


@rule("api#display-name")
@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "\u200b",
        "x" * 61,
        *("a\nb", "a\u2028b", "a\u061cb", "a\u200eb", "a\u202eb", "a\u2069b", "a\0b", "a\x9fb"),
    ],
)
@pytest.mark.gen_test
async def test_a_display_name_that_shows_nothing_or_hides_something_is_refused(
    visitor: Visitor, name: str
) -> None:
    john = await visitor.sign_in("john")
    answer = await rename(john, displayName=name)
    assert (answer.status, list(answer.json["errors"])) == (422, ["displayName"])


@rule("api#display-name")
@pytest.mark.gen_test
async def test_a_display_name_may_have_sixty_characters_of_any_script(visitor: Visitor) -> None:
    john = await visitor.sign_in("john")
    for name in ("x" * 60, "😀" * 60, "محمد بن سعيد", "Ó Súilleabháin", "山田 太郎", "a\u200db"):
        assert (await rename(john, displayName=name)).json["displayName"] == name


@rule("api#renaming")
@pytest.mark.gen_test
async def test_a_user_name_is_changed_unless_somebody_has_it(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    taken = await rename(john, username="JANE")
    assert (taken.status, taken.json["code"]) == (409, "username_taken")
    assert (await rename(john, username="JOHN")).json[
        "username"
    ] == "JOHN"  # one's own, in capitals
    assert (await rename(john, username="johnny")).json["username"] == "johnny"
    conversation = await jane.get(f"/api/conversations/{talk}")
    assert conversation.json["otherParticipant"]["username"] == "johnny"
    assert (await visitor.sign_in("johnny")).id == john.id


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "x" * 40, "deleted-7", "DELETED-x"])
@pytest.mark.gen_test
async def test_a_user_name_that_nobody_may_have_is_refused(visitor: Visitor, name: str) -> None:
    john = await visitor.sign_in("john")
    answer = await rename(john, username=name, displayName="")
    assert (answer.status, list(answer.json["errors"])) == (422, ["username", "displayName"])


@pytest.mark.gen_test
async def test_of_twenty_who_want_a_name_at_once_one_gets_it(visitor: Visitor) -> None:
    people = [await visitor.sign_in(f"person{n}") for n in range(20)]
    answers = await asyncio.gather(*(rename(person, username="wanted") for person in people))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 19


@rule("api#find-people")
@pytest.mark.gen_test
async def test_people_are_found_by_the_beginning_of_any_word_of_a_name(visitor: Visitor) -> None:
    me = await visitor.sign_in("me")
    names = {"zoe": "Zoë Ångström-Smith", "anna": "Anna Lena Meyer", "yamada": "山田 太郎"}
    for username, name in names.items():
        await rename(await visitor.sign_in(username), displayName=name)
    searches = {
        "ZO": ["zoe"],
        "angs": ["zoe"],
        "smi": ["zoe"],
        "lena m": ["anna"],
        "@ann": ["anna"],
        "\uff20\uff21\uff2e\uff2e": ["anna"],  # full-width
        "太": ["yamada"],
        "ngs": [],
        "%": [],
        "m": ["anna"],  # never oneself
        "\u0301": [],  # an accent alone
    }
    assert {search: await found(me, search) for search in searches} == searches
    await rename(await visitor.sign_in("anna"), displayName=None)
    assert await found(me, "lena") == []
    assert await found(me, "ann") == ["anna"]


@pytest.mark.gen_test
async def test_at_most_five_people_are_found_sorted_by_user_name(visitor: Visitor) -> None:
    me = await visitor.sign_in("me")
    for n in range(7):
        await rename(await visitor.sign_in(f"p{n}"), displayName=f"Pat {n}")
    assert await found(me, "pat") == ["p0", "p1", "p2", "p3", "p4"]
    for search in ("", "%20", "@"):
        assert (await me.get(f"/api/users?search={search}")).status == 422
