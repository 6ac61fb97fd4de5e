"""Which cookie signs a browser in, among those that other servers of the host have set."""

import time
from collections.abc import Callable
from functools import cache
from http.cookies import CookieError, SimpleCookie

import pytest
from tornado.httputil import HTTPHeaders

from handlers.requests.cookies import SessionCookie
from handlers.requests.tokens import Refused, Tokens
from tests.conftest import SECRET
from tests.support.people import Visitor
from tests.support.rules import rule
from tests.support.sse import EventStream

NAME = "messenger-session"
FOURTEEN_KB = 14_000
LONG_COOKIES = {
    "many": ";".join(["a=b"] * 3600),
    "separators": "; " * 7000,
    "spaces": "; " + " " * FOURTEEN_KB,
    "nearly": "; ".join(["messenger-sessio=1"] * 700),
    "longer names": "; ".join([f"x{NAME}=1"] * 650),
    "of the name": "; ".join([f"{NAME}=1"] * 700),
    "one": f"{NAME}={'a.' * 6950}",
    "header": f"{NAME}=" + "eyJhbGciOiJIUzI1NiIsIngiOltbW1tbW1tb" + "W1tb" * 3000 + ".e30.AAAA",
    "quotes": 'a="' + '\\"' * 6900,
}


def read(header: str, *, secure: bool = False) -> list[str]:
    return SessionCookie(secure=secure).values(HTTPHeaders({"Cookie": header}))


@pytest.mark.parametrize(
    ("header", "values"),
    [
        (f"{NAME}=a", ["a"]),
        (f"x=y; {NAME}=a;z=", ["a"]),
        (f"x=y;{NAME}=a ; z", ["a"]),
        (f'{NAME}="a"', ["a"]),
        (f"{NAME}=", [""]),
        (f"{NAME}=a; {NAME}=b; {NAME}=c; {NAME}=d; {NAME}=e", ["a", "b", "c", "d"]),
        (f"broken; =; ;;{NAME}=a", ["a"]),
        (f"x{NAME}=a; {NAME}x=b; {NAME} =c; x={NAME}=d; x=y {NAME}=e", []),
        (f"__Host-{NAME}=a; {NAME.upper()}=b; session=c", []),
        ("", []),
    ],
)
def test_the_session_is_found_by_its_name(header: str, values: list[str]) -> None:
    assert read(header) == values


def test_with_tls_the_cookie_has_another_name() -> None:
    assert read(f"{NAME}=a; __Host-{NAME}=b; x__Host-{NAME}=c", secure=True) == ["b"]


def test_several_lines_of_cookies_are_read_one_by_one() -> None:
    headers = HTTPHeaders()
    for line in (f"x=y; {NAME}=a", f"{NAME}=b"):
        headers.add("Cookie", line)
    assert SessionCookie(secure=False).values(headers) == ["a", "b"]


@pytest.mark.parametrize("header", LONG_COOKIES.values(), ids=LONG_COOKIES.keys())
def test_long_cookies_cost_little(header: str) -> None:
    """They cost as much as a few hashes of them; a parser takes a thousand times that."""
    tokens, headers = Tokens(SECRET), HTTPHeaders({"Cookie": header})
    cookie = SessionCookie(secure=False)

    def looked_at() -> None:
        for value in cookie.values(headers):
            with pytest.raises(Refused):
                tokens.read(value)

    assert cpu_seconds(looked_at) < of_a_parser() / 10


@cache
def of_a_parser() -> float:
    """Returns the CPU seconds of a parser, measured as in `cpu_seconds`."""
    return cpu_seconds(lambda: parsed(";".join(["a=b"] * 3600)))


def parsed(header: str) -> None:
    try:
        SimpleCookie(header)
    except CookieError:
        pass


def cpu_seconds(work: Callable[[], object]) -> float:
    """Returns the smallest of several measurements."""
    taken = []
    for _ in range(3):
        began = time.process_time()
        for _ in range(3):
            work()
        taken.append(time.process_time() - began)
    return min(taken)


@rule("api#cookie")
@pytest.mark.gen_test
async def test_the_first_valid_session_of_several_counts(visitor: Visitor) -> None:
    ended, jane = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    john = await visitor.sign_in("john")
    await ended.post("/api/logout")

    async def who(*tokens: str) -> str | int:
        headers = {"Cookie": "; ".join(f"{NAME}={token}" for token in tokens)}
        answer = await visitor.get("/api/auth_user", headers=headers)
        return str(answer.json["username"]) if answer.status == 200 else answer.status

    assert await who("x", jane.token, john.token) == "jane"
    assert await who(john.token, jane.token) == "john"
    assert await who(ended.token, jane.token) == "jane"
    assert await who("", "x", "y", jane.token) == "jane"
    assert await who("", "x", "y", "z", jane.token) == 401
    assert await who(ended.token) == 401


@pytest.mark.gen_test
async def test_a_stream_opens_with_the_first_valid_session(visitor: Visitor, base_url: str) -> None:
    ended, jane = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    await ended.post("/api/logout")
    cookies = f"{NAME}={ended.token}; {NAME}=x; {NAME}={jane.token}"
    stream = await EventStream.open(base_url, {"Cookie": cookies})
    assert stream.status == 200
    stream.close()


@pytest.mark.gen_test
async def test_another_servers_cookies_change_nothing(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    others = f"session=eyJ.flask; token=x; {'; '.join(['a=b'] * 2000)}"
    headers = {"Cookie": f"{others}; {NAME}={jane.token}"}
    assert (await visitor.get("/api/auth_user", headers=headers)).json["username"] == "jane"
    headers = {"Cookie": f"session={jane.token}"}
    assert (await visitor.get("/api/auth_user", headers=headers)).status == 401
