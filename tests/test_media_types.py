"""A body that is not JSON is refused before anything reads it."""

import pytest

from tests.support.people import Visitor, two
from tests.support.rules import rule

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=x"
BODIES = [
    (FORM, b"content=hello&clientId=1"),
    (FORM, b"&".join(b"%d=%%ff" % n for n in range(999))),
    (FORM, b'{"content":"hello"}'),
    (MULTIPART, b'--x\r\nContent-Disposition: form-data; name="content"\r\n\r\nhello\r\n--x--\r\n'),
    (MULTIPART, b"--x\r\nContent-Disposition: nonsense\r\n\r\nhello\r\n--x--\r\n"),
    ("multipart/form-data", b"no boundary at all"),
    ("multipart/mixed; boundary=\xff", b"--"),
    ("text/plain", b'{"content":"hello"}'),
    ("application/problem+json", b'{"content":"hello"}'),
    ("application/json, text/plain", b'{"content":"hello"}'),
    ("application/jsonx", b'{"content":"hello"}'),
    ("", b'{"content":"hello"}'),
    ("application/xml", b"<a/>"),
]


@rule("api#json-bodies-only")
@pytest.mark.parametrize(("media_type", "body"), BODIES, ids=lambda value: ascii(value)[:30])
@pytest.mark.gen_test
async def test_a_body_of_another_type_is_refused_wherever_it_is_sent(
    visitor: Visitor, media_type: str, body: bytes
) -> None:
    john, _, conversation = await two(visitor)
    headers = {"Content-Type": media_type}
    paths = [
        ("POST", "/api/login"),
        ("POST", "/api/conversations"),
        ("POST", f"/api/conversations/{conversation}/messages"),
        ("POST", f"/api/conversations/{conversation}/read_messages"),
        ("POST", "/api/conversations/999/messages"),
        ("POST", "/api/refresh_token"),
        ("POST", "/api/logout"),
        ("DELETE", "/api/sessions"),
        ("GET", "/api/conversations"),
        ("GET", "/api/usernames?search="),
        ("GET", "/api/sign_in_methods"),
    ]
    for method, path in paths:
        answer = await john.ask(method, path, body=body, headers=headers)
        assert (answer.status, answer.json["code"]) == (415, "unsupported_media_type"), path
    assert await john.history(conversation) == []


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json ;x",
    ],
)
@pytest.mark.gen_test
async def test_any_spelling_of_the_json_type_is_accepted(visitor: Visitor, media_type: str) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    answer = await john.post(
        path, body=b'{"content":"hello"}', headers={"Content-Type": media_type}
    )
    assert answer.status == 201


@rule("api#json-bodies-only")
@pytest.mark.gen_test
async def test_without_a_body_the_type_is_ignored(visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/read_messages"
    for media_type in (FORM, MULTIPART, "nonsense"):
        answer = await john.post(path, headers={"Content-Type": media_type})
        assert answer.status == 204
    assert (await john.post(path, body=b"", headers={})).status == 204
