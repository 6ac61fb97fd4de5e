"""Compares the costs of this tree's server with those of another commit's.

python -m bench.compare BASE [--rounds 10]

Both servers run on the same machine and PostgreSQL, each from a copy of its tree. As in production,
rate limits are on, and requests come from thousands of users. Each round gives a ratio for each
cost. A shared machine changes its speed within seconds, so the servers take short turns: this one,
the other, the other, this one. A cost fails if the whole 95 % interval of its median ratio is above
its bound; then the exit status is 1. Elapsed times are printed, but have no bound.
"""

import argparse
import json
import math
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.database import FILL, SECRET, Postgres, ask
from bench.servers import ROOT, Messenger, Spent, Tools

STORED = "a stored message: server's CPU, us"
STORED_DATABASE = "a stored message: database's CPU, us"
OPENED = "a stream opened: server's CPU, us"
OPENED_DATABASE = "a stream opened: database's CPU, us"
PAGE = "a page of history: server's CPU, us"
PAGE_DATABASE = "a page of history: database's CPU, us"
BYTES = "a stream: bytes"
BOUNDS = {  # the largest ratios to the other commit's costs
    STORED: 1.05,
    STORED_DATABASE: 1.05,
    OPENED: 1.05,
    OPENED_DATABASE: 1.05,
    PAGE: 1.05,
    PAGE_DATABASE: 1.05,
    BYTES: 1.0,
}
CONFIDENCE = 0.95

# Messages for the pages of history, in each of the first conversations.
TALKS, MESSAGES = 200, 100
TELL = f"""
    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT talk, 2 * talk - n % 2, repeat('message ', 10) || n, now(), gen_random_uuid(), false
    FROM generate_series(1, {MESSAGES}) n, generate_series(1, {TALKS}) talk
    ORDER BY n, talk;
"""

Costs = dict[str, float]


@dataclass
class Sizes:
    """The sizes for `make compare`. A test uses smaller ones."""

    senders: int = 32
    users: int = 2_000  # senders; none of them reaches a user's limit
    seconds: float = 5
    few_streams: int = 1_000
    streams: int = 6_000  # each of a different user
    page_readers: int = 8


class Deployed(Messenger):
    """The server of a source tree, with its default limits."""

    def __init__(self, tools: Tools, postgres: Postgres, tree: Path, template: str) -> None:
        super().__init__(tools, postgres)
        self._tree = tree
        self._template = template
        self.dsn = ""

    def command(self, stack: ExitStack) -> list[str]:
        self.dsn = stack.enter_context(self.postgres.copy(self._template))
        return serve(self._tree, self.port, self.dsn, self.tools.folder / "data")


def serve(tree: Path, port: int, dsn: str, data: Path) -> list[str]:
    flags = {"--port": port, "--database-url": dsn, "--data-dir": data, "--jwt-secret": SECRET}
    words = [str(word) for pair in flags.items() for word in pair]
    return [sys.executable, str(tree / "server.py"), *words]


@dataclass
class Side:
    """One of the two trees, and the name of the database that its migrations made."""

    name: str
    tree: Path
    template: str

    def server(self, tools: Tools, postgres: Postgres) -> Deployed:
        return Deployed(tools, postgres, self.tree, self.template)


def measure(servers: Sequence[Deployed], sizes: Sizes) -> list[Costs]:
    """Returns the costs of each server. Both are running, and have served nothing yet."""
    there_and_back = [*servers, *reversed(servers)]
    taken = {server: defaultdict[str, list[float]](list) for server in servers}
    for take_costs in (_opened, _pages, _stored):
        for server in there_and_back:
            for cost, value in take_costs(server, sizes).items():
                taken[server][cost].append(value)
    return [
        # A second opening finds memory that the first one has left, so only the first counts.
        {
            cost: values[0] if cost == BYTES else statistics.mean(values)
            for cost, values in of.items()
        }
        for of in taken.values()
    ]


def _stored(server: Deployed, sizes: Sizes) -> Costs:
    requests = [server.send(n, 2 * n) for n in range(1, 1 + sizes.users)]
    count = "SELECT count(*) FROM messages"
    had = int(ask(server.dsn, count) or 0)
    with Spent(server) as spent:
        spec = server.spec(requests=requests, clients=sizes.senders, seconds=sizes.seconds)
        found = server.tools.load("requests", spec)
    stored = int(ask(server.dsn, count) or 0) - had
    return {
        STORED: spent.server / stored * 1e6,
        STORED_DATABASE: spent.database / stored * 1e6,
        "stored/s": found["perSecond"],
        "stored: p99 ms": found["p99Ms"],
    }


def _opened(server: Deployed, sizes: Sizes) -> Costs:
    opening = [server.stream(user) for user in range(1, 1 + sizes.streams)]
    database = server.postgres.processor_seconds()
    spec = server.spec(
        open=opening,
        streams=sizes.streams,
        steps=[sizes.few_streams, sizes.streams],
        atOnce=256,
    )
    found = server.tools.load("streams", spec)
    database = server.postgres.processor_seconds() - database
    few, many = found["residentBytes"]
    return {
        OPENED: found["openingServerShare"] / found["openedPerSecond"] * 1e6,
        OPENED_DATABASE: database / sizes.streams * 1e6,
        BYTES: (many - few) / (sizes.streams - sizes.few_streams),
        "opened/s": found["openedPerSecond"],
    }


