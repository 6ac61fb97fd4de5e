"""Runs storms of full length, and writes the figures into docs/performance.md.

python -m tests.chaos.prove [one | several]

For one server, a storm for each way to the database. For several, one for each relay, and one more.
"""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from bench.__main__ import commit, replace_figures
from tests.chaos import cluster, run
from tests.support.cluster import Engine
from tests.support.processes import ROOT
from tests.support.standalone import Way

WAYS: dict[str, Way | None] = {
    "a Unix socket": None,
    "TCP, an address": "ipv4",
    "TCP, a name whose first address refuses": "name",
}
RELAYS: dict[str, Engine] = {
    "`postgres`": "postgres",
    "`nats://`": "nats",
    "`nats://`, again": "nats",
}


class Storms(NamedTuple):
    """Storms of one kind, by the heads of their columns."""

    place: str  # in docs/performance.md
    seeds: Sequence[int]
    figures: Mapping[str, Any]  # NamedTuples of one type
    allowed: int  # the first field that must be 0


def one() -> Storms:
    found = {name: run.run_whole(way) for name, way in WAYS.items()}
    return _storms("storms", found, run.ALLOWED)


def several() -> Storms:
    found = {name: cluster.run_whole(engine) for name, engine in RELAYS.items()}
    return _storms("storms over servers", found, cluster.ALLOWED)


def _storms(place: str, found: Mapping[str, tuple[int, Any]], allowed: int) -> Storms:
    figures = {name: taken for name, (_, taken) in found.items()}
    return Storms(place, [seed for seed, _ in found.values()], figures, allowed)


def write(storms: Storms, command: str) -> bool:
    """Writes the figures. Returns whether all that must be 0 are 0."""
    seeds = ", ".join(str(seed) for seed in storms.seeds)
    sentence = f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, commit {commit()}, seeds {seeds}."
    replace_figures(ROOT / "docs" / "performance.md", sentence, table(storms.figures), storms.place)
    return not any(any(taken[storms.allowed :]) for taken in storms.figures.values())


def table(figures: Mapping[str, Any]) -> str:
    rows = [["", *figures], ["---", *["---:"] * len(figures)]]
    for name in next(iter(figures.values()))._fields:
        values = [_shown(getattr(taken, name)) for taken in figures.values()]
        rows.append([name.replace("_", " "), *values])
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _shown(value: float) -> str:
    return f"{value:,.0f}" if isinstance(value, int) or value >= 20 else f"{value:.1f}"


def main() -> int:
    wanted = sys.argv[1:]
    good = True
    if wanted != ["several"]:
        good &= write(one(), "make prove")
    if wanted != ["one"]:
        good &= write(several(), "make chaos-cluster")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
