"""Signing in with GitHub, through a server that speaks its protocol and may misbehave."""

import asyncio
import dataclasses
import logging
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import psycopg2
import pytest
from tornado.ioloop import IOLoop
from tornado.web import RequestHandler

import config as options
from config import Config
from db.pool import Database
from handlers.application import Messenger
from handlers.github import GitHub
from handlers.oauth_states import LIFETIME_SECONDS, OAuthStates, Unknown
from handlers.requests.limits import Unlimited
from handlers.requests.return_paths import LONGEST_PATH
from tests.conftest import SECRET
from tests.support.callers import wait_for_a_lock
from tests.support.github import (
    CLIENT_ID,
    CLIENT_SECRET,
    JPEG,
    PNG,
    SVG,
    WEBP,
    Browser,
    FakeGitHub,
    challenge_of,
    query_of,
)
from tests.support.people import Person, Visitor, eventually
from tests.support.rules import rule
from tests.support.sse import EventStream

CALLBACK = "/api/oauth/github/callback"


@pytest.fixture
def github(io_loop: IOLoop) -> Iterator[FakeGitHub]:
    async def made() -> FakeGitHub:
        fake = FakeGitHub()
        fake.start()
        return fake

    fake = io_loop.run_sync(made)
    fake.sign_in(583231, "octo-jane")
    yield fake
    io_loop.run_sync(fake.stop)


@pytest.fixture
def config(config: Config, github: FakeGitHub) -> Config:
    return dataclasses.replace(
        config,
        github_client_id=CLIENT_ID,
        github_client_secret=CLIENT_SECRET,
        github_authorize_url=f"{github.url}/login/oauth/authorize",
        github_token_url=f"{github.url}/login/oauth/access_token",
        github_api_url=f"{github.url}/api/v3",
    )


@pytest.fixture
def browser(visitor: Visitor, github: FakeGitHub) -> Browser:
    return Browser(visitor)


async def count(db: Database, table: str) -> int:
    ((number,),) = await db.rows(f"SELECT count(*) FROM {table}")
    return int(number)


async def nobody_is_made(db: Database) -> bool:
    return await count(db, "users") == await count(db, "sessions") == 0


class TestTheWayThrough:
    @pytest.mark.gen_test
    async def test_it_is_offered_and_returns_to_the_requested_page_signed_in(
        self, browser: Browser
    ) -> None:
        assert (await browser.get("/api/sign_in_methods")).json == {"dev": True, "github": True}
        place = await browser.sign_in_with_github("/conversations/7?a=b")
        assert place == "/conversations/7?a=b"
        user = await browser.who()
        assert user["username"] == "octo-jane"
        (session,) = (await browser.get("/api/sessions")).json
        assert (session["current"], session["userAgent"]) == (True, "Browser/1.0")

    @rule("api#github")
    @pytest.mark.gen_test
    async def test_the_browser_is_sent_with_a_state_and_a_challenge_of_its_own_and_no_secret(
        self, browser: Browser, github: FakeGitHub
    ) -> None:
        first, second = query_of(await browser.begin()), query_of(await browser.begin())
        assert first["client_id"] == CLIENT_ID
        assert first["redirect_uri"] == f"{browser.base_url}{CALLBACK}"
        assert (first["response_type"], first["code_challenge_method"]) == ("code", "S256")
        assert set(first) == {
            *("client_id", "redirect_uri", "response_type"),
            *("state", "code_challenge", "code_challenge_method"),
        }
        for drawn in ("state", "code_challenge"):
            assert len(first[drawn]) >= 43
            assert first[drawn] != second[drawn]

    @pytest.mark.gen_test
    async def test_the_token_is_asked_for_with_the_verifier_and_goes_nowhere_but_to_the_api(
        self, browser: Browser, github: FakeGitHub
    ) -> None:
        github.picture = PNG
        asked = query_of(await browser.begin())
        assert await browser.sign_in_with_github() == "/"
        assert github.paths() == [
            "/login/oauth/authorize",
            "/login/oauth/access_token",
            "/api/v3/user",
            "/avatars/u/583231",
        ]
        _, (_, _, token), (_, user, _), (_, avatar, size) = github.asked
        assert token["client_secret"] == CLIENT_SECRET
        assert challenge_of(token["code_verifier"]) != asked["code_challenge"]  # of another attempt
        assert token["redirect_uri"] == asked["redirect_uri"]
        assert user["Authorization"].startswith("Bearer gho_")
        assert "Authorization" not in avatar
        assert size == {"v": "4", "s": "160"}

    @pytest.mark.gen_test
    async def test_the_cookies_are_for_this_host_and_hidden_from_scripts(
        self, browser: Browser, github: FakeGitHub
    ) -> None:
        begun = await browser.get("/api/oauth/github")
        (line,) = begun.headers.get_list("Set-Cookie")
        name, *attributes = line.split("; ")
        assert name.startswith("messenger-sign-in-")
        assert set(attributes) == {
            *("HttpOnly", "SameSite=Lax", "Path=/", f"Max-Age={LIFETIME_SECONDS}")
        } | {a for a in attributes if a.startswith("expires=")}
        assert begun.headers["Cache-Control"] == "no-store"
        done = await browser.get(await browser.consent(begun.headers["Location"]))
        cleared, session = sorted(done.headers.get_list("Set-Cookie"), reverse=True)
        assert cleared.startswith(name.partition("=")[0] + '="";')
        assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(session.split("; "))
        assert set(browser.cookies) == {"messenger-session"}

    @pytest.mark.gen_test
    async def test_head_answers_as_get_does(self, browser: Browser) -> None:
        answer = await browser.ask("HEAD", "/api/oauth/github")
        assert (answer.status, answer.body) == (302, b"")

    @rule("api#return-to")
    @pytest.mark.parametrize(
        "hostile",
        [
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "https:evil.example",
            "https://evil.example/",
            "javascript:alert(1)",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " //evil.example",
            "/a\r\nSet-Cookie: session=x",
            "/a\0b",
            "/a\\..\\b",
            "evil.example",
            "@evil.example",
            "",
            "/é",
            "/" + "a" * LONGEST_PATH,
            "/api/oauth/github",
            "/API/logout",
            "/api",
            "/metrics",
            "/./api/auth_user",
            "/%2e/api/auth_user",
            "/%2E%2e/api/auth_user",
            "/%252e%252E/api/auth_user",
            "/x/../api/auth_user",
            "/x/..",
            "/x/.?a",
            "/x/%2e%2e#a",
            "/%2e%2e%5capi",
            "/x%5c..%5capi",
            "/%61pi/auth_user",
            "/%2561PI/auth_user",
            "/%2fevil.example",
            "/%2Fapi/auth_user",
            "/%5capi/auth_user",
            "/x%2f..%2fapi",
            "/a%00b",
            "/a%0d%0ab",
            "/a%250Ab",
            "/%2525252525252525252e",
        ],
    )
    @pytest.mark.gen_test
    async def test_only_addresses_of_this_page_are_returned_to(
        self, browser: Browser, hostile: str
    ) -> None:
        assert await browser.sign_in_with_github(hostile) == "/"
        assert await browser.who()

    @rule("api#return-to")
    @pytest.mark.parametrize("path", ["/", "/conversations/1", "/a?b=//c&d=e#f", "/apis", "/%5Cx"])
    @pytest.mark.gen_test
    async def test_any_place_of_the_page_is_returned_to(self, browser: Browser, path: str) -> None:
        assert await browser.sign_in_with_github(path) == path

    @pytest.mark.gen_test
    async def test_the_longest_path_fits_into_the_cookie(self, browser: Browser) -> None:
        # Quotes are two characters in JSON, and three in the query, which has 2 KiB.
        for path in ("/" + "a" * (LONGEST_PATH - 1), "/" + '"' * 650):
            browser.cookies = {}
            await browser.begin(path)
            assert len("=".join(browser.attempt())) < 4096
            assert await browser.sign_in_with_github(path) == path


