"""The storms of `make chaos` and `make chaos-cluster`, as much of them as fits into a test."""

from pathlib import Path

import pytest

from tests.chaos import cluster
from tests.chaos.run import Plan, chaos
from tests.support.cluster import Engine
from tests.support.rules import rule


@rule("api#promise")
@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(Plan(kills=4, kills_after_commit=2, crashes=1), id="shortly"),
        pytest.param(
            Plan(kills=8, kills_after_commit=3, crashes=2), id="longer", marks=pytest.mark.measure
        ),
    ],
)
@pytest.mark.gen_test(timeout=180)
async def test_nothing_is_lost_whatever_is_killed(tmp_path: Path, plan: Plan) -> None:
    figures = await chaos(tmp_path, plan, seed=1)
    assert figures.kills_with_sends_in_flight == plan.kills
    assert figures.kills_after_commit == plan.kills_after_commit
    assert figures.answers_lost_and_told_by_a_repeat > 0
    assert figures.comings_and_goings > 20
    assert figures.events_of_changes > 20
    assert figures.answered >= 13 * plan.kills
    assert (figures.lost, figures.doubled, figures.out_of_order, figures.gaps) == (0, 0, 0, 0)
    assert (figures.resets, figures.leaked, figures.differing) == (0, 0, 0)


LATE_SECONDS = 5  # three are promised; machines of tests are busy


@rule("api#promise")
@pytest.mark.parametrize("engine", ["postgres", "nats"])
@pytest.mark.gen_test(timeout=300)
async def test_several_servers_lose_nothing_whatever_breaks(tmp_path: Path, engine: Engine) -> None:
    plan = cluster.Plan(
        calm_seconds=1,
        kills=5,
        kills_after_commit=2,
        freezes=2,
        drains=1,
        crashes=1,
        broker_kills=1,
        broker_freezes=1,
    )
    figures = await cluster.chaos(tmp_path, plan, seed=1, engine=engine)
    assert figures.kills_after_commit == plan.kills_after_commit
    assert figures.answered > 100
    assert figures.events_of_other_servers > 100
    assert (figures.lost, figures.doubled, figures.out_of_order, figures.gaps) == (0, 0, 0, 0)
    assert (figures.resets, figures.leaked, figures.differing) == (0, 0, 0)
    assert figures.faults_logged == 0
    assert figures.delay_worst_ms < LATE_SECONDS * 1000
