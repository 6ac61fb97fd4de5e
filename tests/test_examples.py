"""The clients of examples/ lose and double nothing, whatever is killed, and they are short."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.support import documents
from tests.support.callers import Caller, until_ready
from tests.support.processes import ROOT, ServerProcess
from tests.support.rules import rule

EXAMPLES = ROOT / "examples"
PROGRAMS = {"client.py": sys.executable, "client.mjs": "node"}
LONGEST = {"client.py": 100, "client.mjs": 110}  # lines
MISSED = 120  # messages: more than one page
SECONDS = 60  # for anything to arrive: both clients wait up to some seconds before they try again


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example_has_about_a_hundred_lines(name: str) -> None:
    assert len((EXAMPLES / name).read_text().splitlines()) <= LONGEST[name]


class Client:
    """An example as a process of its own, which can be killed and restarted."""

    def __init__(self, name: str, url: str, token: str, folder: Path, conversation: str) -> None:
        self._command = [PROGRAMS[name], str(EXAMPLES / name), url, "messages", conversation]
        self._folder, self._token = folder, token
        self._printed = folder / "printed"

    def start(self) -> None:
        environ = {"PATH": os.environ["PATH"], "TOKEN": self._token}
        with self._printed.open("w") as printed:
            self.process = subprocess.Popen(
                self._command, cwd=self._folder, env=environ, stdin=subprocess.PIPE, stdout=printed
            )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._input.close()

    @property
    def _input(self) -> IO[bytes]:
        assert self.process.stdin is not None
        return self.process.stdin

    def send(self, line: str) -> None:
        self._input.write(f"{line}\n".encode())
        self._input.flush()

    def has_written(self, content: str) -> None:
        """Waits until its file has this content."""
        until = time.monotonic() + SECONDS
        while content not in (self._folder / "messages").read_text():
            assert time.monotonic() < until
            time.sleep(0.02)

    def contents(self) -> list[str]:
        """Returns what it has printed since its start, after what it kept before."""
        whole, _, _ = self._printed.read_text().rpartition("\n")
        return [json.loads(line)["content"] for line in whole.splitlines()]

    def has(self, contents: list[str]) -> None:
        """Waits until it has printed all of these, and checks that it has printed nothing else."""
        until = time.monotonic() + SECONDS
        while len(self.contents()) < len(contents) and time.monotonic() < until:
            assert self.process.poll() is None
            time.sleep(0.02)
        assert self.contents() == contents


class FeedWriter:
    """Sends each message until it is answered, whatever is killed meanwhile."""

    def __init__(self, caller: Caller, conversation: str) -> None:
        self._caller = caller
        self._path = f"/api/conversations/{conversation}/messages"

    def send(self, content: str) -> None:
        fields = {"content": content, "clientId": str(uuid.uuid4())}
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            try:
                self._caller.ask(self._path, fields)
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise AssertionError(f"{content} was never sent")


@pytest.fixture(params=PROGRAMS)
def client(
    request: pytest.FixtureRequest, server: ServerProcess, tmp_path: Path
) -> Iterator[Client]:
    """Makes a client of Jane, who talks with John."""
    documents.needs(PROGRAMS[request.param])
    jane = Caller(server.url, "jane")
    Caller(server.url, "john")
    conversation = jane.ask("/api/conversations", {"username": "john"})["id"]
    client = Client(request.param, server.url, jane.token, tmp_path, conversation)
    client.start()
    yield client
    client.kill()


@pytest.fixture
def server(dsn: str, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "data", DATABASE_URL=dsn, RATE_LIMITS="off") as server:
        yield server


@pytest.fixture
def john(client: Client, server: ServerProcess) -> FeedWriter:
    caller = Caller(server.url, "john")
    return FeedWriter(caller, caller.ask("/api/conversations", {"username": "jane"})["id"])


def kill_and_start(server: ServerProcess, *flags: str) -> None:
    assert server.end(signal.SIGKILL) == -signal.SIGKILL
    start(server, *flags)


def start(server: ServerProcess, *flags: str) -> None:
    server.output.clear()
    server.flags += flags
    server.start()
    until_ready(server.url)


@rule("api#promise", "api#client-id")
def test_an_example_loses_and_doubles_nothing_across_kills(
    client: Client, john: FeedWriter, server: ServerProcess
) -> None:
    said: list[str] = []
    for n in range(2):
        for one in (f"{n}: before", f"{n}: another"):
            john.send(one)
            said.append(one)
        client.has(said)
        client.send(f"{n}: of the client")
        said.append(f"{n}: of the client")
        kill_and_start(server)
        client.has(said)
    assert server.end(signal.SIGKILL) == -signal.SIGKILL
    for one in ("while the server is away", "and another"):
        client.send(one)
        said.append(one)
    client.has_written("and another")
    client.kill()
    start(server)
    client.start()
    client.has(said)


@rule("api#after-reset", "api#walking-pages")
def test_an_example_catches_up_after_a_reset(
    client: Client, john: FeedWriter, server: ServerProcess
) -> None:
    john.send("before")
    client.has(["before"])
    client.kill()
    missed = [f"missed {n}" for n in range(MISSED)]
    for content in missed:
        john.send(content)
    kill_and_start(server, "--new-epoch")
    client.start()
    client.has(["before", *missed])
    john.send("after")
    client.has(["before", *missed, "after"])


def test_an_example_outlives_a_half_written_line_and_a_broken_position(
    client: Client, john: FeedWriter, tmp_path: Path
) -> None:
    john.send("one")
    client.has(["one"])
    client.kill()
    with (tmp_path / "messages").open("a") as torn:
        torn.write('{"position": "nonsense"}\n{"messages": [{"id": "9')
    john.send("two")
    client.start()
    client.has(["one", "two"])


def test_an_example_drops_a_refused_message_and_sends_the_next(
    client: Client, tmp_path: Path
) -> None:
    for content in ("one", "", "two"):
        client.send(content)
    client.has(["one", "two"])
    client.kill()
    client.start()
    client.send("three")
    client.has(["one", "two", "three"])
