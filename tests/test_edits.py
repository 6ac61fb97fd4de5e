"""Edits: who may change which text until when, and what everyone then sees."""

import asyncio
import dataclasses
import uuid
from pathlib import Path
from typing import Any

import pytest

from db.pool import Database
from db.server.disk import Disk
from handlers.application import Messenger
from tests.support.changes import Spent, code_of, edit, now, path_of
from tests.support.people import Person, Visitor, two
from tests.support.rules import rule
from tests.support.sse import Event

BEYOND_ANY_DISK = 2**60
SET_BACK = """
    UPDATE messages
    SET created_at = now() - %(hours)s * interval '1 hour' - %(seconds)s * interval '1 second'
"""


async def three(visitor: Visitor) -> tuple[Person, Person, Person, str]:
    """Returns John, who is the admin, Jane, Eve, and their group."""
    people = [await visitor.sign_in(name) for name in ("john", "jane", "eve")]
    return (*people, await people[0].group("Friends", *people[1:]))  # type: ignore[return-value]


async def note(db: Database, group: str) -> Any:
    """Returns the notice that tells of the group's creation."""
    rows = await db.rows(
        "SELECT min(id)::text FROM messages WHERE conversation_id = %(id)s", {"id": int(group)}
    )
    return {"conversationId": group, "id": rows[0][0]}


@rule("api#edit", "api#change-event")
@pytest.mark.gen_test
async def test_an_edited_message_is_everywhere_the_new_one(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "helo", str(uuid.uuid4()))
    position = (await jane.get("/api/conversations")).headers["Last-Event-ID"]
    async with john.stream() as his, jane.stream() as hers:
        answer = await edit(john, sent, " \n hello\n")
        edited = answer.json
        assert answer.status == 200
        assert edited == sent | {
            "content": " hello",
            "version": 2,
            "editedAt": edited["editedAt"],
        }
        theirs = edited | {"mine": False, "clientId": None}
        assert (await his.event())[:2] == ("change", {"message": edited})
        live = await hers.event()
    async with jane.stream(position) as stream:
        assert await stream.event() == live == Event("change", {"message": theirs}, live.id)
    assert edited["editedAt"] > sent["createdAt"]
    assert await jane.history(talk) == [theirs]
    assert (await jane.conversation(talk))["lastMessage"] == theirs
    assert await now(john, sent) == edited


@rule("api#edit")
@pytest.mark.gen_test
async def test_an_edit_raises_the_version_by_one_and_leaves_no_earlier_text(
    visitor: Visitor, db: Database
) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "the first text")
    await john.send(talk, "later")
    for version, text in ((2, "the second text"), (3, "the third text")):
        assert (await edit(john, sent, text)).json["version"] == version
    assert [one["content"] for one in await jane.history(talk)] == ["later", "the third text"]
    rows = await db.rows("SELECT row_to_json(messages)::text FROM messages")
    assert not [row for row in rows if "first text" in row[0] or "second text" in row[0]]


@rule("api#edit-repeat")
@pytest.mark.gen_test
async def test_a_text_that_is_there_already_changes_nothing_whatever_the_version(
    visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "helo")
    async with jane.stream() as stream:
        first = await edit(john, sent, "hello", version=1)
        assert (await stream.event()).name == "change"
        for version in (None, 1, 2, 99):
            again = await edit(john, sent, "hello\n", version=version)
            assert (again.status, again.json) == (200, first.json)
        app.services.limits.sends = Spent()
        assert (await edit(john, sent, "hello")).json == first.json
        app.services.disk = Disk([tmp_path], BEYOND_ANY_DISK)
        app.services.disk.look()
        assert (await edit(john, sent, "hello")).json == first.json
        assert await stream.silent()


@pytest.mark.gen_test
async def test_an_edit_waits_for_servers_of_an_older_version(
    visitor: Visitor, app: Messenger
) -> None:
    john, _, talk = await two(visitor)
    sent = await john.send(talk, "a")
    app.services.writer._readable = lambda kind: kind != "change"
    assert await code_of(edit(john, sent, "b")) == (503, "upgrading")
    assert await code_of(john.delete(path_of(sent))) == (503, "upgrading")
    assert await now(john, sent) == sent


@rule("api#edit-version")
@pytest.mark.gen_test
async def test_an_edit_of_another_version_is_refused(visitor: Visitor) -> None:
    john, _, talk = await two(visitor)
    sent = await john.send(talk, "a")
    assert (await edit(john, sent, "b", version=1)).status == 200
    for version in (1, 3, 0, -1, 2**31, 10**30):
        assert await code_of(edit(john, sent, "c", version=version)) == (409, "version")
    assert (await edit(john, sent, "c", version=2)).json["version"] == 3
    wrong: Any
    for wrong in ("3", 3.5, True, {}):
        assert (await edit(john, sent, "d", version=wrong)).status == 422, wrong
    answers = await asyncio.gather(*(edit(john, sent, f"at once {n}", version=3) for n in range(9)))
    assert sorted(answer.status for answer in answers) == [200] + [409] * 8


