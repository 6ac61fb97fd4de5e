"""The version of the server, wherever an operator looks."""

from pathlib import Path

import pytest

from config import VERSION
from tests.support.people import Visitor
from tests.support.processes import ServerProcess, run


@pytest.mark.gen_test
async def test_the_version_is_in_the_health_check_and_in_the_metrics(visitor: Visitor) -> None:
    live = await visitor.get("/health/live")
    assert live.headers["Messenger-Version"] == VERSION
    metrics = await visitor.get("/metrics")
    assert f'messenger_info{{version="{VERSION}"}} 1.0' in metrics.body.decode().split("\n")


def test_the_version_is_printed_on_request_and_with_the_ready_line(tmp_path: Path) -> None:
    assert run("--version").stdout == f"Messenger {VERSION}\n"
    with ServerProcess(tmp_path / "data") as server:
        assert server.wait_for(r"Version (\S+) of Messenger is ready at") == VERSION
