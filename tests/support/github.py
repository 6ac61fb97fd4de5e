"""A fake GitHub: a real HTTP server that speaks GitHub's protocol, and can be told to misbehave."""

import asyncio
import base64
import contextlib
import hashlib
import secrets
import socket
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from tornado.httpserver import HTTPServer
from tornado.httputil import HTTPHeaders
from tornado.iostream import StreamClosedError
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.support.people import Visitor

CLIENT_ID = "an-application"
CLIENT_SECRET = "what the application and GitHub know"

PNG = b"\x89PNG\r\n\x1a\n" + b"the rest of a picture"
JPEG = b"\xff\xd8\xff\xe0" + b"the rest of a picture"
WEBP = b"RIFF\x20\x00\x00\x00WEBPVP8 " + b"the rest of a picture"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

Misdeed = Callable[[RequestHandler], Awaitable[None] | None]


class Grant(NamedTuple):
    """A code that GitHub issued, and what the request for its token must contain."""

    redirect_uri: str
    challenge: str
    user: dict[str, Any]


class FakeGitHub:
    """Authorize, token, user and avatars, as GitHub documents them.

    `user` is the account that is signed in there. `instead` replaces the answer of `authorize`,
    `token`, `user` or `avatar`. `asked` keeps every request, in order.
    """

    def __init__(self) -> None:
        self.user: dict[str, Any] = {}
        self.picture: bytes | None = None
        self.picture_type = "image/png"
        self.instead: dict[str, Misdeed] = {}
        self.asked: list[tuple[str, HTTPHeaders, dict[str, str]]] = []
        self.let_go = asyncio.Event()  # answers that hang end with the test
        self._codes: dict[str, Grant] = {}
        self._tokens: dict[str, dict[str, Any]] = {}
        self._sockets = bind_sockets(0, "127.0.0.1", family=socket.AF_INET)
        self.url = f"http://127.0.0.1:{self._sockets[0].getsockname()[1]}"
        given = {"github": self}
        self._server = HTTPServer(
            Application(
                [
                    ("/login/oauth/authorize", _Authorize, given),
                    ("/login/oauth/access_token", _Token, given),
                    ("/api/v3/user", _User, given),
                    ("/avatars/u/.*", _Avatar, given),
                    (".*", _Elsewhere, given),
                ],
                log_function=lambda handler: None,
            )
        )

    def start(self) -> None:
        self._server.add_sockets(self._sockets)

    async def stop(self) -> None:
        self.let_go.set()
        self._server.stop()
        await self._server.close_all_connections()

    def sign_in(self, number: Any, login: Any, **more: Any) -> None:
        """Signs the browser in at GitHub: from now on, it has this account."""
        url = f"{self.url}/avatars/u/{number}?v=4"
        self.user = {"id": number, "login": login, "avatar_url": url, "name": "J. Doe"} | more

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def grant(self, redirect_uri: str, challenge: str) -> str:
        code = secrets.token_hex(10)
        self._codes[code] = Grant(redirect_uri, challenge, self.user)
        return code

    def redeem(self, asked: dict[str, str]) -> dict[str, str]:
        """Answers a request for a token; GitHub answers errors with 200 as well."""
        if (asked.get("client_id"), asked.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return {"error": "incorrect_client_credentials"}
        grant = self._codes.pop(asked.get("code", ""), None)
        if grant is None or challenge_of(asked.get("code_verifier", "")) != grant.challenge:
            return {"error": "bad_verification_code", "error_description": "It is <wrong>."}
        if asked.get("redirect_uri") != grant.redirect_uri:
            return {"error": "redirect_uri_mismatch"}
        token = f"gho_{secrets.token_hex(18)}"
        self._tokens[token] = grant.user
        return {"access_token": token, "token_type": "bearer", "scope": ""}

    def user_of(self, authorization: str) -> dict[str, Any] | None:
        scheme, _, token = authorization.partition(" ")
        return self._tokens.get(token) if scheme == "Bearer" else None


class Browser(Visitor):
    """Follows redirects as a browser does, with a cookie jar that knows only names."""

    def __init__(self, visitor: Visitor) -> None:
        super().__init__(visitor._client, visitor.base_url)
        self.cookies: dict[str, str] = {}

    def headers(self) -> dict[str, str]:
        pairs = [f"{name}={value}" for name, value in self.cookies.items()]
        return {"Cookie": "; ".join(pairs), "User-Agent": "Browser/1.0"}

    async def ask(self, method: str, path: str, *given: Any, **options: Any) -> Any:
        answer = await super().ask(method, path, *given, **options)
        for line in answer.headers.get_list("Set-Cookie"):
            name, _, value = line.split(";")[0].partition("=")
            self.cookies[name] = value
            if value in ("", '""'):
                del self.cookies[name]
        return answer

    def attempt(self) -> tuple[str, str]:
        """Returns the name and the value of the only sign-in attempt's cookie."""
        (name,) = [name for name in self.cookies if "messenger-sign-in-" in name]
        return name, self.cookies[name].strip('"')

    async def begin(self, return_to: str | None = None) -> str:
        """Begins a sign-in, and returns the address of GitHub's page."""
        query = "" if return_to is None else "?" + urlencode({"return_to": return_to})
        answer = await self.get(f"/api/oauth/github{query}")
        assert answer.status == 302, answer
        return str(answer.headers["Location"])

    async def consent(self, authorize_url: str) -> str:
        """Consents at GitHub, and returns the path and query that it redirects to."""
        response = await self._client.fetch(
            authorize_url, follow_redirects=False, raise_error=False
        )
        assert response.code == 302, (response.code, response.body)
        back = response.headers["Location"]
        assert back.startswith(self.base_url)
        return str(back.removeprefix(self.base_url))

    async def sign_in_with_github(self, return_to: str | None = None) -> str:
        """Signs in, and returns where the browser arrives."""
        answer = await self.get(await self.consent(await self.begin(return_to)))
        assert answer.status == 302, answer
        return str(answer.headers["Location"])

    async def who(self) -> Any:
        answer = await self.get("/api/auth_user")
        return answer.json if answer.status == 200 else None


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def query_of(url: str) -> dict[str, str]:
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


class _Page(RequestHandler):
    name = ""

    def initialize(self, github: FakeGitHub) -> None:
        self.github = github

    async def prepare(self) -> None:
        asked = {name: self.get_argument(name) for name in self.request.arguments}
        self.github.asked.append((self.request.path, self.request.headers, asked))
        self.fields = asked
        if (misdeed := self.github.instead.get(self.name)) is not None:
            with contextlib.suppress(StreamClosedError):
                if (waiting := misdeed(self)) is not None:
                    await waiting
            if not self._finished:
                self.finish()


class _Authorize(_Page):
    """Redirects at once, as if the user had consented."""

    name = "authorize"

    def get(self) -> None:
        asked = self.fields
        assert asked["client_id"] == CLIENT_ID
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = self.github.grant(asked["redirect_uri"], asked["code_challenge"])
        query = urlencode({"code": code, "state": asked["state"]})
        self.redirect(f"{asked['redirect_uri']}?{query}")


class _Token(_Page):
    name = "token"

    def post(self) -> None:
        assert self.request.headers["Accept"] == "application/json"
        assert not self.request.query
        self.write(self.github.redeem(self.fields))


class _User(_Page):
    name = "user"

    def get(self) -> None:
        user = self.github.user_of(self.request.headers.get("Authorization", ""))
        self.set_status(200 if user else 401)
        self.write(user or {"message": "Bad credentials"})


class _Avatar(_Page):
    name = "avatar"

    def get(self) -> None:
        if self.github.picture is None:
            return self.send_error(404)
        self.set_header("Content-Type", self.github.picture_type)
        self.write(self.github.picture)


class _Elsewhere(_Page):
    def get(self) -> None:
        self.write(PNG)
