"""Sign-ins under way: the OAuth `state` that the browser must bring back from GitHub.

Each attempt has a signed cookie with a lifetime (`tornado.web.create_signed_value`), so that two
tabs can sign in at once. The server stores no attempt that has only begun, and any server with the
same secret may finish it. `db/used_once.py` remembers used ones until they would expire.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable

import msgspec
from tornado.web import create_signed_value, decode_signed_value

from handlers.requests import return_paths

LIFETIME_SECONDS = 600  # as long as the code that GitHub issues
MOST_COOKIE_BYTES = 6 * 1024  # for the attempts of one browser; all headers may have 16 KiB

_DAY_SECONDS = 24 * 3600
_NAME = "github-sign-in"  # part of the signature, so that other signed values are not accepted

_TAG_LENGTH = 16  # hexadecimal digits that distinguish the attempts of one browser
TAG = f"[0-9a-f]{{{_TAG_LENGTH}}}"


class Unknown(Exception):
    """The attempt is invalid: of another browser or secret, expired, or used before."""


class Attempt(msgspec.Struct, frozen=True):
    """One sign-in. `state` goes to GitHub and back; `verifier` stays in the cookie (RFC 7636)."""

    state: str
    verifier: str
    return_to: str
    began_at: float  # seconds since 1970

    @property
    def tag(self) -> str:
        """The end of the cookie's name."""
        return tag(self.state)

    @property
    def challenge(self) -> str:
        """The code challenge of PKCE, with the method S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OAuthStates:
    """Begins and finishes attempts. `now` returns seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now = now

    def begin(self, return_to: str) -> tuple[Attempt, str]:
        """Returns a new attempt and its cookie."""
        attempt = Attempt(
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            return_paths.safe(return_to),
            self._now(),
        )
        value = msgspec.json.encode(attempt)
        cookie = create_signed_value(self._secret, _NAME, value, clock=self._now)
        return attempt, cookie.decode()

    def living(self, cookie: str | None, state: str) -> Attempt:
        """Returns the attempt of this cookie and state. Raises `Unknown`."""
        attempt = self._read(cookie)
        if attempt is None:
            raise Unknown
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise Unknown
        return attempt

    def surplus(self, cookies: Iterable[tuple[str, str]], new: str) -> list[str]:
        """Returns the tags of the `cookies` (tag and value) to delete when `new` is set.

        These are the oldest ones, so that many unfinished attempts never make the header too long.
        """
        known = [(self._read(value), tag, len(value)) for tag, value in cookies]
        # Another server on this host may have set a cookie that this one cannot read.
        known.sort(key=lambda cookie: cookie[0].began_at if cookie[0] else 0, reverse=True)
        surplus, size = [], len(new)
        for _, tag, length in known:
            size += length
            if size > MOST_COOKIE_BYTES:
                surplus.append(tag)
        return surplus

    def _read(self, cookie: str | None) -> Attempt | None:
        """Returns the attempt, or None if the cookie is invalid or too old."""
        value = decode_signed_value(
            self._secret,
            _NAME,
            cookie,
            max_age_days=LIFETIME_SECONDS / _DAY_SECONDS,
            clock=self._now,
            min_version=2,
        )
        try:
            return None if value is None else msgspec.json.decode(value, type=Attempt)
        except msgspec.MsgspecError:  # from an earlier release of the server
            return None


def tag(state: str) -> str:
    """Returns a short hash of the state."""
    return hashlib.sha256(state.encode()).hexdigest()[:_TAG_LENGTH]