def _pages(server: Deployed, sizes: Sizes) -> Costs:
    requests = [server.page(talk, 2 * talk) for talk in range(1, 1 + TALKS)]
    with Spent(server) as spent:
        spec = server.spec(requests=requests, clients=sizes.page_readers, seconds=sizes.seconds)
        found = server.tools.load("requests", spec)
    pages = found["perSecond"] * sizes.seconds * 1.2  # includes the load's warm-up, a fifth
    return {
        PAGE: found["serverShare"] / found["perSecond"] * 1e6,
        PAGE_DATABASE: spent.database / pages * 1e6,
        "pages/s": found["perSecond"],
        "page: p99 ms": found["p99Ms"],
    }


def interval(ratios: list[float]) -> tuple[float, float]:
    """Returns bounds of the median, from order statistics, for any distribution of ratios.

    These are the narrowest pair of the sorted ratios that has the median between them with
    `CONFIDENCE`. With too few ratios, they are the smallest and the largest.
    """
    ordered, count = sorted(ratios), len(ratios)
    cut = 0
    while 1 - 2 * _below(cut + 1, count) >= CONFIDENCE:
        cut += 1
    return ordered[max(cut - 1, 0)], ordered[min(count - cut, count - 1)]


def _below(heads: int, count: int) -> float:
    """Returns the probability of fewer than `heads` heads in `count` tosses of a coin."""
    return float(sum(math.comb(count, n) for n in range(heads)) / 2**count)


def holds(cost: str, ratios: list[float]) -> bool:
    return cost not in BOUNDS or interval(ratios)[0] <= BOUNDS[cost]


def take(base: str, rounds: int, sizes: Sizes) -> dict[str, list[tuple[float, float]]]:
    """Measures, and returns for each cost the pairs of all rounds: this tree's, the other's."""
    taken: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="messenger-compare-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "tmp").mkdir()
        check_out(base, folder / "base")
        copy_tree(folder / "here")
        tools = Tools(folder)
        with Postgres(folder / "postgres") as postgres:
            sides = [
                Side(label, tree, template(postgres, tools, tree, f"filled_{label}"))
                for label, tree in (("here", folder / "here"), ("base", folder / "base"))
            ]
            for number in range(rounds):
                order = sides if number % 2 == 0 else sides[::-1]
                servers = [side.server(tools, postgres) for side in order]
                with ExitStack() as running:
                    for server in servers:
                        running.enter_context(server.running())
                    costs = measure(servers, sizes)
                found = {side.name: own for side, own in zip(order, costs, strict=True)}
                for cost, here in found["here"].items():
                    taken[cost].append((here, found["base"][cost]))
                shown = ", ".join(
                    f"{cost} {here:,.0f} : {found['base'][cost]:,.0f}"
                    for cost, here in found["here"].items()
                    if cost in BOUNDS
                )
                print(f"{number + 1}/{rounds}: {shown}", flush=True)
    return taken


def copy_tree(folder: Path) -> None:
    """Copies the tracked files as they are now, so that both sides run from similar places."""
    named = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True)
    for name in named.stdout.decode().split("\0"):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)


def check_out(commit: str, folder: Path) -> None:
    folder.mkdir()
    archive = subprocess.run(
        ["git", "archive", "--format=tar", commit], cwd=ROOT, check=True, capture_output=True
    )
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)


def template(postgres: Postgres, tools: Tools, tree: Path, name: str) -> str:
    """Makes and fills a database with the tree's migrations, to copy for each round."""
    dsn = postgres.create(name)
    migrating = Deployed(tools, postgres, tree, "")
    migrating._command = serve(tree, migrating.port, dsn, tools.folder / "data")
    migrating.start()
    process = migrating.process
    assert process is not None
    process.terminate()
    process.wait(timeout=20)
    ask(dsn, FILL + TELL)
    ask(dsn, "VACUUM ANALYZE")
    return name


def table(taken: dict[str, list[tuple[float, float]]]) -> str:
    lines = [
        "| cost | here | base | median ratio | 95 % interval | bound | |",
        "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
    ]
    for cost, pairs in taken.items():
        ratios = [here / base for here, base in pairs]
        low, high = interval(ratios)
        bound = f"{BOUNDS[cost]:.2f}" if cost in BOUNDS else ""
        verdict = ("holds" if holds(cost, ratios) else "**does not hold**") if bound else ""
        here = statistics.median(here for here, _ in pairs)
        base = statistics.median(base for _, base in pairs)
        lines.append(
            f"| {cost} | {here:,.1f} | {base:,.1f} | {statistics.median(ratios):.3f} "
            f"| {low:.3f} to {high:.3f} | {bound} | {verdict} |"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.compare")
    parser.add_argument("base", help="the commit to compare with")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(".bench"))
    asked = parser.parse_args()
    taken = take(asked.base, asked.rounds, Sizes())
    asked.out.mkdir(parents=True, exist_ok=True)
    (asked.out / "compare.json").write_text(json.dumps(taken, indent=1))
    print(f"\nAgainst {asked.base}, {asked.rounds} alternating rounds:\n\n{table(taken)}")
    broken = [c for c, pairs in taken.items() if not holds(c, [h / b for h, b in pairs])]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
