"""Which tokens are valid, and where the server looks for them."""

import time
from typing import Any

import jwt
import pytest

from handlers.application import Messenger
from handlers.requests.tokens import Refused, Tokens
from tests.conftest import SECRET
from tests.support.people import Person, Visitor
from tests.support.rules import rule
from tests.support.sse import EventStream

DAY = 24 * 3600
NOW = 1_800_000_000


def good() -> dict[str, Any]:
    return {"sub": "7", "sid": "8", "iat": NOW, "exp": NOW + DAY}


def read(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> Any:
    return Tokens(SECRET, now=lambda: NOW).read(jwt.encode(claims, secret, algorithm))


@rule("api#token")
def test_a_valid_token_names_its_user_and_session() -> None:
    assert read(good()) == (7, 8, NOW + DAY)


@rule("api#token-refused")
@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW + 1},
        {"exp": NOW + 14 * DAY},
        {"iat": NOW + DAY},
        {"iat": NOW + 400 * DAY},
        {"nbf": NOW + 29},
        {"iat": NOW - 13 * DAY, "exp": NOW + DAY},
        {"exp": NOW + 0.5},
        {"extra": "unknown", "aud": "others"},
    ],
)
def test_a_token_within_its_limits_is_valid(change: dict[str, Any]) -> None:
    assert read(good() | change).user_id == 7


@rule("api#token-refused")
@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW},
        {"exp": NOW - 1},
        {"exp": NOW + 14 * DAY + 1},
        {"iat": NOW - 14 * DAY, "exp": NOW + 1},
        {"nbf": NOW + 31},
        {"exp": str(NOW + DAY)},
        {"exp": True},
        {"exp": None},
        {"exp": [NOW + DAY]},
        {"exp": float("inf")},
        {"iat": str(NOW)},
        {"iat": False},
        {"iat": float("nan")},
        {"nbf": "soon"},
        {"sub": "john"},
        {"sub": "07"},
        {"sub": "-7"},
        {"sub": "7" * 30},
        {"sub": ""},
        {"sub": "\u0667"},
        {"sid": 8},
        {"sid": None},
        {"sid": "0"},
        {"sid": ["8"]},
    ],
    ids=repr,
)
def test_a_token_beyond_its_limits_or_mistyped_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        read(good() | change)


def test_a_subject_that_is_no_string_is_refused() -> None:
    claims = good() | {"sub": 7}
    token = jwt.api_jws.PyJWS().encode(
        jwt.PyJWT()._encode_payload(claims), SECRET, algorithm="HS256"
    )
    with pytest.raises(Refused):
        Tokens(SECRET, now=lambda: NOW).read(token)


@rule("api#token-refused")
@pytest.mark.parametrize("claim", ["sub", "sid", "iat", "exp"])
def test_a_token_that_lacks_a_claim_is_refused(claim: str) -> None:
    claims = good()
    del claims[claim]
    with pytest.raises(Refused):
        read(claims)


@rule("api#token-refused")
@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
def test_another_algorithm_is_refused(algorithm: str) -> None:
    with pytest.raises(Refused):
        read(good(), SECRET * 2, algorithm)
    with pytest.raises(Refused):
        Tokens(SECRET * 2, now=lambda: NOW).read(jwt.encode(good(), SECRET * 2, algorithm))


def test_no_algorithm_and_another_key_are_refused() -> None:
    with pytest.raises(Refused):
        Tokens(SECRET, now=lambda: NOW).read(jwt.encode(good(), None, "none"))
    with pytest.raises(Refused):
        read(good(), "b" + SECRET[1:])


@pytest.mark.parametrize("text", ["", "x", "a.b.c", "." * 5000, "\ud800", "é.é.é"], ids=ascii)
def test_a_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Tokens(SECRET, now=lambda: NOW).read(text)


def made(person: Person, **claims: Any) -> str:
    """Makes a token with the secret, for this person's session."""
    known = jwt.decode(person.token, SECRET, ["HS256"])
    return jwt.encode(known | claims, SECRET, "HS256")


