"""The server, with two additions: it can die after a commit, and lose messages of its relay.

It kills itself between a commit and the answer when its data directory has a file `die`. It loses
the share of relay messages that the file `lose` says, from 0 to 1. The rest is `server.py`.
"""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402
from db.feed_writer import FeedWriter  # noqa: E402
from relay.relay import Relay  # noqa: E402

DYING = "dying between COMMIT and answer"


def main() -> int:
    orders = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    die_when_told(orders / "die")
    lose_when_told(orders / "lose")
    return server.main()


def die_when_told(order: Path) -> None:
    settle = FeedWriter._settle

    def settle_or_die(self: FeedWriter, batch: list[Any], outcomes: list[Any]) -> None:
        if order.exists() and any(outcome.appended for outcome in outcomes):
            order.unlink()
            print(f"{DYING}: {len(outcomes)} writes", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        settle(self, batch, outcomes)

    FeedWriter._settle = settle_or_die  # type: ignore[method-assign]


def lose_when_told(order: Path) -> None:
    receive = Relay.receive

    def receive_or_lose(self: Relay, data: bytes) -> None:
        if not order.exists() or random.random() >= float(order.read_text()):
            receive(self, data)

    Relay.receive = receive_or_lose  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
