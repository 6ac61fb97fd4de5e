"""The figures as a table, and as a plot."""

from pathlib import Path

Medians = dict[str, dict[str, dict[str, float]]]  # figure → number → server → median

OURS = "Messenger"
SHOWN = {  # what the plot has, and whether more is better
    ("fan-out", "frames/s"): True,
    ("memory", "bytes/stream"): False,
    ("opening", "opened/s"): True,
    ("sending", "32 senders, stored/s"): True,
    ("sending", "32 senders, p99 ms"): False,
    ("latency", "p99 ms"): False,
}


def text(medians: Medians) -> str:
    """Markdown: a row a number, a column a server, each with its ratio to ours."""
    servers = list(dict.fromkeys(s for f in medians.values() for n in f.values() for s in n))
    lines = [f"| figure | {' | '.join(servers)} |", "| --- |" + " ---: |" * len(servers)]
    for figure, numbers in medians.items():
        for number, by_server in numbers.items():
            cells = [cell(by_server, server) for server in servers]
            lines.append(f"| {figure}: {number} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def cell(by_server: dict[str, float], server: str) -> str:
    if server not in by_server:
        return ""
    value = by_server[server]
    shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"
    if server == OURS or not value or OURS not in by_server:
        return shown
    return f"{shown} ({by_server[OURS] / value:.2f})"


def plot(medians: Medians, path: Path) -> None:
    import matplotlib as mpl  # noqa: PLC0415  # slow to import, and not needed for a table

    mpl.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    shown = [(figure, number) for figure, number in SHOWN if number in medians.get(figure, {})]
    if not shown:
        return
    figure, axes = pyplot.subplots(
        (len(shown) + 2) // 3, min(3, len(shown)), figsize=(12, 3 * ((len(shown) + 2) // 3))
    )
    for axis, key in zip(getattr(axes, "flat", [axes]), shown, strict=False):
        by_server = medians[key[0]][key[1]]
        colors = ["#2563eb" if server == OURS else "#a3a3a3" for server in by_server]
        bars = axis.barh(list(by_server), list(by_server.values()), color=colors)
        axis.bar_label(bars, fmt=lambda value: f"{value:,.0f}", padding=3)
        axis.invert_yaxis()
        axis.margins(x=0.2)
        axis.set_title(f"{key[0]}: {key[1]}\n({'more' if SHOWN[key] else 'less'} is better)")
        axis.spines[["top", "right", "bottom"]].set_visible(False)
        axis.xaxis.set_visible(False)
    for axis in list(getattr(axes, "flat", [axes]))[len(shown) :]:
        axis.set_visible(False)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
