"""The run queue works in slices, and runs established clients before new ones."""

import asyncio
import time
from collections.abc import Callable

import pytest

from http1.scheduler import NEW_CLIENTS_SECONDS, SLICE_SECONDS, RequestScheduler


def busy_for(seconds: float, then: Callable[[], None]) -> Callable[[], None]:
    def work() -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        then()

    return work


async def until(has_come: Callable[[], bool]) -> int:
    """Returns after how many iterations of the loop."""
    turns = 0
    async with asyncio.timeout(10):
        while not has_come():
            await asyncio.sleep(0)
            turns += 1
    return turns


@pytest.mark.gen_test
async def test_established_clients_go_before_new_ones() -> None:
    scheduler, done = RequestScheduler(), list[str]()
    for _ in range(3):
        scheduler.submit_new(lambda: done.append("new"))
    scheduler.defer(lambda: done.append("deferred"))
    scheduler.submit_established(lambda: done.append("established"))
    await until(lambda: len(done) == 5)
    assert done == ["deferred", "established", *["new"] * 3]


@pytest.mark.gen_test
async def test_new_clients_have_the_whole_slice_while_no_client_is_active() -> None:
    scheduler, done = RequestScheduler(), list[int]()
    for n in range(100):
        scheduler.submit_new(busy_for(SLICE_SECONDS / 100, lambda n=n: done.append(n)))  # type: ignore[misc]
    assert await until(lambda: len(done) == 100) < 20
    assert done == list(range(100))


@pytest.mark.gen_test
async def test_many_new_clients_take_little_of_each_slice_while_others_are_active() -> None:
    scheduler, done, told = RequestScheduler(), list[int](), list[int]()
    for n in range(100):
        scheduler.submit_new(busy_for(NEW_CLIENTS_SECONDS, lambda n=n: done.append(n)))  # type: ignore[misc]
    scheduler.submit_established(lambda: None)
    for _ in range(20):
        scheduler.submit_established(lambda: told.append(len(done)))
        await asyncio.sleep(0)
    assert len(told) >= 19
    assert max(told) < 25
    await until(lambda: len(done) == 100)


@pytest.mark.gen_test
async def test_new_clients_get_their_share_however_busy_others_are() -> None:
    scheduler, done = RequestScheduler(), list[int]()

    def ask_on_and_on() -> None:
        if len(done) < 5:
            scheduler.defer(busy_for(SLICE_SECONDS, ask_on_and_on))

    scheduler.submit_established(lambda: None)
    for n in range(5):
        scheduler.submit_new(busy_for(NEW_CLIENTS_SECONDS, lambda n=n: done.append(n)))  # type: ignore[misc]
    ask_on_and_on()
    assert await until(lambda: len(done) == 5) < 20


@pytest.mark.gen_test
async def test_work_that_fails_stops_no_other_work(caplog: pytest.LogCaptureFixture) -> None:
    scheduler, done = RequestScheduler(), list[str]()

    def broken() -> None:
        raise RuntimeError

    scheduler.submit_new(broken)
    scheduler.submit_new(lambda: done.append("new"))
    scheduler.defer(broken)
    scheduler.defer(lambda: done.append("deferred"))
    await until(lambda: len(done) == 2)
    assert done == ["deferred", "new"]
    assert [record.getMessage() for record in caplog.records] == [
        "the work of a connection failed"
    ] * 2
    caplog.clear()
