"""The server, but that it loses a share of the messages that its relay receives.

The share is in the file `lose` of its data directory, from 0 to 1; the rest is `server.py`.
"""

import random
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402
from relay.relay import Relay  # noqa: E402


def main() -> int:
    order = Path(sys.argv[sys.argv.index("--data-dir") + 1]) / "lose"
    receive = Relay.receive

    def receive_or_lose(self: Relay, data: bytes) -> None:
        if not order.exists() or random.random() >= float(order.read_text()):
            receive(self, data)

    Relay.receive = receive_or_lose  # type: ignore[method-assign]
    return server.main()


if __name__ == "__main__":
    sys.exit(main())
