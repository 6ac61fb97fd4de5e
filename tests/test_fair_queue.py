"""The fair queue: a client within its budget never waits; beyond it, one request runs at a time."""

import asyncio
import time
from collections.abc import Hashable

import pytest

from handlers.requests import fair_queue
from handlers.requests.fair_queue import (
    LONGEST_TURN_SECONDS,
    MOST_QUEUED,
    SECONDS_FOR_ONE,
    Budget,
    FairQueue,
    Room,
    Slot,
)
from handlers.requests.problems import TooMany, Unavailable
from tests.support.rules import rule

MAX_BYTES = 1000


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def buffered() -> dict[Hashable, int]:
    return {}


@pytest.fixture
def queue(clock: Clock, buffered: dict[Hashable, int]) -> FairQueue:
    """Makes a queue that admits three requests at once, and then twenty a second."""
    return FairQueue(Budget(3, 20), Room(MAX_BYTES, lambda key: buffered.get(key, 0)), clock)


async def granted(slot: Slot) -> None:
    async with asyncio.timeout(5):
        if slot.decided is not None:
            await slot.decided
    assert slot.is_granted


async def done(slot: Slot, seconds: float = 0, sent_bytes: int = 0) -> None:
    """Ends a request that held the loop for that time, and whose answer was taken."""
    with slot:
        slot.seconds, slot.sent_bytes = seconds, sent_bytes
    slot.taken()


@rule("api#budget")
@pytest.mark.gen_test
async def test_after_a_quiet_second_the_first_requests_never_wait_whatever_they_cost(
    queue: FairQueue, clock: Clock
) -> None:
    for _ in range(3):
        for _ in range(3):
            slot = queue.enter("jane", 1)
            assert slot.is_granted
            await done(slot, seconds=0.5, sent_bytes=10**6)
        assert queue.enter("jane", 1).waits
        assert queue.enter("john", 1).is_granted
        queue.drain()
        queue._is_draining = False
        clock.time += 1


@pytest.mark.gen_test
async def test_then_a_number_a_second_do_not_wait(queue: FairQueue, clock: Clock) -> None:
    for _ in range(3):
        await done(queue.enter("jane", 1))
    for _ in range(20):
        clock.time += 1 / 20
        slot = queue.enter("jane", 1)
        assert slot.is_granted
        await done(slot)
    assert queue.enter("jane", 1).waits


@rule("api#budget")
@pytest.mark.parametrize(
    ("seconds", "sent_bytes", "price"),
    [
        (0, 0, 1),
        (SECONDS_FOR_ONE * 4, 0, 5),
        (0, 64 * 1024 * 4, 5),
        (SECONDS_FOR_ONE, 64 * 1024, 3),
    ],
)
@pytest.mark.gen_test
async def test_a_request_costs_its_time_and_its_bytes(
    queue: FairQueue, clock: Clock, seconds: float, sent_bytes: int, price: int
) -> None:
    for _ in range(2):
        await done(queue.enter("jane", 1))
    await done(queue.enter("jane", 1), seconds, sent_bytes)
    clock.time += (price - 0.1) / 20
    slot = queue.enter("jane", 1)
    assert slot.waits
    clock.time += 0.1 / 20
    await granted(slot)


@pytest.mark.gen_test
async def test_beyond_the_budget_one_request_runs_at_a_time_in_order(
    queue: FairQueue, clock: Clock
) -> None:
    slots = [queue.enter("jane", 1) for _ in range(6)]
    assert [slot.waits for slot in slots] == [False] * 3 + [True] * 3
    clock.time += 0.9
    _, _, _, first, second, third = slots
    await granted(first)
    assert (second.waits, third.waits) == (True, True)
    await done(first)
    await granted(second)
    await done(second, seconds=0.01)
    await asyncio.sleep(0)
    assert third.waits  # the client's queue may use a fifth of the loop
    clock.time += 0.2
    await granted(third)


@pytest.mark.gen_test
async def test_a_request_that_takes_long_does_not_hold_up_the_next(
    queue: FairQueue, clock: Clock
) -> None:
    first, second = [queue.enter("jane", 1) for _ in range(5)][3:]
    clock.time += 0.9
    await granted(first)
    began = time.monotonic()
    await granted(second)
    assert time.monotonic() - began > LONGEST_TURN_SECONDS / 2
    await done(first)
    await done(second)


@pytest.mark.gen_test
async def test_a_request_beyond_a_full_queue_is_refused_but_files_wait(
    queue: FairQueue, clock: Clock
) -> None:
    files = [queue.enter("jane", 0.25, is_refusable=False) for _ in range(500)]
    assert files[-1].waits
    waiting = [queue.enter("jane", 1) for _ in range(MOST_QUEUED)]
    assert all(slot.waits for slot in waiting)
    assert isinstance(queue.enter("jane", 1).refusal, TooMany)
    assert queue.enter("john", 1).is_granted
    waiting[0].cancel()
    assert queue.enter("jane", 1).waits
    assert isinstance(queue.enter("jane", 1).refusal, TooMany)
    assert queue.enter("jane", 0.25, is_refusable=False).waits
    queue.drain()


