"""Whatever a client sends, the server answers it or hangs up, and never with a 500."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.callers import Caller, someone_talks
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess
from tests.support.rules import rule

EXAMPLES = settings(max_examples=300, deadline=None)
CLIENT_ID = "123e4567-e89b-12d3-a456-426614174000"
FIELDS = ["username", "content", "clientId", "lastReadMessageId"]
HEADERS = [
    "Accept",
    "Accept-Encoding",
    "Authorization",
    "Content-Type",
    "Cookie",
    "Host",
    "If-None-Match",
    "Last-Event-ID",
    "Origin",
    "Sec-Fetch-Site",
    "Sec-Fetch-Dest",
    "User-Agent",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Request-ID",
    "X-User",
]
PARAMETERS = [
    *("limit", "cursor", "after", "search", "token", "return_to", "state", "code"),
    *("lastEventId", "Last-Event-ID", "last_event_id"),
]


class Target:
    """A server, and a user that it knows."""

    def __init__(self, server: ServerProcess) -> None:
        self.server = server
        self.url = urlsplit(server.url)
        self.john, messages = someone_talks(server.url)
        self.talk = messages.removesuffix("/messages")
        self.posts = [
            "/api/login",
            "/api/conversations",
            messages,
            f"{self.talk}/read_messages",
            "/api/refresh_token",
        ]
        self.gets = [
            "/",
            "/api/auth_user",
            "/api/conversations",
            messages,
            "/api/usernames",
            "/api/sessions",
            "/api/messages",
            "/api/openapi.json",
            "/metrics",
        ]

    def status(self, method: str, path: str, body: bytes | None = None, headers: Any = None) -> int:
        """Returns the status of the answer, or 0 if the server hangs up."""
        sent = {"Authorization": f"Bearer {self.john.token}", **(headers or {})}
        if body is not None:
            sent = {"Content-Type": "application/json", **sent}
        connection = http.client.HTTPConnection("localhost", self.url.port, timeout=20)
        try:
            connection.request(method, path, body, sent)
            return connection.getresponse().status
        except (ConnectionError, http.client.BadStatusLine):
            return 0
        finally:
            connection.close()

    def raw(self, data: bytes) -> int:
        with socket.create_connection(("127.0.0.1", self.url.port), 20) as sock:
            sock.sendall(data)
            sock.shutdown(socket.SHUT_WR)
            try:
                line = sock.recv(65536).split(b"\r\n")[0].split()
            except ConnectionError:
                return 0
            return int(line[1]) if line else 0


@pytest.fixture(scope="module")
def target(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    folder = tmp_path_factory.mktemp("fuzzed")
    with (
        postgres.database() as dsn,
        ServerProcess(
            folder, DATABASE_URL=dsn, RATE_LIMITS="off", TRUSTED_PROXIES="127.0.0.1,::1"
        ) as server,
    ):
        yield Target(server)
        assert server.end() == 0
        assert not [line for line in server.output if "ERROR" in line or "Traceback" in line]


characters = st.characters()  # lone surrogates too
texts = st.text(characters, max_size=50) | st.sampled_from(
    ["", " ", "\0", "\ud800", "john", "jane", "a" * 4001, CLIENT_ID, "1", "0", "-1", "9" * 40]
)
numbers = st.integers() | st.floats() | st.sampled_from([2**63, -(2**63) - 1, 10**400, 1e308])
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
objects = st.dictionaries(st.sampled_from(FIELDS) | texts, values, max_size=5)


@rule("api#no-500")
@EXAMPLES
@given(which=st.integers(0, 4), value=objects | values)
def test_any_json_is_accepted_or_refused(target: Target, which: int, value: Any) -> None:
    status = target.status("POST", target.posts[which], json.dumps(value).encode())
    assert status in (200, 201, 204, 400, 403, 404, 409, 422), status


@EXAMPLES
@given(
    which=st.integers(0, 4),
    value=objects,
    cuts=st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=6)), min_size=1, max_size=5),
)
def test_any_bytes_are_accepted_or_refused(
    target: Target, which: int, value: Any, cuts: list[tuple[int, bytes]]
) -> None:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")
    for place, piece in cuts:
        body = body[:place] + piece + body[place + len(piece) // 2 :]
    status = target.status("POST", target.posts[which], body)
    assert status in (200, 201, 204, 400, 403, 404, 409, 415, 422), status


@rule("api#no-500")
@pytest.mark.parametrize("opening", ["[", '{"content":', '{"a":[', '[{"content":['])
@pytest.mark.parametrize("depth", [100, 1000, 5000, 10_000])
def test_any_depth_is_accepted_or_refused(target: Target, opening: str, depth: int) -> None:
    closing = "".join({"[": "]", "{": "}"}[c] for c in reversed(opening) if c in "[{")
    whole = (opening * depth + "1" + closing * depth).encode()
    for path in target.posts[:4]:  # the last one reads no body
        for body in (whole, whole[: len(whole) // 2]):
            assert target.status("POST", path, body[: 64 * 1024]) in (204, 400, 422)


header_values = st.text(st.characters(max_codepoint=255), max_size=60)


@EXAMPLES
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE"]),
    which=st.integers(0, 8),
    headers=st.dictionaries(st.sampled_from(HEADERS), header_values, min_size=1, max_size=5),
)
def test_any_headers_are_accepted_or_refused(
    target: Target, method: str, which: int, headers: dict[str, str]
) -> None:
    head = f"{method} {target.gets[which]} HTTP/1.1\r\n"
    sent = {"Host": target.url.netloc, "Authorization": f"Bearer {target.john.token}", **headers}
    head += "".join(f"{name}: {value}\r\n" for name, value in sent.items())
    assert target.raw(head.encode("latin-1") + b"\r\n") < 500


@EXAMPLES
@given(
    which=st.integers(0, 8),
    query=st.lists(st.tuples(st.sampled_from(PARAMETERS), texts | st.integers().map(str))),
)
def test_any_query_is_accepted_or_refused(
    target: Target, which: int, query: list[tuple[str, str]]
) -> None:
    told = "&".join(
        f"{name}={quote(text.encode('utf-8', 'surrogatepass'))}" for name, text in query
    )
    assert target.status("GET", f"{target.gets[which]}?{told}") in (200, 400, 401, 406, 414, 422)


@EXAMPLES
@given(
    method=st.sampled_from(["GET", "POST", "DELETE", "BREW", "{"]),
    path=st.text(st.characters(max_codepoint=255), max_size=40),
    under=st.sampled_from(["/", "/api/", "/api/conversations/", "/health/", "/avatars/"]),
)
def test_any_path_is_found_or_not(target: Target, method: str, path: str, under: str) -> None:
    head = f"{method} {under}{path} HTTP/1.1\r\nHost: {target.url.netloc}\r\n\r\n"
    assert target.raw(head.encode("latin-1")) < 500


@EXAMPLES
@given(data=st.binary(max_size=200))
def test_any_bytes_at_all_are_answered_or_hung_up_on(target: Target, data: bytes) -> None:
    assert target.raw(data) < 500


def test_the_server_is_unharmed(target: Target) -> None:
    """Runs after all others; `target` checks the server's log for errors when it ends."""
    sent = target.john.ask(f"{target.talk}/messages", {"content": "still here"})
    assert sent["content"] == "still here"
    assert Caller(target.server.url, "jane").ask("/api/auth_user")["username"] == "jane"
