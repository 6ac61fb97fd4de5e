"""A pair has one conversation, seen by each from their side, and by nobody else."""

import asyncio
from urllib.parse import quote

import pytest

from tests.support.people import Person, Visitor, cursor_of
from tests.support.postgres import ask
from tests.support.rules import rule


@rule("api#one-conversation", "api#location")
@pytest.mark.gen_test
async def test_a_conversation_is_created_once_whichever_side_asks(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    made = await john.post("/api/conversations", {"username": "JANE"})
    assert made.status == 201
    conversation = made.json["id"]
    assert made.headers["Location"] == f"/api/conversations/{conversation}"
    assert made.json == {
        "id": conversation,
        "otherParticipant": {"id": jane.id, "username": "jane", "avatarURL": None},
        "lastMessage": None,
        "unreadCount": 0,
        "hasUnreadMessages": False,
        "lastReadMessageId": None,
        "otherLastReadMessageId": None,
    }
    again = await john.post("/api/conversations", {"username": "jane"})
    assert (again.status, again.json) == (200, made.json)
    hers = await jane.post("/api/conversations", {"username": "john"})
    assert (hers.status, hers.json["id"]) == (200, conversation)
    assert hers.json["otherParticipant"]["username"] == "john"


@rule("api#one-conversation")
@pytest.mark.gen_test
async def test_a_hundred_parallel_creates_make_one_conversation(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with john.stream() as his, jane.stream() as hers:
        answers = await asyncio.gather(
            *(
                who.post("/api/conversations", {"username": other.username})
                for _ in range(50)
                for who, other in ((john, jane), (jane, john))
            )
        )
        assert sorted(answer.status for answer in answers) == [200] * 99 + [201]
        assert len({answer.json["id"] for answer in answers}) == 1
        for stream in (his, hers):
            assert (await stream.event()).name == "conversation"
            assert await stream.silent()
    assert len((await john.get("/api/conversations")).json) == 1


@rule("api#not-with-oneself")
@pytest.mark.gen_test
async def test_a_conversation_needs_another_user_who_exists(visitor: Visitor) -> None:
    john = await visitor.sign_in("john")
    oneself = await john.post("/api/conversations", {"username": "John"})
    assert (oneself.status, oneself.json["code"]) == (403, "conversation_with_oneself")
    unknown = await john.post("/api/conversations", {"username": "nobody"})
    assert (unknown.status, unknown.json["code"]) == (404, "not_found")
    for username in ("", "a b", "-", "é", "x" * 40):
        bad = await john.post("/api/conversations", {"username": username})
        assert (bad.status, set(bad.json["errors"])) == (422, {"username"})
    assert (await john.get("/api/conversations")).json == []


@rule("api#order-of-conversations")
@pytest.mark.gen_test
async def test_the_list_has_the_latest_activity_first(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    others = [await visitor.sign_in(f"other-{n}") for n in range(4)]
    conversations = [await jane.talk_to(other) for other in others]
    assert await listed(jane) == conversations[::-1]
    await others[1].send(conversations[1], "first")
    await jane.send(conversations[0], "second")
    expected = [conversations[n] for n in (0, 1, 3, 2)]
    assert await listed(jane) == expected
    (first, *_) = (await jane.get("/api/conversations")).json
    assert first["lastMessage"]["content"] == "second"
    assert first["lastMessage"]["mine"] is True


@rule("api#order-of-conversations")
@pytest.mark.gen_test
async def test_the_order_does_not_go_back_when_the_servers_clock_does(
    visitor: Visitor, dsn: str
) -> None:
    """Everything stored has a time that is an hour ahead of the clock."""
    jane = await visitor.sign_in("jane")
    john, jim, jack = [await visitor.sign_in(name) for name in ("john", "jim", "jack")]
    with_john, with_jim = await jane.talk_to(john), await jane.talk_to(jim)
    await john.send(with_john, "before")
    ask(
        dsn,
        """
        UPDATE messages SET created_at = created_at + interval '1 hour';
        UPDATE conversations
        SET active_at = active_at + interval '1 hour', created_at = created_at + interval '1 hour'
        """,
    )
    await jim.send(with_jim, "after")
    assert await listed(jane) == [with_jim, with_john]
    with_jack = await jack.talk_to(jane)
    assert await listed(jane) == [with_jack, with_jim, with_john]
    await jane.send(with_john, "last")
    assert await listed(jane) == [with_john, with_jack, with_jim]
    first = await jane.get("/api/conversations?limit=1")
    assert await listed(jane, cursor_of(first.headers["Link"]).removeprefix("/api/conversations"))


async def listed(person: Person, query: str = "") -> list[str]:
    answer = await person.get(f"/api/conversations{query}")
    assert answer.status == 200
    return [conversation["id"] for conversation in answer.json]


@rule("api#walking-pages")
@pytest.mark.gen_test
async def test_pages_of_the_list_follow_each_other_without_a_gap_while_others_write(
    visitor: Visitor,
) -> None:
    jane = await visitor.sign_in("jane")
    others = [await visitor.sign_in(f"other-{n}") for n in range(7)]
    conversations = [await jane.talk_to(other) for other in others][::-1]
    first = await jane.get("/api/conversations?limit=3")
    assert [c["id"] for c in first.json] == conversations[:3]
    await others[6].send(conversations[0], "a page that was seen already")
    second = await jane.get(cursor_of(first.headers["Link"]))
    assert [c["id"] for c in second.json] == conversations[3:6]
    last = await jane.get(cursor_of(second.headers["Link"]))
    assert [c["id"] for c in last.json] == conversations[6:]
    assert "Link" not in last.headers


@rule("api#next-page")
@pytest.mark.gen_test
async def test_a_page_that_just_fits_has_no_next_one(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    for n in range(3):
        await jane.talk_to(await visitor.sign_in(f"other-{n}"))
    assert "Link" not in (await jane.get("/api/conversations?limit=3")).headers
    assert "Link" in (await jane.get("/api/conversations?limit=2")).headers


@rule("api#lists")
@pytest.mark.gen_test
async def test_the_page_has_twenty_five_unless_asked_for_up_to_a_hundred(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    for n in range(27):
        await jane.talk_to(await visitor.sign_in(f"other-{n}"))
    assert len(await listed(jane)) == 25
    assert len(await listed(jane, "?limit=100")) == 27
    assert len(await listed(jane, "?limit=1")) == 1


@rule("api#lists")
@pytest.mark.parametrize("limit", ["0", "101", "-1", "1.5", "x", "", "1e1", "٣", "99999999999"])
@pytest.mark.gen_test
async def test_a_limit_outside_its_range_is_refused(visitor: Visitor, limit: str) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    for path in ("/api/conversations", f"/api/conversations/{conversation}/messages"):
        answer = await john.get(f"{path}?limit={quote(limit)}")
        assert (answer.status, set(answer.json["errors"])) == (422, {"limit"})


@rule("api#cursors")
@pytest.mark.gen_test
async def test_a_made_up_cursor_is_refused(visitor: Visitor) -> None:
    john, jane, jack = [await visitor.sign_in(name) for name in ("john", "jane", "jack")]
    conversation, other = await john.talk_to(jane), await john.talk_to(jack)
    for content in "ab":
        await john.send(conversation, content)
        await john.send(other, content)
    lists = ["/api/conversations", f"/api/conversations/{conversation}/messages"]
    links = [(await john.get(f"{path}?limit=1")).headers["Link"] for path in lists]
    good = [cursor_of(link).partition("cursor=")[2] for link in links]
    for path, mine, others in zip(lists, good, good[::-1], strict=True):
        assert (await john.get(f"{path}?cursor={mine}")).status == 200
        flipped = mine[:-1] + ("A" if mine[-1] != "A" else "B")
        for cursor in ("", "x", "1", "%00", "%F0%9F%98%80", others, flipped, mine + "A", mine[:-2]):
            answer = await john.get(f"{path}?cursor={cursor}")
            assert (answer.status, set(answer.json["errors"])) == (422, {"cursor"}), cursor
    elsewhere = await john.get(f"/api/conversations/{other}/messages?cursor={good[1]}")
    assert elsewhere.status == 422


@pytest.mark.gen_test
async def test_each_side_sees_the_other_one(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    for who, other in ((john, jane), (jane, john)):
        answer = await who.get(f"/api/conversations/{conversation}/other_participant")
        assert answer.json == {"id": other.id, "username": other.username, "avatarURL": None}
        assert (await who.conversation(conversation))["otherParticipant"] == answer.json


@rule("api#snapshot-position")
@pytest.mark.gen_test
async def test_every_snapshot_has_the_position_that_it_reflects(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    empty = await jane.get("/api/conversations")
    assert empty.json == []
    epoch, _, seq = empty.headers["Last-Event-ID"].partition("-")
    assert seq == "0"
    conversation = await john.talk_to(jane)
    await john.send(conversation, "hello")
    base = f"/api/conversations/{conversation}"
    for path in ("/api/conversations", base, f"{base}/messages", f"{base}/other_participant"):
        for method in ("GET", "HEAD"):
            answer = await jane.ask(method, path)
            assert answer.headers["Last-Event-ID"] == f"{epoch}-2", path
            assert answer.headers["Cache-Control"] == "no-store"


@rule("api#snapshot-position")
@pytest.mark.gen_test
async def test_a_stream_opened_from_a_snapshot_misses_nothing_and_repeats_nothing(
    visitor: Visitor,
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    await john.send(conversation, "in the snapshot")
    snapshot = await jane.get(f"/api/conversations/{conversation}/messages")
    await john.send(conversation, "after it")
    async with jane.stream(snapshot.headers["Last-Event-ID"]) as stream:
        assert stream.hello.id == snapshot.headers["Last-Event-ID"]
        assert (await stream.event()).data["content"] == "after it"
        assert await stream.silent()


@pytest.mark.gen_test
async def test_a_conversation_does_not_exist_for_a_stranger(
    visitor: Visitor,
) -> None:
    john, jane, mallory = [await visitor.sign_in(name) for name in ("john", "jane", "mallory")]
    conversation = await john.talk_to(jane)
    message = await john.send(conversation, "secret")
    requests = [
        ("GET", "", None),
        ("GET", "/other_participant", None),
        ("GET", "/messages", None),
        ("GET", "/messages?limit=0", None),
        ("GET", "/messages?cursor=x", None),
        ("POST", "/messages", {"content": "hi"}),
        ("POST", "/messages", {"content": ""}),
        ("POST", "/messages", {}),
        ("POST", "/messages", {"content": "hi", "clientId": "x"}),
        ("POST", "/read_messages", None),
        ("POST", "/read_messages", {"lastReadMessageId": message["id"]}),
        ("POST", "/read_messages", {"lastReadMessageId": "x"}),
    ]
    for method, path, fields in requests:
        theirs = await mallory.ask(method, f"/api/conversations/{conversation}{path}", fields)
        nowhere = await mallory.ask(method, f"/api/conversations/999999{path}", fields)
        beyond = await mallory.ask(method, f"/api/conversations/{'9' * 30}{path}", fields)
        assert theirs.status == 404, (method, path)
        for other in (nowhere, beyond):
            assert theirs.seen == other.seen
    assert [m["content"] for m in await jane.history(conversation)] == ["secret"]
    assert (await jane.conversation(conversation))["unreadCount"] == 1
