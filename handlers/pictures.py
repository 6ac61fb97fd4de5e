"""Pictures from elsewhere: what they are is what their first bytes say, and they are small."""

import hashlib
import re

from db.github import Picture

LARGEST_BYTES = 256 * 1024

# Of the content a browser is told no more than these; nothing here trusts its dimensions.
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp", "webp"),
)


class Unfit(Exception):
    """No PNG, JPEG or WebP, whatever it says of itself, or too large."""


def picture(content: bytes) -> Picture:
    """With a path of this server that changes with the content. Raises `Unfit`."""
    if len(content) > LARGEST_BYTES:
        raise Unfit
    for beginning, media_type, extension in _KINDS:
        if beginning.match(content):
            digest = hashlib.sha256(content).hexdigest()
            return Picture(f"/avatars/{digest}.{extension}", media_type, content)
    raise Unfit
