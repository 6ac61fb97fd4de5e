"""The page and its files, and the operator's requests."""

import asyncio
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from config import STATIC_DIR
from handlers.assets import StaticAssets
from handlers.requests.arrival import LONGEST_DECODED
from tests.support.people import Person, Visitor
from tests.support.rules import rule


async def raw_get(base_url: str, target: str) -> bytes:
    """Requests paths that no well-behaved client sends."""
    url = urlsplit(base_url)
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(
        f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n".encode()
    )
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.gen_test
async def test_the_escapes_of_a_path_that_is_too_long_for_a_name_are_not_decoded(
    base_url: str,
) -> None:
    """`%ff` is no UTF-8. The path has one character more than its escapes."""
    decoded = await raw_get(base_url, "/%ff" + "x" * (LONGEST_DECODED - 3))
    assert decoded.startswith(b"HTTP/1.1 400 ")
    page = await raw_get(base_url, "/%ff" + "x" * (LONGEST_DECODED - 2))
    assert page.startswith(b"HTTP/1.1 200 ")
    file = await raw_get(base_url, "/%ff" + "x" * LONGEST_DECODED + ".js")
    assert file.startswith(b"HTTP/1.1 404 ")


@rule("api#pages")
@pytest.mark.parametrize(
    "path", ["/", "/conversations/5", "/a/b.c/d", "/access", "/api", "/health", "/%00", "/x?y=z.js"]
)
@pytest.mark.gen_test
async def test_every_path_of_the_page_is_the_page(visitor: Visitor, path: str) -> None:
    answer = await visitor.get(path)
    assert (answer.status, answer.body) == (200, (STATIC_DIR / "index.html").read_bytes())
    assert answer.headers["Content-Type"].startswith("text/html")


@rule("api#page-headers")
@pytest.mark.gen_test
async def test_pages_have_their_security_headers(visitor: Visitor) -> None:
    for path in ("/", "/app.js", "/nothing.js"):
        headers = (await visitor.get(path)).headers
        policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        for directive in ("object-src", "base-uri", "frame-ancestors"):
            assert policy[directive] == "'none'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["trusted-types"] == "service-worker"
        assert "unsafe" not in headers["Content-Security-Policy"]
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in headers
    for path in ("/", "/conversations/5", "/index.html"):
        headers = (await visitor.get(path)).headers
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "microphone=()" in headers["Permissions-Policy"]
    for path in ("/api/nothing", "/health/live", "/metrics", "/api/sign_in_methods"):
        headers = (await visitor.get(path)).headers
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


@rule("api#files")
@pytest.mark.gen_test
async def test_a_file_has_an_etag_and_is_revalidated_each_time(visitor: Visitor) -> None:
    answer = await visitor.get("/app.js")
    assert answer.status == 200
    assert "javascript" in answer.headers["Content-Type"]
    assert answer.headers["Cache-Control"] == "no-cache"
    again = await visitor.get("/app.js", headers={"If-None-Match": answer.headers["Etag"]})
    assert (again.status, again.body) == (304, b"")
    head = await visitor.ask("HEAD", "/app.js")
    assert (head.status, head.body) == (200, b"")
    travelled = await visitor.get("/app.js", decompress_response=False)
    head = await visitor.ask("HEAD", "/app.js", decompress_response=False)
    assert head.headers["Content-Length"] == str(len(travelled.body))


@rule("api#pages")
@pytest.mark.parametrize(
    "target",
    [
        "/nothing.js",
        "/styles/nothing.css",
        "/styles.",
        "/../server.py",
        "/..%2fserver.py",
        "/%2e%2e/server.py",
        "/styles/../../server.py",
        "//etc/passwd.txt",
        "/..%5cserver.py",
        "/app.js/",
        "/app.js%00.html",
        "/styles/../app.js",
        "//app.js",
        "/./app.js",
        "/a" * 8000 + "/x.x",
        "/app.js/x.js",
        "/.",
        "/..",
        "/static/app.js",
        "/metrics/x",
        "/health/x",
        "/health/live/",
        "/" + "a" * 5000 + ".js",
    ],
)
@pytest.mark.gen_test
async def test_only_files_of_the_page_are_served(base_url: str, target: str) -> None:
    answer = await raw_get(base_url, target)
    status = int(answer.split()[1])
    assert status == (200 if target == "/app.js/" else 404)
    assert b"asyncio" not in answer
    assert b"root:" not in answer


def test_a_path_is_never_looked_for_in_the_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up of a long path would cost 30 ms of the loop."""
    assets, looked_at = StaticAssets(STATIC_DIR), list[str]()

    stat = Path.stat

    def note(self: Path, **options: Any) -> os.stat_result:
        looked_at.append(str(self))
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", note)
    for name in ("app.js", "nothing.js", "../server.py", "a/" * 8000 + "x.x", "/etc/passwd.txt"):
        assets.find(name)
    assert str(STATIC_DIR / "app.js") in looked_at
    known = {str(path) for path in (STATIC_DIR, *STATIC_DIR.rglob("*"))}
    assert set(looked_at) <= known


@pytest.mark.parametrize("target", ["/%ff", "/%ff.js", "/api/%ff", "http://evil.test/", "*", "x"])
@pytest.mark.gen_test
async def test_odd_targets_cause_no_server_error(base_url: str, target: str) -> None:
    assert int((await raw_get(base_url, target)).split()[1]) < 500


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "BREW"])
@pytest.mark.gen_test
async def test_pages_accept_only_get_and_head(visitor: Visitor, method: str) -> None:
    answer = await visitor.ask(method, "/")
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert (await visitor.ask(method, "/nothing.js")).status == 404


@rule("api#health", "api#metrics")
@pytest.mark.gen_test
async def test_health_and_metrics_are_served(visitor: Visitor) -> None:
    for path in ("/health/live", "/health/ready", "/metrics"):
        answer = await visitor.get(path)
        assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-store")
        head = await visitor.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")


@pytest.mark.gen_test
async def test_the_metrics_count_open_streams(visitor: Visitor) -> None:
    async def streams_open() -> float:
        text = (await visitor.get("/metrics")).body.decode()
        (line,) = [line for line in text.split("\n") if line.startswith("messenger_streams_open ")]
        return float(line.split()[1])

    jane = await visitor.sign_in("jane")
    assert await streams_open() == 0
    async with jane.stream(), jane.stream():
        assert await streams_open() == 2
    async with asyncio.timeout(5):
        while await streams_open() != 0:
            await asyncio.sleep(0.01)


@rule("api#head")
@pytest.mark.gen_test
async def test_head_is_answered_wherever_get_is_with_the_same_headers(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    base = f"/api/conversations/{conversation}"
    for path in ("/api/auth_user", "/api/sessions", "/api/usernames?search=j", base):
        await same_headers(john, path)
    for path in (f"{base}/messages", f"{base}/other_participant", "/api/sign_in_methods", "/"):
        await same_headers(john, path)


async def same_headers(person: Person, path: str) -> None:
    get, head = await person.get(path), await person.ask("HEAD", path)
    assert (head.status, head.body) == (get.status, b"")
    for name in ("Content-Type", "Content-Length", "Cache-Control", "Last-Event-ID"):
        assert head.headers.get(name) == get.headers.get(name), (path, name)
