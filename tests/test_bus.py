"""The bus delivers events to a user's streams in order, and one bad stream affects no other."""

import asyncio
import itertools
from collections.abc import Callable, Sequence

import pytest

from bus import event
from bus.bus import JOINED_BYTES, SLICE_SECONDS, Bus
from bus.event import Frame
from bus.heartbeat import Heartbeat
from tests.support.people import eventually
from tests.support.rules import rule

FRAME = Frame(b"", b"data: {}\n\n")


SLICE = 200


def slow_bus() -> Bus:
    """Makes a bus with a clock of its own, where `SLICE` subscribers take the time of a slice."""
    readings = itertools.count()
    return Bus(lambda: next(readings) * SLICE_SECONDS / SLICE)


class Recorder:
    """A subscriber that remembers its calls."""

    def __init__(self, user_id: int = 1, session_id: int = 1) -> None:
        self.user_id = user_id
        self.session_id = session_id
        self.expires_at = float("inf")
        self.closed = False
        self.seqs: list[int] = []
        self.writes: list[bytes] = []
        self.pings = 0
        self.ended: list[str] = []

    def deliver(self, seq: int, frame: Frame) -> None:
        self.seqs.append(seq)
        self.writes.append(frame.plain)

    def deliver_all(self, events: Sequence[tuple[int, Frame]], joined: Frame) -> None:
        self.seqs += [seq for seq, _ in events]
        self.writes.append(joined.plain)

    def catch_up(self, seq: int) -> None:
        pass

    def ping(self) -> None:
        self.pings += 1

    def end(self, reason: str) -> None:
        self.ended.append(reason)

    def abort(self, reason: str = "broken") -> None:
        self.ended.append(reason)
        self.closed = True


class Broken(Recorder):
    def deliver(self, seq: int, frame: Frame) -> None:
        raise ValueError("this stream is broken")

    ping = None  # type: ignore[assignment]


@pytest.mark.gen_test
async def test_an_event_goes_to_all_streams_of_its_user_and_to_no_others() -> None:
    bus, one, two, other = Bus(), Recorder(), Recorder(), Recorder(user_id=2)
    for stream in (one, two, other):
        bus.subscribe(stream)
    bus.publish(1, 5, FRAME)
    assert (one.seqs, two.seqs, other.seqs) == ([5], [5], [])


def test_a_user_without_streams_leaves_nothing_behind() -> None:
    bus, stream = Bus(), Recorder()
    for _ in range(2):
        bus.subscribe(stream)
        bus.subscribe(stream)
        assert (len(bus), bus.count_of(1)) == (1, 1)
        bus.unsubscribe(stream)
        bus.unsubscribe(stream)
        assert (len(bus), bus.count_of(1), bus._subscribers) == (0, 0, {})
    bus.publish(1, 5, FRAME)
    assert stream.seqs == []


@pytest.mark.expects_errors
@pytest.mark.gen_test
async def test_a_stream_that_fails_is_aborted_and_the_next_has_its_event() -> None:
    bus, streams = Bus(), [Recorder(), Broken(), Recorder()]
    for stream in streams:
        bus.subscribe(stream)
    bus.publish(1, 5, FRAME)
    assert [stream.seqs for stream in streams] == [[5], [], [5]]
    assert streams[1].ended == ["broken"]


@pytest.mark.gen_test
async def test_a_fan_out_to_many_is_cut_into_slices_and_keeps_the_order() -> None:
    bus = slow_bus()
    streams = [Recorder() for _ in range(2 * SLICE + 1)]
    for stream in streams:
        bus.subscribe(stream)
    for seq in (1, 2, 3):
        bus.publish(1, seq, FRAME)
    await asyncio.sleep(0)
    assert sum(len(stream.writes) for stream in streams) == SLICE  # others wait for the next slice
    await eventually(lambda: all(len(stream.seqs) == 3 for stream in streams))
    assert all(stream.seqs == [1, 2, 3] for stream in streams)