@rule("api#edit-hours")
@pytest.mark.gen_test
async def test_a_message_can_be_edited_for_48_hours_or_as_the_operator_says(
    visitor: Visitor, app: Messenger, db: Database
) -> None:
    john, _, talk = await two(visitor)
    sent = await john.send(talk, "a")
    for hours in (48, 1):
        app.services.config = dataclasses.replace(app.services.config, edit_hours=hours)
        await db.rows(SET_BACK, {"hours": hours, "seconds": -60})
        assert (await edit(john, sent, f"in time {hours}")).status == 200
        await db.rows(SET_BACK, {"hours": hours, "seconds": 1})
        assert await code_of(edit(john, sent, "late")) == (409, "too_late")
        assert (await edit(john, sent, f"in time {hours}")).status == 200
    app.services.config = dataclasses.replace(app.services.config, edit_hours=0)
    await db.rows(SET_BACK, {"hours": 99_999, "seconds": 0})
    assert (await edit(john, sent, "always")).status == 200


@rule("api#edit", "api#not-yours")
@pytest.mark.gen_test
async def test_only_the_author_edits_and_only_who_sees_a_message_learns_of_it(
    visitor: Visitor,
) -> None:
    john, jane, eve, friends = await three(visitor)
    sent = await jane.send(friends, "a")
    mallory = await visitor.sign_in("mallory")
    late = await visitor.sign_in("late")
    await john.add(friends, late)
    for stranger in (mallory, late):
        for content in ("b", ""):
            assert (await edit(stranger, sent, content)).status == 404
    for other in (john, eve):  # an admin does not edit either
        for content in ("b", "", "a"):
            assert await code_of(edit(other, sent, content)) == (403, "not_yours")
    assert (await edit(jane, sent | {"id": "999999"}, "")).status == 404
    assert await now(jane, sent) == sent


@rule("api#notices-stay")
@pytest.mark.gen_test
async def test_a_notice_is_not_edited(visitor: Visitor, db: Database) -> None:
    john, jane, _, friends = await three(visitor)
    notice = await note(db, friends)
    for person in (john, jane):
        assert await code_of(edit(person, notice, "b")) == (422, "invalid_field")
        assert await code_of(edit(person, notice, "")) == (422, "invalid_field")
    mallory = await visitor.sign_in("mallory")
    assert (await edit(mallory, notice, "b")).status == 404


@rule("api#edit-order")
@pytest.mark.gen_test
async def test_the_refusals_of_an_edit_come_in_order(
    visitor: Visitor, app: Messenger, db: Database, tmp_path: Path
) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "a")
    app.services.limits.sends = Spent()
    assert await code_of(edit(john, sent, "b")) == (429, "rate_limited")
    app.services.disk = Disk([tmp_path], BEYOND_ANY_DISK)
    app.services.disk.look()
    assert await code_of(edit(john, sent, "b")) == (507, "storage_full")
    await db.rows(SET_BACK, {"hours": 49, "seconds": 0})
    assert await code_of(edit(john, sent, "b", version=1)) == (409, "too_late")
    assert await code_of(edit(john, sent, "b", version=2)) == (409, "version")
    assert (await edit(john, sent, "a", version=2)).status == 200
    await db.rows("UPDATE messages SET content = '', deleted_at = now()")
    assert await code_of(edit(john, sent, "a", version=2)) == (409, "deleted")
    assert await code_of(edit(john, sent, "", version=2)) == (422, "invalid_field")
    assert await code_of(edit(jane, sent, "", version=2)) == (403, "not_yours")


@rule("api#content-refused")
@pytest.mark.parametrize("content", ["", " \n", "\u200b", "a\0", "a" * 4001, None, 5])
@pytest.mark.gen_test
async def test_an_edit_takes_the_content_that_a_send_takes(visitor: Visitor, content: Any) -> None:
    john, _, talk = await two(visitor)
    sent = await john.send(talk, "a")
    answer = await edit(john, sent, content)
    assert (answer.status, set(answer.json["errors"])) == (422, {"content"})
    assert (await john.ask("PATCH", path_of(sent), {})).status == 422
    assert await now(john, sent) == sent


