"""Several servers on one database, and the broker of their relay."""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypeVar
from urllib.request import urlopen

from tests.support.processes import DoomedServer, ServerProcess, free_port

SECRET = "a secret that all servers of a test have, 32 bytes"
NATS_SERVER = Path(sys.executable).with_name("nats-server")

Engine = Literal["postgres", "nats"]


class Broker:
    """A NATS server of its own."""

    def __init__(self, *flags: str) -> None:
        self.flags = flags
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        self.process = subprocess.Popen(
            [NATS_SERVER, "-a", "127.0.0.1", "-p", str(self.port), *self.flags],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def freeze(self) -> None:
        """Stops it: it still accepts connections, and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@contextlib.contextmanager
def relay(engine: Engine) -> Iterator[tuple[str, Broker | None]]:
    """Yields the value of `--relay`, and the broker if the engine has one."""
    if engine == "postgres":
        yield "postgres", None
        return
    broker = Broker()
    broker.start()
    try:
        yield broker.url, broker
    finally:
        broker.kill()


class ForgetfulServer(DoomedServer):
    """A server whose relay loses a share of the messages that it receives."""

    def lose(self, share: float) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        (self.data_dir / "lose").write_text(str(share))


Kind = TypeVar("Kind", bound=ServerProcess)


def server(dsn: str, folder: Path, relay: str, *flags: str, kind: type[Kind]) -> Kind:
    """Returns one of several servers, which is not started yet."""
    return kind(
        folder,
        *("--database-url", dsn, "--jwt-secret", SECRET, "--relay", relay),
        *("--rate-limits", "off", "--origin", "http://localhost:8000"),
        *flags,
    )


@contextlib.contextmanager
def servers(dsn: str, folder: Path, relay: str, count: int) -> Iterator[list[ForgetfulServer]]:
    """Runs so many servers, all of which are ready."""
    with contextlib.ExitStack() as stack:
        started = [server(dsn, folder / str(n), relay, kind=ForgetfulServer) for n in range(count)]
        for one in started:
            stack.enter_context(one)
        yield started


def url(server: ServerProcess) -> str:
    """The address of this server alone: the ready line has the origin, which all share."""
    return f"http://localhost:{server.flags[1]}"


def metrics(server: ServerProcess) -> str:
    with urlopen(f"{url(server)}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def metric(server: ServerProcess, name: str) -> float:
    """The value of a metric, or the sum over its labels."""
    text = metrics(server)
    lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def until(condition: object, seconds: float = 10) -> None:
    """Returns when the condition holds. It must come to hold within so many seconds."""
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to hold"
        time.sleep(0.02)
