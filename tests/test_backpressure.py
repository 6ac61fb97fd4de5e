"""Unread bytes are bounded for each client and in all; a client that reads too slowly is cut."""

import pytest

from http1 import backpressure
from http1.backpressure import MAX_BYTES, MAX_CLIENT_BYTES, MIN_BYTES_PER_SECOND, Backpressure
from tests.support.rules import rule


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Pipe:
    """Bytes that wait for a client, which takes as many as a test says."""

    def __init__(self, client: str, size: int, *, is_stream: bool = False) -> None:
        self.client = client
        self.write_buffer_size = size
        self.written_while_paused = 0
        self.is_stream = is_stream
        self.is_cut = False

    def shed(self) -> None:
        self.is_cut = True

    def take(self, size: int) -> None:
        self.write_buffer_size -= size

    def write(self, size: int) -> None:
        self.write_buffer_size += size
        self.written_while_paused += size


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiting(clock: Clock) -> Backpressure:
    return Backpressure(clock)


def seconds_until_cut(waiting: Backpressure, clock: Clock, pipe: Pipe, per_second: int) -> int:
    """Returns after how many seconds a client with this rate is cut; 200 if it is not."""
    for second in range(200):
        waiting.check()
        if pipe.is_cut:
            return second
        pipe.take(min(per_second, pipe.write_buffer_size - 1))
        clock.time += 1
    return 200


def test_bytes_that_were_taken_no_longer_count(waiting: Backpressure) -> None:
    one, other, johns = Pipe("jane", 1000), Pipe("jane", 500), Pipe("john", 7)
    for pipe in (one, other, johns):
        waiting.write_paused(pipe)
    assert (waiting.write_buffer_size("jane"), waiting.total) == (1500, 1507)
    one.take(300)
    other.write(100)
    waiting.check()
    assert waiting.write_buffer_size("jane") == 1300
    for pipe in (one, one, other, johns):
        waiting.write_resumed(pipe)
    assert (waiting.write_buffer_size("jane"), waiting.total) == (0, 0)


@rule("api#too-slow")
@pytest.mark.parametrize(
    ("per_second", "least", "most"),
    [(0, 30, 35), (MIN_BYTES_PER_SECOND - 1, 30, 35), (MIN_BYTES_PER_SECOND, 200, 200)],
)
def test_a_client_that_takes_too_little_is_cut(
    waiting: Backpressure, clock: Clock, per_second: int, least: int, most: int
) -> None:
    pipe = Pipe("jane", 10**6)
    waiting.write_paused(pipe)
    assert least <= seconds_until_cut(waiting, clock, pipe, per_second) <= most


def test_a_client_that_stops_taking_is_cut_whatever_it_took_before(
    waiting: Backpressure, clock: Clock
) -> None:
    pipe = Pipe("jane", 10**6, is_stream=True)
    waiting.write_paused(pipe)
    for _ in range(100):
        pipe.take(50_000)
        pipe.write(50_000)
        clock.time += 1
        waiting.check()
    assert not pipe.is_cut
    assert 30 <= seconds_until_cut(waiting, clock, pipe, 0) <= 35


def test_beyond_a_users_bound_the_stream_with_most_unread_bytes_ends(waiting: Backpressure) -> None:
    answer = Pipe("jane", MAX_CLIENT_BYTES - 1000)
    small, large = Pipe("jane", 400, is_stream=True), Pipe("jane", 600, is_stream=True)
    for pipe in (answer, small, large):
        waiting.write_paused(pipe)
    assert waiting.write_buffer_size("jane") == MAX_CLIENT_BYTES
    waiting.check()
    assert (small.is_cut, large.is_cut) == (False, False)
    small.write(1)
    waiting.check()
    assert (answer.is_cut, small.is_cut, large.is_cut) == (False, False, True)


@rule("api#unread-answers-in-all")
def test_beyond_the_bound_in_all_the_client_with_most_loses_connections(
    waiting: Backpressure, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = [Pipe("jane", MAX_BYTES // 8) for _ in range(5)]
    few = [Pipe(f"user{n}", MAX_BYTES // 8) for n in range(3)]
    monkeypatch.setattr(backpressure, "MAX_CLIENT_BYTES", MAX_BYTES)
    for pipe in (*few, *half):
        waiting.write_paused(pipe)
    assert not any(pipe.is_cut for pipe in (*few, *half))
    waiting.write_paused(Pipe("john", 1))
    assert [pipe.is_cut for pipe in few] == [False] * 3
    assert sum(pipe.is_cut for pipe in half) == 1
