"""Turns of the loop: what has come is worked off in pieces, and who was here before goes first."""

import asyncio
import time
from collections.abc import Callable

import pytest

from http1.turns import TURN_SECONDS, WELCOME_SECONDS, Turns


def busy_for(seconds: float, then: Callable[[], None]) -> Callable[[], None]:
    def work() -> None:
        until = time.perf_counter() + seconds
        while time.perf_counter() < until:
            pass
        then()

    return work


async def until(has_come: Callable[[], bool]) -> int:
    """After how many turns of the loop."""
    turns = 0
    async with asyncio.timeout(10):
        while not has_come():
            await asyncio.sleep(0)
            turns += 1
    return turns


@pytest.mark.gen_test
async def test_who_was_here_before_goes_before_those_who_have_just_come() -> None:
    turns, done = Turns(), list[str]()
    for _ in range(3):
        turns.welcome(lambda: done.append("newcomer"))
    turns.put_off(lambda: done.append("put off"))
    turns.talk(lambda: done.append("talk"))
    await until(lambda: len(done) == 5)
    assert done == ["put off", "talk", *["newcomer"] * 3]


@pytest.mark.gen_test
async def test_where_nobody_talks_newcomers_have_the_whole_turn() -> None:
    turns, done = Turns(), list[int]()
    for n in range(100):
        turns.welcome(busy_for(TURN_SECONDS / 100, lambda n=n: done.append(n)))  # type: ignore[misc]
    assert await until(lambda: len(done) == 100) < 20
    assert done == list(range(100))


@pytest.mark.gen_test
async def test_where_somebody_talks_a_crowd_of_newcomers_takes_little_of_each_turn() -> None:
    turns, done, told = Turns(), list[int](), list[int]()
    for n in range(100):
        turns.welcome(busy_for(WELCOME_SECONDS, lambda n=n: done.append(n)))  # type: ignore[misc]
    turns.talk(lambda: None)
    for _ in range(20):
        turns.talk(lambda: told.append(len(done)))
        await asyncio.sleep(0)
    assert len(told) >= 19
    assert max(told) < 25
    await until(lambda: len(done) == 100)


@pytest.mark.gen_test
async def test_newcomers_have_their_part_however_much_others_ask() -> None:
    turns, done = Turns(), list[int]()

    def talk_on_and_on() -> None:
        if len(done) < 5:
            turns.put_off(busy_for(TURN_SECONDS, talk_on_and_on))

    turns.talk(lambda: None)
    for n in range(5):
        turns.welcome(busy_for(WELCOME_SECONDS, lambda n=n: done.append(n)))  # type: ignore[misc]
    talk_on_and_on()
    assert await until(lambda: len(done) == 5) < 20


@pytest.mark.gen_test
async def test_what_breaks_breaks_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    turns, done = Turns(), list[str]()

    def broken() -> None:
        raise RuntimeError

    turns.welcome(broken)
    turns.welcome(lambda: done.append("newcomer"))
    turns.put_off(broken)
    turns.put_off(lambda: done.append("put off"))
    await until(lambda: len(done) == 2)
    assert done == ["put off", "newcomer"]
    assert [record.getMessage() for record in caplog.records] == ["a connection broke"] * 2
    caplog.clear()
