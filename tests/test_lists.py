"""Pages of lists: their length, where they begin, and where the next one continues."""

import json
from typing import Any

import pytest

from db.pool import Database
from handlers.requests.page_of_json import LARGEST_BYTES, encoded
from tests.support.people import Answer, Person, Visitor, cursor_of, two
from tests.support.postgres import ask
from tests.support.rules import rule

LONG = "\x01" * 4000  # 24,000 bytes of JSON


async def all_pages(person: Person, path: str) -> list[Answer]:
    pages = [await person.get(path)]
    while link := pages[-1].headers.get("Link"):
        pages.append(await person.get(cursor_of(link)))
    return pages


@rule("api#page-bytes")
@pytest.mark.gen_test
async def test_a_page_of_messages_ends_at_256_kib_and_the_next_one_continues(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    sent = [(await john.send(conversation, LONG))["id"] for _ in range(25)]
    pages = await all_pages(jane, f"/api/conversations/{conversation}/messages?limit=100")
    assert [len(page.json) for page in pages] == [10, 10, 5]
    assert all(len(page.body) <= LARGEST_BYTES for page in pages)
    assert [message["id"] for page in pages for message in page.json] == sent[::-1]


@rule("api#page-bytes")
@pytest.mark.gen_test
async def test_a_page_of_conversations_ends_at_256_kib_too(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    for n in range(12):
        other = await visitor.sign_in(f"user{n}")
        await other.send(await other.talk_to(jane), LONG)
    pages = await all_pages(jane, "/api/conversations")
    assert [len(page.json) for page in pages] == [10, 2]
    names = [c["otherParticipant"]["username"] for page in pages for c in page.json]
    assert names == [f"user{n}" for n in reversed(range(12))]
    assert ["Unread-Total" in page.headers for page in pages] == [True, False]


@pytest.mark.gen_test
async def test_a_page_of_sessions_ends_at_256_kib_too(visitor: Visitor, dsn: str) -> None:
    jane = await visitor.sign_in("jane")
    sql = """
        INSERT INTO sessions (user_id, user_agent, last_seen_at)
        SELECT %s, repeat('"', 400), now() - make_interval(mins => 1 + n / 2)
        FROM generate_series(1, 1200) n
    """
    ask(dsn, sql, (int(jane.id),))
    pages = await all_pages(jane, "/api/sessions")
    assert all(len(page.body) <= LARGEST_BYTES for page in pages)
    ids = [session["id"] for page in pages for session in page.json]
    assert len(ids) == len(set(ids)) == 1201
    assert [s["current"] for s in pages[0].json[:2]] == [True, False]


@pytest.mark.parametrize(
    ("sizes", "kept"),
    [
        ([], 0),
        ([LARGEST_BYTES * 2], 1),
        ([LARGEST_BYTES * 2, 0], 1),
        ([0, LARGEST_BYTES * 2], 1),
        ([LARGEST_BYTES - 7, 0], 2),
        ([LARGEST_BYTES - 6, 0], 1),
        ([0] * 100, 100),
    ],
)
def test_a_list_of_json_is_cut_between_items(sizes: list[int], kept: int) -> None:
    items = ["x" * size for size in sizes]
    body, count = encoded(items)
    assert (json.loads(body), count) == (items[:kept], kept)
    assert len(body) <= LARGEST_BYTES or kept == 1


async def ids(person: Person, path: str) -> list[int]:
    return [int(m["id"]) for page in await all_pages(person, path) for m in page.json]


@rule("api#after")
@pytest.mark.gen_test
async def test_after_a_message_there_are_only_later_ones(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    sent = [int((await john.send(conversation, f"{n}"))["id"]) for n in range(7)]
    for after, limit in (
        (0, 100),
        (sent[0], 2),
        (sent[3], 3),
        (sent[3] + 2**40, 1),
        (2**63 - 1, 1),
    ):
        found = await ids(jane, f"{path}?after={after}&limit={limit}")
        assert found == [i for i in reversed(sent) if i > after]
    first = await jane.get(f"{path}?after={sent[1]}&limit=2")
    assert f"after={sent[1]}" in first.headers["Link"]
    assert "Last-Event-ID" in first.headers


@rule("api#after")
@pytest.mark.parametrize(
    "after",
    ["", "x", "-1", "+1", "01", "00", "1.0", "1e3", "1%20", "%D9%A1", str(2**63), "9" * 40],
)
@pytest.mark.gen_test
async def test_after_an_impossible_message_id_is_refused(visitor: Visitor, after: str) -> None:
    john, _, conversation = await two(visitor)
    answer = await john.get(f"/api/conversations/{conversation}/messages?after={after}")
    assert (answer.status, set(answer.json["errors"])) == (422, {"after"})


@pytest.mark.gen_test
async def test_after_with_a_cursor_of_another_list_is_refused(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    for n in range(5):
        await john.send(conversation, f"{n}")
    path = f"/api/conversations/{conversation}/messages"
    plain = cursor_of((await john.get(f"{path}?limit=2")).headers["Link"])
    later = cursor_of((await john.get(f"{path}?limit=2&after=0")).headers["Link"])
    for mixed in (f"{plain}&after=0", later.replace("after=0&", ""), f"{later}&after=1"):
        assert mixed not in (plain, later)
        answer = await john.get(mixed)
        assert (answer.status, set(answer.json["errors"])) == (422, {"cursor"})
    assert (await john.get(later)).status == (await john.get(plain)).status == 200


async def unread_total(person: Person, limit: int = 25) -> int:
    answer = await person.get(f"/api/conversations?limit={limit}")
    return int(answer.headers["Unread-Total"])


@rule("api#unread-total")
@pytest.mark.gen_test
async def test_the_first_page_has_the_unread_total_of_all_conversations(
    visitor: Visitor,
) -> None:
    jane = await visitor.sign_in("jane")
    assert await unread_total(jane) == 0
    conversations = []
    for n in range(4):
        other = await visitor.sign_in(f"user{n}")
        conversations.append(await other.talk_to(jane))
        for _ in range(n):
            await other.send(conversations[n], "hello")
        await jane.send(conversations[n], "my own")
    for limit in (1, 100):
        assert await unread_total(jane, limit) == 6
    await jane.read(conversations[3])
    assert await unread_total(jane) == 3
    first = await jane.get("/api/conversations?limit=1")
    later = await jane.get(cursor_of(first.headers["Link"]))
    assert "Unread-Total" not in later.headers


@rule("api#unread-total")
@pytest.mark.gen_test
async def test_counting_stops_at_1000(visitor: Visitor, db: Database) -> None:
    jane = await visitor.sign_in("jane")
    for n in range(3):
        other = await visitor.sign_in(f"user{n}")
        await fill(db, await other.talk_to(jane), other.id, 333)
    assert await unread_total(jane) == 999
    await other.send(await other.talk_to(jane), "one more")
    assert await unread_total(jane) == 1000
    await fill(db, await other.talk_to(jane), other.id, 3000)
    assert await unread_total(jane) == 1000


async def fill(db: Database, conversation: str, user: str, number: int) -> None:
    places: dict[str, Any] = {"conversation": conversation, "user": user, "number": number}
    await db.rows(
        """
        INSERT INTO messages (
            conversation_id, user_id, content, created_at, client_id, client_id_given
        )
        SELECT %(conversation)s::bigint, %(user)s::bigint, 'hello', now(), gen_random_uuid(), false
        FROM generate_series(1, %(number)s::integer)
        """,
        places,
    )
