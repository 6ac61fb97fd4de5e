"""Runs a storm for each way to the database, and writes the figures into docs/performance.md.

python -m tests.chaos.prove
"""

import sys
from datetime import UTC, datetime

from bench.__main__ import commit, replace_figures
from tests.chaos.run import ALLOWED, Figures, run_whole
from tests.support.processes import ROOT
from tests.support.standalone import Way

WAYS: dict[str, Way | None] = {
    "a Unix socket": None,
    "TCP, an address": "ipv4",
    "TCP, a name whose first address refuses": "name",
}


def main() -> int:
    found = {name: run_whole(way) for name, way in WAYS.items()}
    seeds = ", ".join(str(seed) for seed, _ in found.values())
    sentence = f"`make prove` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, seeds {seeds}."
    figures = {name: taken for name, (_, taken) in found.items()}
    replace_figures(ROOT / "docs" / "performance.md", sentence, table(figures), "storms")
    return 1 if any(any(taken[ALLOWED:]) for taken in figures.values()) else 0


def table(figures: dict[str, Figures]) -> str:
    rows = [["", *figures], ["---", *["---:"] * len(figures)]]
    for name in Figures._fields:
        values = [f"{getattr(taken, name):,.0f}" for taken in figures.values()]
        rows.append([name.replace("_", " "), *values])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


if __name__ == "__main__":
    sys.exit(main())
