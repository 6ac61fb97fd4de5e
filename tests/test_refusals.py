"""Refusals: problem details, in the order of docs/api.md, and no client can cause a 500."""

import asyncio
import dataclasses
from typing import Any

import pytest

from config import Config
from handlers.application import Messenger
from tests.support.people import Person, Visitor
from tests.support.raw import raw
from tests.support.rules import rule

JSON = {"Content-Type": "application/json"}
EVIL = {"Origin": "http://evil.test"}


async def two(visitor: Visitor) -> tuple[Person, str]:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    return john, await john.talk_to(jane)


@rule("api#problem-details")
@pytest.mark.gen_test
async def test_an_error_is_a_problem_for_programs_and_people(visitor: Visitor) -> None:
    john = await visitor.sign_in("john")
    answer = await john.post("/api/conversations", {"username": 5})
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.json == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": answer.json["detail"],
        "code": "invalid_field",
        "errors": answer.json["errors"],
    }
    other = await john.get("/api/nothing")
    assert set(other.json) == {"type", "title", "status", "detail", "code"}


@rule("api#ids-in-paths")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/nothing",
        "/conversations/",
        "/conversations/0",
        "/conversations/01",
        "/conversations/-1",
        "/conversations/x",
        "/conversations/1.0",
        "/conversations/%31",
        "/conversations/1%00",
        "/conversations/1/",
        "/conversations/1/nothing",
        "/conversations/x/messages",
        "/sessions/x",
        "/messages/",
        "/messages/1",
        "/Login",
        "/login/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.gen_test
async def test_an_unknown_route_is_not_found_whatever_the_method(
    visitor: Visitor, path: str, method: str
) -> None:
    answer = await visitor.ask(method, f"/api{path}", headers=EVIL)
    assert (answer.status, answer.json["code"]) == (404, "not_found")


@rule("api#allow")
@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/login", "POST"),
        ("/api/refresh_token", "POST"),
        ("/api/logout", "POST"),
        ("/api/auth_user", "GET, HEAD, PATCH"),
        ("/api/sign_in_methods", "GET, HEAD"),
        ("/api/sessions", "GET, HEAD, DELETE"),
        ("/api/sessions/1", "DELETE"),
        ("/api/usernames", "GET, HEAD"),
        ("/api/conversations", "GET, HEAD, POST"),
        ("/api/conversations/1", "GET, HEAD, PATCH"),
        ("/api/conversations/1/other_participant", "GET, HEAD"),
        ("/api/conversations/1/messages", "GET, HEAD, POST"),
        ("/api/conversations/1/read_messages", "POST"),
        ("/api/messages", "GET, HEAD"),
        ("/health/live", "GET, HEAD"),
        ("/health/ready", "GET, HEAD"),
        ("/metrics", "GET, HEAD"),
    ],
)
@pytest.mark.gen_test
async def test_a_wrong_method_is_told_the_right_ones(
    visitor: Visitor, path: str, allowed: str
) -> None:
    for method in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW", "FINISH"):
        if method in allowed.split(", "):
            continue
        answer = await visitor.ask(method, path, headers=EVIL)
        assert (answer.status, answer.headers["Allow"]) == (405, allowed), method
        assert method == "HEAD" or answer.json["code"] == "method_not_allowed"


