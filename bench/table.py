"""The figures as a table, and as a plot."""

from pathlib import Path
from typing import Any

Medians = dict[str, dict[str, dict[str, float]]]  # figure → number → server → median

OURS = "Messenger"
SHOWN = {  # what the plot has, and whether more is better
    ("fan-out", "frames/s"): True,
    ("memory", "bytes/stream"): False,
    ("opening", "opened/s"): True,
    ("sending", "32 senders, stored/s"): True,
    ("sending", "32 senders, p99 ms"): False,
    ("sending", "32 in one conversation, stored/s"): True,
    ("latency", "p50 ms"): False,
    ("latency", "p99 ms"): False,
}


def text(medians: Medians) -> str:
    """Markdown, aligned: a row a number, a column a server, with ours divided by theirs."""
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
    if server not in by_server:
        return ""
    value = by_server[server]
    shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
    if server == OURS or not value or OURS not in by_server:
        return shown
    return f"{shown} ({by_server[OURS] / value:.2f})"


BETTER, WORSE, INK, GRID = "#2563eb", "#d97706", "#1f2937", "#e5e7eb"


def plot(medians: Medians, path: Path, caption: str = "") -> None:
    """A panel a number, a bar a peer: how many times better Messenger is, or worse."""
    import matplotlib as mpl  # noqa: PLC0415  # slow to import, and not needed for a table

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    shown = [
        (figure, number)
        for figure, number in SHOWN
        if len(medians.get(figure, {}).get(number, {})) > 1
    ]
    if not shown:
        return
    ratios = {key: compared(medians[key[0]][key[1]], more=SHOWN[key]) for key in shown}
    columns = 2
    rows = [shown[at : at + columns] for at in range(0, len(shown), columns)]
    heights = [1.3 + max(len(ratios[key]) for key in row) for row in rows]
    mpl.rcParams.update({"font.size": 10, "text.color": INK, "axes.labelcolor": INK})
    figure, axes = pyplot.subplots(
        len(rows),
        columns,
        figsize=(12, 0.36 * sum(heights) + 1.0),
        height_ratios=heights,
        squeeze=False,
        facecolor="white",
        layout="constrained",
    )
    widest = max(max(r, 1 / r) for found in ratios.values() for r in found.values())
    for axis, key in zip(axes.flat, shown, strict=False):
        panel(axis, key, medians[key[0]][key[1]], ratios[key], widest)
    for axis in axes.flat[len(shown) :]:
        axis.set_visible(False)
    figure.suptitle("How many times better (blue) or worse (orange) Messenger is", weight="bold")
    if caption:
        figure.supxlabel(caption, fontsize=8, color="#6b7280")
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def compared(by_server: dict[str, float], *, more: bool) -> dict[str, float]:
    """By peer: above 1 where Messenger is better."""
    ours = by_server[OURS]
    return {
        server: ours / value if more else value / ours
        for server, value in by_server.items()
        if server != OURS and value and ours
    }


def panel(
    axis: Any,
    key: tuple[str, str],
    by_server: dict[str, float],
    ratios: dict[str, float],
    widest: float,
) -> None:
    colors = [BETTER if ratio >= 1 else WORSE for ratio in ratios.values()]
    axis.barh(list(ratios), [ratio - 1 for ratio in ratios.values()], left=1, color=colors)
    axis.set_xscale("log")
    axis.set_xlim(0.8 / widest, 2.2 * widest)
    for at, (server, ratio) in enumerate(ratios.items()):
        axis.annotate(
            f"{ratio:.2f}  ({by_server[server]:,.{0 if by_server[server] >= 100 else 1}f})",
            (max(ratio, 1), at),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
        )
    axis.axvline(1, color=INK, linewidth=1)
    axis.invert_yaxis()
    unit = "more" if SHOWN[key] else "less"
    ours = by_server[OURS]
    axis.set_title(
        f"{key[0]}: {key[1]} ({unit} is better). Messenger: {ours:,.{0 if ours >= 100 else 1}f}",
        fontsize=10,
        loc="left",
    )
    axis.tick_params(length=0, labelcolor=INK)
    axis.spines[:].set_visible(False)
    axis.xaxis.set_visible(False)