class TestWithoutGitHub:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, github_client_secret=None)

    @pytest.mark.gen_test
    async def test_github_sign_in_is_absent_without_its_options(self, visitor: Visitor) -> None:
        assert (await visitor.get("/api/sign_in_methods")).json["github"] is False
        unknown = await visitor.get("/api/nothing")
        for path in ("/api/oauth/github", CALLBACK, f"{CALLBACK}?code=1&state=2"):
            assert (await visitor.get(path)).seen == unknown.seen


class TestBehindTls:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, origin="https://messenger.test")

    @pytest.mark.gen_test
    async def test_the_cookie_is_for_this_host_alone_and_the_origin_is_returned_to(
        self, browser: Browser
    ) -> None:
        begun = await browser.get("/api/oauth/github")
        name, *attributes = begun.headers["Set-Cookie"].split("; ")
        assert name.startswith("__Host-messenger-sign-in-")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
        assert not any(attribute.lower().startswith("domain") for attribute in attributes)
        asked = query_of(begun.headers["Location"])
        assert asked["redirect_uri"] == f"https://messenger.test{CALLBACK}"
        back = await browser.get(f"{CALLBACK}?error=access_denied&state={asked['state']}")
        (cleared,) = back.headers.get_list("Set-Cookie")
        assert cleared.startswith(name.partition("=")[0] + '="";')
        assert {"Secure", "Path=/"} <= set(cleared.split("; "))  # else browsers reject it


class TestLimits:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, rate_limits=True, sign_ins_per_minute=2)

    @pytest.mark.gen_test
    async def test_sign_ins_of_an_address_are_limited_and_a_refusal_ends_no_attempt(
        self, browser: Browser, app: Messenger, github: FakeGitHub
    ) -> None:
        for _ in range(2):
            assert await browser.sign_in_with_github() == "/"
        back = await browser.consent(await browser.begin())
        refused = await browser.get(back)
        assert (refused.status, refused.json["code"]) == (429, "rate_limited")
        assert int(refused.headers["Retry-After"]) > 0
        app.services.limits.sign_ins = Unlimited()  # a minute later
        assert (await browser.get(back)).headers["Location"] == "/"

    @rule("api#callback")
    @pytest.mark.parametrize("destination", ["image", "empty", "iframe", "script", "", " "])
    @pytest.mark.gen_test
    async def test_a_request_that_is_no_page_load_is_refused_and_ends_no_attempt(
        self, browser: Browser, destination: str
    ) -> None:
        back = await browser.consent(await browser.begin())
        for _ in range(5):
            refused = await browser.get(back, headers={"Sec-Fetch-Dest": destination})
            assert (refused.status, refused.json["code"]) == (403, "not_a_page")
        answer = await browser.get(back, headers={"Sec-Fetch-Dest": "document"})
        assert answer.headers["Location"] == "/"

    @rule("api#callback")
    @pytest.mark.gen_test
    async def test_a_callback_without_an_attempt_counts_for_no_limit(
        self, browser: Browser, visitor: Visitor
    ) -> None:
        for n in range(60):
            answer = await visitor.get(f"{CALLBACK}?code={n}&state={n}")
            assert answer.headers["Location"] == "/access?error=expired"
        for _ in range(2):
            assert await browser.sign_in_with_github() == "/"

    @pytest.mark.gen_test
    async def test_a_callback_to_a_server_that_is_not_ready_counts_for_no_limit(
        self, browser: Browser, app: Messenger, github: FakeGitHub
    ) -> None:
        back = await browser.consent(await browser.begin())
        app.services.draining = True
        refused = await browser.get(back)
        assert (refused.status, refused.json["code"]) == (503, "draining")
        app.services.draining = False
        assert (await browser.get(back)).headers["Location"] == "/"