@rule("api#tokens-of-the-secret")
@pytest.mark.gen_test
async def test_whoever_holds_the_secret_may_make_a_token_for_a_living_session(
    visitor: Visitor,
) -> None:
    jane = await visitor.sign_in("jane")
    token = made(jane, exp=int(time.time()) + 60)
    answer = await visitor.get("/api/auth_user", headers={"Authorization": f"Bearer {token}"})
    assert answer.json["username"] == "jane"


@pytest.mark.gen_test
async def test_a_session_of_somebody_else_or_of_nobody_is_refused(visitor: Visitor) -> None:
    jane, mallory = await visitor.sign_in("jane"), await visitor.sign_in("mallory")
    hers = jwt.decode(jane.token, SECRET, ["HS256"])
    for claims in ({"sid": hers["sid"]}, {"sid": "999999"}, {"sub": jane.id}, {"sub": "999999"}):
        headers = {"Authorization": f"Bearer {made(mallory, **claims)}"}
        answer = await visitor.get("/api/auth_user", headers=headers)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert answer.json["code"] == "unauthorized"


@rule("api#credential")
@pytest.mark.gen_test
async def test_the_first_credential_present_counts_good_or_bad(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    cookie = {"Cookie": f"messenger-session={jane.token}"}

    async def who(headers: dict[str, str]) -> str | int:
        answer = await visitor.get("/api/auth_user", headers=headers)
        return str(answer.json["username"]) if answer.status == 200 else answer.status

    assert await who({}) == 401
    assert await who(cookie) == "jane"
    assert await who(cookie | {"Authorization": f"Bearer {john.token}"}) == "john"
    assert await who(cookie | {"Authorization": f"bearer {john.token}"}) == "john"
    assert await who(cookie | {"Authorization": "Bearer nonsense"}) == 401
    assert await who(cookie | {"Authorization": "Bearer"}) == 401
    assert await who(cookie | {"Authorization": "Basic am9objpqb2hu"}) == "jane"
    assert await who({"Cookie": "messenger-session=nonsense"}) == 401


@rule("api#credential")
@pytest.mark.gen_test
async def test_a_token_in_the_query_opens_a_stream_and_nothing_else(
    visitor: Visitor, base_url: str
) -> None:
    jane = await visitor.sign_in("jane")
    query = f"?token={jane.token}"
    assert (await visitor.get(f"/api/auth_user{query}")).status == 401
    stream = await EventStream.open(base_url, target=f"/api/messages{query}")
    assert stream.status == 200
    assert (await stream.event()).name == "hello"
    stream.close()
    bad = {"Cookie": "messenger-session=nonsense"}
    refused = await EventStream.open(base_url, bad, target=f"/api/messages{query}")
    assert refused.status == 401
    refused.close()


@rule("api#no-token-in-logs")
@pytest.mark.gen_test
async def test_no_token_reaches_the_log(
    visitor: Visitor, base_url: str, app: Messenger, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    jane = await visitor.sign_in("jane")
    stream = await EventStream.open(base_url, target=f"/api/messages?token={jane.token}")
    await stream.event()
    for open_stream in app.services.bus:
        open_stream.end("expired")
    await stream.rest()
    stream.close()
    await visitor.get(f"/api/nothing?token={jane.token}")
    assert "GET /api/messages 200" in caplog.text
    assert jane.token.split(".")[2] not in caplog.text


@rule("api#challenge")
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "DELETE"])
@pytest.mark.gen_test
async def test_every_route_of_a_user_requires_a_credential(visitor: Visitor, method: str) -> None:
    routes: dict[str, list[str]] = {
        "GET": [
            "/api/auth_user",
            "/api/sessions",
            "/api/usernames?search=a",
            "/api/conversations",
            "/api/conversations/1",
            "/api/conversations/1/other_participant",
            "/api/conversations/1/messages",
            "/api/messages",
        ],
        "POST": [
            "/api/refresh_token",
            "/api/logout",
            "/api/conversations",
            "/api/conversations/1/messages",
            "/api/conversations/1/read_messages",
        ],
        "DELETE": ["/api/sessions", "/api/sessions/1"],
    }
    routes["HEAD"] = routes["GET"]
    for path in routes[method]:
        answer = await visitor.ask(method, path)
        assert answer.status == 401, (method, path)
        assert answer.headers["WWW-Authenticate"] == "Bearer"
