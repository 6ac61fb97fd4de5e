"""Reads a user's account and picture from GitHub, with time-outs, and checks every answer.

GitHub answers errors with 200 and an `error`. It may be down, and a proxy or a mistyped address may
answer instead. The answers go into the database, so each is checked first.
"""

import logging
import re
import urllib.parse
from typing import Annotated, TypeVar

import msgspec
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPResponse
from tornado.httputil import url_concat

from config import Config
from db.github import Account, Picture
from handlers import names, pictures
from handlers.oauth_states import Attempt, OAuthStates

CALL_SECONDS = 8.0  # for one call, from the name look-up to the last byte
MOST_CALLS = 32  # at once; others wait, and waiting counts against `CALL_SECONDS`
LARGEST_ANSWER = pictures.LARGEST_BYTES  # bytes; the answer about a user has about 5 KB
LARGEST_HEADER = 16 * 1024
PICTURE_PIXELS = 160  # larger than the page shows it, and small enough for `LARGEST_BYTES`

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")  # RFC 6750: it goes into a header
_WORD = re.compile(r"[a-z_]{1,64}")
_GITHUBS_PICTURES = re.compile(r"avatars[0-9]*\.githubusercontent\.com")

Answer = TypeVar("Answer", bound=msgspec.Struct)
_log = logging.getLogger("messenger.github")


class Failed(Exception):
    """The sign-in failed. The access page has a sentence for each `code`; `detail` is logged."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code


class _Token(msgspec.Struct):
    access_token: str | None = None
    token_type: str = "bearer"  # noqa: S105
    error: str | None = None


class _User(msgspec.Struct):
    id: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    login: Annotated[str, msgspec.Meta(min_length=1, max_length=255)]
    avatar_url: str | None = None


class GitHub:
    """A client for github.com or GitHub Enterprise. `seconds` is the time-out of each call."""

    def __init__(self, config: Config, secret: str, seconds: float = CALL_SECONDS) -> None:
        self.authorize_url = config.github_authorize_url
        self.client_id = config.github_client_id
        self.attempts = OAuthStates(secret)
        self._config = config
        self._seconds = seconds
        self._api = urllib.parse.urlsplit(config.github_api_url)
        self._client = AsyncHTTPClient(
            force_instance=True,
            max_clients=MOST_CALLS,
            max_body_size=LARGEST_ANSWER,
            max_buffer_size=2 * LARGEST_ANSWER,
            max_header_size=LARGEST_HEADER,
        )

    async def account(self, attempt: Attempt, code: str, redirect_uri: str) -> Account:
        """Returns the account that authorised `code`, with its picture. Raises `Failed`."""
        token = await self._token(attempt, code, redirect_uri)
        user = await self._user(token)
        picture = None if user.avatar_url is None else await self._picture(user.avatar_url)
        return Account(
            provider=self._api.hostname or "",
            id=user.id,
            name=names.derive_username(user.login, user.id),
            picture=picture,
            keeps_picture=picture is None and user.avatar_url is not None,
        )

    async def _token(self, attempt: Attempt, code: str, redirect_uri: str) -> str:
        fields = {
            "client_id": self._config.github_client_id,
            "client_secret": self._config.github_client_secret,
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": attempt.verifier,
        }
        body = urllib.parse.urlencode(fields)
        answer = await self._ask(self._config.github_token_url, method="POST", body=body)
        found = _decoded(answer, _Token)
        if found.error is not None:
            known = _WORD.fullmatch(found.error)
            raise Failed("refused", found.error if known else "an error without a name")
        if found.token_type.lower() != "bearer" or not _TOKEN.fullmatch(found.access_token or ""):
            raise Failed("unusable", "no token that could be used")
        return found.access_token or ""

    async def _user(self, token: str) -> _User:
        url = f"{self._config.github_api_url}/user"
        return _decoded(await self._ask(url, headers={"Authorization": f"Bearer {token}"}), _User)

    async def _picture(self, url: str) -> Picture | None:
        """Returns the picture, or None if it cannot be fetched; the sign-in needs no picture."""
        if not self._is_ours(url):
            _log.info("a picture is not fetched: it is not on a host of the provider")
            return None
        try:
            answer = await self._ask(url_concat(url, {"s": str(PICTURE_PIXELS)}))
            return pictures.picture(answer.body if answer.code == 200 else b"")
        except Failed as failure:
            _log.info("a picture could not be fetched: %s", failure)
        except pictures.Unfit:
            _log.info("a picture is not used: it is no PNG, JPEG or WebP, or it is too large")
        return None

    def _is_ours(self, url: str) -> bool:
        """Whether the provider serves pictures from the host of `url`."""
        try:
            parts = urllib.parse.urlsplit(url)
            host, port = (parts.hostname or "").lower(), parts.port
        except ValueError:
            return False
        if not url.isascii() or not url.isprintable() or "@" in parts.netloc:
            return False
        if (parts.scheme, port) != (self._api.scheme, self._api.port):
            return False
        if self._api.hostname == "api.github.com":
            return _GITHUBS_PICTURES.fullmatch(host) is not None
        own = (self._api.hostname or "").removeprefix("api.")
        return host == own or host.endswith(f".{own}")

    async def _ask(
        self,
        url: str,
        *,
        method: str = "GET",
        body: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> HTTPResponse:
        """Sends a request, and returns the answer with any status. Follows no redirect.

        Raises `Failed` if there is no answer.
        """
        try:
            return await self._client.fetch(
                url,
                method=method,
                body=body,
                headers={"Accept": "application/json", **(headers or {})},
                user_agent="Messenger",
                connect_timeout=self._seconds,
                request_timeout=self._seconds,
                follow_redirects=False,
                decompress_response=False,
                raise_error=False,
            )
        except (HTTPClientError, OSError, ValueError) as error:
            raise Failed("unreachable", f"{type(error).__name__}: {error}") from None


def _decoded(answer: HTTPResponse, kind: type[Answer]) -> Answer:
    if answer.code >= 500 or answer.code == 429:
        raise Failed("unreachable", f"it answered {answer.code}")
    if answer.code != 200:
        raise Failed("unusable", f"it answered {answer.code}")
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Failed("unusable", "what it answered is not what was asked for") from None
