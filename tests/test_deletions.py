"""Deletions: who may delete, that nothing remains of the text, and what is unread afterwards."""

import time
import uuid
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from db.changes import deletions, edits
from db.changes.deletions import Deletion
from db.changes.edits import Edit
from db.conversations import one
from db.pool import Database
from db.server.disk import Disk
from handlers.application import Messenger
from tests.support.changes import Spent, code_of, delete, edit, now
from tests.support.measures import Figures
from tests.support.people import Person, Visitor, two
from tests.support.rules import rule

BEYOND_ANY_DISK = 2**60


async def react(db: Database, message: Any, person: Person) -> None:
    await db.rows(
        """
        WITH reacted AS (
            UPDATE messages SET reacted = true WHERE id = %(id)s RETURNING conversation_id, id
        )
        INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
        SELECT conversation_id, id, '👍', %(user_id)s FROM reacted
        """,
        {"id": int(message["id"]), "user_id": int(person.id)},
    )


@rule("api#deletion", "api#change-event", "api#change-counts")
@pytest.mark.gen_test
async def test_of_a_deleted_message_an_empty_one_remains(visitor: Visitor, db: Database) -> None:
    john, jane, talk = await two(visitor)
    first = await jane.send(talk, "first")
    fields = {"content": "@jane", "replyToId": first["id"], "clientId": str(uuid.uuid4())}
    sent = (await john.post(f"/api/conversations/{talk}/messages", fields)).json
    await react(db, sent, jane)
    await edit(john, sent, "@jane!")
    position = (await jane.get("/api/conversations")).headers["Last-Event-ID"]
    async with john.stream() as his, jane.stream() as hers:
        answer = await delete(john, sent)
        assert (answer.status, answer.body) == (204, b"")
        told = (await his.event()).data
        live = await hers.event()
    deleted = {
        name: sent[name]
        for name in ("id", "conversationId", "userId", "createdAt", "mine", "clientId", "replyToId")
    } | {
        "content": "",
        "version": 3,
        "deletedAt": told["message"]["deletedAt"],
        "deletedBy": john.id,
    }
    theirs = deleted | {"mine": False, "clientId": None}
    assert told == {"message": deleted}
    assert live.data == {"message": theirs, "unreadCount": 0, "unreadMentionCount": 0}
    async with jane.stream(position) as stream:
        assert await stream.event() == live
    conversation = await jane.conversation(talk)
    assert conversation["lastMessage"] == theirs == (await jane.history(talk))[0]
    assert (conversation["unreadCount"], conversation["hasUnreadMessages"]) == (0, False)
    assert "unreadMentionCount" not in conversation
    assert await now(john, sent) == deleted


@rule("api#deletion-leaves-nothing")
@pytest.mark.gen_test
async def test_nothing_of_a_deleted_text_remains_in_the_database(
    visitor: Visitor, db: Database
) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "the confidential @jane")
    await edit(john, sent, "the secret @jane")
    await react(db, sent, jane)
    assert await tables_with(db, "secret") == ["messages"]
    await delete(john, sent)
    for word in ("confidential", "secret", "@jane", "👍"):
        assert await tables_with(db, word) == []
    for table in ("mentions", "reactions"):
        assert await db.rows(f"SELECT FROM {table}") == []


async def tables_with(db: Database, word: str) -> list[str]:
    """Returns the tables that have a row with this text."""
    tables = await db.rows("SELECT relname FROM pg_stat_user_tables ORDER BY relname")
    found = []
    for (table,) in tables:
        rows = await db.rows(f"SELECT row_to_json({table})::text FROM {table}")
        if any(word in row for (row,) in rows):
            found.append(table)
    return found


@rule("api#deletion-repeat")
@pytest.mark.gen_test
async def test_a_message_is_deleted_again_and_again_without_an_event(
    visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    friends = await john.group("Friends", jane)
    sent = await jane.send(friends, "a")
    app.services.disk = Disk([tmp_path], BEYOND_ANY_DISK)
    app.services.disk.look()
    async with jane.stream() as stream:
        assert (await delete(jane, sent)).status == 204
        deleted = (await stream.event()).data["message"]
        sends, app.services.limits.sends = app.services.limits.sends, Spent()
        for person in (jane, john):
            assert (await delete(person, sent)).status == 204
        other = await john.history(friends)
        assert await code_of(delete(john, other[-1])) == (422, "invalid_field")
        app.services.limits.sends = sends
        assert (await delete(john, sent)).status == 204
        assert await stream.silent()
    assert await now(jane, sent) == deleted


@rule("api#rate-limits")
@pytest.mark.gen_test
async def test_a_deletion_above_the_limit_is_refused(visitor: Visitor, app: Messenger) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "a")
    app.services.limits.sends = Spent()
    assert await code_of(delete(john, sent)) == (429, "rate_limited")
    assert await code_of(delete(jane, sent)) == (403, "not_yours")
    assert await now(john, sent) == sent