@rule("api#client-id")
@pytest.mark.gen_test
async def test_a_repeat_of_an_edited_message_compares_only_the_conversation(
    visitor: Visitor,
) -> None:
    john, jane, talk = await two(visitor)
    elsewhere = await john.talk_to(await visitor.sign_in("eve"))
    client_id = str(uuid.uuid4())
    sent = await john.send(talk, "helo", client_id)
    edited = (await edit(john, sent, "hello")).json
    path = f"/api/conversations/{talk}/messages"
    for fields in ({"content": "helo"}, {"content": "x", "replyToId": "999999"}):
        again = await john.post(path, fields | {"clientId": client_id})
        assert (again.status, again.json) == (200, edited)
    assert (await john.post(path, {"content": "", "clientId": client_id})).status == 422
    other = {"content": "helo", "clientId": client_id}
    answer = await john.post(f"/api/conversations/{elsewhere}/messages", other)
    assert (answer.status, answer.json["code"]) == (409, "client_id_reused")
    assert await jane.history(talk) == [edited | {"mine": False, "clientId": None}]


@rule("api#edit-mentions", "api#change-counts")
@pytest.mark.gen_test
async def test_an_edit_mentions_anew_and_tells_those_whose_count_changed(visitor: Visitor) -> None:
    john, jane, eve, friends = await three(visitor)
    sent = await john.send(friends, "@jane @john")
    await eve.read(friends)
    async with john.stream() as his, jane.stream() as hers, eve.stream() as of_eve:
        for content, names, counts in (
            ("nobody", [], (1, 0)),
            ("@JANE @eve @jane", ["JANE", "eve"], (1, 1)),
            ("@eve and @jane", ["eve", "jane"], None),
        ):
            edited = (await edit(john, sent, content)).json
            assert [one["username"] for one in edited.get("mentions", [])] == names
            told = (await hers.event()).data
            assert told.pop("message")["mentions" if names else "content"]
            shown = {"unreadCount": counts[0], "unreadMentionCount": counts[1]} if counts else {}
            assert told == shown
            for stream in (his, of_eve):  # Eve has read it, and John wrote it
                assert (await stream.event()).data.keys() == {"message"}
    assert (await jane.conversation(friends))["unreadMentionCount"] == 1
    assert "unreadMentionCount" not in await eve.conversation(friends)


@rule("api#edit-mentions")
@pytest.mark.gen_test
async def test_an_edit_mentions_those_who_see_the_message(visitor: Visitor) -> None:
    john, _, _, friends = await three(visitor)
    sent = await john.send(friends, "a")
    late = await visitor.sign_in("late")
    await john.add(friends, late)
    async with late.stream() as stream:
        edited = (await edit(john, sent, "@late @jane")).json
        assert [one["username"] for one in edited["mentions"]] == ["jane"]
        assert await stream.silent()


@rule("api#change-counts")
@pytest.mark.gen_test
async def test_a_hundred_unread_mentions_do_not_change_by_one_more(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = [await john.send(talk, "@jane") for _ in range(99)]
    last = await john.send(talk, "nobody")
    async with jane.stream() as stream:
        for message, content, count in (
            (last, "@jane", 100),
            (sent[0], "nobody", 99),
            (last, "nobody", 98),
            (last, "@jane @john", 99),
            (sent[0], "@jane", 100),
        ):
            await edit(john, message, content)
            told = (await stream.event()).data
            assert (told["unreadCount"], told["unreadMentionCount"]) == (100, count)
        more = await john.send(talk, "nobody")
        await stream.event()
        for content in ("@jane", "nobody"):
            await edit(john, more, content)
            assert (await stream.event()).data.keys() == {"message"}


@rule("api#change-event")
@pytest.mark.gen_test
async def test_each_member_sees_their_own_reactions_in_a_change(
    visitor: Visitor, db: Database
) -> None:
    john, jane, eve, friends = await three(visitor)
    sent = await john.send(friends, "a")
    for emoji, person in (("👍", jane), ("🎉", john), ("👍", eve), ("🎉", jane)):
        await db.rows(
            """
            INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
            VALUES (%(talk)s, %(id)s, %(emoji)s, %(user_id)s)
            """,
            {
                "talk": int(friends),
                "id": int(sent["id"]),
                "emoji": emoji,
                "user_id": int(person.id),
            },
        )
    await db.rows("UPDATE messages SET reacted = true WHERE id = %(id)s", {"id": int(sent["id"])})
    own = {john.id: (False, True), jane.id: (True, True), eve.id: (True, False)}
    async with john.stream() as his, jane.stream() as hers, eve.stream() as of_eve:
        await edit(john, sent, "b")
        for person, stream in ((john, his), (jane, hers), (eve, of_eve)):
            told = (await stream.event()).data["message"]
            assert told == await now(person, sent)
            assert [one["emoji"] for one in told["reactions"]] == ["👍", "🎉"]
            assert [one["count"] for one in told["reactions"]] == [2, 2]
            assert tuple(one["mine"] for one in told["reactions"]) == own[person.id]
