"""Runs the server, and records in a file each time that its loop was blocked."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402

EVERY_SECONDS = 0.005
SHORT_SECONDS = 0.002  # shorter times are not recorded


async def watch(path: Path) -> None:
    """Writes a line for each: its end (`time.time()`), and its length in milliseconds."""
    with path.open("w", buffering=1) as holds:
        before = time.monotonic()
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            now = time.monotonic()
            held = now - before - EVERY_SECONDS
            if held > SHORT_SECONDS:
                holds.write(f"{time.time():.4f} {1000 * held:.1f}\n")
            before = time.monotonic()


if __name__ == "__main__":
    serve = server.serve

    async def watched(config: Any) -> None:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        watching = asyncio.create_task(watch(config.data_dir / "holds"))
        try:
            await serve(config)
        finally:
            watching.cancel()

    server.serve = watched
    sys.exit(server.main())
