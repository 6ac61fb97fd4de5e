"""The relay's messages, the watch over other servers, and the contact with the database."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from db.server.contact import ANSWER_SECONDS, PAUSE_SECONDS, Contact, awake
from relay.message import Event, Invalid, Message, Seal, Sender, packed
from relay.peers import SILENT_SECONDS, Heard, Peers
from relay.relay import BEAT_SECONDS, Relay

SEAL = Seal.of("a secret of at least 32 bytes, for tests")
ONE, OTHER = Sender(1, "00aa"), Sender(2, "00bb")

BIGINTS = st.integers(1, 2**63 - 1)


@st.composite
def events(draw: st.DrawFn) -> Event:
    recipients = draw(st.lists(st.tuples(BIGINTS, BIGINTS), min_size=1, max_size=400))
    body = draw(st.binary(max_size=9000))
    return Event(body, [user for user, _ in recipients], [seq for _, seq in recipients])


LONGEST_BODY = 7900 - 200  # shorter ones are always told


@settings(deadline=None)
@given(st.lists(events(), max_size=5))
def test_messages_fit_the_engine_and_keep_every_recipient_in_order(written: list[Event]) -> None:
    received = []
    for pack in packed(written, 7900):
        data = SEAL.encode(Message(ONE, 1, "0123456789ab", 1e9 + 0.123456, pack))
        assert len(data) <= 7900
        received += SEAL.decode(data).events
    for told, original in zip(by_recipient(received), by_recipient(written), strict=True):
        assert told[:2] == original[:2]
        assert told.body == original.body or (told.body is None and is_long(original))


class Told(NamedTuple):
    user_id: int
    seq: int
    body: bytes | None


def by_recipient(events: list[Event]) -> list[Told]:
    return [
        Told(user_id, seq, event.body)
        for event in events
        for user_id, seq in zip(event.user_ids, event.seqs, strict=True)
    ]


def is_long(told: Told) -> bool:
    return len(told.body or b"") > LONGEST_BODY


def test_a_message_says_what_was_written() -> None:
    message = Message(ONE, 7, "abc", 1.5, [Event(b'data: {"a": "\xc3\xa9"}\n\n', [1, 2], [3, 4])])
    assert SEAL.decode(SEAL.encode(message)) == message


@settings(deadline=None)
@given(st.integers(0, 200), st.integers(1, 255))
def test_a_message_that_was_altered_is_refused(at: int, change: int) -> None:
    data = bytearray(SEAL.encode(Message(ONE, 7, "abc", 1.5, [Event(b"data: 1\n\n", [1], [3])])))
    data[at % len(data)] ^= change
    with pytest.raises(Invalid):
        SEAL.decode(bytes(data))


@settings(deadline=None)
@given(st.binary())
def test_what_is_no_message_is_refused(data: bytes) -> None:
    with pytest.raises(Invalid):
        SEAL.decode(data)


def test_another_secret_signs_other_messages() -> None:
    data = Seal.of("another secret of at least 32 bytes").encode(Message(ONE, 1, "abc", 1, []))
    with pytest.raises(Invalid):
        SEAL.decode(data)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_numbers_show_what_is_missing_or_repeated() -> None:
    peers = Peers(Clock())
    assert [peers.hear(ONE, n) for n in (1, 2, 4, 4, 3, 5)] == [
        Heard.NEXT,
        Heard.NEXT,
        Heard.GAP,
        Heard.REPEATED,
        Heard.REPEATED,
        Heard.NEXT,
    ]
    assert peers.hear(OTHER, 9) is Heard.JOINED


def test_a_server_that_says_nothing_is_silent_until_it_is_heard_or_gone() -> None:
    clock = Clock()
    peers = Peers(clock)
    assert not peers.expect({ONE, OTHER})
    peers.hear(ONE, 1)
    found = [peers.is_one_silent]

    clock.now += SILENT_SECONDS + 0.1
    peers.hear(ONE, 2)
    found.append(peers.is_one_silent)  # OTHER was never heard

    assert peers.expect({ONE})  # OTHER has gone: what it said last may be lost
    found.append(peers.is_one_silent)
    assert found == [False, True, False]
    assert not peers.expect({ONE})


def contact(clock: Clock) -> Contact:
    found = Contact(needed=True, now=clock)
    found.answered(clock.now)
    found.renew(found.losses)
    assert found.is_current
    return found


def test_contact_needs_an_answer_every_two_seconds() -> None:
    clock = Clock()
    kept = contact(clock)
    for _ in range(6):
        clock.now += 0.5
        kept._ticked = clock.now
        kept.answered(clock.now)
    assert kept.is_current

    kept._ticked = clock.now = clock.now + ANSWER_SECONDS
    found = [kept.is_current]
    kept.answered(clock.now)
    found.append(kept.is_current)  # an answer is not enough: it has to look
    assert found == [False, False]


def test_a_pause_of_the_loop_is_a_loss_of_contact() -> None:
    clock = Clock()
    kept = contact(clock)
    clock.now += PAUSE_SECONDS + 0.1
    assert not kept.is_current


def test_a_look_that_began_before_a_loss_does_not_count() -> None:
    clock = Clock()
    kept = contact(clock)
    losses = kept.losses
    kept.lose()
    found = []
    for seen in (losses, kept.losses):
        kept.renew(seen)
        found.append(kept.is_current)
    assert found == [False, True]


def test_a_look_may_take_long_while_the_database_answers() -> None:
    clock = Clock()
    kept = contact(clock)
    kept.lose()
    losses = kept.losses
    for _ in range(10):
        kept._ticked = clock.now = clock.now + 0.5
        kept.answered(clock.now)
    kept.renew(losses)
    assert kept.is_current


def test_a_look_does_not_count_if_the_database_answers_no_more() -> None:
    clock = Clock()
    kept = contact(clock)
    kept.lose()
    kept._ticked = clock.now = clock.now + ANSWER_SECONDS
    kept.renew(kept.losses)
    assert not kept.is_current


@pytest.mark.gen_test
async def test_those_who_wait_for_contact_go_on_when_it_is_renewed() -> None:
    kept = Contact(needed=True)
    waiting = asyncio.ensure_future(kept.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    kept.answered(awake())
    kept.renew(kept.losses)
    await waiting


def test_a_server_without_a_relay_needs_no_contact() -> None:
    alone = Contact(needed=False)
    alone.lose()
    assert alone.is_current


class Sent:
    """An engine that keeps what it is to send, and the counts of a relay."""

    largest_message = 7900
    is_up = True

    def __init__(self) -> None:
        self.messages: list[bytes] = []

    async def send(self, messages: Sequence[bytes]) -> None:
        self.messages += messages

    def relayed(self, direction: str, messages: int) -> None: ...
    def relay_lost(self, reason: str, messages: int = 1) -> None: ...


@pytest.mark.gen_test
async def test_a_server_with_nothing_to_tell_beats() -> None:
    sent = Sent()
    relay = Relay(sent, SEAL, sent, deliver=lambda received: None, missed=lambda: None)
    relay.begin(ONE)
    work = [asyncio.create_task(relay.send()), asyncio.create_task(relay.beat())]
    await asyncio.sleep(3 * BEAT_SECONDS)
    for task in work:
        task.cancel()
    beats = [SEAL.decode(message) for message in sent.messages]
    assert len(beats) >= 2
    assert [beat.number for beat in beats] == list(range(1, len(beats) + 1))
    assert not any(beat.events for beat in beats)
