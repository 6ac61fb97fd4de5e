"""Clients outside the server's process, which send one request after another."""

import json
import re
import time
import urllib.request
from typing import Any

from tests.support import secret_leaks
from tests.support.postgres import ask


class Caller:
    """A client outside the server's process, with one token."""

    def __init__(self, url: str, username: str | None = None, token: str = "") -> None:
        self.url = url
        self.token = token
        if username is not None:
            self.token = self.ask("/api/login", {"username": username})["token"]
        secret_leaks.note(self.token)

    def ask(self, path: str, fields: Any = None) -> Any:
        answer = self.open(path, fields)
        return json.loads(answer.read())

    def epoch(self) -> str:
        return str(self.open("/api/conversations").headers["Last-Event-ID"]).partition("-")[0]

    def open(self, path: str, fields: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        body = None if fields is None else json.dumps(fields).encode()
        headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self.url + path, body, headers)
        return urllib.request.urlopen(request, timeout=30)


def someone_talks(url: str) -> tuple[Caller, str]:
    """Returns John, and the path of a conversation that has a message of his."""
    Caller(url, "jane")
    john = Caller(url, "john")
    conversation = john.ask("/api/conversations", {"username": "jane"})["id"]
    path = f"/api/conversations/{conversation}/messages"
    john.ask(path, {"content": "hello"})
    return john, path


def until_ready(url: str, seconds: float = 45) -> None:
    """Waits until `/health/ready` answers 200."""
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(f"{url}/health/ready", timeout=5):
                return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.05)


def streams_open(url: str) -> int:
    text = Caller(url).open("/metrics").read().decode()
    return int(float(re.findall(r"^messenger_streams_open (\S+)$", text, re.MULTILINE)[0]))


def contents(caller: Caller, path: str) -> list[str]:
    return [message["content"] for message in caller.ask(path)]


def wait_for_a_lock(dsn: str) -> None:
    """Waits until a session waits for a row that another one has locked."""
    until = time.monotonic() + 5
    while not ask(dsn, "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert time.monotonic() < until
        time.sleep(0.01)