@rule("api#queue")
@pytest.mark.gen_test
async def test_a_request_that_waits_too_long_is_refused_but_a_file_is_not(
    queue: FairQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fair_queue, "QUEUE_SECONDS", 0.05)
    queue.now = time.monotonic
    for _ in range(3):
        queue.enter("jane", 1)
    queue.charge("jane", 100 * SECONDS_FOR_ONE, 0)  # for five seconds
    file = queue.enter("jane", 0.25, is_refusable=False)
    slots = [queue.enter("jane", 1) for _ in range(2)]
    for slot in slots:
        assert slot.decided is not None
        async with asyncio.timeout(4):
            await slot.decided
        assert isinstance(slot.refusal, TooMany)
        assert not slot.is_granted
    assert file.waits
    queue.drain()


@rule("api#queue-refusals")
@pytest.mark.gen_test
async def test_waiting_requests_are_refused_when_a_drain_begins(queue: FairQueue) -> None:
    slots = [queue.enter("jane", 1) for _ in range(5)]
    queue.drain()
    late = queue.enter("jane", 1)
    for slot in (*slots[3:], late):
        assert isinstance(slot.refusal, Unavailable)
    assert queue.enter("john", 1).is_granted
    assert not queue.queued


@pytest.mark.gen_test
async def test_a_client_that_does_not_take_its_answers_gets_no_more_of_them(
    queue: FairQueue, clock: Clock, buffered: dict[Hashable, int]
) -> None:
    buffered["jane"] = 600
    small, large = (
        queue.enter("jane", 1, answer_bytes=300),
        queue.enter("jane", 1, answer_bytes=300),
    )
    assert small.is_granted
    assert large.waits
    await done(small)
    await granted(large)
    buffered["jane"] = MAX_BYTES + 1
    await done(large)
    blocked = queue.enter("jane", 1)
    assert blocked.waits
    clock.time += 5
    await asyncio.sleep(3 * fair_queue.BLOCKED_SECONDS)
    assert blocked.waits
    buffered.clear()
    await granted(blocked)


@rule("api#limits-off")
@pytest.mark.gen_test
async def test_without_a_budget_only_unread_answers_make_requests_wait(
    buffered: dict[Hashable, int],
) -> None:
    queue = FairQueue(None, Room(MAX_BYTES, lambda key: buffered.get(key, 0)))
    slots = [queue.enter("jane", 1) for _ in range(500)]
    assert all(slot.is_granted for slot in slots)
    buffered["jane"] = MAX_BYTES
    blocked = queue.enter("jane", 1, answer_bytes=1)
    assert blocked.waits
    buffered.clear()
    await granted(blocked)


@pytest.mark.gen_test
async def test_a_request_whose_client_has_gone_gives_up_its_place(
    queue: FairQueue, clock: Clock
) -> None:
    first, second = [queue.enter("jane", 1) for _ in range(5)][3:]
    first.cancel()
    first.cancel()
    clock.time += 0.9
    await granted(second)
    with second:
        second.cancel()  # too late: its work continues
        third = queue.enter("jane", 1)
        assert third.waits
    second.taken()
    await granted(third)
    third.cancel()  # its body will not arrive
    fourth = queue.enter("jane", 1)
    await granted(fourth)
    assert not queue.queued


@pytest.mark.gen_test
async def test_the_time_of_a_request_is_the_time_for_which_it_holds_the_loop(
    queue: FairQueue,
) -> None:
    slot = queue.enter("jane", 1)

    async def work() -> None:
        for _ in range(3):
            until = time.monotonic() + 0.02
            while time.monotonic() < until:
                pass
            await asyncio.sleep(0.2)

    began = time.monotonic()
    await slot.timed(work())
    assert 0.06 <= slot.seconds < time.monotonic() - began - 0.5


@pytest.mark.gen_test
async def test_errors_and_cancellation_of_a_timed_request_pass_through(
    queue: FairQueue,
) -> None:
    slot, seen = queue.enter("jane", 1), list[str]()

    async def failing() -> None:
        await asyncio.sleep(0)
        raise ValueError

    async def waiting() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    with pytest.raises(ValueError):  # noqa: PT011
        await slot.timed(failing())
    task = asyncio.create_task(slot.timed(waiting()))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


def test_a_bounded_number_of_clients_is_remembered(queue: FairQueue) -> None:
    for client in range(fair_queue.MOST_CLIENTS + 1000):
        assert queue.enter(client, 1).is_granted
    assert len(queue._clients) == fair_queue.MOST_CLIENTS
