"""Cursors: places in a list, with a signature, so that invented ones are refused."""

import base64
import hmac

from db.snapshot import Keyset

PATTERN = "^[A-Za-z0-9_-]+$"

_MAC_BYTES = 12  # 96 bits; a forged cursor only gives another place in the user's own list


class Unknown(Exception):
    """The cursor is forged, or belongs to another list."""


def sealed(secret: str, of: str, place: Keyset) -> str:
    """Returns a cursor for `place` in the list named `of`."""
    payload = ".".join(map(str, place)).encode()
    return base64.urlsafe_b64encode(_mac(secret, of, payload) + payload).decode().rstrip("=")


def opened(secret: str, of: str, cursor: str) -> Keyset:
    """Returns the place of a cursor. Raises `Unknown`."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except ValueError:
        raise Unknown from None
    payload = raw[_MAC_BYTES:]
    if not hmac.compare_digest(raw[:_MAC_BYTES], _mac(secret, of, payload)):
        raise Unknown
    place = tuple(int(number) for number in payload.decode().split("."))
    if sealed(secret, of, place) != cursor:
        raise Unknown  # another Base64 spelling of the same bytes
    return place


def _mac(secret: str, of: str, payload: bytes) -> bytes:
    message = b"cursor\0" + of.encode() + b"\0" + payload
    return hmac.digest(secret.encode(), message, "sha256")[:_MAC_BYTES]
