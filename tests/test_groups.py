"""Groups: who makes and changes them, who comes and goes, and what each of them sees."""

import asyncio
import contextlib
import dataclasses
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from config import Config
from handlers.application import Messenger
from tests.support.people import Person, Visitor, three, two
from tests.support.postgres import ask
from tests.support.rules import rule
from tests.support.sse import Event, EventStream

CONVERSATIONS = "/api/conversations"


def shown(person: Person) -> dict[str, Any]:
    return {"id": person.id, "username": person.username, "avatarURL": None}


def notice(event: Event) -> tuple[str, list[str], int]:
    """Returns the kind of a notice, whom it concerns, and the number of members after it."""
    found = event.data["notice"]
    assert (event.name, event.data["content"]) == ("message", "")
    assert found["count"] == len(found["users"])
    return found["kind"], [user["username"] for user in found["users"]], found["memberCount"]


async def notices(stream: EventStream, count: int) -> list[tuple[str, list[str], int]]:
    return [notice(await stream.event()) for _ in range(count)]


async def code(answer: Any) -> tuple[int, str]:
    found = await answer
    return found.status, found.json["code"]


@rule("api#group", "api#location", "api#group-events")
@pytest.mark.gen_test
async def test_a_group_is_told_to_all_who_are_in_it(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    async with john.stream() as his, jane.stream() as hers, mary.stream() as strangers:
        fields = {"name": "  Team ", "usernames": ["JANE", "john", "jane"]}
        made = await john.post(CONVERSATIONS, fields)
        group = made.json["id"]
        assert (made.status, made.headers["Location"]) == (201, f"{CONVERSATIONS}/{group}")
        created = {
            "kind": "created",
            "users": [shown(jane)],
            "count": 1,
            "name": "Team",
            "history": "joined",
            "memberCount": 2,
        }
        for stream, person, role in ((his, john, "admin"), (hers, jane, "member")):
            first, second = await stream.event(), await stream.event()
            assert (first.name, second.name) == ("conversation", "message")
            assert second.data["notice"] == created
            assert (second.data["author"], second.data["userId"]) == (shown(john), john.id)
            assert second.data["mine"] == (person is john)
            assert first.data == {
                "id": group,
                "otherParticipant": None,
                "lastMessage": second.data,
                "unreadCount": 0,
                "hasUnreadMessages": False,
                "lastReadMessageId": second.data["id"],
                "otherLastReadMessageId": None,
                "group": {"name": "Team", "memberCount": 2, "role": role, "history": "joined"},
            }
            assert await person.conversation(group) == first.data
            async with person.stream(stream.hello.id) as again:
                assert [await again.event(), await again.event()] == [first, second]
        assert await strangers.silent()
    assert (await john.get(f"{CONVERSATIONS}/{group}/other_participant")).status == 404


@pytest.mark.gen_test
async def test_a_message_in_a_group_has_its_author_and_counts_for_all_others(
    visitor: Visitor,
) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", jane, mary)
    async with jane.stream() as hers:
        sent = await john.send(group, "hello")
        assert sent["author"] == shown(john)
        assert (await hers.event()).data == sent | {"mine": False, "clientId": None}
    assert [await person.unread(group) for person in (john, jane, mary)] == [0, 1, 1]
    assert [message["content"] for message in await jane.history(group)] == ["hello", ""]


@rule("api#group-events")
@pytest.mark.gen_test
async def test_only_the_reader_hears_of_a_marker_in_a_group(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", jane, mary)
    sent = await john.send(group, "hello")
    async with john.stream() as his, jane.stream() as hers, mary.stream() as marys:
        await jane.read(group)
        event = await hers.event()
        assert event.data == {
            "conversationId": group,
            "userId": jane.id,
            "lastReadMessageId": sent["id"],
            "unreadCount": 0,
        }
        assert await his.silent()
        assert await marys.silent()


@rule("api#group-once")
@pytest.mark.gen_test
async def test_a_group_with_a_client_id_is_made_once(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    fields = {"name": "Team", "usernames": ["jane", "mary"], "clientId": str(uuid.uuid4())}
    answers = await asyncio.gather(*[john.post(CONVERSATIONS, fields) for _ in range(5)])
    (group,) = {answer.json["id"] for answer in answers}
    assert sorted(answer.status for answer in answers) == [200, 200, 200, 200, 201]
    assert (await john.change(group, name="Club")).status == 200
    same = fields | {"usernames": ["MARY", "john", "jane", "jane"], "history": "joined"}
    repeated = await john.post(CONVERSATIONS, same)
    assert (repeated.status, repeated.json["group"]["name"]) == (200, "Club")
    for other in ({"name": "Club"}, {"usernames": ["jane"]}, {"history": "all"}):
        answer = john.post(CONVERSATIONS, fields | other)
        assert await code(answer) == (409, "client_id_reused")
    assert (await jane.post(CONVERSATIONS, fields)).status == 201  # one's own
    await john.remove(group, john)
    assert (await john.post(CONVERSATIONS, fields)).status == 404


@pytest.mark.gen_test
async def test_a_repeat_is_compared_with_the_names_that_people_had_then(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    fields = {"name": "Team", "usernames": ["john", "jane"], "clientId": str(uuid.uuid4())}
    assert (await john.post(CONVERSATIONS, fields)).status == 201
    await jane.ask("PATCH", "/api/auth_user", {"username": "janet"})
    await john.ask("PATCH", "/api/auth_user", {"username": "jane"})
    assert (await john.post(CONVERSATIONS, fields)).status == 200
    without_himself = fields | {"usernames": ["jane"]}
    assert (await john.post(CONVERSATIONS, without_himself)).status == 200
    with_the_new_name = fields | {"usernames": ["john", "janet"]}
    answer = john.post(CONVERSATIONS, with_the_new_name)
    assert await code(answer) == (409, "client_id_reused")


@rule("api#group-name")
@pytest.mark.parametrize(
    "name", ["", " ", "\u200b", "a\nb", "a\u2028b", "a\u202eb", "\0", "x" * 81]
)
@pytest.mark.gen_test
async def test_a_name_that_shows_nothing_or_hides_something_is_refused(
    visitor: Visitor, name: str
) -> None:
    john = await visitor.sign_in("john")
    group = await john.group("x" * 80)
    for answer in (
        await john.post(CONVERSATIONS, {"name": name, "usernames": []}),
        await john.change(group, name=name),
    ):
        assert (answer.status, list(answer.json["errors"])) == (422, ["name"])


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"name": "Team"}, ["usernames"]),
        ({"usernames": ["jane"]}, ["name"]),
        ({"username": "jane", "name": "Team", "usernames": []}, ["username"]),
        ({}, ["username"]),
        ({"name": "Team", "usernames": [], "history": "some"}, ["history"]),
        ({"name": "Team", "usernames": [], "clientId": "1"}, ["clientId"]),
        ({"name": "Team", "usernames": ["a b"]}, ["usernames"]),
        ({"name": "Team", "usernames": ["x"] * 1000}, ["usernames"]),
        ({"name": "Team", "usernames": "jane"}, ["usernames"]),
    ],
)
@pytest.mark.gen_test
async def test_a_malformed_group_is_refused(
    visitor: Visitor, fields: dict[str, Any], wrong: list[str]
) -> None:
    john, _, _ = await three(visitor)
    answer = await john.post(CONVERSATIONS, fields)
    assert (answer.status, list(answer.json["errors"])) == (422, wrong)


