"""Checks pictures from other sites: their first bytes tell the type, and their size is limited."""

import hashlib
import re

from db.github import Picture

LARGEST_BYTES = 256 * 1024

# The media types that browsers get. The server does not read the dimensions.
_KINDS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp", "webp"),
)


class Unfit(Exception):
    """The content is no PNG, JPEG or WebP, or is too large."""


def picture(content: bytes) -> Picture:
    """Returns the picture with a path made of the hash of its content. Raises `Unfit`."""
    if len(content) > LARGEST_BYTES:
        raise Unfit
    for beginning, media_type, extension in _KINDS:
        if beginning.match(content):
            digest = hashlib.sha256(content).hexdigest()
            return Picture(f"/avatars/{digest}.{extension}", media_type, content)
    raise Unfit
