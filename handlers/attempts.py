"""Sign-ins under way: what the browser that began one must bring back with the answer.

All of it is in a cookie, signed and timed (`tornado.web.create_signed_value`): nothing is kept here
for those who only begin. What has been brought back once is remembered for as long as it would be
good; after a restart it is GitHub that takes a code only once.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable

import msgspec
from cachetools import TTLCache
from tornado.web import create_signed_value, decode_signed_value

LIFETIME_SECONDS = 600  # as long as GitHub's own code
LONGEST_PATH = 1024  # what else is in the cookie leaves it under a browser's 4 KiB

MOST_USED = 100_000  # of the last ten minutes, at about 200 bytes each

_DAY_SECONDS = 24 * 3600
_NAME = "github-sign-in"  # a signature is good for what bears this name
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # no backslash, which browsers take for a slash
_ELSEWHERE = re.compile(r"/(?:api|health|metrics|avatars)(?:[/?#]|$)", re.IGNORECASE)


class Unknown(Exception):
    """Not begun in this browser, or not by us, or too long ago, or brought back before."""


class Attempt(msgspec.Struct, frozen=True):
    """One sign-in: `state` goes through GitHub and back, `verifier` stays with us (RFC 7636)."""

    state: str
    verifier: str
    return_to: str

    @property
    def challenge(self) -> str:
        """For PKCE's S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class Attempts:
    """Makes and takes back attempts; `now` gives seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now = now
        self._used: TTLCache[str, bool] = TTLCache(MOST_USED, LIFETIME_SECONDS, now)

    def begin(self, return_to: str) -> tuple[Attempt, str]:
        """And the cookie that stands for it."""
        attempt = Attempt(
            secrets.token_urlsafe(32), secrets.token_urlsafe(48), safe_path(return_to)
        )
        value = msgspec.json.encode(attempt)
        cookie = create_signed_value(self._secret, _NAME, value, clock=self._now)
        return attempt, cookie.decode()

    def finish(self, cookie: str | None, state: str) -> Attempt:
        """Once. Raises `Unknown`."""
        value = decode_signed_value(
            self._secret,
            _NAME,
            cookie,
            max_age_days=LIFETIME_SECONDS / _DAY_SECONDS,
            clock=self._now,
            min_version=2,
        )
        if value is None:
            raise Unknown
        attempt = msgspec.json.decode(value, type=Attempt)
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise Unknown
        if attempt.state in self._used:
            raise Unknown
        self._used[attempt.state] = True
        return attempt


def safe_path(return_to: str) -> str:
    """The same, if it is a page of this server's, written as a browser would; else the first."""
    fits = len(return_to) <= LONGEST_PATH and _PATH.fullmatch(return_to)
    return return_to if fits and not _ELSEWHERE.match(return_to) else "/"
