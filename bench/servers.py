"""The servers to compare: how to start each, and its requests."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import jwt
import psutil

from bench.database import GROUPS, SECRET, Postgres, processor_seconds, token

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# The Go of the wheel, which `make` installs if the machine's is too old; else the machine's.
GO = [str(Path(sys.prefix) / "bin" / "go"), "go", "/usr/local/go/bin/go"]
NGINX = Path("/usr/sbin/nginx")
NCHAN_PACKAGE = "libnginx-mod-nchan"  # Debian's
NCHAN = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
CONTENT = "A message of the usual length, as people send them all day, ~ and no longer than that."


def compact(fields: dict[str, Any]) -> str:
    return json.dumps(fields, separators=(",", ":"))


class Missing(Exception):
    """This peer is not available on this machine. The text says why."""


class Server:
    """A server to compare. `hello` is the text that an open stream begins with."""

    name = ""
    hello = "event: hello"
    stores = False  # whether it stores messages in PostgreSQL

    def __init__(self, tools: "Tools", postgres: Postgres) -> None:
        self.tools = tools
        self.postgres = postgres
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self.listens_since = 0.0

    # Each server defines these.

    def command(self, stack: ExitStack) -> list[str]:
        raise NotImplementedError

    def environ(self) -> dict[str, str]:
        return {}

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        """Returns a request that opens a stream of the user."""
        raise NotImplementedError

    def member(self, user: int) -> str:
        """Returns a request that opens a stream of a group's member. The rest have one topic."""
        return self.stream(user if self.stores else 2)

    def to_group(self, members: int, user: int) -> str:
        """Returns a request that sends a message to all members of a group."""
        raise NotImplementedError

    # The same for all servers.

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
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env={**os.environ, **self.environ()},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        until = time.monotonic() + 30
        while time.monotonic() < until and self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                self.listens_since = time.time()
                time.sleep(0.3)  # those that have workers have them by then
                return
            except OSError:
                time.sleep(0.02)
        raise Missing(f"{self.name} does not start: {self.last_words()}")

    @property
    def log(self) -> Path:
        return self.tools.folder / f"{type(self).__name__}.log"

    def last_words(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " / ".join(lines[-3:]) or "it says nothing"

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
        return {"addrs": self.addresses(), "pids": pids, "opened": self.hello, **more}

    def addresses(self) -> list[str]:
        return [f"127.0.0.1:{self.port}"]

    def request(self, line: str, body: dict[str, Any] | str | None = None, *headers: str) -> str:
        lines = [f"{line} HTTP/1.1", f"Host: localhost:{self.port}", *headers]
        if line.startswith("GET") and "Accept" not in "".join(headers):
            lines.append("Accept: text/event-stream")
        text = compact(body) if isinstance(body, dict) else body or ""
        if body is not None:
            length = len(text.replace("{uuid}", "u" * 36).replace("{stamp}", "s" * 26))
            lines.append(f"Content-Length: {length}")
            if "Content-Type" not in "".join(headers):
                lines.append("Content-Type: application/json")
        return "\r\n".join([*lines, "", text])


class Messenger(Server):
    name = "Messenger"
    hello = "event: hello"
    stores = True
    filled_with = ""  # the database; see `Postgres.database`

    def command(self, stack: ExitStack) -> list[str]:
        filled_with = self.filled_with
        dsn = stack.enter_context(self.postgres.database(people=True, filled_with=filled_with))
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
        """Returns a request that sends a message to all streams of user 2."""
        return self.send(1, 1)

    def to_group(self, members: int, user: int) -> str:
        return self.send(GROUPS[members], user)

    def page(self, talk: int = 1, user: int = 1) -> str:
        line = f"GET /api/conversations/{talk}/messages?limit=25"
        return self.request(line, None, self._as(user), "Accept: application/json")

    def position(self) -> str:
        """Returns the position of user 2's feed."""
        url = f"http://127.0.0.1:{self.port}/api/conversations"
        asked = urllib.request.Request(url, headers={"Authorization": f"Bearer {token(2)}"})
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return str(answer.headers["Last-Event-ID"])

    def longest_hold(self, since: float, until: float) -> float:
        """Returns the longest time that the loop was blocked between two times, in ms."""
        lines = (self.tools.folder / "data" / "holds").read_text().splitlines()
        holds = [tuple(map(float, line.split())) for line in lines]
        return max((held for at, held in holds if since < at < until), default=0.0)

    def _as(self, user: int) -> str:
        return f"Authorization: Bearer {token(user)}"


class Go(Server):
    name = "Go net/http"
    stores = True
    # Of 2, 4, 8, 16 and 32 connections, 16 and 32 store most: 3,000 messages a second with 32
    # senders. With 4, the default of pgx, it stores 1,950.
    pool: tuple[str, ...] = ("-connections", "16")
    dsn = ""

    def command(self, stack: ExitStack) -> list[str]:
        program = self.tools.built("peers/goserver")
        self.dsn = stack.enter_context(self.postgres.database())
        where = ["-port", str(self.port), "-secret", SECRET, "-database", self.dsn]
        return [program, *where, *self.pool]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request("GET /stream", None, self._as(user))

    def send(self, talk: int, user: int, content: str = CONTENT) -> str:
        line = f"POST /conversations/{talk}/messages"
        return self.request(line, {"content": content, "clientId": "{uuid}"}, self._as(user))

    def _as(self, user: int) -> str:
        return f"Authorization: Bearer {token(user)}"


class GoSql(Go):
    """The Go server with the defaults of database/sql, whose pool keeps two idle connections."""

    name = "Go database/sql"
    pool = ()


class GoFeeds(Go):
    """The Go server, which stores a row in the feed of each member: one transaction a message."""

    name = "Go, a transaction each"
    # Of 2, 4, 8, 16 and 32 connections, 4 store most with 32 senders: more wait for the same feeds.
    pool = ("-connections", "4", "-feeds", "single")

    def to_group(self, members: int, user: int) -> str:
        return self.send(GROUPS[members], user)


class GoFeedsBatched(GoFeeds):
    """The same with group commit: one transaction for all messages that wait."""

    name = "Go, group commit"
    pool = ("-connections", "4", "-feeds", "batched")


class Mercure(Server):
    name = "Mercure"
    hello = "\r\n\r\n"

    def command(self, stack: ExitStack) -> list[str]:
        program = self.tools.built("peers/mercure")
        return [program, "-port", str(self.port), "-secret", SECRET]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /.well-known/mercure?topic=user/{user}")

    def to_group(self, members: int, user: int) -> str:
        form = urllib.parse.urlencode({"topic": "user/2", "data": CONTENT}, safe="~")
        may = jwt.encode({"mercure": {"publish": ["*"]}}, SECRET, "HS256")
        headers = (
            f"Authorization: Bearer {may}",
            "Content-Type: application/x-www-form-urlencoded",
        )
        return self.request("POST /.well-known/mercure", form, *headers)


class Centrifugo(Server):
    name = "Centrifugo"
    hello = "data: "

    def command(self, stack: ExitStack) -> list[str]:
        program = self.tools.built("peers/centrifugo", "github.com/centrifugal/centrifugo/v5")
        config = HERE / "peers" / "centrifugo" / "config.json"
        where = ["--address", "127.0.0.1", "--port", str(self.port)]
        return [program, "--config", str(config), *where]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        wanted = compact({"subs": {f"user{user}": {}}})
        return self.request(f"GET /connection/uni_sse?cf_connect={urllib.parse.quote(wanted)}")

    def to_group(self, members: int, user: int) -> str:
        body = {"channel": "user2", "data": {"content": CONTENT}}
        return self.request("POST /api/publish", body, "X-API-Key: benchmarks")


class Nchan(Server):
    name = "nginx + nchan"
    hello = "\r\n\r\n"

    def command(self, stack: ExitStack) -> list[str]:
        if not NCHAN.exists() or not NGINX.exists():
            raise Missing("nchan: Debian's nginx and libnginx-mod-nchan are not installed")
        text = (HERE / "peers" / "nchan.conf").read_text()
        path = self.tools.folder / "nchan.conf"
        path.write_text(text.replace("MODULE", str(NCHAN)).replace("PORT", str(self.port)))
        return [str(NGINX), "-e", "stderr", "-p", str(self.tools.folder), "-c", str(path)]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /stream/{user}")

    def to_group(self, members: int, user: int) -> str:
        return self.request("POST /publish/2", {"content": CONTENT})


class Python(Server):
    """A peer written in a page of Python."""

    script = ""

    def command(self, stack: ExitStack) -> list[str]:
        return [sys.executable, str(HERE / "peers" / self.script), str(self.port)]

    def stream(self, user: int = 2, last_event_id: str = "") -> str:
        return self.request(f"GET /stream?user={user}")


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
    GoSql,
    GoFeeds,
    GoFeedsBatched,
    Mercure,
    Centrifugo,
    Nchan,
    PlainTornado,
    AiohttpSse,
    SseStarlette,
]


