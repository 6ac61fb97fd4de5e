"""Tokens: JSON Web Tokens that name a user and a session (RFC 7519, RFC 8725)."""

import base64
import hmac
import math
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jwt
from cachetools import LRUCache

ALGORITHM = "HS256"
LIFETIME_SECONDS = 14 * 24 * 3600
LEEWAY_SECONDS = 30  # for the clocks of other issuers; applies to `nbf`, never to `exp`

LONGEST_UNSIGNED = 512  # characters; up to here, parsing costs no more than verifying

MOST_VERIFIED = 20_000  # tokens in the cache of verified signatures

_BIGINT = 2**63


class Refused(Exception):
    """The token is invalid or has expired."""


class Claims(NamedTuple):
    user_id: int
    session_id: int
    expires_at: float  # seconds since 1970


class _Verified(NamedTuple):
    claims: Claims
    begins_at: float  # seconds since 1970


class Tokens:
    """Issues and reads tokens with one secret. `now` returns seconds since 1970."""

    def __init__(self, secret: str, now: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._now = now
        # Verifying is two thirds of the work of a short request.
        self._verified: LRUCache[str, _Verified] = LRUCache(MOST_VERIFIED)

    def issue(self, user_id: int, session_id: int) -> tuple[str, int]:
        """Returns a token, and its expiry in seconds since 1970."""
        issued_at = int(self._now())
        expires_at = issued_at + LIFETIME_SECONDS
        claims = {
            "sub": str(user_id),
            "sid": str(session_id),
            "iat": issued_at,
            "exp": expires_at,
        }
        return jwt.encode(claims, self._secret, ALGORITHM), expires_at

    def read(self, token: str) -> Claims:
        """Returns the claims of a valid token. Does not check the session. Raises `Refused`."""
        verified = self._verified.get(token)
        if verified is None:
            verified = _understood(self._verify(token))
            self._check(verified)
            self._verified[token] = verified
        else:
            self._check(verified)
        return verified.claims

    def _verify(self, token: str) -> dict[str, Any]:
        if len(token) > LONGEST_UNSIGNED and not self._is_signed(token):
            raise Refused
        try:
            return jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                # `_check` and `_understood` check the times: PyJWT has one leeway for all three,
                # and accepts the string "9999999999" as a number.
                options={
                    "require": ["exp", "sub", "sid", "iat"],
                    "enforce_minimum_key_length": True,
                    "verify_exp": False,
                    "verify_iat": False,
                    "verify_nbf": False,
                    "verify_aud": False,
                },
            )
        except (jwt.PyJWTError, ValueError, RecursionError):
            raise Refused from None

    def _is_signed(self, token: str) -> bool:
        """Whether the signature is valid. PyJWT would parse the JSON before checking it."""
        signed, _, signature = token.rpartition(".")
        try:
            mac = hmac.digest(self._secret.encode(), signed.encode(), "sha256")
        except UnicodeEncodeError:
            return False
        expected = base64.urlsafe_b64encode(mac).rstrip(b"=")
        return hmac.compare_digest(expected, signature.encode("utf-8", "replace"))

    def _check(self, verified: _Verified) -> None:
        """Checks the times, also of a cached token."""
        now = self._now()
        if verified.claims.expires_at <= now or verified.begins_at > now + LEEWAY_SECONDS:
            raise Refused


def _understood(claims: dict[str, Any]) -> _Verified:
    # `iat` may be in the future: setting back the clock must not end all sessions.
    issued_at, expires_at = _seconds(claims["iat"]), _seconds(claims["exp"])
    if expires_at - issued_at > LIFETIME_SECONDS:
        raise Refused
    named = Claims(_identifier(claims["sub"]), _identifier(claims["sid"]), expires_at)
    return _Verified(named, begins_at=_seconds(claims.get("nbf", 0)))


def _seconds(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused
    return value


def _identifier(value: object) -> int:
    if not (isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20):
        raise Refused
    if value.startswith("0") or int(value) >= _BIGINT:
        raise Refused
    return int(value)
