"""The benchmarks run: at a tiny size, without a look at how fast anything is."""

from urllib.request import urlopen

import pytest

from bench import compare, floods, table
from bench.__main__ import Run
from bench.cluster import OneNotifying, TwoNotifying
from bench.database import ask
from bench.figures import FIGURES, PER_SECOND, Sizes, deliver, store
from bench.servers import GoFeeds, GoFeedsBatched, Messenger, equipment, find_go

SENT = 'messenger_requests_total{method="POST",status="201"}'
TOLD = "messenger_relay_delay_seconds_count"  # events of another server
TINY = Sizes(
    streams=20,
    most_streams=40,
    send_seconds=0.2,
    latency_seconds=0.5,
    leave_seconds=0.2,
    group_messages=3,
    group_seconds=0.2,
)


class TwoOverNats(TwoNotifying):
    relay = "nats"


@pytest.mark.measure
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_each_figure_is_taken_of_this_server() -> None:
    figures = [figure for figure in FIGURES if figure != "history"]  # a million messages
    run = Run(figures, [Messenger, OneNotifying], TINY)

    run.take(1)

    assert run.failures == []
    medians = run.medians()
    assert set(medians) == set(figures)
    assert medians["latency"]["never arrived"] == {"Messenger": 0}
    assert medians["several"]["never delivered"] == {"one, NOTIFY": 0}
    assert medians["several"]["99 senders, stored/s"]["one, NOTIFY"] > 0
    assert medians["groups"]["1,000, never delivered"] == {"Messenger": 0}
    for figure, number in [
        ("opening", "opened/s"),
        ("opening", "resumed/s"),
        ("sending", "128 senders, stored/s"),
        ("sending", "32 in one conversation, stored/s"),
        ("latency", "p99 ms"),
        ("restart", "all caught up after, ms"),
        ("groups", "10, first has it, p50 ms"),
        ("groups", "100, 32 senders, deliveries/s"),
        ("groups", "1,000, none online, database's CPU, ms a message"),
        ("groups", "a pair beside 64 senders into 1,000, p99 ms"),
    ]:
        assert medians[figure][number]["Messenger"] > 0, (figure, number)


@pytest.mark.measure
@pytest.mark.parametrize("kind", [GoFeeds, GoFeedsBatched])
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_the_go_server_writes_the_same_rows_for_a_group_and_numbers_them(
    kind: type[GoFeeds],
) -> None:
    with equipment() as (tools, postgres), kind(tools, postgres).running() as server:
        requests = [server.to_group(100, user) for user in range(1, 9)]
        spec = server.spec(requests=requests, clients=8, seconds=0.2)
        tools.load("requests", spec)

        assert isinstance(server, GoFeeds)
        rows = ask(server.dsn, "SELECT count(*) FROM feed_events")
        assert rows == ask(server.dsn, "SELECT 100 * count(*) FROM messages") != "0"
        assert ask(server.dsn, WRONGLY_NUMBERED) == "0"


# Feeds of the group's members whose numbers have a gap, or are not in the order of messages.
WRONGLY_NUMBERED = """
    SELECT count(*)
    FROM (
        SELECT seq, row_number() OVER (PARTITION BY user_id ORDER BY message_id) AS place
        FROM feed_events
    ) numbered
    WHERE seq <> place
"""


@pytest.mark.measure
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_floods_are_aimed_at_this_server_and_at_another(
    capsys: pytest.CaptureFixture[str],
) -> None:
    kinds = ["404s", "streams", "sends, pipelined"]

    floods.take(kinds, rounds=1, seconds=0.2)

    _, _, _, *rows = capsys.readouterr().out.splitlines()
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [kind for kind, *_ in cells] == kinds
    assert all(float(number) > 0 for _, *numbers in cells for number in numbers), cells


