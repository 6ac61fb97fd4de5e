"""The server's sentences for people are plain."""

import re
from typing import Any

import pytest

from handlers.requests import problems
from tests.support.people import Visitor, two

SENTENCES = re.compile(r"([A-Z][^.]*[^ .][.] ?)+")


@pytest.mark.gen_test
async def test_each_refusal_is_a_plain_sentence(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    messages = f"/api/conversations/{conversation}/messages"
    client_id = "123e4567-e89b-12d3-a456-426614174000"
    await john.send(conversation, "hello", client_id)
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/api/nothing", {}),
        ("PUT", messages, {}),
        ("GET", "/api/messages", {}),
        ("GET", f"{messages}?limit=0", {}),
        ("GET", f"{messages}?after=x", {}),
        ("GET", f"{messages}?cursor=x", {}),
        ("GET", "/api/usernames", {}),
        ("GET", "/api/auth_user", {"headers": {"X-User": "0"}}),
        ("GET", "/api/auth_user", {"headers": {"Authorization": "Bearer x"}}),
        ("GET", "/api/auth_user", {"headers": {"Host": "elsewhere.test"}}),
        ("POST", messages, {"headers": {"Sec-Fetch-Site": "cross-site"}}),
        ("POST", messages, {"body": b"x", "headers": {"Content-Type": "text/plain"}}),
        ("POST", messages, {"body": b"x", "headers": {"Content-Type": "application/json"}}),
        ("POST", messages, {"fields": []}),
        ("POST", messages, {"fields": {"content": 5}}),
        ("POST", messages, {"fields": {"content": None, "clientId": "x"}}),
        ("POST", messages, {"fields": {"content": " "}}),
        ("POST", messages, {"fields": {"content": "a" * 4001}}),
        ("POST", messages, {"fields": {"content": "\0"}}),
        ("POST", messages, {"fields": {"content": "\ud800"}}),
        ("POST", messages, {"fields": {"content": "other", "clientId": client_id}}),
        ("POST", messages, {"body": b"x" * 70_000}),
        (
            "POST",
            f"/api/conversations/{conversation}/read_messages",
            {"fields": {"lastReadMessageId": "0"}},
        ),
        ("POST", "/api/conversations", {"fields": {"username": "-"}}),
        ("POST", "/api/conversations", {"fields": {"username": "a" * 40}}),
        ("POST", "/api/conversations", {"fields": {}}),
    ]
    for method, path, options in asked:
        answer = await john.ask(method, path, **options)
        assert answer.status >= 400, (method, path, options)
        for sentence in (answer.json["detail"], *answer.json.get("errors", {}).values()):
            assert SENTENCES.fullmatch(sentence), sentence


@pytest.mark.gen_test
async def test_two_refusals_have_their_exact_sentence(visitor: Visitor) -> None:
    john = await visitor.sign_in("john")
    oneself = await john.post("/api/conversations", {"username": "john"})
    assert oneself.json["detail"] == "You can't start a conversation with yourself."
    missing = await john.get("/api/conversations/999")
    assert missing.json["detail"] == "Not found, or not accessible to you."


@pytest.mark.parametrize("status", [400, 405, 408, 413, 414, 417, 431, 501, 505])
def test_a_malformed_request_is_refused_in_a_sentence(status: int) -> None:
    assert b'"detail":"' in problems.refusal(status)
    assert SENTENCES.fullmatch(problems.Framework(status).detail)
