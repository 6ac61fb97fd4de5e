"""Runs the figures on this server and its peers in turn, and prints medians and ratios.

python -m bench [--rounds 5] [--figures fan-out,sending] [--out bench/results]
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections import defaultdict
from importlib.metadata import version
from pathlib import Path

from bench import table
from bench.database import Postgres
from bench.figures import FIGURES
from bench.servers import Missing, Tools

Results = dict[str, dict[str, dict[str, list[float]]]]  # figure → number → server → rounds


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--figures", default=",".join(FIGURES))
    parser.add_argument("--out", type=Path, default=Path("bench/results"))
    asked = parser.parse_args()
    began = time.monotonic()
    results, missing = run(asked.rounds, asked.figures.split(","))
    medians = {
        figure: {
            number: {server: statistics.median(found) for server, found in by_server.items()}
            for number, by_server in by_number.items()
        }
        for figure, by_number in results.items()
    }
    told = {
        "date": time.strftime("%Y-%m-%d"),
        "machine": f"{platform.machine()}, {platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "tornado": version("tornado"),
        "rounds": asked.rounds,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "left out": missing,
        "medians": medians,
        "rounds' figures": results,
    }
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "figures.json").write_text(json.dumps(told, indent=1))
    text = table.text(medians)
    (asked.out / "table.md").write_text(text)
    table.plot(medians, asked.out / "figures.png")
    print(f"\n{text}")
    for why in missing:
        print(f"left out: {why}")
    print(f"\n{asked.rounds} rounds, {told['minutes']} minutes; see {asked.out}/")


def run(rounds: int, figures: list[str]) -> tuple[Results, list[str]]:
    """Alternating: each server has its turn in each round, so that a slow minute hits them all."""
    results: Results = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    missing: dict[str, None] = {}
    with tempfile.TemporaryDirectory(prefix="messenger-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "tmp").mkdir()
        tools = Tools(folder)
        with Postgres(folder / "postgres") as postgres:
            for n in range(1, 1 + rounds):
                for figure in figures:
                    take, kinds = FIGURES[figure]
                    for kind in kinds:
                        server = kind(tools, postgres)
                        if server.name in missing:
                            continue
                        try:
                            found = take(server)
                        except Missing as why:
                            missing[server.name] = None
                            print(f"left out: {why}", flush=True)
                            continue
                        for number, value in found.items():
                            results[figure][number][server.name].append(value)
                        shown = ", ".join(f"{value:,.1f} {what}" for what, value in found.items())
                        print(f"{n}/{rounds} {figure}: {server.name}: {shown}", flush=True)
    return results, list(missing)


if __name__ == "__main__":
    main()
