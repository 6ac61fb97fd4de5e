"""What the log says of a request, and what it never says."""

import contextlib
import http.client
import json
import logging
import re
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest

from db.server.embedded import EmbeddedPostgres
from handlers.requests.logs import JsonFormatter, RefusedInput, TextFormatter
from tests.support.callers import until_ready
from tests.support.people import Visitor
from tests.support.postgres import ask
from tests.support.processes import ServerProcess
from tests.support.raw import raw
from tests.support.rules import rule

JSON = {"Content-Type": "application/json"}
WORD = "confidential"  # in all messages that people send


async def a_request(visitor: Visitor, caplog: pytest.LogCaptureFixture) -> logging.LogRecord:
    """Returns the record of a message sent by john."""
    caplog.set_level("INFO")
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    caplog.clear()
    await john.send(conversation, "the content of a message")
    (record,) = [record for record in caplog.records if record.name == "messenger.access"]
    assert john.token not in caplog.text
    assert "the content" not in caplog.text
    return record


@pytest.mark.gen_test
async def test_a_request_is_a_line_of_json_for_programs(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    record = await a_request(visitor, caplog)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    told = json.loads(line)
    assert told["level"] == "info"
    assert (told["method"], told["status"]) == ("POST", 201)
    assert told["path"].startswith("/api/conversations/")
    assert told["milliseconds"] > 0
    assert told["user"] == 1
    assert re.fullmatch(r"[0-9a-f]{16}", told["request"])


@pytest.mark.gen_test
async def test_a_request_is_a_line_of_text_for_people(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    line = TextFormatter().format(await a_request(visitor, caplog))
    assert "\n" not in line
    assert "INFO" in line
    assert "/messages 201 " in line


def test_an_exception_stays_within_its_line_of_json() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, "it failed", (), sys.exc_info()
        )
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert "ValueError: two\nlines" in json.loads(line)["exception"]


class Traffic:
    """Requests of all kinds, valid or not, and the secrets that the server must not log."""

    def __init__(self, url: str, dsn: str) -> None:
        self.url = urlsplit(url)
        self.dsn = dsn
        self.secrets: set[str] = {WORD}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Returns the status; the answer's JSON is kept as `answer`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection = http.client.HTTPConnection(str(self.url.hostname), self.url.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, path, raw, JSON | sent if raw is not None else sent)
            answer = connection.getresponse()
            self.headers = answer.headers
            if "event-stream" in answer.headers.get("Content-Type", ""):
                return answer.status
            text = answer.read()
            self.answer: Any = json.loads(text) if text and "json" in str(answer.headers) else None
            return answer.status

    def send_raw(self, data: str) -> None:
        with socket.create_connection((self.url.hostname, self.url.port), 10) as sock:
            sock.sendall(data.replace("HOST", self.url.netloc).encode("latin-1"))
            while sock.recv(65536):
                pass

    def sign_in(self, username: str) -> str:
        assert self.ask("POST", "/api/login", {"username": username}) == 200
        return self.keep(self.answer["token"])

    def keep(self, token: str) -> str:
        """Keeps the three parts of a token as secrets: its claims are private, too."""
        self.secrets.update(part for part in token.split(".")[1:])
        return token

    def run(self) -> None:
        token = self.sign_in("john")
        self.sign_in("jane")
        john = {"Authorization": f"Bearer {token}"}
        assert self.ask("POST", "/api/conversations", {"username": "jane"}, **john) == 201
        talk = f"/api/conversations/{self.answer['id']}"
        messages, message = f"{talk}/messages", {"content": f"something {WORD}"}
        assert self.ask("POST", messages, message, **john) == 201
        assert self.ask("POST", f"{talk}/read_messages", **john) == 204
        for path in (talk, messages, f"{talk}/other_participant", "/api/usernames?search=j"):
            assert self.ask("GET", path, **john) == 200
        self.with_cookies(token)
        self.with_queries(token)
        self.refused(john, messages)
        self.beyond_parsing(token)
        self.failing(token, john, messages, message)
        assert self.ask("POST", "/api/logout", **john) == 204

    def with_cookies(self, token: str) -> None:
        cookie = {"Cookie": f"messenger-session={token}"}
        assert self.ask("GET", "/api/auth_user", **cookie) == 200
        assert self.ask("POST", "/api/refresh_token", **cookie) == 200
        self.keep(self.answer["token"])

    def with_queries(self, token: str) -> None:
        stream = {"Accept": "text/event-stream"}
        assert self.ask("GET", f"/api/messages?token={token}", **stream) == 200
        assert self.ask("HEAD", f"/api/messages?token={token}", **stream) == 200
        assert self.ask("GET", f"/api/messages?token={token}x", **stream) == 401
        assert self.ask("GET", f"/api/messages?token={token}") == 406
        assert self.ask("GET", f"/api/auth_user?token={token}") == 401
        assert self.ask("GET", f"/api/nothing?token={token}") == 404
        assert self.ask("GET", f"/?token={token}") == 200
        assert self.ask("GET", f"/health/live?token={token}", Host="x") == 200
        assert self.ask("GET", f"/?token={token}", Host="evil.test") == 421

    def refused(self, john: dict[str, str], messages: str) -> None:
        long = {"content": WORD * 400}
        other = {"content": WORD, "clientId": WORD}
        nowhere = "/api/conversations/999/messages"
        assert self.ask("POST", messages, long, **john) == 422
        assert self.ask("POST", messages, other, **john) == 422
        assert self.ask("POST", messages, b'{"content": "' + WORD.encode(), **john) == 400
        assert (
            self.ask("POST", messages, b'{"content":"\\ud800' + WORD.encode() + b'"}', **john)
            == 422
        )
        assert self.ask("POST", nowhere, {"content": WORD}, **john) == 404
        assert self.ask("POST", messages, {"content": WORD}) == 401
        assert self.ask("PUT", messages, {"content": WORD}, **john) == 405
        assert self.ask("POST", messages, {"content": WORD}, Origin="http://x", **john) == 403

    def beyond_parsing(self, token: str) -> None:
        self.send_raw(f"POST /api/login HTTP/1.1\r\nHost: HOST\r\nAuth orization: {token}\r\n\r\n")
        self.send_raw(f"GET /{token} /{token} HTTP/1.1\r\nHost: HOST\r\n\r\n")
        self.send_raw(f"GET / HTTP/1.1\r\nHost: HOST\r\nCookie: {token * 200}\r\n\r\n")
        self.send_raw(
            f"POST /api/login HTTP/1.1\r\nHost: HOST\r\nContent-Length: 99999999\r\n\r\n{WORD}"
        )
        self.send_raw(
            "GET /\x85a\xadb HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n"
            f"Cookie: messenger-session={token}; a\r\n\r\n"
        )

    def failing(self, token: str, john: dict[str, str], messages: str, message: Any) -> None:
        """Makes statements fail on locks, constraints and lost tables: PostgreSQL logs them."""
        with locked_feeds(self.dsn):
            assert self.ask("POST", messages, message, **john) == 503
        ask(self.dsn, REFUSE_MESSAGES)
        assert self.ask("POST", messages, message, **john) == 500
        assert self.headers["X-Request-ID"]
        ask(self.dsn, "ALTER TABLE feeds RENAME TO gone")
        stream = {"Accept": "text/event-stream"}
        assert self.ask("GET", f"/api/messages?token={token}", **stream) == 503
        ask(self.dsn, "ALTER TABLE gone RENAME TO feeds")
        until_ready(self.url.geturl())


REFUSE_MESSAGES = "ALTER TABLE messages ADD CONSTRAINT nothing_new CHECK (content = '') NOT VALID"


@contextlib.contextmanager
def locked_feeds(dsn: str) -> Iterator[None]:
    """Locks the feeds for longer than any request waits."""
    holder = psycopg2.connect(dsn)
    with contextlib.closing(holder), holder.cursor() as cursor:
        cursor.execute("SELECT user_id FROM feeds FOR UPDATE")
        yield


@rule("api#no-token-in-logs")
@pytest.mark.parametrize("log_format", ["text", "json"])
def test_the_log_of_a_server_has_every_request_and_none_of_its_secrets(
    tmp_path: Path, log_format: str
) -> None:
    with ServerProcess(tmp_path, "--log-format", log_format) as server:
        postgres = EmbeddedPostgres(tmp_path)
        traffic = Traffic(server.url, postgres._dsn())
        traffic.run()
        assert server.end() == 0
        log = "\n".join(server.output)
    for path in ("/api/login", "/api/nothing", "/api/messages", "/read_messages", "/health/live"):
        assert path in log
    assert log.count("Unexpected: CheckViolation 23514") == 1
    database_log = postgres._log_file.read_text()
    assert "lock timeout" in database_log
    assert "nothing_new" in database_log
    assert 'relation "feeds" does not exist' in database_log
    for text in (log, database_log):
        assert not [secret for secret in traffic.secrets if secret in text]
    lines = [line for line in server.output if "/api/" in line or "/health/" in line]
    if log_format == "json":
        for told in map(json.loads, lines):
            assert {"time", "level", "message"} <= set(told)
            if told["logger"] == "messenger.access":
                assert {"request", "method", "path", "status", "user"} <= set(told)
                assert "milliseconds" in told or "seconds" in told
    else:
        assert re.search(
            r"POST /api/logout 204 [0-9.]+ ms user=1 127.0.0.1 [0-9a-f]{16}$", log, re.M
        )
        assert "'/\\x85a\\xadb'" in log


@rule("api#fixed-5xx")
@pytest.mark.expects_errors
@pytest.mark.gen_test
async def test_the_answer_to_a_server_error_names_its_log_lines(
    visitor: Visitor, caplog: pytest.LogCaptureFixture, dsn: str
) -> None:
    caplog.set_level("INFO")
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    messages = f"/api/conversations/{await john.talk_to(jane)}/messages"
    ask(dsn, REFUSE_MESSAGES)
    answer = await john.post(messages, {"content": "Hello"})
    assert answer.status == 500
    request_id = answer.headers["X-Request-ID"]
    lines = [r.getMessage() for r in caplog.records if request_id in r.getMessage()]
    assert len(lines) == 2  # the failure with its trace, and the request
    fine = await john.get("/api/auth_user")
    assert "X-Request-ID" not in fine.headers  # the answers of two 404s must not differ


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 5000, "\x01" * 5000, '"' * 5000], ids=ascii)
def test_no_line_is_longer_than_a_thousand_characters(text: str) -> None:
    try:
        raise ValueError(f"{text} the end")
    except ValueError:
        trace = sys.exc_info()
    for message, exception in ((text, None), ("it failed", trace), (text, trace)):
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, message, (), exception
        )
        (line,) = JsonFormatter().format(record).split("\n")
        assert len(line) <= 1000
        assert (exception is None) or json.loads(line)["exception"].endswith("the end")
        lines = TextFormatter().format(record).split("\n")
        assert max(map(len, lines)) <= 1000
        assert lines[0].startswith(TextFormatter().formatTime(record))


@pytest.mark.parametrize("path", ["/" + "\xe9" * 15_900, "/" + "x" * 15_900], ids=ascii)
@pytest.mark.gen_test
async def test_the_beginning_of_a_long_path_is_logged(
    visitor: Visitor, base_url: str, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    caplog.set_level("INFO")
    await raw(base_url, f"GET {path} HTTP/1.1\r\nHost: HOST\r\n\r\n")
    await raw(base_url, f"{'BREW' * 3000} / HTTP/1.1\r\nHost: HOST\r\n\r\n")
    for record in [record for record in caplog.records if record.name == "messenger.access"]:
        assert len(record.getMessage()) < 400
        assert len(JsonFormatter().format(record)) <= 1000
    assert path[:100] in caplog.text


def test_invalid_input_is_logged_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    now = [100.0]
    refused = RefusedInput(lambda: now[0])
    for _ in range(1000):
        refused.log(400, "192.0.2.1")
    now[0] += 1
    refused.log(431, "192.0.2.2")
    assert [record.getMessage() for record in caplog.records] == [
        "no request: 400 192.0.2.1, and 0 more before it",
        "no request: 431 192.0.2.2, and 999 more before it",
    ]
