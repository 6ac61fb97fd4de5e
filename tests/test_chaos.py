"""The storm of `make chaos`, as much of it as fits into a test."""

from pathlib import Path

import pytest

from tests.chaos.run import Plan, chaos
from tests.support.rules import rule


@rule("api#promise")
@pytest.mark.gen_test(timeout=180)
async def test_nothing_is_lost_whatever_is_killed(tmp_path: Path) -> None:
    plan = Plan(kills=8, kills_after_commit=3, crashes=2)
    figures = await chaos(tmp_path, plan, seed=1)
    assert figures.kills_with_sends_in_flight == plan.kills
    assert figures.kills_after_commit == plan.kills_after_commit
    assert figures.answers_lost_and_told_by_a_repeat >= plan.kills_after_commit
    assert figures.answered > 100
    assert (figures.lost, figures.doubled, figures.out_of_order, figures.gaps) == (0, 0, 0, 0)
    assert figures.resets == 0