@pytest.mark.measure
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_each_message_is_sent_to_a_server_without_its_recipients_stream() -> None:
    with equipment() as (tools, postgres), TwoOverNats(tools, postgres).running() as server:
        assert isinstance(server, TwoOverNats)
        found, _ = deliver(server, TINY)
        sent = [metric(address, SENT) for address in server.addresses()]
        told = [metric(address, TOLD) for address in server.addresses()]
        stored = store(server, 9, TINY.send_seconds)

        assert found["never delivered"] == 0
        # Recipients have the streams with odd numbers, and these are on the second server.
        assert sent == [PER_SECOND * TINY.latency_seconds, 0]
        assert told[1] > 0
        assert stored.per_second > 0
        assert stored.broker_cpu is not None
        assert "WARN" not in server.log.read_text()


def metric(address: str, name: str) -> float:
    text = urlopen(f"http://{address}/metrics", timeout=10).read().decode()
    lines = [line for line in text.splitlines() if line.startswith(f"{name} ")]
    return sum(float(line.split()[1]) for line in lines)


def test_the_table_has_ours_divided_by_theirs() -> None:
    medians = {"opening": {"opened/s": {"Messenger": 90.0, "nchan": 120.0, "idle": 0.0}}}

    assert table.text(medians).splitlines() == [
        "| figure            | Messenger |      nchan | idle |",
        "| ----------------- | --------: | ---------: | ---: |",
        "| opening: opened/s |      90.0 | 120 (0.75) |  0.0 |",
    ]


def test_the_table_of_several_servers_has_theirs_divided_by_that_of_one() -> None:
    medians = {"several": {"opened/s": {"one server": 90.0, "two, NOTIFY": 120.0}}}

    assert table.text(medians).splitlines()[2] == "| several: opened/s |       90.0 |  120 (1.33) |"


def test_figures_of_groups_and_of_several_servers_have_tables_of_their_own() -> None:
    medians = {figure: {"n": {"Messenger": 1.0}} for figure in ("opening", "groups", "several")}

    assert list(table.beside_peers(medians)) == ["opening"]
    assert [list(table.alone(medians, figure)) for figure in table.OWN_TABLES] == [
        ["groups"],
        ["several"],
    ]
    assert table.alone({}, "groups") == {}


def test_readme_shows_some_figures_of_some_servers() -> None:
    everyone = dict.fromkeys([*table.FEW_SERVERS, "aiohttp-sse"], 1.0)
    medians = {figure: {number: everyone} for figure, number in table.FEW}
    medians["restart"] = {"down, ms": everyone}

    shown = table.few(medians)

    assert "restart" not in shown
    assert {server for n in shown.values() for by in n.values() for server in by} == {
        *table.FEW_SERVERS
    }


@pytest.mark.measure
@pytest.mark.skipif(not find_go(), reason="there is no Go for the load program: it is optional")
def test_a_commit_is_compared_with_this_tree() -> None:
    tiny = compare.Sizes(senders=2, users=20, seconds=0.3, few_streams=10, streams=30)

    taken = compare.take("HEAD", rounds=1, sizes=tiny)

    assert set(compare.BOUNDS) <= set(taken)
    assert all(here > 0 for cost in compare.BOUNDS if "CPU" in cost for here, _ in taken[cost])


@pytest.mark.parametrize(
    ("ratios", "holds"),
    [
        ([1.2] * 10, False),
        ([1.2] * 8 + [1.0] * 2, True),  # the interval begins at the second smallest
        ([1.2] * 9 + [1.0], False),
        ([1.04] * 10, True),
        ([1.2, 1.0], True),
    ],
)
def test_a_cost_holds_unless_the_whole_interval_is_beyond_its_bound(
    ratios: list[float], holds: bool
) -> None:
    assert compare.holds(compare.STORED, ratios) == holds


def test_the_interval_of_a_median_leaves_out_what_its_confidence_allows() -> None:
    assert compare.interval([float(n) for n in range(10)]) == (1.0, 8.0)
    assert compare.interval([3.0, 1.0]) == (1.0, 3.0)
