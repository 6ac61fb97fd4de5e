"""The data directory: its lock, its secret, and directories under creation.

The server deletes or changes nothing in it, except what is provably its own unfinished creation.
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
LARGEST_SECRET = 64 * 1024  # bytes; a longer file is not a secret
NAMES_TOLD = 3  # file names in an error message


class Failed(Exception):
    """The server cannot start. The text is one line for the operator."""


class InUse(Exception):
    """Another server uses this data directory."""


def make(path: Path) -> None:
    """Makes the directory if it is missing. Raises `Failed`."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise Failed(f"the data directory {path} is not a directory") from None
    except OSError as error:
        raise Failed(f"cannot make the data directory {path}: {reason(error)}") from None


def reason(error: OSError) -> str:
    """Returns the message of the system, with the path if it has one."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename else said


def sync(directory: Path) -> None:
    """Makes the names in a directory durable, if the file system supports it."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


class DirectoryLock:
    """Allows one server in a data directory. The lock on the file ends with its processes."""

    def __init__(self, data_dir: Path) -> None:
        path = data_dir / "lock"
        try:  # without truncating the file, which may belong to another program
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise Failed(f"cannot lock the data directory: {path}: {error.strerror}") from None
        if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            raise Failed(f"cannot lock the data directory: {path} is not a file")

    def fileno(self) -> int:
        return self._descriptor

    def take(self) -> None:
        """Takes the lock. Raises `InUse` if another process has it."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse from None

    def release(self) -> None:
        os.close(self._descriptor)


def kept_secret(path: Path) -> str:
    """Returns the secret in a file, which signs the tokens. Generates it at the first start.

    The file is created atomically. Raises `Failed`.
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
    """Never replaces a secret: two servers that start at once both use the first one."""
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
    raise Failed(f"{path} does not contain a secret of this server")


class Creation:
    """Creates a directory atomically: fills another one, and renames it when done.

    A mark, a file with a known sentence, identifies an interrupted creation. It is deleted only if
    it has the mark, and no names except those that the server makes.
    """

    MARK = "Messenger was creating this when it was stopped. The next start creates it anew.\n"
    _MARK_NAME = "READ.ME"
    _MADE_NAME = "made"

    def __init__(self, path: Path, names: frozenset[str]) -> None:
        """`names` are the only ones that an unfinished creation may contain."""
        self._path = path
        self._names = names
        self._beside = path.with_name(f"{path.name}.unfinished")

    def discard(self) -> None:
        """Deletes an interrupted creation. Raises `Failed` if this server did not make it."""
        if not os.path.lexists(self._beside):
            return
        if not self._is_ours():
            raise Failed(f"this server did not make {self._beside}: move it elsewhere")
        made, mark = self._beside / self._MADE_NAME, self._beside / self._MARK_NAME
        if made.exists():
            shutil.rmtree(made)
        mark.unlink(missing_ok=True)
        self._beside.rmdir()

    @contextlib.contextmanager
    def under_way(self) -> Iterator[Path]:
        """Yields an empty directory to fill. Moves it into place if the block succeeds."""
        self.discard()
        self._beside.parent.mkdir(parents=True, exist_ok=True)
        self._beside.mkdir(mode=0o755)
        (self._beside / self._MARK_NAME).write_text(self.MARK)
        made = self._beside / self._MADE_NAME
        made.mkdir(mode=0o700)
        sync(self._beside)
        try:
            yield made
            made.rename(self._path)  # replaces only an empty directory
            sync(self._path.parent)
        finally:
            self.discard()

    def _is_ours(self) -> bool:
        if self._beside.is_symlink() or not self._beside.is_dir():
            return False
        mark, made = self._beside / self._MARK_NAME, self._beside / self._MADE_NAME
        there = _names(self._beside)
        if mark.name not in there:
            return not there  # interrupted between the first two steps
        if mark.is_symlink() or not mark.is_file() or not self._is_marked(mark):
            return False
        if made.name not in there:
            return there == {mark.name}
        is_made = not made.is_symlink() and made.is_dir()
        return is_made and there == {mark.name, made.name} and self._names >= _names(made)

    def _is_marked(self, mark: Path) -> bool:
        """Whether the file holds the sentence, or its beginning."""
        return self.MARK.encode().startswith(mark.read_bytes()[: len(self.MARK) + 1])


def described(directory: Path) -> str:
    """Returns the first names in a directory, and the number of the others."""
    names = sorted(_names(directory))
    told = ", ".join(ascii(name) for name in names[:NAMES_TOLD])
    return f"{told} and {len(names) - NAMES_TOLD} more" if len(names) > NAMES_TOLD else told


def _names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}
