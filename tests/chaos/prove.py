"""Runs a storm for each way to the database, and writes the figures into docs/performance.md.

python -m tests.chaos.prove
"""

import asyncio
import random
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.__main__ import commit, replace_figures
from tests.chaos.run import ALLOWED, Figures, Plan, chaos
from tests.support.processes import ROOT
from tests.support.standalone import Way

WAYS: dict[str, Way | None] = {
    "a Unix socket": None,
    "TCP, an address": "ipv4",
    "TCP, a name whose first address refuses": "name",
}
PLAN = Plan(kills=100, kills_after_commit=25, crashes=20)


def main() -> int:
    found = {name: run_one(way) for name, way in WAYS.items()}
    seeds = ", ".join(str(seed) for seed, _ in found.values())
    sentence = f"`make prove` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, seeds {seeds}."
    figures = {name: taken for name, (_, taken) in found.items()}
    replace_figures(ROOT / "docs" / "performance.md", sentence, table(figures), "storms")
    return 1 if any(any(taken[ALLOWED:]) for taken in figures.values()) else 0


def run_one(way: Way | None) -> tuple[int, Figures]:
    """Runs a storm, and returns its seed and its figures."""
    seed = random.SystemRandom().randrange(10**6)
    with tempfile.TemporaryDirectory(prefix="messenger-chaos-") as folder:
        Path(folder).chmod(0o755)
        figures = asyncio.run(chaos(Path(folder), PLAN, seed, way))
    print(f"seed {seed}, {figures}", flush=True)
    return seed, figures


def table(figures: dict[str, Figures]) -> str:
    rows = [["", *figures], ["---", *["---:"] * len(figures)]]
    for name in Figures._fields:
        values = [f"{getattr(taken, name):,.0f}" for taken in figures.values()]
        rows.append([name.replace("_", " "), *values])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