@rule("api#unknown-names")
@pytest.mark.gen_test
async def test_names_that_nobody_has_are_told_and_nobody_is_added(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Team")
    unknown = ["n1", "jane", "n2", "n3", "n4", "n5", "n6"]
    for answer in (
        await john.post(CONVERSATIONS, {"name": "Team", "usernames": unknown}),
        await john.post(f"{CONVERSATIONS}/{group}/members", {"usernames": unknown}),
    ):
        assert answer.status == 422
        assert "n1, n2, n3, n4, n5." in answer.json["errors"]["usernames"]
    assert (await john.conversation(group))["group"]["memberCount"] == 1
    assert (await jane.get(CONVERSATIONS)).json == []


@rule("api#notices", "api#what-members-see", "api#group-events")
@pytest.mark.gen_test
async def test_people_who_are_added_see_what_follows_and_are_told_in_one_notice(
    visitor: Visitor,
) -> None:
    john, jane, mary = await three(visitor)
    carol = await visitor.sign_in("carol")
    group = await john.group("Team", jane)
    await john.send(group, "before")
    async with jane.stream() as hers, mary.stream() as marys:
        members = await john.add(group, mary, jane, carol)
        assert [(m["user"]["username"], m["role"]) for m in members] == [
            ("mary", "member"),
            ("jane", "member"),
            ("carol", "member"),
        ]
        assert notice(told := await hers.event()) == ("added", ["mary", "carol"], 4)
        assert members[0]["joinedAt"] == told.data["createdAt"]
        opened = await marys.event()
        assert (opened.name, opened.data["group"]["memberCount"]) == ("conversation", 4)
        assert (await marys.event()).data == told.data
        assert opened.data["lastMessage"] == told.data
    assert await mary.history(group) == [told.data]
    assert await mary.unread(group) == 0
    await jane.send(group, "after")
    assert await mary.unread(group) == 1


@rule("api#what-members-see")
@pytest.mark.gen_test
async def test_a_newcomer_sees_all_of_a_group_with_that_history(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", history="all")
    await john.send(group, "one")
    await john.add(group, jane)
    assert [message["content"] for message in await jane.history(group)] == ["", "one", ""]
    assert await jane.unread(group) == 0
    await john.change(group, history="joined")
    await john.add(group, mary)
    assert len(await mary.history(group)) == 1
    assert len(await jane.history(group)) == 5


@rule("api#leaving")
@pytest.mark.gen_test
async def test_who_goes_is_a_stranger_and_hears_nothing_more(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", jane, mary)
    async with jane.stream() as hers, mary.stream() as marys:
        assert (await john.remove(group, jane)).status == 204
        gone = await hers.event()
        assert (gone.name, gone.data) == ("gone", {"conversationId": group, "reason": "removed"})
        assert notice(await marys.event()) == ("removed", ["jane"], 2)
        assert (await mary.remove(group, mary)).status == 204
        assert (await marys.event()).data == {"conversationId": group, "reason": "left"}
        await john.send(group, "alone")
        assert await hers.silent()
        async with jane.stream(hers.hello.id) as again:
            assert await again.event() == gone
            assert await again.silent()
        async with jane.stream(f"{gone.id.partition('-')[0]}-0") as whole:  # type: ignore[union-attr]
            assert await whole.event() == gone  # nothing of what was before
    path = f"{CONVERSATIONS}/{group}"
    for person in (jane, await visitor.sign_in("mallory")):
        for answer in (
            await person.get(path),
            await person.get(f"{path}/messages"),
            await person.get(f"{path}/members"),
            await person.post(f"{path}/messages", {"content": "hello"}),
            await person.post(f"{path}/read_messages"),
            await person.change(group, name="x"),
            await person.post(f"{path}/members", {"usernames": ["mary"]}),
            await person.turn(group, john, "member"),
            await person.remove(group, person),
        ):
            assert answer.seen == (await person.get(f"{CONVERSATIONS}/999")).seen
    assert (await jane.get(CONVERSATIONS)).json == []
    assert (await john.remove(group, jane)).status == 404


@rule("api#what-members-see")
@pytest.mark.gen_test
async def test_who_comes_again_comes_as_new(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Team", jane)
    await john.send(group, "before")
    async with jane.stream() as hers:
        await john.remove(group, jane)
        await john.send(group, "without her")
        await john.add(group, jane)
        gone, opened, told = [await hers.event() for _ in range(3)]
        assert (gone.name, opened.name, notice(told)[0]) == ("gone", "conversation", "added")
    assert await jane.history(group) == [told.data]
    async with jane.stream(f"{gone.id.partition('-')[0]}-0") as whole:  # type: ignore[union-attr]
        assert [await whole.event() for _ in range(3)] == [gone, opened, told]
        assert await whole.silent()


@rule("api#replay-after-gone")
@pytest.mark.gen_test
async def test_a_stream_that_was_open_before_a_gone_ends_rather_than_leave_out_a_number(
    app: Messenger, visitor: Visitor
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Team", jane)
    async with jane.stream() as hers:
        with nothing_published(app):
            await john.send(group, "hello")
            await john.remove(group, jane)
        app.services.gaps.check_all()
        assert [event.name for event in await hers.rest()] == ["bye"]
    async with jane.stream(hers.hello.id) as again:
        gone = await again.event()
        assert (gone.name, gone.seq) == ("gone", hers.hello.seq + 2)
        assert await again.silent()


@contextlib.contextmanager
def nothing_published(app: Messenger) -> Iterator[None]:
    """Events are stored, but streams do not hear of them."""
    publish = app.services.bus.publish
    app.services.bus.publish = lambda *_: None  # type: ignore[method-assign]
    yield
    app.services.bus.publish = publish  # type: ignore[method-assign]


@rule("api#admins")
@pytest.mark.gen_test
async def test_only_admins_change_a_group_and_only_a_group_is_changed(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", jane)
    pair = await john.talk_to(jane)
    members = f"{CONVERSATIONS}/{group}/members"
    for refused in (
        jane.change(group, name="x"),
        jane.change(group),
        jane.change(group, name=""),  # before 422
        jane.post(members, {"usernames": ["mary"]}),
        jane.post(members, {"usernames": ["nobody"]}),
        jane.turn(group, jane, "admin"),
        jane.turn(group, john, "none"),
        jane.remove(group, john),
    ):
        assert await code(refused) == (403, "not_admin")
    for refused in (
        john.change(pair, name="x"),
        john.post(f"{CONVERSATIONS}/{pair}/members", {"usernames": ["mary"]}),
        john.turn(pair, jane, "admin"),
        john.remove(pair, jane),
        john.remove(pair, john),
    ):
        assert await code(refused) == (403, "not_a_group")
    for absent in (
        jane.remove(group, mary),  # a 404 is before a 403
        jane.turn(group, mary, "admin"),
        john.turn(group, mary, "none"),
        john.remove(pair, mary),
        john.delete(f"{members}/99999999999999999999"),
    ):
        assert (await absent).status == 404


@rule("api#admins", "api#last-admin")
@pytest.mark.gen_test
async def test_a_group_keeps_an_admin(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Team", jane, mary)
    assert await code(john.turn(group, john, "member")) == (409, "last_admin")
    async with mary.stream() as marys:
        turned = await john.turn(group, jane, "admin")
        assert (turned.status, turned.json["role"]) == (200, "admin")
        assert turned.json["user"] == shown(jane)
        assert (await jane.turn(group, john, "member")).status == 200
        assert (await jane.remove(group, jane)).status == 204
        assert await notices(marys, 4) == [
            ("promoted", ["jane"], 3),
            ("demoted", ["john"], 3),
            ("left", ["jane"], 2),
            ("promoted", ["john"], 2),
        ]
    assert [m["role"] for m in (await john.get(f"{CONVERSATIONS}/{group}/members")).json] == [
        "member",
        "admin",
    ]


@pytest.mark.gen_test
async def test_of_two_admins_who_remove_each_other_one_stays(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    for n in range(5):
        group = await john.group(f"Team {n}", jane)
        await john.turn(group, jane, "admin")
        answers = await asyncio.gather(john.remove(group, jane), jane.remove(group, john))
        assert sorted(answer.status for answer in answers) == [204, 404]
        left = members_among_two(visitor, group)
        assert len(await left) == 1


async def members_among_two(visitor: Visitor, group: str) -> list[str]:
    found = []
    for name in ("john", "jane"):
        person = await visitor.sign_in(name)
        if (await person.get(f"{CONVERSATIONS}/{group}")).status == 200:
            found.append(name)
    return found


@rule("api#repeated-changes")
@pytest.mark.gen_test
async def test_a_change_of_both_makes_two_notices_and_a_repeat_makes_none(
    visitor: Visitor,
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Team", jane)
    async with jane.stream() as hers:
        for _ in range(2):
            answer = await john.change(group, name="Club", history="all")
            assert answer.status == 200
            assert answer.json["group"] == {
                "name": "Club",
                "memberCount": 2,
                "role": "admin",
                "history": "all",
            }
        renamed, opened = await hers.event(), await hers.event()
        assert renamed.data["notice"] == {
            "kind": "renamed",
            "users": [],
            "count": 0,
            "name": "Club",
            "history": "joined",
            "memberCount": 2,
        }
        assert (opened.data["notice"]["kind"], opened.data["notice"]["history"]) == (
            "history",
            "all",
        )
        assert (await john.change(group)).status == 200
        assert (await john.turn(group, jane, "member")).status == 200
        await john.add(group, jane)
        assert await hers.silent()


@pytest.mark.gen_test
async def test_a_user_hears_of_new_names_of_former_members(visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Team", jane)
    await jane.send(group, "words")
    await jane.remove(group, jane)
    async with john.stream() as his, jane.stream() as hers:
        answer = await jane.ask("PATCH", "/api/auth_user", {"displayName": "Jane Doe"})
        assert (await his.event()).data == answer.json
        assert (await hers.event()).data == answer.json
    (message,) = [m for m in await john.history(group) if m["content"] == "words"]
    assert message["author"] == answer.json
    assert (await john.history(group))[0]["notice"]["users"] == [answer.json]
    async with john.stream() as his, jane.stream() as hers:
        await john.ask("PATCH", "/api/auth_user", {"displayName": "John"})
        assert (await his.event()).name == "user"
        assert await hers.silent()  # she shares no conversation any more


@pytest.mark.gen_test
async def test_members_are_listed_and_found(visitor: Visitor) -> None:
    john, jane, mary = await three(visitor)
    janet = await visitor.sign_in("Janet")
    await mary.ask("PATCH", "/api/auth_user", {"displayName": "Big Janine"})
    group = await john.group("Team", jane, mary)
    await john.add(group, janet)
    members = f"{CONVERSATIONS}/{group}/members"
    seen, target = [], f"{members}?limit=2"
    while target:
        answer = await jane.get(target)
        assert answer.headers["Last-Event-ID"]
        seen += [member["user"]["username"] for member in answer.json]
        link = answer.headers.get("Link")
        target = link.partition(">")[0].strip("<") if link else ""
    assert seen == ["Janet", "mary", "jane", "john"]
    found = await jane.get(f"{members}?search=%40JAN")
    assert [member["user"]["username"] for member in found.json] == ["jane", "Janet", "mary"]
    assert "Link" not in found.headers
    assert (await jane.get(f"{members}?search=")).status == 422
    assert (await jane.get(f"{members}?limit=0")).status == 422
    _, _, pair = await two(visitor)
    assert (await jane.get(f"{CONVERSATIONS}/{pair}/members")).json == [
        {"user": shown(jane)},
        {"user": shown(john)},
    ]


@pytest.mark.gen_test
async def test_a_group_that_everybody_has_left_is_a_404(visitor: Visitor, dsn: str) -> None:
    john, _, _ = await three(visitor)
    group = await john.group("Team")
    await john.send(group, "secret words")
    assert (await john.remove(group, john)).status == 204
    assert (await john.get(f"{CONVERSATIONS}/{group}/messages")).status == 404
    assert ask(dsn, "SELECT member_count FROM conversations") == [(0,)]


@pytest.mark.gen_test
async def test_mentions_are_unset_and_a_large_group_begins_with_fewer_notifications(
    visitor: Visitor,
) -> None:
    john = await visitor.sign_in("john")
    others = [await visitor.sign_in(f"member-{n}") for n in range(51)]
    small = await john.group("Small", *others[:49])
    large = await john.group("Large", *others[:50])
    assert "notify" not in await others[0].conversation(small)
    assert (await others[0].conversation(large))["notify"] == "mentions"
    await john.add(small, others[50])
    assert (await others[50].conversation(small))["notify"] == "mentions"
    assert "notify" not in await others[0].conversation(small)


class TestLimits:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(
            config, rate_limits=True, max_group_members=3, members_at_once=4, members_per_minute=1
        )

    @rule("api#group-full")
    @pytest.mark.gen_test
    async def test_a_group_takes_as_many_as_it_may_have_or_none(self, visitor: Visitor) -> None:
        john, _, _ = await three(visitor)
        await visitor.sign_in("carol")
        everybody = {"name": "Team", "usernames": ["jane", "mary", "carol"]}
        assert await code(john.post(CONVERSATIONS, everybody)) == (409, "group_full")
        jane, members = await visitor.sign_in("jane"), f"{CONVERSATIONS}/{{}}/members"
        group = await jane.group("Team")
        path = members.format(group)
        three_more = {"usernames": ["john", "mary", "carol"]}
        assert await code(jane.post(path, three_more)) == (409, "group_full")
        assert (await jane.conversation(group))["group"]["memberCount"] == 1
        mary = await visitor.sign_in("mary")
        group = await mary.group("Team")
        assert len(await mary.add(group, john, jane)) == 2
        assert len(await mary.add(group, john, jane)) == 2  # members already
        assert await code(mary.post(members.format(group), {"usernames": ["carol"]})) == (
            409,
            "group_full",
        )

    @pytest.mark.gen_test
    async def test_who_adds_many_people_waits_but_a_repeat_is_answered(
        self, visitor: Visitor
    ) -> None:
        john, jane, mary = await three(visitor)
        fields = {"name": "Team", "usernames": ["jane", "mary"], "clientId": str(uuid.uuid4())}
        assert (await john.post(CONVERSATIONS, fields)).status == 201
        group = await john.group("Club", jane, mary)
        path = f"{CONVERSATIONS}/{group}/members"
        await john.remove(group, mary)
        answer = await john.post(path, {"usernames": ["mary"]})
        assert (answer.status, answer.json["code"]) == (429, "rate_limited")
        assert 50 < int(answer.headers["Retry-After"]) <= 60
        assert (await john.post(path, {"usernames": ["jane"]})).status == 200
        assert (await john.post(path, {"usernames": ["nobody"]})).status == 422
        assert (await john.post(CONVERSATIONS, fields)).status == 200
        new = fields | {"clientId": str(uuid.uuid4())}
        assert await code(john.post(CONVERSATIONS, new)) == (429, "rate_limited")
        assert (await jane.conversation(group))["group"]["memberCount"] == 2
