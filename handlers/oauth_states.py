"""Sign-ins under way: what the browser that began one must bring back with the answer.

Each has a cookie of its own, signed and timed (`tornado.web.create_signed_value`), so that two tabs
can sign in at once. Nothing is kept here of sign-ins that only began. An attempt that came back is
remembered for as long as it would be good; after a restart GitHub takes a code only once.
"""

import base64
import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable

import msgspec
from cachetools import TTLCache
from tornado.web import create_signed_value, decode_signed_value

from handlers.requests import return_paths

LIFETIME_SECONDS = 600  # as long as GitHub's own code
MOST_COOKIE_BYTES = 6 * 1024  # of one browser's attempts; all headers together have 16 KiB

MOST_USED = 100_000  # of the last ten minutes, at about 200 bytes each

_DAY_SECONDS = 24 * 3600
_NAME = "github-sign-in"  # a signature is good for what bears this name

_TAG_LENGTH = 16  # hexadecimal digits that tell one browser's attempts apart
TAG = f"[0-9a-f]{{{_TAG_LENGTH}}}"


class Unknown(Exception):
    """Not begun in this browser, or not by us, or too long ago, or brought back before."""


class Attempt(msgspec.Struct, frozen=True):
    """One sign-in: `state` goes through GitHub and back, `verifier` stays with us (RFC 7636)."""

    state: str
    verifier: str
    return_to: str
    began_at: float  # seconds since 1970

    @property
    def tag(self) -> str:
        """Names the attempt's cookie."""
        return tag(self.state)

    @property
    def challenge(self) -> str:
        """For PKCE's S256."""
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")


class OAuthStates:
    """Makes and takes back attempts; `now` gives seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now = now
        self._used: TTLCache[str, bool] = TTLCache(MOST_USED, LIFETIME_SECONDS, now)

    def begin(self, return_to: str) -> tuple[Attempt, str]:
        """And the cookie that stands for it."""
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
        """The attempt that `finish` may end. Raises `Unknown`."""
        attempt = self._read(cookie)
        if attempt is None or attempt.state in self._used:
            raise Unknown
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            raise Unknown
        return attempt

    def finish(self, attempt: Attempt) -> None:
        """From now on it is not living any more."""
        self._used[attempt.state] = True

    def surplus(self, cookies: Iterable[tuple[str, str]], new: str) -> list[str]:
        """The tags of those `cookies` (tag and value) that have to go when `new` is set.

        The oldest go, so that a browser that only begins never sends too long a header.
        """
        known = [(self._read(value), tag, len(value)) for tag, value in cookies]
        # Another server on this host may have made what cannot be read here.
        known.sort(key=lambda cookie: cookie[0].began_at if cookie[0] else 0, reverse=True)
        surplus, size = [], len(new)
        for _, tag, length in known:
            size += length
            if size > MOST_COOKIE_BYTES:
                surplus.append(tag)
        return surplus

    def _read(self, cookie: str | None) -> Attempt | None:
        """None where it is no cookie of ours, or one that is too old."""
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
        except msgspec.MsgspecError:  # an earlier edition's, from before an update
            return None


def tag(state: str) -> str:
    """A short name for the attempt of this state."""
    return hashlib.sha256(state.encode()).hexdigest()[:_TAG_LENGTH]