@rule("api#no-cors", "api#other-sites")
@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),
        ({"Sec-Fetch-Site": "same-origin"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, True),
        ({"Sec-Fetch-Site": "cross-site"}, True),
        ({"Origin": "http://evil.test"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Origin": "http://evil.test", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Origin": "https://localhost:PORT"}, True),
        ({"Origin": "http://localhost:1"}, True),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "http://localhost:PORT"}, False),
        ({"Origin": "http://127.0.0.1:PORT", "Host": "127.0.0.1:PORT"}, False),
        ({"Origin": "http://127.0.0.1:PORT"}, False),
        ({"Origin": "http://127.0.0.1:1", "Host": "127.0.0.1:2"}, True),
    ],
    ids=repr,
)
@pytest.mark.gen_test
async def test_pages_of_other_sites_may_not_write_or_open_a_stream(
    visitor: Visitor, http_port: int, headers: dict[str, str], refused: bool
) -> None:
    john = await visitor.sign_in("john")
    sent = {name: value.replace("PORT", str(http_port)) for name, value in headers.items()}
    if sent.get("Origin") == f"http://127.0.0.1:{http_port}" and "Host" not in sent:
        refused = True  # the same server as localhost: another origin
    answer = await john.post("/api/refresh_token", headers=sent)
    assert answer.status == (403 if refused else 200)
    if refused:
        assert answer.json["code"] == "cross_site"
    stream = await john.ask("HEAD", "/api/messages", headers={"Accept": "text/event-stream"} | sent)
    assert stream.status == (403 if refused else 200)
    assert (await john.get("/api/auth_user", headers=sent)).status == 200  # CORS guards reading
    assert "Access-Control-Allow-Origin" not in answer.headers


class TestHosts:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(
            config,
            origin="https://chat.example",
            dev_login=False,
            allowed_hosts=("any.example", "one.example:81"),
        )

    @rule("api#hosts")
    @pytest.mark.parametrize(
        ("host", "status"),
        [
            ("chat.example", 401),
            ("CHAT.example", 401),
            ("chat.example:443", 401),
            ("chat.example:80", 421),
            ("localhost", 401),
            ("LocalHost:1", 401),
            ("127.0.0.1:65535", 401),
            ("[::1]:8000", 401),
            ("[::1]", 401),
            ("any.example", 401),
            ("any.example:9", 401),
            ("one.example:81", 401),
            ("one.example", 421),
            ("evil.test", 421),
            ("chat.example.evil.test", 421),
            ("localhost.evil.test", 421),
            ("127.0.0.2", 421),
            ("0.0.0.0", 421),
            ("::1", 421),
        ],
    )
    @pytest.mark.gen_test
    async def test_only_this_servers_names_are_served(
        self, base_url: str, host: str, status: int
    ) -> None:
        answer = await raw(base_url, f"GET /api/auth_user HTTP/1.1\r\nHost: {host}\r\n\r\n")
        assert int(answer.split()[1]) == status

    @rule("api#health")
    @pytest.mark.gen_test
    async def test_another_host_is_refused_before_anything_else_but_not_its_health_checks(
        self, base_url: str
    ) -> None:
        for request in ("GET /api/nothing", "BREW /api/login", "GET /", "GET /metrics"):
            answer = await raw(base_url, f"{request} HTTP/1.1\r\nHost: evil.test\r\n\r\n")
            assert b" 421 " in answer
        answer = await raw(base_url, "GET /health/live HTTP/1.1\r\nHost: evil.test\r\n\r\n")
        assert b" 200 " in answer

    @pytest.mark.gen_test
    async def test_the_origin_may_write_under_its_own_name(self, visitor: Visitor) -> None:
        for origin, status in (
            ("https://chat.example", 401),
            ("http://chat.example", 403),
            ("https://any.example", 403),
        ):
            headers = {"Origin": origin, "Host": "chat.example"}
            assert (await visitor.post("/api/logout", headers=headers)).status == status