@rule("api#deletion", "api#notices-stay")
@pytest.mark.gen_test
async def test_the_author_or_an_admin_deletes_and_nobody_else(
    visitor: Visitor, db: Database
) -> None:
    john, jane, eve = [await visitor.sign_in(name) for name in ("john", "jane", "eve")]
    friends = await john.group("Friends", jane, eve)
    ((notice,),) = await db.rows("SELECT id::text FROM messages")
    by_john, by_jane = await john.send(friends, "a"), await jane.send(friends, "b")
    mallory, late = await visitor.sign_in("mallory"), await visitor.sign_in("late")
    await john.add(friends, late)
    for stranger in (mallory, late):
        assert (await delete(stranger, by_jane)).status == 404
    assert await code_of(delete(eve, by_jane)) == (403, "not_yours")
    assert await code_of(delete(jane, by_john)) == (403, "not_yours")
    for person in (john, jane):
        refused = await delete(person, by_john | {"id": notice})
        assert (refused.status, refused.json["code"]) == (422, "invalid_field")
    assert (await delete(john, by_jane | {"id": "999999"})).status == 404
    async with jane.stream() as stream:
        assert (await delete(john, by_jane)).status == 204
        told = (await stream.event()).data["message"]
    assert (told["deletedBy"], told["mine"], told["userId"]) == (john.id, True, jane.id)
    assert await code_of(delete(eve, by_jane)) == (403, "not_yours")
    assert (await delete(jane, by_jane)).status == 204


@pytest.mark.gen_test
async def test_in_a_pair_nobody_deletes_the_others_message(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "a")
    assert await code_of(delete(jane, sent)) == (403, "not_yours")


