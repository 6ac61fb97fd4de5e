"""The servers that are compared: how each is started, and how it is spoken to."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.database import SECRET, Postgres, token

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
CONTENT = "A message of the usual length, as people send them all day, ~ and no longer than that."


class Missing(Exception):
    """This peer cannot be had on this machine; the text says why."""


class Server:
    """One that is compared. `hello` is what an open stream has had."""

    name = ""
    hello = "event: hello"
    stores = False  # messages, in PostgreSQL

    def __init__(self, tools: "Tools", postgres: Postgres) -> None:
        self.tools = tools
        self.postgres = postgres
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    # What each one says for itself.

    def command(self, stack: ExitStack) -> list[str]:
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        return {}

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        """A request that opens a stream of the user's."""
        raise NotImplementedError

    def publish(self) -> str:
        """A request whose message reaches all streams of user 2."""
        raise NotImplementedError

    # What all have in common.

    @contextmanager
    def running(self) -> Iterator["Server"]:
        with ExitStack() as stack:
            self._command = self.command(stack)
            self.start()
            try:
                yield self
            finally:
                self.stop()

    def start(self) -> None:
        log = (self.tools.folder / f"{self.name.split()[0]}.log").open("ab")
        with log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**os.environ, **self.environ()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + 30
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                time.sleep(1)  # those that have workers have them by then
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.02)
        raise Missing(f"{self.name} does not start; see {log.name}")

    def stop(self) -> None:
        assert self.process is not None
        for process in self.processes():
            process.kill()
        self.process.wait()

    def processes(self) -> list[psutil.Process]:
        assert self.process is not None
        try:
            parent = psutil.Process(self.process.pid)
            return [*parent.children(recursive=True), parent]
        except psutil.NoSuchProcess:
            return []

    def spec(self, **more: Any) -> dict[str, Any]:
        pids = [process.pid for process in self.processes()]
        return {"addr": f"127.0.0.1:{self.port}", "pids": pids, "opened": self.hello, **more}

    def request(self, line: str, body: object = None, *headers: str) -> str:
        lines = [f"{line} HTTP/1.1", f"Host: localhost:{self.port}", *headers]
        if line.startswith("GET") and "Accept" not in "".join(headers):
            lines.append("Accept: text/event-stream")
        text = "" if body is None else body if isinstance(body, str) else json.dumps(body)
        if body is not None:
            length = len(text.replace("{uuid}", "u" * 36).replace("{stamp}", "s" * 26))
            lines += [f"Content-Length: {length}", "Content-Type: application/json"]
        return "\r\n".join(lines) + "\r\n\r\n" + text


class Messenger(Server):
    name = "Messenger"
    hello = "event: hello"
    stores = True
    history = False

    def command(self, stack: ExitStack) -> list[str]:
        dsn = stack.enter_context(self.postgres.database(people=True, history=self.history))
        flags = {
            "--port": self.port,
            "--database-url": dsn,
            "--data-dir": self.tools.folder / "data",
            "--max-streams-per-user": 20_000,
            "--rate-limits": "off",
            "--jwt-secret": SECRET,
        }
        words = [str(word) for pair in flags.items() for word in pair]
        return [sys.executable, "bench/watched.py", *words]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        query = f"?last_event_id={last_event_id}" if last_event_id else ""
        return self.request(f"GET /api/messages{query}", None, self._as(user))

    def send(self, talk: int, user: int, content: str = CONTENT) -> str:
        fields = {"content": content, "clientId": "{uuid}"}
        return self.request(f"POST /api/conversations/{talk}/messages", fields, self._as(user))

    def publish(self) -> str:
        return self.send(1, 1)

    def page(self) -> str:
        line = "GET /api/conversations/1/messages?limit=25"
        return self.request(line, None, self._as(1), "Accept: application/json")

    def position(self) -> str:
        """Of user 2's feed."""
        url = f"http://127.0.0.1:{self.port}/api/conversations"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token(2)}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return str(answer.headers["Last-Event-ID"])

    def longest_hold(self) -> float:
        """Milliseconds for which its loop was held, so far at most."""
        return float((self.tools.folder / "data" / "longest-hold").read_text())

    def _as(self, user: int) -> str:
        return f"Authorization: Bearer {token(user)}"


class Go(Server):
    name = "Go net/http"
    stores = True

    def command(self, stack: ExitStack) -> list[str]:
        dsn = stack.enter_context(self.postgres.database())
        return [self.tools.built("peers/goserver"), "-port", str(self.port), "-database", dsn]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /stream?user={user}")

    def publish(self) -> str:
        return self.request("POST /publish?user=2", CONTENT_AS_JSON)

    def send(self, talk: int, user: int, content: str = CONTENT) -> str:
        line = f"POST /conversations/{talk}/messages?user={user}"
        return self.request(line, {"content": content})


# What Messenger's frame carries, so that the peers' frames are as long.
CONTENT_AS_JSON = json.dumps(
    {
        "id": "1000000",
        "conversationId": "1",
        "userId": "1",
        "content": CONTENT,
        "createdAt": "2026-11-24T12:00:00.000Z",
        "mine": False,
        "clientId": None,
    },
    separators=(",", ":"),
)


class Nchan(Server):
    name = "nginx + nchan"
    hello = "\r\n\r\n"

    def command(self, stack: ExitStack) -> list[str]:
        module = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
        nginx = shutil.which("nginx") or "/usr/sbin/nginx"
        if not module.exists() or not Path(nginx).exists():
            raise Missing("nchan: Debian's nginx and libnginx-mod-nchan are not installed")
        text = (HERE / "peers" / "nchan.conf").read_text()
        path = self.tools.folder / "nchan.conf"
        path.write_text(text.replace("MODULE", str(module)).replace("PORT", str(self.port)))
        return [nginx, "-e", "stderr", "-p", str(self.tools.folder), "-c", str(path)]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /stream/{user}")

    def publish(self) -> str:
        return self.request("POST /publish/2", CONTENT_AS_JSON)


class Python(Server):
    """One of the peers that are a page of Python."""

    script = ""

    def command(self, stack: ExitStack) -> list[str]:
        return [sys.executable, str(HERE / "peers" / self.script), str(self.port)]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /stream?user={user}")

    def publish(self) -> str:
        return self.request("POST /publish?user=2", CONTENT_AS_JSON)


class PlainTornado(Python):
    name = "Tornado, plain"
    script = "plain_tornado.py"


class AiohttpSse(Python):
    name = "aiohttp-sse"
    script = "aiohttp_sse_server.py"


class SseStarlette(Python):
    name = "sse-starlette"
    script = "sse_starlette_server.py"


Kind = type[Server]
ALL: list[Kind] = [
    Messenger,
    Go,
    Nchan,
    PlainTornado,
    AiohttpSse,
    SseStarlette,
]


class Tools:
    """What is built for a run, and where it is kept."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def built(self, path: str) -> str:
        """The program that a folder of Go becomes."""
        program = self.folder / "bin" / Path(path).name
        if not program.exists():
            go = shutil.which("go") or "/usr/local/go/bin/go"
            if not Path(go).exists():
                raise Missing(f"{path}: there is no Go here")
            subprocess.run([go, "build", "-o", str(program), "."], cwd=HERE / path, check=True)
        return str(program)

    def load(self, command: str, spec: dict[str, Any]) -> dict[str, Any]:
        ended = subprocess.run(
            [self.built("load"), command],
            input=json.dumps(spec),
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        return dict(json.loads(ended.stdout))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
