"""Ten streams of one user that replay their feed again and again.

They are a process of their own: their share of the machine is the same for every server, and they
take none of the measuring client's time.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import uvloop

from tests.support.processes import ROOT

STREAMS = 10


@contextmanager
def ten_streams_replay(url: str, token: str, position: str, size: int) -> Iterator[None]:
    """Runs the replays while this is open. `size` is the number of bytes of one replay."""
    command = [sys.executable, "-m", __spec__.name, url, token, position, str(size)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"replaying\n"
        yield
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def _replay(url: str, token: str, position: str, size: int, told: list[bool]) -> None:
    parts = urlsplit(url)
    head = (
        f"GET /api/messages HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n"
        f"Authorization: Bearer {token}\r\nLast-Event-ID: {position}\r\n\r\n"
    )
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", parts.port)
        writer.write(head.encode())
        got = await reader.readuntil(b"\r\n\r\n")
        if not got.startswith(b"HTTP/1.1 200"):
            await asyncio.sleep(0.2)
        else:
            read = 0
            while read < size:
                read += len(await reader.read(2**18))
                if not told:
                    sys.stdout.write("replaying\n")
                    sys.stdout.flush()
                    told.append(True)
        writer.close()


async def _main(url: str, token: str, position: str, size: str) -> None:
    told: list[bool] = []  # tells that the first replay has begun
    replays = (_replay(url, token, position, int(size), told) for _ in range(STREAMS))
    await asyncio.gather(*replays)


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