@rule("api#client-id", "api#edit-order")
@pytest.mark.gen_test
async def test_a_repeat_of_a_deleted_message_does_not_bring_it_back(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    client_id = str(uuid.uuid4())
    sent = await john.send(talk, "a", client_id)
    await delete(john, sent)
    deleted = await now(john, sent)
    for content in ("a", "b"):
        assert await john.send(talk, content, client_id) == deleted
    assert await code_of(edit(john, sent, "a")) == (409, "deleted")
    assert len(await jane.history(talk)) == 1


@rule("api#reply")
@pytest.mark.gen_test
async def test_a_reply_keeps_the_id_of_a_deleted_message(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "a")
    path, fields = f"/api/conversations/{talk}/messages", {"content": "b", "replyToId": sent["id"]}
    reply = (await jane.post(path, fields)).json
    await delete(john, sent)
    assert await now(jane, reply) == reply
    assert (await jane.post(path, fields)).json["replyToId"] == sent["id"]


@rule("api#replayed-now")
@pytest.mark.gen_test
async def test_a_deleted_message_is_replayed_deleted(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    async with jane.stream() as stream:
        position = stream.hello.id
    sent = await john.send(talk, "a")
    await edit(john, sent, "b")
    await delete(john, sent)
    deleted = await now(jane, sent)
    async with jane.stream(position) as stream:
        events = await stream.events(3)
    assert [event[:2] for event in events] == [
        ("message", deleted),
        ("change", {"message": deleted}),
        ("change", {"message": deleted, "unreadCount": 0, "unreadMentionCount": 0}),
    ]


@rule("api#replayed-now")
@pytest.mark.gen_test
async def test_counts_in_a_replayed_change_are_those_of_its_time(visitor: Visitor) -> None:
    john, jane, talk = await two(visitor)
    sent = await john.send(talk, "one")
    await john.send(talk, "two")
    async with jane.stream() as stream:
        await delete(john, sent)
        live = await stream.event()
        assert live.data["unreadCount"] == 1
    await jane.read(talk)
    async with jane.stream(stream.hello.id) as again:
        assert await again.event() == live


@rule("api#change-counts", "api#unread-count")
@pytest.mark.gen_test
async def test_counts_after_a_deletion_are_those_of_a_fresh_snapshot(visitor: Visitor) -> None:
    """Members with markers everywhere, who wrote much or little of what is unread."""
    people = [await visitor.sign_in(name) for name in ("john", "jane", "eve", "mary", "jack")]
    john, jane, eve, mary, _ = people
    friends = await people[0].group("Friends", *people[1:])
    sent = []
    for n in range(12):
        author = (john, jane, john, eve)[n % 4]
        sent.append(await author.send(friends, f"{n} @jane @jack" if n % 3 == 0 else f"{n}"))
    await jane.read(friends, sent[4]["id"])
    await eve.read(friends, sent[7]["id"])
    await mary.read(friends)
    for message in (sent[7], sent[8], sent[6], sent[0], sent[4], sent[11], sent[9]):
        before = {person.id: await counts(person, friends) for person in people}
        positions = {
            person.id: (await person.get("/api/conversations")).headers["Last-Event-ID"]
            for person in people
        }
        assert (await delete(john, message)).status == 204
        for person in people:
            async with person.stream(positions[person.id]) as stream:
                told = (await stream.event()).data
            fresh = await counts(person, friends)
            shown = (told.get("unreadCount"), told.get("unreadMentionCount"))
            assert shown == (fresh if fresh != before[person.id] else (None, None)), message


async def counts(person: Person, talk: str) -> tuple[int, int]:
    conversation = await person.conversation(talk)
    return conversation["unreadCount"], conversation.get("unreadMentionCount", 0)


FILL = """
    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT %(talk)s, user_id, 'x', clock_timestamp(), gen_random_uuid(), true
    FROM unnest(%(authors)s::bigint[], %(counts)s::integer[]) WITH ORDINALITY
        AS run (user_id, count, n), generate_series(1, count)
    ORDER BY n
"""


async def fill(db: Database, talk: str, *runs: tuple[Person, int]) -> None:
    """Stores runs of messages of these people, without events."""
    await db.rows(
        FILL,
        {
            "talk": int(talk),
            "authors": [int(person.id) for person, _ in runs],
            "counts": [count for _, count in runs],
        },
    )


@rule("api#change-counts")
@pytest.mark.parametrize("is_group", [True, False])
@pytest.mark.gen_test
async def test_counts_stay_exact_at_a_thousand_and_behind_a_long_run_of_ones_own(
    visitor: Visitor, db: Database, is_group: bool
) -> None:
    john, jane, talk = await two(visitor)
    if is_group:
        talk = await john.group("Friends", jane)
    sent = [await john.send(talk, "x") for _ in range(3)]
    await fill(db, talk, (john, 998), (jane, 2500))
    async with jane.stream() as stream:
        for expected in (None, 999, 998):  # of 1,001, 1,000 and 999
            await delete(john, sent.pop(1 if len(sent) > 1 else 0))
            assert (await stream.event()).data.get("unreadCount") == expected
    assert (await jane.conversation(talk))["unreadCount"] == 998


@rule("api#change-counts")
@pytest.mark.gen_test
async def test_a_mention_less_among_a_thousand_unread_is_told(
    visitor: Visitor, db: Database
) -> None:
    john, jane, talk = await two(visitor)
    sent = [await john.send(talk, "@jane") for _ in range(2)]
    await fill(db, talk, (john, 1000))
    async with jane.stream() as stream:
        await delete(john, sent[0])
        told = (await stream.event()).data
    assert (told["unreadCount"], told["unreadMentionCount"]) == (1000, 1)
    assert await counts(jane, talk) == (1000, 1)


@pytest.mark.gen_test
async def test_a_thousand_members_with_a_thousand_unread_are_counted_exactly(
    visitor: Visitor, db: Database
) -> None:
    talk, author = await crowd(visitor, db, unread=999)
    (message,) = (await author.history(talk, limit=1))[:1]
    await delete(author, message)
    rows = await db.rows(
        """
        SELECT user_id, payload ->> 'unread_count'
        FROM feed_events
        WHERE kind = 'change' AND conversation_id = %(talk)s
        """,
        {"talk": int(talk)},
    )
    assert len(rows) == 1000
    for user_id, unread in rows[:20]:
        shown = (await one(db, user_id, int(talk))).body
        assert int(unread or 0) == shown.unread_count


async def crowd(visitor: Visitor, db: Database, unread: int) -> tuple[str, Person]:
    """Makes a group of a thousand people who have not read anything but its first notice."""
    john = await visitor.sign_in("john")
    await db.rows(
        """
        WITH made AS (
            INSERT INTO users (username)
            SELECT 'crowd-' || n FROM generate_series(2, 1000) n
            RETURNING id
        )
        INSERT INTO feeds (user_id) SELECT id FROM made
        """
    )
    talk = await john.group("Friends")
    await db.rows(
        """
        INSERT INTO participants (
            user_id, conversation_id, role, sees_from, joined_message_id, joined_at,
            last_read_message_id
        )
        SELECT users.id, first.conversation_id, 'member', sees_from, joined_message_id, joined_at,
            last_read_message_id
        FROM participants first, users
        WHERE first.user_id = %(john)s AND users.id <> first.user_id
        """,
        {"john": int(john.id)},
    )
    await fill(db, talk, (john, unread))
    return talk, john


@pytest.mark.measure
@pytest.mark.parametrize("unread", [999, 4000])
@pytest.mark.gen_test
async def test_a_change_among_a_thousand_members_takes_30_ms(
    visitor: Visitor, db: Database, figures: Figures, unread: int
) -> None:
    """Without statistics: with those of many pairs, PostgreSQL expects few members as well."""
    talk, john = await crowd(visitor, db, unread=unread)
    edited, deleted = [], []
    for message in await john.history(talk, limit=20):
        of = int(talk), int(john.id), int(message["id"])
        edit = Edit(*of, "@crowd-7 and @crowd-8", None, 0, ["crowd-7", "crowd-8"])
        edited.append(await seconds(edits.store(db, [edit])))
        deleted.append(await seconds(deletions.store(db, [Deletion(*of)])))
    figures.seconds(f"an edit among 1,000 members, {unread} unread, ms", 1000 * min(edited), 30)
    figures.seconds(f"a deletion among 1,000 members, {unread} unread, ms", 1000 * min(deleted), 30)


async def seconds(act: Awaitable[object]) -> float:
    began = time.perf_counter()
    await act
    return time.perf_counter() - began
