"""Signing in and out. Development sign-in works only on this machine."""

import dataclasses
import time

import jwt
import pytest

from config import Config
from handlers.application import Messenger
from tests.conftest import SECRET
from tests.support.people import Visitor
from tests.support.rules import rule

DAY = 24 * 3600


@rule("api#username")
@pytest.mark.gen_test
async def test_the_first_login_creates_the_user_and_the_next_one_finds_them(
    visitor: Visitor,
) -> None:
    first = await visitor.post("/api/login", {"username": "Jane-2"})
    again = await visitor.post("/api/login", {"username": "jANE-2"})
    assert first.status == again.status == 200
    user = first.json["authUser"]
    assert user == {"id": user["id"], "username": "Jane-2", "avatarURL": None}
    assert again.json["authUser"] == user
    assert again.json["token"] != first.json["token"]


@rule("api#token")
@pytest.mark.gen_test
async def test_a_login_gives_a_token_for_fourteen_days_and_a_cookie_that_scripts_cannot_read(
    visitor: Visitor,
) -> None:
    answer = await visitor.post("/api/login", {"username": "jane"})
    claims = jwt.decode(answer.json["token"], SECRET, ["HS256"])
    assert claims["sub"] == answer.json["authUser"]["id"]
    assert isinstance(claims["sid"], str)
    assert claims["exp"] - claims["iat"] == 14 * DAY
    assert abs(claims["iat"] - time.time()) < 60
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name == f"messenger-session={answer.json['token']}"
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)
    assert "Secure" not in attributes
    assert answer.json["expiresAt"].endswith(".000Z")


@rule("api#username")
@pytest.mark.parametrize(
    "username", ["", "-a", "a-", "a b", "jané", "a_b", "a" * 40, " a", "a\n", "a\0"]
)
@pytest.mark.gen_test
async def test_a_name_outside_the_alphabet_is_refused_and_never_folded(
    visitor: Visitor, username: str
) -> None:
    answer = await visitor.post("/api/login", {"username": username})
    assert answer.status == 422
    assert answer.json["code"] == "invalid_field"
    assert set(answer.json["errors"]) == {"username"}


@rule("api#username")
@pytest.mark.parametrize("username", ["a", "A-9", "a" * 39, "a--b"])
@pytest.mark.gen_test
async def test_a_name_within_the_alphabet_is_taken_as_it_is(
    visitor: Visitor, username: str
) -> None:
    assert (await visitor.sign_in(username)).username == username


@rule("api#dev-login")
@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-IP", "Via"]
)
@pytest.mark.gen_test
async def test_development_sign_in_is_absent_through_a_proxy(visitor: Visitor, header: str) -> None:
    answer = await visitor.post("/api/login", {"username": "jane"}, headers={header: "1"})
    assert answer.status == 404
    unknown = await visitor.post("/api/nothing", {"username": "jane"})
    assert answer.seen == unknown.seen


class TestWithoutDevelopmentSignIn:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, dev_login=False)

    @pytest.mark.gen_test
    async def test_login_is_absent_without_development_sign_in(self, visitor: Visitor) -> None:
        assert (await visitor.post("/api/login", {"username": "jane"})).status == 404
        assert (await visitor.get("/api/login")).status == 404
        methods = await visitor.get("/api/sign_in_methods")
        assert methods.json == {"dev": False, "github": False}


class TestBehindTls:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, origin="https://messenger.test")

    @rule("api#cookie")
    @pytest.mark.gen_test
    async def test_the_cookie_is_secure(self, visitor: Visitor) -> None:
        jane = await visitor.sign_in("jane")
        for path in ("/api/refresh_token", "/api/logout"):
            answer = await jane.post(path)
            name, *attributes = answer.headers["Set-Cookie"].split("; ")
            assert name.startswith("__Host-messenger-session=")
            assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(attributes)


@pytest.mark.gen_test
async def test_the_sign_in_methods_are_public(visitor: Visitor) -> None:
    answer = await visitor.get("/api/sign_in_methods")
    assert (answer.status, answer.json) == (200, {"dev": True, "github": False})


@rule("api#refresh")
@pytest.mark.gen_test
async def test_a_refreshed_token_belongs_to_the_same_session(
    visitor: Visitor, app: Messenger
) -> None:
    jane = await visitor.sign_in("jane")
    answer = await jane.post("/api/refresh_token")
    assert answer.status == 200
    assert set(answer.json) == {"token", "expiresAt"}
    assert answer.headers["Set-Cookie"].startswith(f"messenger-session={answer.json['token']};")
    old, new = (app.services.tokens.read(token) for token in (jane.token, answer.json["token"]))
    assert (old.user_id, old.session_id) == (new.user_id, new.session_id)


@pytest.mark.gen_test
async def test_after_logout_the_token_is_invalid_and_the_cookie_is_gone(
    visitor: Visitor,
) -> None:
    jane, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    assert (await jane.get("/api/auth_user")).status == 200
    answer = await jane.post("/api/logout")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["Set-Cookie"].startswith('messenger-session="";')
    for path in ("/api/auth_user", "/api/conversations", "/api/sessions"):
        assert (await jane.get(path)).status == 401
    assert (await jane.post("/api/logout")).status == 401
    assert (await elsewhere.get("/api/auth_user")).status == 200


@rule("api#session-ends")
@pytest.mark.gen_test
async def test_a_logout_ends_the_streams_of_its_session_and_no_others(visitor: Visitor) -> None:
    jane, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    async with jane.stream() as ended, elsewhere.stream() as kept:
        await jane.post("/api/logout")
        (bye,) = await ended.rest(1)
        assert (bye.name, bye.data, bye.id) == ("bye", {"reason": "revoked"}, None)
        assert bye.retry is not None
        assert await kept.silent()


@pytest.mark.gen_test
async def test_auth_user_is_the_user_of_the_token(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    answer = await jane.get("/api/auth_user")
    assert answer.json == {"id": jane.id, "username": "jane", "avatarURL": None}
