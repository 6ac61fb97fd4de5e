"""Mentions: whom a message calls by name, and how many of those messages are unread."""

import pytest

from handlers.mentions import called_in
from tests.support.people import Person, Visitor, two
from tests.support.rules import rule


@rule("api#mentions")
@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("@jane", ["jane"]),
        ("hi @jane, and @john-boy!", ["jane", "john-boy"]),
        ("@jane-", ["jane"]),
        ("@jane---x--", ["jane---x"]),
        ("(@jane) _@john .@mary \u0301@eve", ["jane", "john", "mary", "eve"]),
        ("@JANE @jane @Jane @john", ["JANE", "john"]),
        ("a@jane é@jane ж@jane ʰ@jane ª@jane", []),  # categories Ll, Ll, Ll, Lm, Lo
        ("1@jane ٣@jane", []),  # Nd
        ("²@jane Ⅷ@john", ["jane", "john"]),  # No, Nl
        ("@@jane", []),
        ("@a@b", ["a"]),
        ("@-jane @ jane @", []),
        ("@janeé @john_", ["jane", "john"]),
        (f"@{'a' * 39} @{'b' * 40}", ["a" * 39]),
        ("＠jane", []),
        ("line\n@jane", ["jane"]),
    ],
)
def test_a_name_is_called_by_an_at_sign_that_begins_a_word(content: str, names: list[str]) -> None:
    assert called_in(content) == names


@rule("api#mentions")
@pytest.mark.gen_test
async def test_a_message_mentions_those_who_see_it_as_the_content_spells_them(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    await visitor.sign_in("mallory")
    async with jane.stream() as stream:
        sent = await john.send(talk, "@JANE, tell @mallory, @nobody and @john. Thanks, @jane")
        told = (await stream.event()).data
    mentions = [
        {"userId": jane.id, "username": "JANE"},
        {"userId": john.id, "username": "john"},
    ]
    assert sent["mentions"] == told["mentions"] == mentions
    assert (await jane.history(talk))[0]["mentions"] == mentions
    assert "mentions" not in await john.send(talk, "@janet jane")


@rule("api#mentions")
@pytest.mark.gen_test
async def test_the_first_fifty_are_mentioned(visitor: Visitor) -> None:
    people = [await visitor.sign_in(f"p{n}") for n in range(51)]
    friends = await people[0].group("Friends", *people[1:])
    names = [person.username for person in people[::-1]]
    for count in (50, 51):
        sent = await people[0].send(friends, " ".join(f"@x{n} @{n}" for n in names[:count]))
        assert [mention["username"] for mention in sent["mentions"]] == names[:50]


@rule("api#mentions-stay")
@pytest.mark.gen_test
async def test_a_newcomer_or_a_new_name_changes_no_mentions(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    eve = await visitor.sign_in("eve")
    friends = await john.group("Friends", jane)
    before = [await john.send(friends, "@eve"), await john.send(friends, "@jane")]
    await john.add(friends, eve)
    await jane.ask("PATCH", "/api/auth_user", {"username": "joan"})
    after = [
        (await john.get(f"/api/conversations/{friends}/messages/{message['id']}")).json
        for message in before
    ]
    assert [message.get("mentions") for message in after] == [
        None,
        [{"userId": jane.id, "username": "jane"}],
    ]


async def unread_mentions(person: Person, talk: str) -> int:
    return int((await person.conversation(talk)).get("unreadMentionCount", 0))


@rule("api#unread-mentions")
@pytest.mark.gen_test
async def test_unread_mentions_by_others_are_counted_until_they_are_read(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    first = await john.send(talk, "@jane @john")
    await john.send(talk, "plain")
    await john.send(talk, "@Jane")
    await jane.send(talk, "@jane")
    assert (await unread_mentions(jane, talk), await unread_mentions(john, talk)) == (2, 0)
    async with jane.stream() as stream:
        await jane.read(talk, first["id"])
        assert (await stream.event()).data["unreadMentionCount"] == 1
        await jane.read(talk)
        assert "unreadMentionCount" not in (await stream.event()).data
    assert "unreadMentionCount" not in await jane.conversation(talk)


@rule("api#unread-mentions")
@pytest.mark.gen_test
async def test_unread_mentions_are_counted_up_to_a_hundred(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    for expected in (99, 100, 100):
        while await unread_mentions(jane, talk) < expected:
            await john.send(talk, "@jane")
        await john.send(talk, "@jane")
    assert await unread_mentions(jane, talk) == 100
