"""The server, with one addition: it records the callbacks that hold its loop for long.

It runs on asyncio's own loop, where each callback passes through `Handle._run`. It records garbage
collections, too. Everything else is `server.py` unchanged.
"""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import uvloop  # noqa: E402

import server  # noqa: E402
from tests.support.processes import ServerProcess  # noqa: E402

FILE = "callbacks"  # in the data directory; a line has time, seconds and name of a callback
RECORDED_SECONDS = 0.001
COLLECTION = "garbage collection"


class Callback(NamedTuple):
    at: float  # when it ended, by `time.monotonic`, which all processes share
    seconds: float  # of thread CPU
    name: str


class TimedServer(ServerProcess):
    program = "tests/support/timed_callbacks.py"

    def callbacks(self) -> list[Callback]:
        """Returns collections, and the callbacks that took at least `RECORDED_SECONDS`."""
        fields = [line.split(" ", 2) for line in (self.data_dir / FILE).read_text().splitlines()]
        return [Callback(float(at), float(seconds), name) for at, seconds, name in fields]

    @contextmanager
    def longest_callback(self) -> Iterator[list[Callback]]:
        """Yields a list, which at the end has the callback that took longest meanwhile."""
        longest: list[Callback] = []
        began = time.monotonic()
        yield longest
        recorded = [callback for callback in self.callbacks() if callback.at >= began]
        longest += sorted(recorded, key=lambda callback: callback.seconds)[-1:]


def record(file: Path) -> None:
    """Has all callbacks of asyncio's loops and all collections timed."""
    recorded = file.open("w", buffering=1)
    handle: Any = asyncio.Handle
    run = handle._run
    began = 0.0

    def write(seconds: float, name: str) -> None:
        recorded.write(f"{time.monotonic()} {seconds} {name}\n")

    def timed(self: asyncio.Handle) -> None:
        began = time.thread_time()
        run(self)
        seconds = time.thread_time() - began
        if seconds >= RECORDED_SECONDS:
            write(seconds, " ".join(repr(self).split()))

    def collecting(phase: str, details: dict[str, int]) -> None:
        nonlocal began
        if phase == "stop":
            write(time.thread_time() - began, f"{COLLECTION} of generation {details['generation']}")
        began = time.thread_time()

    handle._run = timed
    gc.callbacks.append(collecting)


if __name__ == "__main__":
    record(Path(sys.argv[sys.argv.index("--data-dir") + 1]) / FILE)
    uvloop.new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]
    sys.exit(server.main())
