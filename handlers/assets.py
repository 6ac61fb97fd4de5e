"""The files of the page, in memory: each with an ETag, and text compressed ahead of time."""

import gzip
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from handlers.requests.preferences import Preference

# Not the operating system's list, which may differ: `nosniff` blocks a script of another type.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}
_COMPRESSED_ALREADY = frozenset({".png"})
_IMPORT = re.compile(rb'@import url\("([a-z-]+\.css)"\) layer\(([a-z]+)\);')
# Comments that fill whole lines. Line breaks stay, so that errors report the same line numbers.
_COMMENT = re.compile(rb"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)", re.MULTILINE)
_GZIP = Preference("(?:x-)?gzip")
# Two changes within the clock resolution of the file system have the same time.
_SETTLED_SECONDS = 0.05
_RECENT_SECONDS = 0.1  # thousands of streams that open at once do not check all files each

Stamp = tuple[int, int, int]


class Representation(NamedTuple):
    """One encoding of a file, plain or gzip, with its ETag."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Asset:
    content_type: str
    plain: Representation
    gzipped: Representation | None  # None: gzip saves nothing

    def accepted(self, accept_encoding: str) -> Representation:
        """Returns the representation for a request with this `Accept-Encoding`."""
        if self.gzipped is not None and accepts_gzip(accept_encoding):
            return self.gzipped
        return self.plain


class _Kept(NamedTuple):
    file: Path
    parts: list[Path]  # the files that the asset may consist of
    stamps: list[Stamp]
    asset: Asset


class StaticAssets:
    """The files under `root`. It reads all of them at the start, and a file again after a change.

    It looks paths up in a table of names. No part of a request reaches the file system: only known
    files and directories are checked for changes. Reading 80 files takes 10 ms.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._kept: dict[str, _Kept] = {}
        self._directories: dict[Path, int | None] = {}  # time of the last change; None: just now
        self._release: tuple[list[Stamp | None], str] = ([], "")
        self._recent_until = 0.0
        self._scan()

    def find(self, path: str) -> Asset | None:
        """Returns the file with exactly this relative path, or None."""
        if path not in self._kept and self._has_changed():
            self._scan()
        kept = self._kept.get(path)
        if kept is None:
            return None
        try:
            if [_stamp(part) for part in kept.parts] != kept.stamps:
                kept = self._kept[path] = _read(kept.file)
        except FileNotFoundError:
            del self._kept[path]
            return None
        return kept.asset

    def release(self) -> str:
        """Returns a hash of all files, which changes with any of them.

        A browser uses it to check that its cached files belong to one release. Checking 110 files
        takes 0.3 ms.
        """
        if self._has_changed():
            self._scan()
        stamps = [_stamp_if_there(kept.file) for kept in self._kept.values()]
        if stamps != self._release[0]:
            found = [(path, self.find(path)) for path in sorted(self._kept)]
            etags = repr([(path, asset.plain.etag) for path, asset in found if asset is not None])
            self._release = (stamps, hashlib.sha256(etags.encode()).hexdigest()[:32])
        return self._release[1]

    def recent_release(self) -> str:
        """Returns what `release` returned up to a tenth of a second ago."""
        now = time.monotonic()
        if now >= self._recent_until:
            self.release()
            self._recent_until = now + _RECENT_SECONDS
        return self._release[1]

    def _has_changed(self) -> bool:
        return any(
            changed is None or changed != _changed(directory)
            for directory, changed in self._directories.items()
        )

    def _scan(self) -> None:
        """Reads new files and drops missing ones. Ignores links that lead out of `root`."""
        settled = time.time_ns() - int(_SETTLED_SECONDS * 1e9)
        found = [
            path for path in self._root.rglob("*") if path.resolve().is_relative_to(self._root)
        ]
        directories = [self._root, *(path for path in found if path.is_dir())]
        changed = {directory: _changed(directory) for directory in directories}
        self._directories = {
            directory: at if at < settled else None for directory, at in changed.items()
        }
        kept, self._kept = self._kept, {}
        for file in found:
            if file.is_file():
                name = file.relative_to(self._root).as_posix()
                self._kept[name] = kept.get(name) or _read(file)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether `Accept-Encoding` names gzip, and not with a weight of zero (RFC 9110, 12.5.3)."""
    return _GZIP.is_in(accept_encoding)


def without_comments(script: bytes) -> bytes:
    """Removes whole-line comments: a quarter less to send. The plain file keeps them."""
    return _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), script)


def _read(file: Path) -> _Kept:
    parts = sorted(file.parent.glob("*.css")) if file.suffix == ".css" else [file]
    return _Kept(file, parts, [_stamp(part) for part in parts], _made(_content(file), file.suffix))


def _changed(directory: Path) -> int:
    """Returns when a name was last added or removed, in nanoseconds; 0 without a directory."""
    try:
        return directory.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _stamp(file: Path) -> Stamp:
    """Returns a value that changes when the file changes."""
    looked_at = file.stat()
    return looked_at.st_ino, looked_at.st_mtime_ns, looked_at.st_size


def _stamp_if_there(file: Path) -> Stamp | None:
    try:
        return _stamp(file)
    except FileNotFoundError:
        return None


def _content(file: Path) -> bytes:
    """Reads a file. Style sheets have their imports inlined, which saves a chain of requests."""

    def imported(match: re.Match[bytes]) -> bytes:
        return b"@layer %s {\n%s}" % (match[2], (file.parent / match[1].decode()).read_bytes())

    return _IMPORT.sub(imported, file.read_bytes()) if file.suffix == ".css" else file.read_bytes()


def _made(content: bytes, suffix: str) -> Asset:
    version = hashlib.sha256(content).hexdigest()[:32]
    smaller = None
    if suffix not in _COMPRESSED_ALREADY:
        lean = without_comments(content) if suffix == ".js" else content
        packed = gzip.compress(lean, mtime=0)  # the level is 9
        if len(packed) < len(content):
            smaller = Representation(packed, f'"{version}-gzip"')
    content_type = TYPES.get(suffix, "application/octet-stream")
    return Asset(content_type, Representation(content, f'"{version}"'), smaller)