@pytest.mark.gen_test
async def test_many_streams_of_one_user_do_not_delay_the_events_of_others() -> None:
    bus, jane, john = slow_bus(), Recorder(user_id=2), Recorder(user_id=3)
    crowd = [Recorder() for _ in range(6 * SLICE)]
    for stream in (jane, john, *crowd):
        bus.subscribe(stream)
    for seq in range(1, 11):
        bus.publish(1, seq, FRAME)
    bus.publish(2, 1, FRAME)
    assert jane.seqs == [1]  # at once, though thirty slices wait
    others = [Recorder(user_id=3) for _ in range(SLICE)]
    for stream in others:
        bus.subscribe(stream)
    bus.publish(3, 1, FRAME)
    for _ in range(4):
        await asyncio.sleep(0)
    assert john.seqs == [1]  # users with many streams take turns
    assert sum(len(stream.writes) for stream in crowd) < len(crowd)
    await eventually(lambda: all(len(stream.seqs) == 10 for stream in crowd))
    assert not bus._queues


@pytest.mark.gen_test
async def test_a_batch_for_many_users_is_cut_into_slices_and_keeps_the_order() -> None:
    bus, streams = slow_bus(), [Recorder(user_id=n) for n in range(10 * SLICE)]
    for stream in streams:
        bus.subscribe(stream)
    for seq in (1, 2):
        for stream in streams:
            bus.publish(stream.user_id, seq, FRAME)
    at_once = [stream for stream in streams if stream.seqs]
    assert 0 < len(at_once) < len(streams) / 2  # others wait for the next slices
    await eventually(lambda: all(stream.seqs == [1, 2] for stream in streams))
    bus.publish(1, 3, FRAME)
    assert streams[1].seqs == [1, 2, 3]  # at once: the next iteration has its own time


