"""The data directory: one server in it, its secret, and what is under creation there.

Nothing in it is deleted or changed unless it is provably an unfinished creation of this server.
"""

import contextlib
import fcntl
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

MIN_SECRET_BYTES = 32  # RFC 7518, section 3.2: a key for HS256 has at least 256 bits
LARGEST_SECRET = 64 * 1024  # what is longer is some other file
NAMES_TOLD = 3  # of what was found where a database was expected


class Failed(Exception):
    """The server cannot start; its text is one line for the operator."""


class InUse(Exception):
    """Another server is working in this data directory."""


def make(path: Path) -> None:
    """Makes the directory where it is missing. Raises `Failed`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Failed(f"the data directory {path} is not a directory") from None
    except OSError as error:
        raise Failed(f"cannot make the data directory {path}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """What the system says, with the path that it speaks of."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def sync(directory: Path) -> None:
    """Makes the names in a directory durable, where the file system can do that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DirectoryLock:
    """One server a data directory: a lock on a file, which goes with the processes that hold it."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "lock"
        try:  # without truncating it: what is in it may not be ours
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise Failed(f"cannot lock the data directory: {path}: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise Failed(f"cannot lock the data directory: {path} is not a file")

    def fileno(self) -> int:
        return self._descriptor

    def take(self) -> None:
        """Raises `InUse` where another process has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse from None

    def release(self) -> None:
        os.close(self._descriptor)


def kept_secret(path: Path) -> str:
    """The secret in a file, generated at the first start; it signs the tokens.

    It comes into being whole, or not at all. Raises `Failed`.
    """
    try:
        if not os.path.lexists(path):
            _make_secret(path)
        secret = _read_secret(path)
    except OSError as error:
        raise Failed(f"cannot keep a secret in {path}: {error.strerror}") from None
    if not secret:
        raise Failed(f"the secret in {path} is empty: delete that file for a new one")
    if len(secret.encode()) < MIN_SECRET_BYTES:
        raise Failed(f"the secret in {path} is shorter than {MIN_SECRET_BYTES} bytes")
    return secret


def _make_secret(path: Path) -> None:
    beside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(48))
            file.flush()
            os.fsync(file.fileno())
        _put_in_place(beside, path)
    finally:
        beside.unlink(missing_ok=True)
    sync(path.parent)


def _put_in_place(beside: Path, path: Path) -> None:
    """Never replaces a secret: of two first starts, both use the first one's."""
    try:
        os.link(beside, path)
    except FileExistsError:
        pass
    except OSError:  # a file system without hard links
        beside.rename(path)


def _read_secret(path: Path) -> str:
    if not path.is_file():  # reading a pipe would wait for ever
        raise Failed(f"the secret in {path} cannot be read: it is not a file")
    with path.open("rb") as file:
        held = file.read(LARGEST_SECRET + 1)
    try:
        if len(held) <= LARGEST_SECRET:
            return held.decode().strip()
    except UnicodeDecodeError:
        pass
    raise Failed(f"what is in {path} is no secret of this server")


class Creation:
    """A directory that comes into being whole: made beside its place, and renamed when done.

    Beside it lies a file with a sentence of ours. A creation that was interrupted is known by that
    file, and by names that are all of a kind that we make; only then is it deleted.
    """

    MARK = "Messenger was creating this when it was stopped. The next start creates it anew.\n"
    _MARK_NAME = "READ.ME"
    _MADE_NAME = "made"

    def __init__(self, path: Path, names: frozenset[str]) -> None:
        """`names` are all that may be found in an unfinished creation."""
        self._path = path
        self._names = names
        self._beside = path.with_name(f"{path.name}.unfinished")

    def discard(self) -> None:
        """Deletes what an interrupted creation left. Raises `Failed` where it is not ours."""
        if not os.path.lexists(self._beside):
            return
        if not self._is_ours():
            raise Failed(f"{self._beside} is not of this server's making: move it elsewhere")
        made, mark = self._beside / self._MADE_NAME, self._beside / self._MARK_NAME
        if made.exists():
            shutil.rmtree(made)
        mark.unlink(missing_ok=True)
        self._beside.rmdir()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Path]:
        """An empty directory to fill; it is put into its place where the block ends well."""
        self.discard()
        self._beside.parent.mkdir(parents=True, exist_ok=True)
        self._beside.mkdir(mode=0o755)
        (self._beside / self._MARK_NAME).write_text(self.MARK)
        made = self._beside / self._MADE_NAME
        made.mkdir(mode=0o700)
        sync(self._beside)
        try:
            yield made
            made.rename(self._path)  # replaces an empty directory, and nothing else
            sync(self._path.parent)
        finally:
            self.discard()

    def _is_ours(self) -> bool:
        if self._beside.is_symlink() or not self._beside.is_dir():
            return False
        mark, made = self._beside / self._MARK_NAME, self._beside / self._MADE_NAME
        there = _names(self._beside)
        if mark.name not in there:
            return not there  # stopped between the two first steps
        if mark.is_symlink() or not mark.is_file() or not self._is_marked(mark):
            return False
        if made.name not in there:
            return there == {mark.name}
        is_made = not made.is_symlink() and made.is_dir()
        return is_made and there == {mark.name, made.name} and self._names >= _names(made)

    def _is_marked(self, mark: Path) -> bool:
        """Whether the file holds our sentence, or what had been written of it."""
        return self.MARK.encode().startswith(mark.read_bytes()[: len(self.MARK) + 1])


def described(directory: Path) -> str:
    """The names of some of what is in a directory."""
    names = sorted(_names(directory))
    told = ", ".join(ascii(name) for name in names[:NAMES_TOLD])
    return f"{told} and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else told


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}
