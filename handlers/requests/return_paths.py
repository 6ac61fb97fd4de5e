"""Where a sign-in leads back to: a page of this server, however the path is spelled."""

import re
from urllib.parse import unquote

LONGEST_PATH = 1024  # the cookie that it is kept in stays under a browser's 4 KiB

_MOST_DECODED = 4  # times; no link of the page is encoded twice
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # browsers take a backslash for a slash
_ELSEWHERE = frozenset({"api", "health", "metrics", "avatars"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe(path: str) -> str:
    """The same path if a browser that follows it arrives at a page of this server, else `/`."""
    fits = len(path) <= LONGEST_PATH and _PATH.fullmatch(path)
    return path if fits and _leads_to_a_page(re.split(r"[?#]", path, maxsplit=1)[0]) else "/"


def _leads_to_a_page(path: str) -> bool:
    """Judges each decoding of the path: a browser or a proxy may decode it once more."""
    for _ in range(_MOST_DECODED):
        segments = re.split(r"[/\\]", path)
        first = next(filter(None, segments), "")
        if path.startswith("//") or _CONTROL.search(path) or not {".", ".."}.isdisjoint(segments):
            return False
        if first.lower() in _ELSEWHERE:
            return False
        path, encoded = unquote(path), path
        if path == encoded:
            return True
    return False