class Spent:
    """Seconds of CPU that a server and its database spend inside a `with`."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.server = self.database = 0.0

    def __enter__(self) -> "Spent":
        self._had = self._now()
        return self

    def __exit__(self, *_: object) -> None:
        now = self._now()
        self.server, self.database = now[0] - self._had[0], now[1] - self._had[1]

    def _now(self) -> tuple[float, float]:
        own = self._server.processes()
        return sum(map(processor_seconds, own)), self._server.postgres.processor_seconds()


class Tools:
    """The programs built for a run, and their folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._built: dict[str, str | Missing] = {}

    def versions(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if go := find_go():
            found["Go"] = output(go, "env", "GOVERSION").removeprefix("go")
            for module in ("mercure", "centrifugo"):
                lines = (HERE / "peers" / module / "go.mod").read_text().splitlines()
                line = next(line for line in lines if f"/{module}" in line and " v" in line)
                found[module.capitalize()] = line.split()[1].removeprefix("v")
        if NGINX.exists():
            told = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=False)
            found["nginx"] = told.stderr.strip().rpartition("/")[2]
        if NCHAN.exists() and shutil.which("dpkg-query"):
            said = output("dpkg-query", "-Wf", "${source:Upstream-Version}", NCHAN_PACKAGE)
            found["nchan"] = said.partition("+")[0]
        return found

    def built(self, path: str, package: str = ".") -> str:
        """Builds a folder of Go, and returns the program. Raises `Missing`."""
        if path not in self._built:
            self._built[path] = self._build(path, package)
        program = self._built[path]
        if isinstance(program, Missing):
            raise program
        return program

    def _build(self, path: str, package: str) -> "str | Missing":
        program = str(self.folder / "bin" / Path(path).name)
        go = find_go()
        if go is None:
            return Missing(f"{path}: there is no Go here")
        command = [go, "build", "-buildvcs=false", "-o", program, package]
        ended = subprocess.run(
            command, cwd=HERE / path, capture_output=True, text=True, check=False
        )
        if ended.returncode:
            return Missing(f"{path}: Go could not build it: {ended.stderr.strip()[-300:]}")
        return program

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


@contextmanager
def equipment() -> Iterator[tuple[Tools, Postgres]]:
    """Yields the tools and a PostgreSQL, in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="messenger-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "tmp").mkdir()
        with Postgres(folder / "postgres") as postgres:
            yield Tools(folder), postgres


def output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def find_go() -> str | None:
    return next((go for go in GO if shutil.which(go)), None)


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
