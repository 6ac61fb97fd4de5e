"""The server with a ping a second, for tests that would otherwise wait for long."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import server  # noqa: E402
from bus import heartbeat  # noqa: E402

if __name__ == "__main__":
    heartbeat._interval = lambda: 1.0
    sys.exit(server.main())