@rule("api#odd-targets")
@pytest.mark.parametrize(
    "request_head",
    [
        "GET /api/auth_user HTTP/1.1\r\n\r\n",
        "GET /api/auth_user HTTP/1.0\r\n\r\n",
        "GET /api/auth_user HTTP/1.1\r\nHost: HOST\r\nHost: HOST\r\n\r\n",
        "GET /api/auth_user HTTP/1.1\r\nHost: HOST\r\nHost: evil.test\r\n\r\n",
        "GET /api/auth_user HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /api/auth_user HTTP/1.1\r\nHost:\r\n\r\n",
        "nonsense\r\n\r\n",
        "GET /health/live#part HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "GET /health/live?a=b#part HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "GET http://HOST/health/live# HTTP/1.1\r\nHost: HOST\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: HOST\r\nbad header\r\n\r\n",
        "POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Length: x\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: HOST\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
@pytest.mark.gen_test
async def test_a_malformed_request_is_a_400(base_url: str, request_head: str) -> None:
    answer = await raw(base_url, request_head)
    assert int(answer.split()[1]) in ((400, 421) if "Host:\r\n" in request_head else (400,))


@rule("api#largest-body")
@pytest.mark.gen_test
async def test_a_body_may_have_64_kib_and_no_more_announced_or_chunked(
    visitor: Visitor, base_url: str
) -> None:
    john, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    fits = b'{"content":"a"}'.ljust(64 * 1024)
    assert (await john.post(path, body=fits, headers=JSON)).status == 201
    head = (
        f"POST {path} HTTP/1.1\r\nHost: HOST\r\nAuthorization: Bearer {john.token}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    ).encode()
    for size, status in ((64 * 1024, b"201"), (64 * 1024 + 1, b"413")):
        body = b"%x\r\n%s\r\n0\r\n\r\n" % (size, b'{"content":"a"}'.ljust(size))
        assert (await raw(base_url, head + body)).split()[1] == status
    announced = b"POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 65537\r\n\r\n"
    refused = await raw(base_url, announced)
    assert refused.split()[1] == b"413"
    assert b"application/problem+json" in refused


@rule("api#largest-head")
@pytest.mark.gen_test
async def test_headers_beyond_their_limit_are_refused(base_url: str) -> None:
    def head(size: int) -> str:
        return f"GET /health/live HTTP/1.1\r\nHost: HOST\r\nX: {'x' * size}\r\n\r\n"

    assert b" 200 " in await raw(base_url, head(15_000))
    assert b" 431 " in await raw(base_url, head(64 * 1024))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b'"x"', 400),
        (b"[]", 400),
        (b"null", 400),
        (b"5", 400),
        (b'{"username":NaN}', 400),
        (b'{"username":"a"}{}', 400),
        (b"\xff\xfe", 400),
        (b'{"username":"\xed\xa0\x80"}', 400),
        (b"[" * 30_000, 400),
        (b'{"username":' * 5_000, 400),
        (b'{"username":' + b"[" * 30_000 + b"]" * 30_000 + b"}", 400),
        (b'{"username":' + b"9" * 20_000 + b"}", 400),
        (b"{}", 422),
        (b'{"username":null}', 422),
        (b'{"username":1e999}', 422),
        (b'{"username":"\\ud800"}', 422),
        (b'{"username":"a","x":"\\udc00"}', 422),
        (b'{"\\ud800":1,"username":"a"}', 422),
        (b'{"username":"\\u0000"}', 422),
    ],
    ids=lambda value: ascii(value)[:40],
)
@pytest.mark.gen_test
async def test_an_invalid_body_is_refused_with_the_reason(
    visitor: Visitor, body: bytes, status: int
) -> None:
    john = await visitor.sign_in("john")
    for path in ("/api/login", "/api/conversations"):
        answer = await john.post(path, body=body, headers=JSON)
        assert answer.status == status, path
        assert answer.json["code"] in ("malformed_json", "invalid_field")


@pytest.mark.parametrize(
    ("content_type", "taken"),
    [
        ("application/json", True),
        ("Application/JSON ; charset=utf-8", True),
        ("text/plain", False),
        ("application/x-www-form-urlencoded", False),
        ("application/jsonx", False),
        ("", False),
    ],
)
@pytest.mark.gen_test
async def test_only_json_is_read(visitor: Visitor, content_type: str, taken: bool) -> None:
    john, conversation = await two(visitor)
    for path, fields in (("messages", b'{"content":"a"}'), ("read_messages", b"{}")):
        answer = await john.post(
            f"/api/conversations/{conversation}/{path}",
            body=fields,
            headers={"Content-Type": content_type},
        )
        assert (answer.status == 415) is not taken, path


