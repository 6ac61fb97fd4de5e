"""The files of the page as they are sent: each with an ETag, text compressed ahead of time."""

import gzip
import hashlib
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from handlers.requests.preferences import Preference

# By us and not by the machine's own list: with `nosniff` a script under another type does not run.
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
# Those that stand on lines of their own; the line breaks stay, so that errors tell the same places.
_COMMENT = re.compile(rb"^[ \t]*(?:/\*\*(?:[^*]|\*(?!/))*\*/|//[^\n]*)", re.MULTILINE)
_GZIP = Preference("(?:x-)?gzip")
# A change within the clock's resolution of the file system leaves the time as it was.
_SETTLED_SECONDS = 0.05

Stamp = tuple[int, int, int]


class Representation(NamedTuple):
    """One form of a file; each has an ETag of its own."""

    body: bytes
    etag: str


@dataclass(frozen=True)
class Asset:
    content_type: str
    plain: Representation
    gzipped: Representation | None  # None: no smaller

    def accepted(self, accept_encoding: str) -> Representation:
        """The form that a request with this `Accept-Encoding` is answered with."""
        if self.gzipped is not None and accepts_gzip(accept_encoding):
            return self.gzipped
        return self.plain


class _Kept(NamedTuple):
    file: Path
    parts: list[Path]  # the files that the asset is made of, or may be
    stamps: list[Stamp]
    asset: Asset


class StaticAssets:
    """The files under `root`, in memory: all are read at the start, and a file anew after a change.

    A path is looked up in a table of names. Nothing of a request reaches the file system, whatever
    it holds: only files and directories that the table has are looked at for changes. Some 80 files
    take 10 ms in all.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._kept: dict[str, _Kept] = {}
        self._directories: dict[Path, int | None] = {}  # and when they changed; None: just now
        self._release: tuple[list[Stamp | None], str] = ([], "")
        self._scan()

    def find(self, path: str) -> Asset | None:
        """Returns the file that a relative path names to the letter, or None."""
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
        """Returns a name for all files together: it is another one when one of them is.

        A page is made of many files; this is how a browser tells that those it has still belong
        together. To look at 80 files takes 0.2 ms.
        """
        if self._has_changed():
            self._scan()
        stamps = [_stamp_if_there(kept.file) for kept in self._kept.values()]
        if stamps != self._release[0]:
            found = [(path, self.find(path)) for path in sorted(self._kept)]
            etags = repr([(path, asset.plain.etag) for path, asset in found if asset is not None])
            self._release = (stamps, hashlib.sha256(etags.encode()).hexdigest()[:32])
        return self._release[1]

    def _has_changed(self) -> bool:
        return any(
            changed is None or changed != _changed(directory)
            for directory, changed in self._directories.items()
        )

    def _scan(self) -> None:
        """A link that leads out of `root` is no file of ours."""
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
    """A quarter less to send: who reads the scripts asks for them plain, or has them here."""
    return _COMMENT.sub(lambda comment: b"\n" * comment[0].count(b"\n"), script)


def _read(file: Path) -> _Kept:
    parts = sorted(file.parent.glob("*.css")) if file.suffix == ".css" else [file]
    return _Kept(file, parts, [_stamp(part) for part in parts], _made(_content(file), file.suffix))


def _changed(directory: Path) -> int:
    """When a name was last added or taken away, in nanoseconds; 0 where there is no directory."""
    try:
        return directory.stat().st_mtime_ns
    except FileNotFoundError:
        return 0


def _stamp(file: Path) -> Stamp:
    """Differs when the file does."""
    looked_at = file.stat()
    return looked_at.st_ino, looked_at.st_mtime_ns, looked_at.st_size


def _stamp_if_there(file: Path) -> Stamp | None:
    try:
        return _stamp(file)
    except FileNotFoundError:
        return None


def _content(file: Path) -> bytes:
    """A style sheet has those that it imports in their place: one request, and not nine in turn."""

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
