"""A flood of one hostile request over 16 connections, from a process of its own.

It takes the same share of the machine for any request: it sends as fast as it is answered, and at
most `PER_SECOND`.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import uvloop

from tests.support.hostile_requests import HOSTILE, MINE, get
from tests.support.processes import ROOT

CONNECTIONS = 16
PLAIN = "plain"
PER_SECOND = 20  # of each connection: more than a budget allows


@asynccontextmanager
async def raw_flood(url: str, token: str, name: str) -> AsyncIterator[None]:
    """Runs the flood at its height while this is open."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", __name__, url, name),
        cwd=ROOT,
        env={**os.environ, "TOKEN": token},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            assert await process.stdout.readline()
        yield
    finally:
        process.stdin.close()
        told = await process.stdout.read()
        await process.wait()
    assert int(told) >= CONNECTIONS, "not all of them have sent"


def plain(name: str) -> str:
    """Returns the plain requests to compare with: as many, with or without a token."""
    hostile = HOSTILE[name]
    closes = ", closed" if hostile.refused else ""
    return (PLAIN if b"TOKEN" in hostile.sent else f"{PLAIN}, anonymous") + closes


def request(name: str, token: str) -> bytes:
    if name.startswith(PLAIN):
        close = b"Connection: close\r\n" if name.endswith(", closed") else b""
        anonymous = "anonymous" in name
        sent = get(b"/", close) if anonymous else get(b"/api/auth_user", close, host=MINE)
    else:
        sent = HOSTILE[name].sent
    return sent.replace(b"TOKEN", token.encode())


async def _ask(url: str, sent: bytes) -> int:
    """Sends requests until the standard input ends, and returns how many were sent whole."""
    sends: Counter[str] = Counter()
    port = urlsplit(url).port

    async def ask_on_and_on() -> None:
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    while True:
                        writer.write(sent)
                        await writer.drain()
                        sends["all"] += 1
                        closes = await _answer(reader)
                        await asyncio.sleep(1 / PER_SECOND)
                        if closes:
                            break
                finally:
                    writer.close()

    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(sys.stdin, ended.set)
    asking = [loop.create_task(ask_on_and_on()) for _ in range(CONNECTIONS)]
    await asyncio.sleep(0.2)
    sys.stdout.write("at its height\n")
    sys.stdout.flush()
    await ended.wait()
    for task in asking:
        task.cancel()
    return sends.total()


async def _answer(reader: asyncio.StreamReader) -> bool:
    """Reads an answer, and returns whether the connection closes after it."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    for line in head.split(b"\r\n"):
        if line.startswith(b"content-length:"):
            await reader.readexactly(int(line.partition(b":")[2]))
    return b"connection: close" in head or b"event-stream" in head


if __name__ == "__main__":
    sys.stdout.write(str(uvloop.run(_ask(sys.argv[1], request(sys.argv[2], os.environ["TOKEN"])))))