@rule("api#order-of-refusals")
@pytest.mark.gen_test
async def test_the_first_of_several_refusals_is_answered(visitor: Visitor) -> None:
    john, conversation = await two(visitor)
    path = f"/api/conversations/{conversation}/messages"
    text = {"Content-Type": "text/plain"}
    bad, wrong = b"{", b'{"content":""}'
    cases: list[tuple[Any, str, dict[str, str], bytes, int]] = [
        (visitor, path, EVIL | text, bad, 403),
        (visitor, path, text, bad, 401),
        (john, path, text, bad, 415),
        (john, "/api/conversations/999/messages", text, bad, 415),
        (john, "/api/conversations/999/messages", JSON, bad, 400),
        (john, "/api/conversations/999/messages", JSON, wrong, 404),
        (john, path, JSON, wrong, 422),
    ]
    for who, where, headers, body, status in cases:
        assert (await who.post(where, body=body, headers=headers)).status == status


@pytest.mark.gen_test
async def test_a_draining_server_says_so_before_it_checks_the_credential(
    visitor: Visitor, app: Messenger
) -> None:
    app.services.draining = True
    for answer in (
        await visitor.get("/api/auth_user"),
        await visitor.post("/api/login", body=b"{", headers=JSON),
        await visitor.get("/health/ready"),
    ):
        assert (answer.status, answer.json["code"]) == (503, "draining")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await visitor.get("/health/live")).status == 200
    assert (await visitor.get("/api/nothing")).status == 404
    assert (await visitor.post("/api/logout", headers=EVIL)).status == 403


@rule("api#retry-after", "api#outage")
@pytest.mark.gen_test
async def test_without_its_database_the_server_says_so_and_recovers(
    visitor: Visitor, app: Messenger
) -> None:
    jane = await visitor.sign_in("jane")
    right, app.services.db.dsn = app.services.db.dsn, "host=127.0.0.1 port=1 connect_timeout=1"
    while app.services.db._idle:
        app.services.db._idle.pop().close()
    first = await jane.get("/api/conversations")
    then = await visitor.get("/api/conversations")  # 503 comes before 401
    ready = await visitor.get("/health/ready")
    for answer in (first, then, ready):
        assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
        assert int(answer.headers["Retry-After"]) > 0
    assert (await visitor.get("/health/live")).status == 200
    assert (await visitor.get("/api/sign_in_methods")).status == 200
    app.services.db.dsn = right
    while (await jane.get("/api/conversations")).status != 200:
        await asyncio.sleep(0.05)
    assert (await visitor.get("/health/ready")).status == 200


@rule("api#fixed-5xx")
@pytest.mark.expects_errors
@pytest.mark.gen_test
async def test_a_server_error_is_logged_and_reveals_nothing(
    visitor: Visitor, app: Messenger, caplog: pytest.LogCaptureFixture
) -> None:
    jane = await visitor.sign_in("jane")
    app.services.sessions = None  # type: ignore[assignment]
    answer = await jane.get("/api/conversations")
    assert (answer.status, answer.json["code"]) == (500, "internal_error")
    assert "NoneType" not in str(answer.json)
    assert "AttributeError" in caplog.text


@pytest.mark.gen_test
async def test_an_answer_names_a_few_of_thousands_of_broken_fields(visitor: Visitor) -> None:
    john, conversation = await two(visitor)
    body = b"{" + b"".join(b'"%d": ["\\ud800"],' % n for n in range(3000)) + b'"content": "a"}'
    path = f"/api/conversations/{conversation}/messages"
    answer = await john.post(path, body=body, headers=JSON)
    assert answer.status == 422
    assert 1 <= len(answer.json["errors"]) <= 10
    assert len(answer.body) < 4096
