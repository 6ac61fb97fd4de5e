"""A flood: one user's requests over many connections, each sent as soon as one is answered.

It is a process of its own: its share of the machine is the same for every server, and it takes none
of the measuring client's time.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import astuple, dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import uvloop

from tests.support.processes import ROOT

CONNECTIONS = 32
SEVERAL = 200  # answers, after which the flood is at full height
HUNG_UP = 0  # counted in place of a status


class Connection:
    """A connection that sends one request after another."""

    def __init__(self, url: str, token: str) -> None:
        self._url = urlsplit(url)
        self._token = token

    async def __aenter__(self) -> "Connection":
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self._url.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.close()

    async def ask(self, method: str, path: str, fields: object = None, accept: str = "*/*") -> int:
        """Returns the status. Leaves the body of an endless answer, such as a stream, unread."""
        self.send(method, path, fields, accept)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        for line in answer.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                await self.reader.readexactly(int(line.partition(b":")[2]))
        return int(answer.split()[1])

    def send(self, method: str, path: str, fields: object = None, accept: str = "*/*") -> None:
        body = b"" if fields is None else json.dumps(fields).encode()
        head = (
            f"{method} {path} HTTP/1.1\r\nHost: {self._url.netloc}\r\nAccept: {accept}\r\n"
            f"Authorization: Bearer {self._token}\r\nContent-Length: {len(body)}\r\n"
        )
        if body:
            head += "Content-Type: application/json\r\n"
        self.writer.write(head.encode() + b"\r\n" + body)


@dataclass
class Flood:
    """The requests of a flood.

    `fresh`: each request has a new connection, which closes at its answer. `hangs_up`: the client
    closes as soon as it has sent the request.
    """

    method: str
    path: str
    fields: Any = None
    accept: str = "*/*"
    fresh: bool = False
    hangs_up: bool = False

    @asynccontextmanager
    async def at(self, url: str, token: str, path: str) -> AsyncIterator[Counter[int]]:
        """Runs the flood while this is open, and then yields how often it got each status.

        `path`, of a conversation, replaces `{}`.
        """
        flood = replace(self, path=self.path.format(path))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", __name__, url, json.dumps(astuple(flood))),
            cwd=ROOT,
            env={**os.environ, "TOKEN": token},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        statuses: Counter[int] = Counter()
        try:
            async with asyncio.timeout(60):
                assert await process.stdout.readline()
            yield statuses
        finally:
            process.stdin.close()
            told = await process.stdout.read()
            await process.wait()
            statuses.update({int(status): n for status, n in json.loads(told).items()})


async def _ask(url: str, token: str, flood: Flood) -> Counter[int]:
    """Sends requests until the standard input ends."""
    statuses: Counter[int] = Counter()
    asked = flood.method, flood.path, flood.fields, flood.accept

    async def ask_on_and_on() -> None:
        while True:
            async with Connection(url, token) as connection:
                if flood.hangs_up:
                    connection.send(*asked)
                    statuses[HUNG_UP] += 1
                    continue
                while True:
                    statuses[await connection.ask(*asked)] += 1
                    if flood.fresh:
                        break

    def tell_of_height() -> None:
        if statuses.total() > SEVERAL:
            sys.stdout.write("at its height\n")
            sys.stdout.flush()
        else:
            loop.call_later(0.01, tell_of_height)

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    asking = [loop.create_task(ask_on_and_on()) for _ in range(CONNECTIONS)]
    tell_of_height()
    await asyncio.wait([*asking, loop.create_task(ended.wait())], return_when="FIRST_COMPLETED")
    for task in asking:
        if task.done():
            task.result()
        task.cancel()
    return statuses


if __name__ == "__main__":
    flood = Flood(*json.loads(sys.argv[2]))
    counted = uvloop.run(_ask(sys.argv[1], os.environ["TOKEN"], flood))
    sys.stdout.write(json.dumps(counted))
