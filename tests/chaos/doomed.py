"""The server with additions: it can die after a commit, and lose messages of its relay.

It kills itself between a commit and the answer when its data directory has a file `die`. It loses
the share of relay messages that the file `lose` says, from 0 to 1. Its metrics also count look-ups.
With MUTATION in the environment, it lacks a mechanism (`tests/mutations.py`). The rest is
`server.py`.
"""

import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from prometheus_client import Counter

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402
from db.feed import FeedReader, Page  # noqa: E402
from db.feed_writer import FeedWriter  # noqa: E402
from handlers.gaps import GapDetector  # noqa: E402
from handlers.requests.metrics import Metrics  # noqa: E402
from relay.relay import Relay  # noqa: E402

DYING = "dying between COMMIT and answer"
LOOK_UPS = Counter(
    "messenger_test_look_ups", "Positions of open streams and pages of feeds read.", registry=None
)


def main() -> int:
    orders = Path(sys.argv[sys.argv.index("--data-dir") + 1])
    die_when_told(orders / "die")
    lose_when_told(orders / "lose")
    count_look_ups()
    if mutation := os.environ.get("MUTATION"):
        from tests.mutations import MUTATIONS  # noqa: PLC0415  as it imports pytest

        MUTATIONS[mutation]()
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


def count_look_ups() -> None:
    compare, read, init = GapDetector._compare, FeedReader.read, Metrics.__init__

    async def compare_and_count(self: GapDetector, streams: Any) -> bool:
        LOOK_UPS.inc(len(streams))
        return await compare(self, streams)

    async def read_and_count(self: FeedReader, *args: Any, **options: Any) -> Page:
        LOOK_UPS.inc()
        return await read(self, *args, **options)

    def init_with_count(self: Metrics, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._registry.register(LOOK_UPS)

    GapDetector._compare = compare_and_count  # type: ignore[method-assign]
    FeedReader.read = read_and_count  # type: ignore[method-assign]
    Metrics.__init__ = init_with_count  # type: ignore[method-assign]


if __name__ == "__main__":
    sys.exit(main())
