"""The server, with one addition: it can kill itself after a commit and before the answer.

It does so when its data directory has a file `die`. Everything else is `server.py` unchanged.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402
from db.feed_writer import FeedWriter  # noqa: E402

DYING = "dying between COMMIT and answer"


def main() -> int:
    order = Path(sys.argv[sys.argv.index("--data-dir") + 1]) / "die"
    settle = FeedWriter._settle

    def settle_or_die(self: FeedWriter, batch: list[Any], outcomes: list[Any]) -> None:
        if order.exists() and any(outcome.appended for outcome in outcomes):
            order.unlink()
            print(f"{DYING}: {len(outcomes)} writes", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        settle(self, batch, outcomes)

    FeedWriter._settle = settle_or_die  # type: ignore[method-assign]
    return server.main()


if __name__ == "__main__":
    sys.exit(main())
