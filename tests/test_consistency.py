"""A snapshot plus the events after its position equals a fresh snapshot, whatever happened."""

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test
from tornado.ioloop import IOLoop

from handlers.application import Messenger
from tests.consistency.reactions import Reactions
from tests.support import rules
from tests.support.people import Visitor


class Talk(Reactions):
    """All that the API allows, by topic: see tests/consistency."""


@rules.rule("api#compare-positions")
def test_snapshot_plus_events_equals_a_fresh_snapshot(
    io_loop: IOLoop, app: Messenger, visitor: Visitor
) -> None:
    run_state_machine_as_test(
        lambda: Talk(io_loop, app, visitor),  # type: ignore[arg-type]
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
