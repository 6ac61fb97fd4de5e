"""The server as an operator starts it: a process of its own."""

import atexit
import contextlib
import functools
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType

from db.server.embedded import EmbeddedPostgres
from tests.support import secret_leaks

ROOT = Path(__file__).resolve().parents[2]
# A runner's parent may have it ignore some signals, and its children inherit that.
DEFAULT_SIGNALS = ("env", "--default-signal=HUP,INT,QUIT,TERM")
PORTS = (10_000, 32_000)  # /proc/sys/net/ipv4/ip_local_port_range begins at 32,768
READY_SECONDS = 90  # the first start makes a database, and CI is slow at times


def free_port() -> int:
    """Returns a free port below those that the kernel gives to connections.

    It is random: other test processes look for a port at the same moment.
    """
    while True:
        port = random.randrange(*PORTS)
        with socket.socket() as sock, contextlib.suppress(OSError):
            sock.bind(("127.0.0.1", port))
            return port


def run(*flags: str, seconds: float = 90, **environ: str) -> subprocess.CompletedProcess[str]:
    """Runs a start that must end by itself."""
    return subprocess.run(
        [sys.executable, "server.py", *flags],
        cwd=ROOT,
        env=_environment(environ),
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


@functools.cache
def new_cluster() -> Path:
    """Makes a cluster for servers to start with. A copy takes a tenth of the CPU of `initdb`."""
    folder = Path(tempfile.mkdtemp(prefix="messenger-cluster-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    embedded = EmbeddedPostgres(folder)
    embedded._make(lambda line: None)
    return embedded._data


class ServerProcess:
    """A server with an embedded database in `data_dir`, ready when the block begins.

    The block ends only the processes that it started.
    """

    program = "server.py"

    def __init__(
        self,
        data_dir: Path,
        *flags: str,
        descriptors: int | None = None,
        prefix: tuple[str, ...] = (),
        makes_cluster: bool = False,
        **environ: str,
    ) -> None:
        """Prepares a server. `prefix` is a command that starts another one, such as `nohup`.

        With `makes_cluster`, the first start runs `initdb` itself.
        """
        self._makes_cluster = makes_cluster
        self.descriptors = descriptors
        self.prefix = prefix
        self.data_dir = data_dir
        self.flags = ("--port", str(free_port()), *flags)
        self.environ = environ
        self.output: list[str] = []
        self.url = ""

    def __enter__(self) -> "ServerProcess":
        cluster = self.data_dir / "postgres"
        if not (self._makes_cluster or "DATABASE_URL" in self.environ or cluster.exists()):
            self.data_dir.mkdir(parents=True, exist_ok=True)
            subprocess.run(["cp", "-a", new_cluster(), cluster], check=True)
        self.start()
        self.wait_until_ready()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.stop_postgres()
        assert not secret_leaks.told_by(self.output)

    def start(self) -> None:
        command = (sys.executable, self.program, "--data-dir", str(self.data_dir))
        self.process = subprocess.Popen(
            [*DEFAULT_SIGNALS, *self.prefix, *self._limits(), *command, *self.flags],
            cwd=ROOT,
            env=_environment(self.environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, args=(self.process,))
        self._reader.start()

    def wait_until_ready(self) -> None:
        self.url = self.wait_for(r"Messenger is ready at (\S+)")

    def wait_for(self, pattern: str) -> str:
        """Waits for a line that matches, and returns its first group, or the whole match."""
        until = time.monotonic() + READY_SECONDS
        while time.monotonic() < until:
            if found := re.search(pattern, "\n".join(self.output)):
                return found[found.lastindex or 0]
            if self.process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.01)
        raise AssertionError(f"never printed {pattern}:\n" + "\n".join(self.output))

    def end(self, number: signal.Signals = signal.SIGTERM, seconds: float = 60) -> int:
        """Sends a signal, and returns the exit status."""
        self.process.send_signal(number)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError("never ended:\n" + "\n".join(self.output)) from None
        self._reader.join()
        return status

    def freeze(self) -> None:
        """Stops the process: it still accepts connections, and does nothing."""
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    @property
    def postgres_pid(self) -> int | None:
        """Returns the process id in the database's own file, or None after a stop."""
        try:
            return int((self.data_dir / "postgres" / "postmaster.pid").read_text().split()[0])
        except FileNotFoundError:
            return None

    def stop_postgres(self) -> None:
        """Stops the database that a killed server left running."""
        if self.postgres_pid is not None:
            left = EmbeddedPostgres(self.data_dir)
            left.start(lambda line: None)
            left.stop(3)

    def _limits(self) -> list[str]:
        return [] if self.descriptors is None else ["prlimit", f"--nofile={self.descriptors}"]

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                self.output.append(line.rstrip("\n"))


class DoomedServer(ServerProcess):
    """A server that can be told to die after its next commit."""

    program = "tests/chaos/doomed.py"

    def die_after_commit(self) -> None:
        (self.data_dir / "die").touch()


def has_own_hosts() -> bool:
    """Returns whether this machine allows a process to have its own hosts file."""
    return subprocess.call(["unshare", "--mount", "true"]) == 0


def with_hosts(file: Path, lines: str) -> tuple[str, ...]:
    """Returns a command prefix that gives a process an /etc/hosts with these lines alone."""
    file.write_text(lines)
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    return ("unshare", "--mount", "sh", "-c", script, str(file))


def _environment(more: dict[str, str]) -> dict[str, str]:
    """Returns the environment without any variable that is an option."""
    names = ("PATH", "HOME", "LANG", "MUTATION")
    kept = {key: os.environ[key] for key in names if key in os.environ}
    return {**kept, **more}
