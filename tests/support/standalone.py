"""A PostgreSQL that an operator runs beside the server, reached over TCP or a Unix socket."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Literal

import psutil
from psycopg2.extensions import make_dsn

from db.server import postgres_user
from db.server.embedded import PROGRAMS
from tests.support.postgres import Postgres
from tests.support.processes import free_port

_NOBODY = 65534  # PostgreSQL refuses to run as root
_WAIT_SECONDS = "60"

Way = Literal["ipv4", "socket", "list", "name"]
_NAME = "twice.test"  # a name that the server's hosts file gives two addresses
TWO_ADDRESSES = f"::1 {_NAME}\n127.0.0.1 {_NAME}\n"


class StandalonePostgres(Postgres):
    """Listens on 127.0.0.1 and on a socket in its own directory, under its own port."""

    def __init__(self, reached_by: Way = "ipv4", *, fsync: bool = False) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="messenger-postgres-"))
        super().__init__(self.folder, fsync=fsync)
        self.port = free_port()
        self._reached_by = reached_by
        self.folder.chmod(0o755)
        self.data = self.folder / "data"

    def start(self) -> None:
        self._make(self.data)
        self._make(self.socket_dir)
        self.run("initdb", "-U", "postgres", "-A", "trust", "-E", "UTF8", "-D", str(self.data))
        self.revive()
        self._admin_dsn = self._dsn()
        self._set_up()

    def stop(self) -> None:
        """Stops the server and deletes it."""
        if self.is_running():
            self._pg_ctl("stop", "-m", "immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def socket_dir(self) -> Path:
        return self.folder / "socket"

    @property
    def bin_path(self) -> Path:
        """Returns the programs of an older release, where that user can reach them."""
        installed = PROGRAMS.with_name("pginstall")
        if postgres_user.needed():
            nobody = postgres_user.User("nobody", _NOBODY, _NOBODY)
            installed = postgres_user.reachable_programs(nobody, installed, print)
        return installed / "bin"

    def _dsn(self) -> str:
        host, port = "127.0.0.1", str(self.port)
        if self._reached_by == "socket":
            host = str(self.socket_dir)
        elif self._reached_by == "list":  # the first address refuses
            host, port = f"{host},{host}", f"{free_port()},{port}"
        return make_dsn(host=host, port=port, user="postgres", dbname="postgres")

    def server_dsn(self, dsn: str) -> str:
        return dsn.replace("127.0.0.1", _NAME) if self._reached_by == "name" else dsn

    def crash(self) -> None:
        self._pg_ctl("stop", "-m", "immediate")

    def revive(self) -> None:
        options = f"-c listen_addresses=127.0.0.1 -c port={self.port} -k {self.socket_dir}"
        self._pg_ctl("start", "-l", str(self.data / "log"), "-o", options)

    def back_up(self) -> None:
        """Copies the data as it is now, for `fail_over`."""
        self._make(self.copy)
        where = ("-h", str(self.socket_dir), "-p", str(self.port), "-U", "postgres")
        self.run("pg_basebackup", *where, "-c", "fast", "-D", str(self.copy))

    def fail_over(self) -> None:
        """Fails over to the copy, a promoted stand-by: a new timeline without the last commits."""
        self.crash()
        shutil.rmtree(self.data)
        self.copy.rename(self.data)
        (self.data / "standby.signal").touch()
        self.revive()
        self._pg_ctl("promote")

    def processes(self) -> list[psutil.Process]:
        postmaster = psutil.Process(int(self._pid_file.read_text().split()[0]))
        return [postmaster, *postmaster.children()]

    def is_running(self) -> bool:
        return self._pid_file.exists() and psutil.pid_exists(
            int(self._pid_file.read_text().split()[0])
        )

    def run(self, program: str, *args: str) -> None:
        """Runs one of PostgreSQL's programs as the owner of the data."""
        subprocess.run(
            [self.bin_path / program, *args],
            check=True,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            timeout=2 * float(_WAIT_SECONDS),
            **_as_owner(),  # type: ignore[call-overload]
        )

    @property
    def copy(self) -> Path:
        return self.folder / "copy"

    def _make(self, directory: Path) -> None:
        directory.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(directory, _NOBODY, _NOBODY)

    @property
    def _pid_file(self) -> Path:
        return self.data / "postmaster.pid"

    def _pg_ctl(self, *args: str) -> None:
        self.run("pg_ctl", "-D", str(self.data), "-w", "-t", _WAIT_SECONDS, *args)


def _as_owner() -> dict[str, object]:
    if os.geteuid() != 0:
        return {}
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