@pytest.mark.gen_test
async def test_the_events_of_a_batch_for_a_user_are_joined_behind_the_first_up_to_a_size() -> None:
    bus, one, other = Bus(), Recorder(), Recorder(user_id=2)
    bus.subscribe(one)
    bus.subscribe(other)
    frame = Frame(b"", b"x" * (JOINED_BYTES // 3))
    for seq in range(1, 7):
        bus.publish(1, seq, frame)
    bus.publish(2, 1, FRAME)
    assert (one.seqs, other.seqs) == ([1], [1])
    await eventually(lambda: len(one.seqs) == 6)
    assert one.seqs == [1, 2, 3, 4, 5, 6]
    assert one.writes == [frame.plain, 3 * frame.plain, 2 * frame.plain]
    bus.publish(1, 7, frame)
    assert one.seqs[-1] == 7  # at once: the next iteration has a first one of its own


@pytest.mark.gen_test
async def test_a_stream_that_comes_between_two_events_gets_the_second_alone() -> None:
    bus, one, late = Bus(), Recorder(), Recorder()
    bus.subscribe(one)
    for seq in (1, 2):
        bus.publish(1, seq, FRAME)
    bus.subscribe(late)
    for seq in (3, 4):
        bus.publish(1, seq, FRAME)
    await eventually(lambda: len(late.seqs) == 2)
    assert (one.seqs, late.seqs) == ([1, 2, 3, 4], [3, 4])


@pytest.mark.expects_errors
@pytest.mark.gen_test
async def test_a_stream_that_fails_at_joined_events_is_aborted_and_the_next_has_them() -> None:
    bus, streams = Bus(), [Recorder(), Broken(), Recorder()]
    for stream in streams:
        bus.subscribe(stream)
    for seq in (1, 2, 3):
        bus.publish(1, seq, FRAME)
    await eventually(lambda: not bus._queues)
    assert [stream.seqs for stream in streams] == [[1, 2, 3], [], [1, 2, 3]]


@pytest.mark.gen_test
async def test_a_stream_that_was_closed_gets_nothing_of_what_is_queued() -> None:
    bus, streams = slow_bus(), [Recorder() for _ in range(2 * SLICE)]
    for stream in streams:
        bus.subscribe(stream)
    bus.publish(1, 1, FRAME)
    for stream in streams:
        stream.closed = True
        bus.unsubscribe(stream)
    await eventually(lambda: not bus._queues)
    assert not any(stream.seqs for stream in streams)


@pytest.mark.gen_test
async def test_streams_may_come_and_go_while_an_event_is_dispatched() -> None:
    bus = slow_bus()
    streams = [Recorder() for _ in range(2 * SLICE)]
    for stream in streams:
        bus.subscribe(stream)
    bus.publish(1, 1, FRAME)
    late = Recorder()
    bus.subscribe(late)
    for stream in streams:
        bus.unsubscribe(stream)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert late.seqs == []  # it subscribed later, and reads what came before from the feed
    assert len(bus) == 1


def test_the_end_of_a_session_ends_only_its_streams() -> None:
    bus = Bus()
    ended, kept, other = Recorder(1, 10), Recorder(1, 11), Recorder(2, 12)
    for stream in (ended, kept, other):
        bus.subscribe(stream)
    bus.end_sessions(1, [10, 12])
    assert (ended.ended, kept.ended, other.ended) == (["revoked"], [], [])


@pytest.mark.gen_test
async def test_all_open_streams_are_aborted_in_slices_and_no_later_one() -> None:
    bus, streams = slow_bus(), [Recorder(user_id=n) for n in range(2 * SLICE + 1)]
    for stream in streams:
        bus.subscribe(stream)
    bus.abort_all("epoch")
    late = Recorder()
    bus.subscribe(late)
    assert sum(len(stream.ended) for stream in streams) == SLICE
    await eventually(lambda: all(stream.ended == ["epoch"] for stream in streams))
    await asyncio.sleep(0)
    assert late.ended == []


@pytest.mark.gen_test
async def test_the_heartbeat_pings_each_stream_again_and_again_until_it_is_discarded() -> None:
    heartbeat, one, two = Heartbeat(lambda: 0), Recorder(), Recorder()
    heartbeat.add(one)
    heartbeat.add(two)
    await eventually(lambda: one.pings >= 2 and two.pings >= 2)
    heartbeat.discard(two)
    seen, before = two.pings, one.pings
    await eventually(lambda: one.pings > before)
    assert two.pings == seen
    heartbeat.discard(one)
    await eventually(lambda: heartbeat._timer is None)
    assert not heartbeat._due


@pytest.mark.expects_errors
@pytest.mark.gen_test
async def test_a_stream_that_fails_at_its_ping_does_not_stop_the_heartbeat() -> None:
    heartbeat, broken, sound = Heartbeat(lambda: 0), Broken(), Recorder()
    heartbeat.add(broken)  # type: ignore[arg-type]
    heartbeat.add(sound)
    await eventually(lambda: sound.pings >= 2)
    assert broken.ended == ["broken"]
    heartbeat.discard(sound)


@pytest.mark.gen_test
async def test_a_stream_is_notified_when_its_token_expires() -> None:
    heartbeat, stream = Heartbeat(), Recorder()
    stream.expires_at = asyncio.get_running_loop().time() + 0.2
    heartbeat.add(stream)
    await eventually(lambda: stream.pings > 0, 2.5)  # and not in 16 to 24 seconds
    heartbeat.discard(stream)


@rule("api#ping")
def test_pings_are_spread_over_sixteen_to_twenty_four_seconds() -> None:
    intervals = [Heartbeat()._interval() for _ in range(1000)]
    assert 16 <= min(intervals) < 17
    assert 23 < max(intervals) <= 24


def test_an_event_is_one_block_with_one_line_of_json() -> None:
    frame = event.frame({"a": "x\r\n\n\u2028\u2029\x85"}, name="read", event_id="abc-7")
    assert frame.plain == (
        b'event: read\nid: abc-7\ndata: {"a":"x\\r\\n\\n\\u2028\\u2029\\u0085"}\n\n'
    )
    assert frame.chunk == b"%x\r\n%s\r\n" % (len(frame.plain), frame.plain)


@rule("api#event-form")
def test_a_message_is_an_unnamed_event() -> None:
    assert event.frame({}, event_id="abc-7").plain == b"id: abc-7\ndata: {}\n\n"


@rule("api#event-form")
def test_hello_and_bye_carry_their_own_random_retry() -> None:
    makes: list[Callable[[], Frame]] = [
        lambda: event.hello("abc-7", "a1"),
        lambda: event.bye("draining"),
    ]
    for make in makes:
        retries = {
            int(line.removeprefix(b"retry: "))
            for _ in range(50)
            for line in make().plain.split(b"\n")
            if line.startswith(b"retry: ")
        }
        assert len(retries) > 10
        assert all(500 <= retry <= 5000 for retry in retries)
