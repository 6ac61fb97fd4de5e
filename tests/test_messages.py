"""Messages: which texts are allowed, once for each client id, and how they are read."""

import asyncio
import re
import uuid
from typing import Any

import pytest

from db.pool import Database
from tests.support.people import Person, Visitor, cursor_of
from tests.support.rules import rule


async def two(visitor: Visitor) -> tuple[Person, Person, str]:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    return john, jane, await john.talk_to(jane)


@rule("api#json")
@pytest.mark.gen_test
async def test_the_answer_to_a_message_is_the_stored_message(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    answer = await john.post(f"/api/conversations/{conversation}/messages", {"content": "hello"})
    assert answer.status == 201
    message = answer.json
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", message["createdAt"])
    assert message == {
        "id": message["id"],
        "conversationId": conversation,
        "userId": john.id,
        "content": "hello",
        "createdAt": message["createdAt"],
        "mine": True,
        "clientId": None,
    }
    assert await john.history(conversation) == [message]
    assert await jane.history(conversation) == [message | {"mine": False}]


@rule("api#content")
@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("  a b  ", "  a b"),
        ("\r\n a\r\n  b\n\n", " a\n  b"),
        ("\n \t\n\u3000\n\tx\n\n y \n ", "\tx\n\n y"),
        ("a\rb", "a\rb"),
        ("\r a\r", "\r a"),
        ("\r\r\na", "a"),
        ("a\r\r\nb", "a\r\nb"),
        ("\u2028\x0b\x0c\x85a", "\u2028\x0b\x0c\x85a"),
        ("\u2003x\u00a0", "\u2003x"),
        ("\x1c\n\x85x\u2028", "\x85x"),
        ("\u200b\nx", "\u200b\nx"),
        (" " * 3999 + "x", " " * 3999 + "x"),
        ("\n" * 4000 + "x" + "\n" * 4000, "x"),
        ("\u2800x", "\u2800x"),
        ("x\u200b", "x\u200b"),
        ("<b>&amp;</b> 'q' \"d\" \\ %s {0}", "<b>&amp;</b> 'q' \"d\" \\ %s {0}"),
        ("\x01\x7f\x0b!", "\x01\x7f\x0b!"),
        ("a" * 4000, "a" * 4000),
        ("😀" * 4000, "😀" * 4000),
        ("\r\n" * 3000 + "a", "a"),
        ("e\u0301 مرحبا \u202e", "e\u0301 مرحبا \u202e"),
    ],
    ids=lambda text: ascii(text)[:20],
)
@pytest.mark.gen_test
async def test_leading_blank_lines_and_trailing_white_space_are_removed_and_nothing_else(
    visitor: Visitor, sent: str, kept: str
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        assert (await john.send(conversation, sent))["content"] == kept
        assert (await stream.event()).data["content"] == kept
    assert (await jane.history(conversation))[0]["content"] == kept


@rule("api#content-refused")
@pytest.mark.parametrize(
    "content",
    [
        *("", " ", "\r\n", "\u2003\x85", "a" * 4001, "😀" * 4001, " " * 4000 + "a", "a\0b", "\0"),
        *("\u200b", "\u2800", " \u3164\n\uffa0", "\ufeff", "\u00ad\u034f", "\u2060\u202e\u200d"),
        *("\ufe0f", "\U000e0041\U000e007f", "\u115f\u17b4\u180e\ufff0\U0001d173\U0001bca0"),
        *(None, 5, [], {}, True),
    ],
    ids=lambda content: ascii(content)[:20],
)
@pytest.mark.gen_test
async def test_invalid_content_is_refused_and_not_stored(visitor: Visitor, content: Any) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    answer = await john.post(path, {"content": content})
    assert (answer.status, set(answer.json["errors"])) == (422, {"content"})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert await john.history(conversation) == []


@rule("api#no-500", "api#content-refused")
@pytest.mark.parametrize("body", [b'{"content":"\\ud800"}', b'{"content":"a\\udfffb"}'])
@pytest.mark.gen_test
async def test_a_lone_surrogate_is_refused(visitor: Visitor, body: bytes) -> None:
    john, _, conversation = await two(visitor)
    answer = await john.post(
        f"/api/conversations/{conversation}/messages",
        body=body,
        headers={"Content-Type": "application/json"},
    )
    assert (answer.status, set(answer.json["errors"])) == (422, {"content"})


@rule("api#client-id")
@pytest.mark.gen_test
async def test_a_repeat_with_the_same_client_id_answers_the_same_message(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    client_id = str(uuid.uuid4()).upper()
    path = f"/api/conversations/{conversation}/messages"
    async with jane.stream() as stream:
        first = await john.post(path, {"content": "hello\n", "clientId": client_id})
        again = await john.post(path, {"content": " hello", "clientId": client_id.lower()})
        assert (first.status, again.status) == (201, 200)
        assert first.json == again.json
        assert first.json["clientId"] == client_id.lower()
        assert (await stream.event()).data["id"] == first.json["id"]
        assert await stream.silent()
    assert await john.history(conversation) == [first.json]


@rule("api#same-content")
@pytest.mark.gen_test
async def test_a_repeat_may_differ_in_the_white_space_at_its_ends(
    visitor: Visitor, db: Database
) -> None:
    """An earlier version stored it trimmed, and the answer is the stored message."""
    john, _, conversation = await two(visitor)
    path, client_id = f"/api/conversations/{conversation}/messages", str(uuid.uuid4())
    await john.post(path, {"content": "    a\n b", "clientId": client_id})
    await db.rows("UPDATE messages SET content = 'a\n b'")
    for content in ("    a\n b", "a\n b", "\n\u3000a\n b\x1f", "\u2028\x85\ta\r\n b\n"):
        again = await john.post(path, {"content": content, "clientId": client_id})
        assert (again.status, again.json["content"]) == (200, "a\n b")
    for content in ("a\nb", "a b", "a\n  b", "\u200ba\n b", "a\n b."):
        other = await john.post(path, {"content": content, "clientId": client_id})
        assert (other.status, other.json["code"]) == (409, "client_id_reused")


@pytest.mark.gen_test
async def test_equal_sends_at_once_all_get_the_stored_message(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path, client_id = f"/api/conversations/{conversation}/messages", str(uuid.uuid4())
    answers = await asyncio.gather(
        *(john.post(path, {"content": " " * n + "a", "clientId": client_id}) for n in range(20))
    )
    assert sorted(answer.status for answer in answers) == [200] * 19 + [201]
    assert len({answer.body for answer in answers}) == 1


@rule("api#client-id")
@pytest.mark.gen_test
async def test_a_client_id_reused_for_something_else_is_a_conflict(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    other = await john.talk_to(await visitor.sign_in("jack"))
    client_id = str(uuid.uuid4())
    await john.send(conversation, "hello", client_id)
    for where, content in ((conversation, "hello!"), (other, "hello"), (conversation, "Hello")):
        answer = await john.post(
            f"/api/conversations/{where}/messages", {"content": content, "clientId": client_id}
        )
        assert (answer.status, answer.json["code"]) == (409, "client_id_reused")
    assert await john.history(other) == []
    assert len(await john.history(conversation)) == 1


@pytest.mark.gen_test
async def test_client_ids_are_separate_for_each_sender(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    client_id = str(uuid.uuid4())
    his = await john.send(conversation, "hello", client_id)
    hers = await jane.send(conversation, "hello", client_id)
    assert his["id"] != hers["id"]
    assert [m["clientId"] for m in await john.history(conversation)] == [None, client_id]


@pytest.mark.gen_test
async def test_fifty_parallel_sends_of_one_client_id_store_one_message(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    fields = {"content": "hello", "clientId": str(uuid.uuid4())}
    async with jane.stream() as stream:
        answers = await asyncio.gather(
            *(john.post(f"/api/conversations/{conversation}/messages", fields) for _ in range(50))
        )
        assert sorted(answer.status for answer in answers) == [200] * 49 + [201]
        assert len({answer.body for answer in answers}) == 1
        await stream.event()
        assert await stream.silent()
    assert len(await jane.history(conversation)) == 1


@pytest.mark.parametrize(
    "client_id",
    ["", "x", "1", "0" * 32, "{00000000-0000-0000-0000-000000000000}", "g" * 36, 5, "0-0-0-0-0"],
)
@pytest.mark.gen_test
async def test_a_client_id_that_is_no_uuid_is_refused(visitor: Visitor, client_id: Any) -> None:
    john, _, conversation = await two(visitor)
    answer = await john.post(
        f"/api/conversations/{conversation}/messages", {"content": "a", "clientId": client_id}
    )
    assert (answer.status, set(answer.json["errors"])) == (422, {"clientId"})


@pytest.mark.gen_test
async def test_all_errors_of_a_message_are_reported_at_once(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    for fields in ({"content": "", "clientId": "x"}, {"content": 5, "clientId": 6}):
        answer = await john.post(path, fields)
        assert set(answer.json["errors"]) == {"content", "clientId"}


@rule("api#cursors")
@pytest.mark.gen_test
async def test_history_is_paged_newest_first_and_stays_correct_while_others_write(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    for n in range(7):
        await (john, jane)[n % 2].send(conversation, f"{n}")
    answer = await jane.get(f"/api/conversations/{conversation}/messages?limit=3")
    pages = [[message["content"] for message in answer.json]]
    while link := answer.headers.get("Link"):
        await john.send(conversation, "meanwhile")
        answer = await jane.get(cursor_of(link))
        pages.append([message["content"] for message in answer.json])
    assert pages == [["6", "5", "4"], ["3", "2", "1"], ["0"]]


@rule("api#order-of-messages")
@pytest.mark.gen_test
async def test_message_ids_ascend_within_a_conversation(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await asyncio.gather(*(w.send(conversation, "x") for _ in range(20) for w in (john, jane)))
    history = await jane.history(conversation)
    ids = [int(message["id"]) for message in history]
    assert ids == sorted(ids, reverse=True)
    times = [message["createdAt"] for message in history]
    assert times == sorted(times, reverse=True)


@rule("api#unknown-fields")
@pytest.mark.gen_test
async def test_unknown_fields_are_ignored_and_the_last_of_duplicate_keys_wins(
    visitor: Visitor,
) -> None:
    john, _, conversation = await two(visitor)
    answer = await john.post(
        f"/api/conversations/{conversation}/messages",
        body=b'{"content":"a","x":{"y":[1e999]},"content":"b"}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert (answer.status, answer.json["content"]) == (201, "b")