@pytest.mark.gen_test
async def test_no_secret_of_a_sign_in_reaches_the_log(
    browser: Browser, github: FakeGitHub, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    github.picture = PNG
    secrets = {CLIENT_SECRET}
    misdeeds: list[dict[str, Any]] = [
        {},
        {"token": answers('{"error": "x"}')},
        {"user": answers("", 500)},
    ]
    for misdeed in misdeeds:
        github.instead = misdeed
        back = await browser.consent(await browser.begin("/return/to/this"))
        secrets |= {*query_of(back).values(), browser.attempt()[1]}
        await browser.get(back)
    secrets.add(browser.cookies["messenger-session"])
    for _, headers, fields in github.asked:
        secrets |= {fields.get("code_verifier", CLIENT_SECRET)}
        secrets |= {headers.get("Authorization", CLIENT_SECRET).removeprefix("Bearer ")}
    assert len(secrets) > 12
    said = "\n".join(str(record.__dict__) + record.getMessage() for record in caplog.records)
    assert "/api/oauth/github/callback" in said
    assert "unreachable" in said
    assert [secret for secret in secrets if secret in said] == []


class TestState:
    @rule("api#github")
    @pytest.mark.gen_test
    async def test_a_callback_is_valid_once(
        self, browser: Browser, github: FakeGitHub, db: Database
    ) -> None:
        authorize = await browser.begin()
        kept = dict(browser.cookies)
        back = await browser.consent(authorize)
        assert (await browser.get(back)).headers["Location"] == "/"
        again = query_of(await browser.consent(authorize))  # a fresh code under the old state
        for code in (query_of(back)["code"], again["code"]):
            browser.cookies = dict(kept)
            answer = await browser.get(f"{CALLBACK}?code={code}&state={again['state']}")
            assert answer.headers["Location"] == "/access?error=expired"
            assert await browser.who() is None
        assert github.paths().count("/login/oauth/access_token") == 1
        assert await count(db, "sessions") == 1

    @pytest.mark.gen_test
    async def test_a_callback_is_valid_only_for_the_browser_that_began(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub, db: Database
    ) -> None:
        """Otherwise, an attacker could sign others in as himself, and read what they write."""
        attacker, victim = Browser(visitor), Browser(visitor)
        link = await attacker.consent(await attacker.begin())
        for _ in range(2):
            answer = await victim.get(link)
            assert answer.headers["Location"] == "/access?error=expired"
            assert await victim.who() is None
            await victim.begin()  # the second time with an attempt of their own in progress
        assert "/login/oauth/access_token" not in github.paths()
        assert await nobody_is_made(db)

    @pytest.mark.parametrize("state", ["", "x", "é", "&state=", "a" * 5000])
    @pytest.mark.gen_test
    async def test_a_foreign_callback_is_refused(
        self, browser: Browser, github: FakeGitHub, state: str
    ) -> None:
        await browser.begin()
        answer = await browser.get(f"{CALLBACK}?code=1&state={state.encode().hex() and state}")
        assert answer.headers["Location"] == "/access?error=expired"
        assert github.asked == []

    @pytest.mark.parametrize("which", ["other secret", "changed", "nonsense", "session token"])
    @pytest.mark.gen_test
    async def test_a_cookie_that_this_server_did_not_make_is_refused(
        self, browser: Browser, github: FakeGitHub, which: str
    ) -> None:
        back = await browser.consent(await browser.begin())
        jane = await browser.sign_in("jane")
        name, kept = browser.attempt()
        browser.cookies = {}
        browser.cookies[name] = {
            "other secret": OAuthStates("another secret, also of 32 bytes").begin("/")[1],
            "changed": kept[:-1] + ("0" if kept[-1] != "0" else "1"),
            "nonsense": "2|1:0|",
            "session token": jane.token,
        }[which]
        assert (await browser.get(back)).headers["Location"] == "/access?error=expired"
        assert "/login/oauth/access_token" not in github.paths()

    @pytest.mark.gen_test
    async def test_two_tabs_both_land_where_they_wanted(self, browser: Browser) -> None:
        first, second = [await browser.begin(path) for path in ("/first", "/second?a=b")]
        for authorize, place in ((first, "/first"), (second, "/second?a=b")):
            answer = await browser.get(await browser.consent(authorize))
            assert answer.headers["Location"] == place
        assert set(browser.cookies) == {"messenger-session"}

    @pytest.mark.gen_test
    async def test_an_attempt_that_fails_leaves_that_of_another_tab(self, browser: Browser) -> None:
        kept, failing = await browser.begin("/kept"), query_of(await browser.begin("/failing"))
        state = failing["state"]
        for query in (f"error=access_denied&state={state}", f"code=1&state={state}", "state=x", ""):
            answer = await browser.get(f"{CALLBACK}?{query}")
            assert answer.headers["Location"].startswith("/access?error=")
        assert (await browser.get(await browser.consent(kept))).headers["Location"] == "/kept"

    @pytest.mark.gen_test
    async def test_a_browser_that_is_signed_in_already_is_led_on(self, browser: Browser) -> None:
        back = await browser.consent(await browser.begin("/conversations/1"))
        await browser.get(back)
        user = await browser.who()
        for again in (back, CALLBACK, f"{CALLBACK}?code=1&state=2"):
            assert (await browser.get(again)).headers["Location"] == "/"
        assert await browser.who() == user

    @pytest.mark.gen_test
    async def test_the_attempt_of_another_server_on_this_host_is_left_alone(
        self, browser: Browser
    ) -> None:
        attempt, cookie = OAuthStates("another secret, also of 32 bytes").begin("/")
        name = f"messenger-sign-in-{attempt.tag}"
        browser.cookies[name] = cookie
        assert await browser.sign_in_with_github("/here") == "/here"
        assert browser.cookies[name] == cookie

    @pytest.mark.gen_test
    async def test_a_browser_that_begins_many_attempts_keeps_its_header_short(
        self, browser: Browser
    ) -> None:
        for n in range(30):
            latest = await browser.begin(f"/{n}/" + '"' * 600)
        assert len(browser.headers()["Cookie"]) < 10_000
        answer = await browser.get(await browser.consent(latest))
        assert answer.headers["Location"].startswith("/29/")
        for _ in range(5):  # none of the short ones has to be dropped
            kept = await browser.begin("/kept")
        assert (await browser.get(await browser.consent(kept))).headers["Location"] == "/kept"

    @rule("api#github")
    def test_an_attempt_expires(self) -> None:
        now = 1_000_000.0
        attempts = OAuthStates(SECRET, lambda: now)
        (young, young_cookie), (old, old_cookie) = attempts.begin("/a"), attempts.begin("/b")
        now += LIFETIME_SECONDS - 1
        assert attempts.living(young_cookie, young.state) == young
        now += 2
        with pytest.raises(Unknown):
            attempts.living(old_cookie, old.state)

    @pytest.mark.gen_test
    async def test_the_verifier_of_another_attempt_does_not_redeem_a_code(
        self, browser: Browser, github: FakeGitHub, db: Database
    ) -> None:
        stolen = query_of(await browser.consent(await browser.begin()))["code"]
        mine = query_of(await browser.begin())["state"]
        answer = await browser.get(f"{CALLBACK}?code={stolen}&state={mine}")
        assert answer.headers["Location"] == "/access?error=refused"
        assert await nobody_is_made(db)


def answers(body: bytes | str, status: int = 200, **headers: str) -> Callable[..., None]:
    def answer(page: RequestHandler) -> None:
        page.set_status(status)
        for name, value in headers.items():
            page.set_header(name.replace("_", "-"), value)
        page.write(body)

    return answer


def huge(page: RequestHandler) -> None:
    page.write(b'{"access_token": "' + b"x" * 4_000_000 + b'"}')


async def huge_in_chunks(page: RequestHandler) -> None:
    for _ in range(4000):
        page.write(b" " * 1000)
        await page.flush()


async def slow(page: RequestHandler) -> None:
    github: FakeGitHub = page.github  # type: ignore[attr-defined]
    await github.let_go.wait()


async def dripping(page: RequestHandler) -> None:
    github: FakeGitHub = page.github  # type: ignore[attr-defined]
    while not github.let_go.is_set():
        page.write(b" ")
        await page.flush()
        await asyncio.sleep(0.02)


def cut_off(page: RequestHandler) -> None:
    page.set_header("Content-Length", "1000")
    page.write(b"{")
    page.flush()
    page.request.connection.stream.close()  # type: ignore[union-attr]


def reset(page: RequestHandler) -> None:
    stream = page.request.connection.stream  # type: ignore[union-attr]
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    stream.close()


def no_http(page: RequestHandler) -> None:
    stream = page.request.connection.stream  # type: ignore[union-attr]
    stream.write(b"220 smtp.example ESMTP\r\n\r\n")


BAD_ANSWERS = {  # what the page is told about the token or the user
    "HTML": (answers("<html>Maintenance</html>"), "unusable"),
    "nothing": (answers(""), "unusable"),
    "a list": (answers("[]"), "unusable"),
    "null": (answers("null"), "unusable"),
    "not UTF-8": (answers(b"\xff\xfe"), "unusable"),
    "deep": (answers('{"x":' + "[" * 50_000), "unusable"),
    "compressed": (answers(b"\x1f\x8b\x08\0", Content_Encoding="gzip"), "unusable"),
    "huge": (huge, "unreachable"),
    "huge in chunks": (huge_in_chunks, "unreachable"),
    "slow": (slow, "unreachable"),
    "dripping": (dripping, "unreachable"),
    "cut off": (cut_off, "unreachable"),
    "reset": (reset, "unreachable"),
    "no HTTP": (no_http, "unreachable"),
    "redirect": (answers("", 302, Location="/elsewhere"), "unusable"),
    "redirect for ever": (answers("", 307, Location=""), "unusable"),
    "404": (answers("{}", 404), "unusable"),
    "429": (answers("{}", 429), "unreachable"),
    "500": (answers("{}", 500), "unreachable"),
    "503": (answers("<html>Unicorn!</html>", 503), "unreachable"),
}

BAD_TOKENS = {
    "an error": (answers('{"error": "bad_verification_code"}'), "refused"),
    "an error and a token": (answers('{"error": "x", "access_token": "gho_1"}'), "refused"),
    "an error with markup": (answers('{"error": "<b>\\n"}'), "refused"),
    "an error that is a number": (answers('{"error": 1}'), "unusable"),
    "no token": (answers("{}"), "unusable"),
    "an empty token": (answers('{"access_token": ""}'), "unusable"),
    "a number": (answers('{"access_token": 1}'), "unusable"),
    "a header's end": (answers('{"access_token": "a\\r\\nX: y"}'), "unusable"),
    "a long one": (answers('{"access_token": "' + "a" * 5000 + '"}'), "unusable"),
    "another type": (answers('{"access_token": "a", "token_type": "mac"}'), "unusable"),
    "a form": (answers("access_token=gho_1&token_type=bearer"), "unusable"),
    "a half character": (answers('{"access_token": "\\ud800"}'), "unusable"),
}

BAD_USERS = {
    name: (answers(body), "unusable")
    for name, body in {
        "an error": '{"message": "Bad credentials"}',
        "id 0": '{"id": 0, "login": "jane"}',
        "a negative id": '{"id": -1, "login": "jane"}',
        "true": '{"id": true, "login": "jane"}',
        "null": '{"id": null, "login": "jane"}',
        "a text": '{"id": "583231", "login": "jane"}',
        "a fraction": '{"id": 583231.0, "login": "jane"}',
        "too large": '{"id": 9223372036854775808, "login": "jane"}',
        "a list": '{"id": [583231], "login": "jane"}',
        "no login": '{"id": 583231}',
        "an empty login": '{"id": 583231, "login": ""}',
        "a number": '{"id": 583231, "login": 7}',
        "a long one": '{"id": 583231, "login": "' + "a" * 256 + '"}',
        "a half character": '{"id": 583231, "login": "\\ud800"}',
        "a picture of the wrong type": '{"id": 583231, "login": "jane", "avatar_url": 7}',
    }.items()
}


class TestBadAnswers:
    @pytest.fixture(autouse=True)
    def impatient(self, app: Messenger, io_loop: IOLoop, config: Config) -> None:
        async def made() -> GitHub:
            return GitHub(config, SECRET, seconds=2)

        app.services.github = io_loop.run_sync(made)

    @pytest.mark.parametrize("asked", ["token", "user"])
    @pytest.mark.parametrize("bad", BAD_ANSWERS.values(), ids=BAD_ANSWERS.keys())
    @pytest.mark.gen_test
    async def test_nobody_is_signed_in(
        self, browser: Browser, github: FakeGitHub, db: Database, asked: str, bad: Any
    ) -> None:
        github.instead[asked], code = bad
        began = time.monotonic()
        place = await browser.sign_in_with_github("/conversations/7")
        assert place == f"/access?error={code}&return_to=%2Fconversations%2F7"
        assert time.monotonic() - began < 20
        assert set(browser.cookies) == set()
        assert await nobody_is_made(db)
        assert "/elsewhere" not in github.paths()
        github.instead.clear()
        assert await browser.sign_in_with_github() == "/"  # and the next one is unaffected

    @pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
    @pytest.mark.gen_test
    async def test_an_invalid_token_signs_nobody_in(
        self, browser: Browser, github: FakeGitHub, db: Database, bad: Any
    ) -> None:
        github.instead["token"], code = bad
        assert await browser.sign_in_with_github() == f"/access?error={code}"
        assert "/api/v3/user" not in github.paths()
        assert await nobody_is_made(db)

    @pytest.mark.parametrize("bad", BAD_USERS.values(), ids=BAD_USERS.keys())
    @pytest.mark.gen_test
    async def test_an_invalid_user_signs_nobody_in(
        self, browser: Browser, github: FakeGitHub, db: Database, bad: Any
    ) -> None:
        github.instead["user"], code = bad
        assert await browser.sign_in_with_github() == f"/access?error={code}"
        assert await nobody_is_made(db)

    @rule("api#github")
    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("error=access_denied", "denied"),
            ("error=access_denied&code=1&error_description=<b>", "denied"),
            ("error=application_suspended", "refused"),
            ("error=%00%0d%0a", "refused"),
            ("", "refused"),
            ("code=", "refused"),
            (f"code={'a' * 513}", "refused"),
        ],
    )
    @pytest.mark.gen_test
    async def test_a_refusal_lands_on_the_access_page(
        self, browser: Browser, github: FakeGitHub, db: Database, query: str, code: str
    ) -> None:
        state = query_of(await browser.begin())["state"]
        answer = await browser.get(f"{CALLBACK}?{query}&state={state}")
        assert (answer.status, answer.headers["Location"]) == (302, f"/access?error={code}")
        assert github.asked == []
        assert await nobody_is_made(db)
        page = await browser.get(answer.headers["Location"])
        assert page.status == 200
        assert page.headers["Content-Type"].startswith("text/html")

    @pytest.mark.gen_test
    async def test_a_failure_leaves_the_present_session_signed_in(
        self, browser: Browser, github: FakeGitHub
    ) -> None:
        await browser.sign_in_with_github()
        github.instead["user"] = answers("", 500)
        assert await browser.sign_in_with_github() == "/access?error=unreachable"
        assert (await browser.who())["username"] == "octo-jane"

    @pytest.mark.gen_test
    async def test_github_that_is_down_is_reported(
        self, browser: Browser, github: FakeGitHub, db: Database
    ) -> None:
        back = await browser.consent(await browser.begin())
        await github.stop()
        answer = await browser.get(back)
        assert answer.headers["Location"] == "/access?error=unreachable"
        assert await nobody_is_made(db)

    @pytest.mark.gen_test
    async def test_one_sign_in_that_hangs_holds_up_nobody(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.instead["user"] = slow
        hanging = asyncio.create_task(browser.sign_in_with_github())
        await eventually(lambda: "/api/v3/user" in github.paths())
        del github.instead["user"]
        assert await Browser(visitor).sign_in_with_github() == "/"
        assert not hanging.done()
        await hanging


class TestNames:
    @pytest.mark.gen_test
    async def test_a_renamed_account_stays_the_same_user(
        self, browser: Browser, github: FakeGitHub
    ) -> None:
        await browser.sign_in_with_github()
        before = await browser.who()
        github.sign_in(583231, "Jane")
        await browser.sign_in_with_github()
        assert await browser.who() == before | {"username": "Jane"}
        github.sign_in(583231, "jANE")
        await browser.sign_in_with_github()
        assert await browser.who() == before | {"username": "jANE"}

    @pytest.mark.gen_test
    async def test_an_account_that_takes_over_a_name_is_another_user(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        """GitHub reassigns names; the messages under them stay with their author."""
        await browser.sign_in_with_github()
        heir = Browser(visitor)
        github.sign_in(999, "octo-jane")
        await heir.sign_in_with_github()
        first, second = await browser.who(), await heir.who()
        assert first["id"] != second["id"]
        assert (first["username"], second["username"]) == ("octo-jane", "octo-jane-2")

    @pytest.mark.gen_test
    async def test_a_taken_name_gets_a_free_one_and_keeps_it(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub, db: Database
    ) -> None:
        for name in ("JANE", "jane-2", "jane-4"):
            await visitor.sign_in(name)
        github.sign_in(1, "Jane")
        await browser.sign_in_with_github()
        user = await browser.who()
        assert user["username"] == "Jane-3"
        await db.rows("UPDATE users SET username = 'away' WHERE username = 'JANE'")
        await browser.sign_in_with_github()
        assert await browser.who() == user

    @pytest.mark.gen_test
    async def test_a_new_name_that_is_taken_gets_a_free_one_too(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        await browser.sign_in_with_github()
        await visitor.sign_in("jane")
        github.sign_in(583231, "jane")
        await browser.sign_in_with_github()
        assert (await browser.who())["username"] == "jane-2"

    @pytest.mark.gen_test
    async def test_a_free_name_is_found_however_many_are_taken(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub, db: Database
    ) -> None:
        await db.rows(
            """
            INSERT INTO users (username)
            SELECT 'jane' || CASE WHEN n = 1 THEN '' ELSE '-' || n END
            FROM generate_series(1, 100) n
            """
        )
        github.sign_in(1, "jane")
        await browser.sign_in_with_github()
        assert (await browser.who())["username"] == "jane-101"

    @pytest.mark.parametrize(
        ("login", "username"),
        [
            ("jane_corp", "jane-corp"),
            ("-jane-", "jane"),
            ("a--b", "a--b"),
            ("jané [bot]", "jan-bot"),
            ("a\0b\r\n<c>", "a-b-c"),
            ("_" * 20, "github-583231"),
            ("\u202e山", "github-583231"),
            ("x" * 60, "x" * 39),
            ("x" * 38 + "-y", "x" * 38),
        ],
    )
    @pytest.mark.gen_test
    async def test_a_login_of_another_alphabet_becomes_a_name_of_ours(
        self, browser: Browser, github: FakeGitHub, login: str, username: str
    ) -> None:
        github.sign_in(583231, login)
        assert await browser.sign_in_with_github() == "/"
        assert (await browser.who())["username"] == username

    @pytest.mark.gen_test
    async def test_a_long_name_that_is_taken_stays_within_the_length_of_names(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        name = "x" * 36 + "-yz"
        await visitor.sign_in(name)
        github.sign_in(1, name)
        await browser.sign_in_with_github()
        assert (await browser.who())["username"] == "x" * 36 + "-2"

    @pytest.mark.gen_test
    async def test_many_sign_ins_at_once_get_different_names(
        self, visitor: Visitor, github: FakeGitHub
    ) -> None:
        browsers, backs = [Browser(visitor) for _ in range(6)], []
        for number, one in enumerate(browsers, 1):
            github.sign_in(number, "jane")
            backs.append(await one.consent(await one.begin()))
        await asyncio.gather(*(one.get(back) for one, back in zip(browsers, backs, strict=True)))
        names = {(await one.who())["username"] for one in browsers}
        assert names == {"jane", *(f"jane-{n}" for n in range(2, 7))}

    @pytest.mark.gen_test
    async def test_a_name_taken_at_the_same_moment_is_replaced(
        self, browser: Browser, github: FakeGitHub, dsn: str
    ) -> None:
        github.sign_in(1, "jane")
        back = await browser.consent(await browser.begin())
        with psycopg2.connect(dsn) as other, other.cursor() as cursor:
            cursor.execute("INSERT INTO users (username) VALUES ('Jane')")  # invisible so far
            signing_in = asyncio.create_task(browser.get(back))
            await asyncio.to_thread(wait_for_a_lock, dsn)
        other.close()
        assert (await signing_in).headers["Location"] == "/"
        assert (await browser.who())["username"] == "jane-2"

    @pytest.mark.gen_test
    async def test_first_sign_ins_of_one_account_at_once_make_one_user(
        self, visitor: Visitor, github: FakeGitHub, db: Database
    ) -> None:
        browsers = [Browser(visitor) for _ in range(5)]
        assert set(await asyncio.gather(*(b.sign_in_with_github() for b in browsers))) == {"/"}
        assert len({(await one.who())["id"] for one in browsers}) == 1
        assert await count(db, "users") == 1


class TestTelling:
    async def friends(self, browser: Browser, visitor: Visitor) -> tuple[Person, Person, Any]:
        """Returns John, who talks with the GitHub user, and Mallory, who does not."""
        john, mallory = await visitor.sign_in("john"), await visitor.sign_in("mallory")
        await browser.sign_in_with_github()
        user = await browser.who()
        answer = await john.post("/api/conversations", {"username": user["username"]})
        assert answer.status == 201
        return john, mallory, user

    @rule("api#user-event")
    @pytest.mark.gen_test
    async def test_a_new_name_is_published_to_conversation_partners_and_nobody_else(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        john, mallory, user = await self.friends(browser, visitor)
        own = await EventStream.open(browser.base_url, browser.headers())
        await own.event()
        async with john.stream() as stream, mallory.stream() as foreign:
            start = stream.hello.id
            github.sign_in(583231, "jane")
            await browser.sign_in_with_github()
            told, told_oneself = await stream.event(), await own.event()
            for event in (told, told_oneself):
                assert event.name == "user"
                assert event.data == user | {"username": "jane"}
                assert event.id is not None
            assert told.seq == stream.hello.seq + 1
            github.sign_in(583231, "jane-d")
            await browser.sign_in_with_github()
            again = await stream.event()
            assert await foreign.silent()
        own.close()
        async with john.stream(start) as replayed:
            assert await replayed.events(2) == [told, again]

    @pytest.mark.gen_test
    async def test_a_replayed_conversation_shows_the_name_at_that_time(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        john = await visitor.sign_in("john")
        await browser.sign_in_with_github()
        async with john.stream() as stream:
            await john.post("/api/conversations", {"username": "octo-jane"})
            created = await stream.event()
            github.sign_in(583231, "jane")
            await browser.sign_in_with_github()
            renamed = await stream.event()
        async with john.stream(stream.hello.id) as replayed:
            assert await replayed.events(2) == [created, renamed]
        assert created.data["otherParticipant"]["username"] == "octo-jane"

    @pytest.mark.gen_test
    async def test_snapshots_show_the_new_name_at_the_position_of_its_event(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        john, _, _ = await self.friends(browser, visitor)
        github.sign_in(583231, "jane")
        async with john.stream() as stream:
            await browser.sign_in_with_github()
            event = await stream.event()
        answer = await john.get("/api/conversations")
        assert answer.headers["Last-Event-ID"] == event.id
        (conversation,) = answer.json
        assert conversation["otherParticipant"] == event.data

    @pytest.mark.gen_test
    async def test_nothing_is_published_if_nothing_changed(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.picture = PNG
        john, _, _ = await self.friends(browser, visitor)
        async with john.stream() as stream:
            await browser.sign_in_with_github()
            await Browser(visitor).sign_in_with_github()
            assert await stream.silent()


class TestPictures:
    @pytest.mark.parametrize(
        ("picture", "media_type"),
        [(PNG, "image/png"), (JPEG, "image/jpeg"), (WEBP, "image/webp")],
    )
    @pytest.mark.gen_test
    async def test_an_avatar_is_served_from_this_server_with_its_true_type(
        self,
        browser: Browser,
        visitor: Visitor,
        github: FakeGitHub,
        picture: bytes,
        media_type: str,
    ) -> None:
        github.picture, github.picture_type = picture, "text/html"  # it is false
        await browser.sign_in_with_github()
        path = (await browser.who())["avatarURL"]
        assert path.startswith("/avatars/")
        answer = await visitor.get(path)
        assert (answer.status, answer.body) == (200, picture)
        assert answer.headers["Content-Type"] == media_type
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        head = await visitor.ask("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["Content-Length"] == str(len(picture))

    @rule("api#avatar-path")
    @pytest.mark.gen_test
    async def test_a_new_avatar_has_a_new_path_and_is_published(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.picture = PNG
        john = await visitor.sign_in("john")
        await browser.sign_in_with_github()
        before = await browser.who()
        await john.post("/api/conversations", {"username": before["username"]})
        async with john.stream() as stream:
            github.picture = JPEG
            await browser.sign_in_with_github()
            event = await stream.event()
        after = await browser.who()
        assert (event.name, event.data) == ("user", after)
        assert after["avatarURL"] != before["avatarURL"]
        assert (await visitor.get(after["avatarURL"])).body == JPEG
        gone = await visitor.get(before["avatarURL"])
        assert gone.seen == (await visitor.get(f"/avatars/{'0' * 64}.png")).seen
        assert gone.status == 404

    @pytest.mark.gen_test
    async def test_a_removed_avatar_is_gone(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.picture = PNG
        await browser.sign_in_with_github()
        path = (await browser.who())["avatarURL"]
        github.sign_in(583231, "octo-jane", avatar_url=None)
        await browser.sign_in_with_github()
        assert (await browser.who())["avatarURL"] is None
        assert (await visitor.get(path)).status == 404

    @pytest.mark.gen_test
    async def test_two_users_may_have_the_same_avatar(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.picture = PNG
        await browser.sign_in_with_github()
        other = Browser(visitor)
        github.sign_in(2, "john")
        await other.sign_in_with_github()
        path = (await other.who())["avatarURL"]
        assert (await browser.who())["avatarURL"] == path
        github.picture = JPEG
        await other.sign_in_with_github()
        assert (await visitor.get(path)).body == PNG

    @pytest.mark.gen_test
    async def test_many_avatars_requested_at_once_each_reach_their_requester(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        paths = {}
        for number in range(1, 4):
            github.picture = PNG + b"%d" % number
            github.sign_in(number, f"jane-{number}")
            await browser.sign_in_with_github()
            paths[(await browser.who())["avatarURL"]] = github.picture
        asked = [*paths, f"/avatars/{'0' * 64}.png"] * 10
        answers = await asyncio.gather(*(visitor.get(path) for path in asked))
        for path, answer in zip(asked, answers, strict=True):
            assert (answer.body == paths.get(path)) is (path in paths)
            assert answer.status == (200 if path in paths else 404)

    @pytest.mark.gen_test
    async def test_the_largest_avatar_is_accepted(
        self, browser: Browser, visitor: Visitor, github: FakeGitHub
    ) -> None:
        github.picture = PNG.ljust(256 * 1024, b"\0")
        await browser.sign_in_with_github()
        path = (await browser.who())["avatarURL"]
        assert len((await visitor.get(path)).body) == 256 * 1024

    @pytest.mark.parametrize(
        "bad",
        {
            "SVG": answers(SVG, Content_Type="image/svg+xml"),
            "SVG that says PNG": answers(SVG, Content_Type="image/png"),
            "HTML that says PNG": answers("<script>alert(1)</script>", Content_Type="image/png"),
            "GIF": answers(b"GIF89a" + bytes(20), Content_Type="image/gif"),
            "RIFF, but a sound": answers(b"RIFF\0\0\0\0WAVEfmt "),
            "PNG, but later": answers(b" " + PNG),
            "nothing": answers(b""),
            "too large": answers(PNG + bytes(256 * 1024)),
            "too large in chunks": huge_in_chunks,
            "redirect to a private host": answers(b"", 302, Location="/elsewhere"),
            "redirect with a picture": answers(PNG, 307, Location="/elsewhere"),
            "404": answers(PNG, 404),
            "500": answers(PNG, 500),
            "compressed": answers(b"\x1f\x8b\x08\0", Content_Encoding="gzip"),
            "slow": slow,
            "dripping": dripping,
            "cut off": cut_off,
        }.items(),
        ids=lambda item: item[0],
    )
    @pytest.mark.gen_test
    async def test_a_response_that_is_no_picture_leaves_the_old_avatar(
        self,
        browser: Browser,
        visitor: Visitor,
        app: Messenger,
        config: Config,
        github: FakeGitHub,
        bad: tuple[str, Any],
    ) -> None:
        app.services.github = GitHub(config, SECRET, seconds=0.5)
        github.picture, other = PNG, Browser(visitor)
        await browser.sign_in_with_github()
        before = await browser.who()
        github.instead["avatar"] = bad[1]
        assert await browser.sign_in_with_github() == "/"
        assert await browser.who() == before
        github.sign_in(2, "jane")
        assert await other.sign_in_with_github() == "/"
        assert (await other.who())["avatarURL"] is None
        assert "/elsewhere" not in github.paths()

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1:1/x.png",
            "http://localhost/x.png",
            "http://169.254.169.254/latest/meta-data",
            "http://[::1]/x.png",
            "https://gravatar.example/x.png",
            "file:///etc/passwd",
            "ftp://127.0.0.1/x.png",
            "data:image/png;base64,AAAA",
            "//127.0.0.1/x.png",
            "/x.png",
            "",
            "http://",
            "http://[",
            "http://127.0.0.1:99999/",
            "{url}@127.0.0.1:1/x.png",
            "http://jane@{host}/x.png",
            "http://{host}.evil.example/x.png",
            "http://evil127.0.0.1:{port}/x.png",
            "http://{host}/x\r\nX: y",
            "http://{host}/é.png",
            "HTTPS://{host}/x.png",
        ],
    )
    @pytest.mark.gen_test
    async def test_avatars_are_fetched_only_from_the_providers_hosts(
        self, browser: Browser, github: FakeGitHub, url: str
    ) -> None:
        parts = urlsplit(github.url)
        url = url.format(url=github.url, host=parts.netloc, port=parts.port)
        with socket.create_server(("127.0.0.1", 0)) as private:
            url = url.replace("127.0.0.1:1/", f"127.0.0.1:{private.getsockname()[1]}/")
            private.setblocking(False)
            github.sign_in(1, "jane", avatar_url=url)
            assert await browser.sign_in_with_github() == "/"
            with pytest.raises(BlockingIOError):
                private.accept()
        assert (await browser.who())["avatarURL"] is None
        assert github.paths()[-1] == "/api/v3/user"


@pytest.mark.parametrize(
    ("api", "url", "fetched"),
    [
        ("https://api.github.com", "https://avatars.githubusercontent.com/u/1?v=4", True),
        ("https://api.github.com", "https://avatars3.githubusercontent.com/u/1", True),
        ("https://api.github.com", "http://avatars.githubusercontent.com/u/1", False),
        ("https://api.github.com", "https://raw.githubusercontent.com/u/1", False),
        ("https://api.github.com", "https://avatars.githubusercontent.com.evil.example/", False),
        ("https://api.github.com", "https://avatars.githubusercontent.com:8443/u/1", False),
        ("https://ghe.example/api/v3", "https://ghe.example/avatars/u/1", True),
        ("https://ghe.example/api/v3", "https://avatars.ghe.example/u/1", True),
        ("https://api.corp.ghe.example", "https://avatars.corp.ghe.example/u/1", True),
        ("https://ghe.example/api/v3", "https://evilghe.example/u/1", False),
        ("https://ghe.example/api/v3", "https://avatars.githubusercontent.com/u/1", False),
        ("https://ghe.example/api/v3", "http://ghe.example/avatars/u/1", False),
    ],
)
@pytest.mark.gen_test
async def test_the_hosts_of_pictures_are_those_of_the_provider(
    api: str, url: str, fetched: bool
) -> None:
    github = GitHub(options.parse(["--github-api-url", api], {}), SECRET)
    assert github._is_ours(url) is fetched


@pytest.mark.gen_test
async def test_another_github_has_other_people_under_the_same_numbers(
    browser: Browser, visitor: Visitor, app: Messenger, config: Config, github: FakeGitHub
) -> None:
    await browser.sign_in_with_github()
    other = config.github_api_url.replace("127.0.0.1", "localhost")
    app.services.github = GitHub(dataclasses.replace(config, github_api_url=other), SECRET)
    elsewhere = Browser(visitor)
    await elsewhere.sign_in_with_github()
    assert (await elsewhere.who())["id"] != (await browser.who())["id"]
