"""The server, with a watch on its loop: how long it was held at most goes into a file."""

import asyncio
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402

EVERY_SECONDS = 0.005
START_SECONDS = 2.0  # the start holds the loop as long as it likes


async def watch(path: Path) -> None:
    await asyncio.sleep(START_SECONDS)
    loop = asyncio.get_running_loop()
    longest, before = 0.0, loop.time()
    path.write_text("0")
    while True:
        await asyncio.sleep(EVERY_SECONDS)
        now = loop.time()
        if now - before - EVERY_SECONDS > longest:
            longest = now - before - EVERY_SECONDS
            path.write_text(f"{1000 * longest:.1f}")
        before = now


if __name__ == "__main__":
    serve = server.serve

    async def watched(config: Any) -> None:
        config.data_dir.mkdir(parents=True, exist_ok=True)
        watching = asyncio.create_task(watch(config.data_dir / "longest-hold"))
        try:
            await serve(config)
        finally:
            watching.cancel()

    server.serve = watched
    sys.exit(server.main())
