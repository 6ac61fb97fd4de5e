"""The figures as a table, and as a plot."""

import textwrap
from pathlib import Path
from typing import Any, NamedTuple

Medians = dict[str, dict[str, dict[str, float]]]  # figure → number → server → median

OURS = "Messenger"
SEVERAL = "several"  # the figure of several servers: its columns are not the peers
GROUPED = "groups"  # the figure of groups, with peers of its own
ALONE = "one server"  # its first column
OWN_TABLES = (GROUPED, SEVERAL)
# The panels of the plot, and whether more is better. A figure with many peers has its own panel.
# Figures with only the Go server as a peer share one.
MANY = {
    ("memory", "bytes/stream"): False,
    ("opening", "opened/s"): True,
}
GO = "Go net/http"
STORED = {
    ("sending", "1 sender, stored/s"): True,
    ("sending", "8 senders, stored/s"): True,
    ("sending", "32 senders, stored/s"): True,
    ("sending", "32 senders, p99 ms"): False,
    ("sending", "128 senders, stored/s"): True,
    ("sending", "32 in one conversation, stored/s"): True,
    ("latency", "p50 ms"): False,
    ("latency", "p99 ms"): False,
}

# The figures in README.md: some in which Messenger is better, and some in which it is worse.
FEW = {
    ("memory", "bytes/stream"),
    ("opening", "opened/s"),
    ("sending", "1 sender, stored/s"),
    ("sending", "32 senders, stored/s"),
    ("latency", "p99 ms"),
}
FEW_SERVERS = (OURS, GO, "Mercure", "Centrifugo", "nginx + nchan")


def few(medians: Medians) -> Medians:
    """Returns the figures for README.md."""
    chosen: Medians = {}
    for figure, numbers in medians.items():
        for number, by_server in numbers.items():
            if (figure, number) in FEW:
                shown = {name: by_server[name] for name in FEW_SERVERS if name in by_server}
                chosen.setdefault(figure, {})[number] = shown
    return chosen


def beside_peers(medians: Medians) -> Medians:
    """Returns the figures of one server and of its peers, but for those with their own table."""
    return {figure: found for figure, found in medians.items() if figure not in OWN_TABLES}


def alone(medians: Medians, figure: str) -> Medians:
    """Returns that figure, if it was taken."""
    return {figure: medians[figure]} if figure in medians else {}


def text(medians: Medians) -> str:
    """Returns a Markdown table: a row per number, a column per server, with ratios."""
    servers = list(dict.fromkeys(s for f in medians.values() for n in f.values() for s in n))
    rows = [["figure", *servers]]
    for figure, numbers in medians.items():
        for number, by_server in numbers.items():
            cells = [cell(by_server, server) for server in servers]
            rows.append([f"{figure}: {number}", *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [aligned(row, widths) for row in rows]
    lines.insert(1, f"| {'-' * widths[0]} |" + "".join(f" {'-' * (w - 1)}: |" for w in widths[1:]))
    return "\n".join(lines) + "\n"


def aligned(row: list[str], widths: list[int]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(row, widths, strict=True))
    return f"| {' | '.join([row[0].ljust(len(first)), *others])} |"


def cell(by_server: dict[str, float], server: str) -> str:
    """Returns a value, and Messenger's divided by it; or it divided by that of one of several."""
    if server not in by_server:
        return ""
    value = by_server[server]
    if server in (OURS, ALONE) or not value:
        return shown(value)
    if by_server.get(ALONE):
        return f"{shown(value)} ({value / by_server[ALONE]:.2f})"
    if OURS in by_server:
        return f"{shown(value)} ({by_server[OURS] / value:.2f})"
    return shown(value)


def shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


BETTER, WORSE, INK, MUTED = "#2563eb", "#d97706", "#1f2937", "#6b7280"


class Bar(NamedTuple):
    label: str
    ratio: float  # above 1 if Messenger is better
    beside: str


def plot(medians: Medians, path: Path, caption: str = "") -> None:
    """Plots how many times better or worse Messenger is, as bars on one scale."""
    import matplotlib as mpl  # noqa: PLC0415  # slow to import, and not needed for a table

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    panels = {title: bars for title, bars in all_panels(medians).items() if bars}
    if not panels:
        return
    mpl.rcParams.update({"font.size": 11, "text.color": INK})
    rows = (len(panels) + 1) // 2
    figure, axes = pyplot.subplots(
        rows, 2, figsize=(14, 0.7 + 3.6 * rows), squeeze=False, facecolor="white"
    )
    widest = max(max(bar.ratio, 1 / bar.ratio) for bars in panels.values() for bar in bars)
    for axis, (title, bars) in zip(axes.flat, panels.items(), strict=False):
        draw(axis, title, bars, widest)
    for axis in axes.flat[len(panels) :]:
        axis.set_visible(False)
    figure.suptitle(
        "Messenger beside its peers: times better (blue, right) or worse (orange, left)",
        weight="bold",
        fontsize=13,
    )
    figure.supxlabel(textwrap.fill(caption, 140), fontsize=9, color=MUTED)
    figure.tight_layout(h_pad=1.5, w_pad=3)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


def all_panels(medians: Medians) -> dict[str, list[Bar]]:
    panels = {}
    for (figure, number), more in MANY.items():
        by_server = medians.get(figure, {}).get(number, {})
        if OURS in by_server:
            ours = shown(by_server[OURS])
            title = (
                f"{figure}: {number}, {'more' if more else 'less'} is better (Messenger: {ours})"
            )
            panels[title] = [
                Bar(server, ratio(by_server[OURS], value, more=more), shown(value))
                for server, value in by_server.items()
                if server != OURS and value
            ]
    panels[f"what is stored, beside {GO}"] = [
        Bar(
            f"{figure}: {number}",
            ratio(by_server[OURS], by_server[GO], more=more),
            f"{shown(by_server[OURS])} to {shown(by_server[GO])}",
        )
        for (figure, number), more in STORED.items()
        if (by_server := medians.get(figure, {}).get(number, {})).keys() >= {OURS, GO}
        and by_server[GO]
    ]
    return panels


def ratio(ours: float, theirs: float, *, more: bool) -> float:
    return ours / theirs if more else theirs / ours


def draw(axis: Any, title: str, bars: list[Bar], widest: float) -> None:
    at = range(len(bars))
    axis.barh(
        at,
        [bar.ratio - 1 for bar in bars],
        left=1,
        height=0.7,
        color=[BETTER if bar.ratio >= 1 else WORSE for bar in bars],
    )
    for y, bar in zip(at, bars, strict=True):
        place = {"xytext": (6, 0), "textcoords": "offset points", "va": "center"}
        text = axis.annotate(f"{bar.ratio:.2f}", (max(bar.ratio, 1), y), weight="bold", **place)
        place["xytext"] = (8, 0)
        axis.annotate(bar.beside, (1, 0.5), xycoords=text, color=MUTED, **place)
    axis.set_xscale("log")
    axis.set_xlim(0.8 / widest, 3.2 * widest)
    axis.set_yticks(at, [bar.label for bar in bars])
    axis.axvline(1, color=INK, linewidth=1)
    axis.invert_yaxis()
    axis.set_title(title, fontsize=11, weight="bold", loc="left", x=-0.2)
    axis.tick_params(length=0, labelcolor=INK)
    axis.spines[:].set_visible(False)
    axis.xaxis.set_visible(False)
