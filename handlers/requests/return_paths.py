"""Checks the path that a sign-in redirects to: it must be a page of this server."""

import re
from urllib.parse import unquote

LONGEST_PATH = 1024  # keeps the cookie below the 4 KiB that browsers allow

_MOST_DECODED = 4  # rounds of decoding; no link of the page is encoded twice
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # browsers read a backslash as a slash
_ELSEWHERE = frozenset({"api", "health", "metrics", "avatars"})
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def safe(path: str) -> str:
    """Returns the path if it leads a browser to a page of this server, and else `/`."""
    fits = len(path) <= LONGEST_PATH and _PATH.fullmatch(path)
    return path if fits and _leads_to_a_page(re.split(r"[?#]", path, maxsplit=1)[0]) else "/"


def _leads_to_a_page(path: str) -> bool:
    """Checks each decoding of the path, because a browser or a proxy may decode it again."""
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
