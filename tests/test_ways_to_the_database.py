"""A server process outlives each crash of its database, over any way to it."""

import os
from pathlib import Path

import pytest

from tests.chaos.run import Plan, chaos
from tests.support.processes import has_own_hosts
from tests.support.standalone import Way

WAYS = ["ipv4", "socket", "list", "name"]


async def outlives(crashes: int, way: Way, folder: Path) -> None:
    """Waits for answers after each crash, all from the same process."""
    if way == "name" and not has_own_hosts():
        assert os.environ.get("CI") != "true", "CI needs root"
        pytest.skip("only root can give a process a hosts file of its own")
    figures = await chaos(folder, Plan(0, 0, crashes), seed=1, way=way)
    assert (figures.lost, figures.doubled, figures.out_of_order, figures.gaps) == (0, 0, 0, 0)
    assert (figures.resets, figures.faults_logged) == (0, 0)
    assert figures.answered > crashes


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.gen_test(timeout=180)
async def test_a_server_outlives_a_crash_of_its_database(way: Way, tmp_path: Path) -> None:
    await outlives(1, way, tmp_path)


@pytest.mark.prove
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.gen_test(timeout=600)
async def test_a_server_outlives_twenty_crashes_of_its_database(way: Way, tmp_path: Path) -> None:
    await outlives(20, way, tmp_path)
