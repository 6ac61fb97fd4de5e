"""The feed writer stores waiting drafts together, once each, in one order for everybody."""

import asyncio
import random
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import combinations
from typing import Any, NamedTuple

import psycopg2
import pytest
from tornado.ioloop import IOLoop

from db import conversations, errors, messages, pool, users
from db.conversations import Conversation, Opening, WithOneself
from db.feed import Event
from db.feed_writer import FeedWriter
from db.message import Message
from db.messages import ClientIdReused, Draft, Stored
from db.pool import Database
from db.reads import NoSuchMessage, Read, Reading
from db.snapshot import NotFound
from db.unread import MOST_UNREAD
from tests.support import feeds
from tests.support.feeds import Counting
from tests.support.postgres import ask
from tests.support.rules import rule


@pytest.fixture
def db(io_loop: IOLoop, dsn: str) -> Iterator[Counting]:
    database = Counting(dsn)
    yield database
    io_loop.run_sync(database.close)


@pytest.fixture
def told() -> list[Event]:
    """Returns all published events, in order."""
    return []


@pytest.fixture
def sender(io_loop: IOLoop, db: Counting, told: list[Event]) -> Iterator[FeedWriter]:
    sender = FeedWriter(db, feeds.told_to(told))
    yield sender
    io_loop.run_sync(sender.idle)


@pytest.fixture(autouse=True)
def feeds_without_a_gap(dsn: str, sender: FeedWriter) -> Iterator[None]:
    """Checks after each test that every feed counts 1, 2, … up to its last number."""
    yield
    assert not ask(dsn, GAPS)


GAPS = """
    SELECT feeds.user_id, last_seq, array_agg(seq ORDER BY seq)
    FROM feeds
    LEFT JOIN feed_events USING (user_id)
    GROUP BY feeds.user_id, last_seq
    HAVING coalesce(array_agg(seq ORDER BY seq) FILTER (WHERE seq IS NOT NULL), '{}')
        <> ARRAY(SELECT generate_series(1, last_seq))
"""


class Pair(NamedTuple):
    """Two people and their conversation."""

    talk: int
    one: int
    other: int


async def pair(db: Database, sender: FeedWriter, one: str, other: str) -> Pair:
    ids = [int((await users.sign_in(db, name)).id) for name in (one, other)]
    return Pair((await sender.open(Opening(ids[0], other))).conversation_id, *ids)


def draft(talk: int, user_id: int, content: str = "hello", client_id: str | None = None) -> Draft:
    return Draft(talk, user_id, content, client_id or str(uuid.uuid4()), True)


def seen_by(user_id: int, told: Iterable[Event]) -> list[Event]:
    return [event for event in told if event.user_id == user_id]


async def all_of(sender: FeedWriter, drafts: Iterable[Draft]) -> list[Stored | BaseException]:
    return await asyncio.gather(*map(sender.send, drafts), return_exceptions=True)


async def sent(sender: FeedWriter, drafts: Iterable[Draft]) -> list[Message]:
    return [stored.message for stored in await asyncio.gather(*map(sender.send, drafts))]


def contents(dsn: str, talk: int) -> list[str]:
    """Returns the contents in the order of ids."""
    sql = "SELECT content FROM messages WHERE conversation_id = %s ORDER BY id"
    return [content for (content,) in ask(dsn, sql, (talk,))]


@contextmanager
def locked(dsn: str, user_id: int) -> Iterator[None]:
    """Holds the user's feed locked in another transaction."""
    conn = psycopg2.connect(dsn)
    with conn.cursor() as cursor:
        cursor.execute("SELECT FROM feeds WHERE user_id = %s FOR UPDATE", (user_id,))
        assert cursor.rowcount == 1
        try:
            yield
        finally:
            conn.rollback()
            conn.close()


# Batches.


@pytest.mark.gen_test
async def test_sends_that_wait_together_share_round_trips_and_transactions(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    before = db.asked
    stored = await sent(sender, [draft(john_jane.talk, john_jane.one) for _ in range(100)])
    trips = db.asked - before
    assert trips == 4  # two thirds each time, down to a few: 67, 22, 8, 3
    assert ask(dsn, "SELECT count(*), count(DISTINCT xmin::text) FROM messages") == [(100, trips)]
    assert len({message.id for message in stored}) == 100


@rule("api#order-of-messages")
@pytest.mark.gen_test
async def test_ids_numbers_times_and_publishing_have_one_order_for_every_viewer(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    names = ["john", "jane", "alice", "bob", "carol", "dave"]
    pairs = [await pair(db, sender, one, other) for one, other in combinations(names, 2)]
    told.clear()
    await sent(sender, [draft(p.talk, p[1 + n % 2]) for n in range(14) for p in pairs])
    for (viewer,) in ask(dsn, "SELECT user_id FROM feeds"):
        rows = ask(dsn, IN_FEED_ORDER, (viewer,))
        assert len(rows) == 5 * 14
        assert [key for _, key, _ in rows] == sorted(key for _, key, _ in rows)
        assert [at for _, _, at in rows] == sorted(at for _, _, at in rows)
        published = [(event.seq, int(message_of(event).id)) for event in seen_by(viewer, told)]
        assert published == [(seq, key) for seq, key, _ in rows]


IN_FEED_ORDER = """
    SELECT seq, messages.id, messages.created_at
    FROM feed_events
    JOIN messages ON messages.id = message_id
    WHERE feed_events.user_id = %s
    ORDER BY seq
"""


def message_of(event: Event) -> Message:
    assert isinstance(event.data, Message)
    return event.data


@pytest.mark.gen_test
async def test_writes_of_all_kinds_at_once_are_published_in_the_order_of_the_feed(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    for name in ("alice", "bob", "carol"):
        await users.sign_in(db, name)
    writes: list[Any] = []
    for name in ("alice", "bob", "carol"):
        writes += [sender.send(draft(john_jane.talk, john_jane.one)) for _ in range(5)]
        writes += [sender.open(Opening(john_jane.one, name))]
        writes += [sender.mark_read(Reading(john_jane.talk, john_jane.other, None))]
    await asyncio.gather(*writes)
    his = [event.seq for event in seen_by(john_jane.one, told)]
    assert his == list(range(1, 1 + 1 + 3 * (5 + 1 + 1)))


# Writes outside the batch.


@pytest.mark.gen_test
async def test_a_locked_feed_holds_up_no_send_to_others(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    bob_carol = await pair(db, sender, "bob", "carol")
    with locked(dsn, john_jane.other):
        blocked = asyncio.gather(
            *(sender.send(draft(john_jane.talk, john_jane.one, f"{n}")) for n in range(10))
        )
        for n in range(20):
            async with asyncio.timeout(1.5):  # a write waits half a second for a lock
                await sender.send(draft(bob_carol.talk, bob_carol.one, f"{n}"))
        assert not blocked.done()
        assert contents(dsn, john_jane.talk) == []
    assert [stored.created for stored in await blocked] == [True] * 10
    assert contents(dsn, john_jane.talk) == [f"{n}" for n in range(10)]
    assert contents(dsn, bob_carol.talk) == [f"{n}" for n in range(20)]


@pytest.mark.gen_test
async def test_drafts_that_wait_for_a_locked_feed_keep_their_order_in_a_conversation(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    sends = []
    with locked(dsn, john_jane.other):
        for n in range(12):  # in many batches, some before the first timeout and some after it
            sends.append(
                asyncio.ensure_future(sender.send(draft(john_jane.talk, john_jane.one, f"{n}")))
            )
            await asyncio.wait(sends, timeout=0.1)
        assert not any(send.done() for send in sends)
    await asyncio.gather(*sends)
    assert contents(dsn, john_jane.talk) == [f"{n}" for n in range(12)]
    hers = seen_by(john_jane.other, told)
    assert [event.seq for event in hers] == list(range(1, 14))
    assert [message_of(event).content for event in hers[1:]] == [f"{n}" for n in range(12)]


@pytest.mark.gen_test
async def test_a_batch_that_meets_a_locked_feed_is_stored_except_for_that_user(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    pairs = [await pair(db, sender, f"one{n}", f"other{n}") for n in range(20)]
    with locked(dsn, pairs[7].other):
        sends = [asyncio.ensure_future(sender.send(draft(p.talk, p.one))) for p in pairs]
        blocked = sends.pop(7)
        async with asyncio.timeout(2.5):
            await asyncio.gather(*sends)
        assert not blocked.done()
    await blocked
    assert ask(dsn, "SELECT count(*) FROM messages") == [(20,)]


@pytest.mark.gen_test
async def test_many_writes_that_wait_for_one_locked_feed_leave_connections_to_others(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    pairs = [await pair(db, sender, f"friend{n}", "jane") for n in range(30)]
    bob_carol = await pair(db, sender, "bob", "carol")
    with locked(dsn, pairs[0].other):
        blocked = asyncio.gather(*(sender.send(draft(p.talk, p.one)) for p in pairs))
        for _ in range(5):
            async with asyncio.timeout(5):
                await sender.send(draft(bob_carol.talk, bob_carol.one))
            async with asyncio.timeout(5):
                await conversations.one(db, bob_carol.one, bob_carol.talk)
        assert not blocked.done()
    assert all(stored.created for stored in await blocked)


@pytest.mark.gen_test
async def test_a_feed_that_stays_locked_ends_in_an_error_before_long_and_nothing_is_stored(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    bob_carol = await pair(db, sender, "bob", "carol")
    started = time.monotonic()
    with locked(dsn, john_jane.other):
        results = await all_of(
            sender, [draft(p.talk, p.one) for p in (john_jane, bob_carol, john_jane)]
        )
        await sender.idle()
    assert 4 < time.monotonic() - started < 15
    assert [isinstance(result, errors.DatabaseError) for result in results] == [True, False, True]
    assert contents(dsn, john_jane.talk) == []
    assert contents(dsn, bob_carol.talk) == ["hello"]


@pytest.mark.gen_test
async def test_a_new_conversation_is_published_though_the_next_one_meets_a_locked_feed(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john, jane, carol = [int((await users.sign_in(db, n)).id) for n in ("john", "jane", "carol")]
    with locked(dsn, carol):
        first = asyncio.ensure_future(sender.open(Opening(john, "jane")))
        second = asyncio.ensure_future(sender.open(Opening(john, "carol")))
        async with asyncio.timeout(2):
            assert (await first).created
        assert {event.user_id for event in told} == {john, jane}
    assert (await second).created
    assert [event.seq for event in seen_by(john, told)] == [1, 2]


@pytest.mark.gen_test
async def test_a_refusal_after_its_sender_gave_up_harms_no_other_draft(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")

    async def impatient() -> Stored:
        pool._deadline.set(asyncio.get_running_loop().time() + 0.2)
        return await sender.send(draft(john_jane.talk, john_jane.one, "x" * 4001))

    with locked(dsn, john_jane.other), pytest.raises(errors.Timeout):
        await asyncio.create_task(impatient())
    await sender.send(draft(john_jane.talk, john_jane.one))
    await sender.idle()
    assert contents(dsn, john_jane.talk) == ["hello"]


# Refusals.


@pytest.mark.gen_test
async def test_a_stranger_and_a_reused_client_id_are_refused_without_harm_to_their_batch(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john_jane = await pair(db, sender, "john", "jane")
    mallory = int((await users.sign_in(db, "mallory")).id)
    talk, john, jane = john_jane
    known = draft(talk, john, "earlier")
    await sender.send(known)
    told.clear()
    good, stranger, reused, nowhere, last = await all_of(
        sender,
        [
            draft(talk, john, "good"),
            draft(talk, mallory, "let me in"),
            known._replace(content="another"),
            draft(talk + 1000, john),
            draft(talk, jane, "last"),
        ],
    )
    assert [type(r) for r in (stranger, reused, nowhere)] == [NotFound, ClientIdReused, NotFound]
    assert isinstance(good, Stored)
    assert isinstance(last, Stored)
    assert contents(dsn, talk) == ["earlier", "good", "last"]
    assert [(e.user_id, message_of(e).content) for e in told] == [
        (user_id, content) for content in ("good", "last") for user_id in (john, jane)
    ]


@pytest.mark.gen_test
async def test_an_error_of_postgresql_harms_no_other_draft_of_the_batch(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    told.clear()
    drafts = [draft(talk, (john, jane)[n % 2], f"{n}") for n in range(20)]
    drafts.insert(10, draft(talk, john, "x" * 4001))
    results = await all_of(sender, drafts)
    assert isinstance(results.pop(10), errors.Unexpected)
    assert all(isinstance(result, Stored) and result.created for result in results)
    assert contents(dsn, talk) == [f"{n}" for n in range(20)]
    assert [message_of(e).content for e in seen_by(jane, told)] == [f"{n}" for n in range(20)]


# Duplicates.


@pytest.mark.gen_test
async def test_fifty_sends_of_one_client_id_store_one_message(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    told.clear()
    results = await asyncio.gather(*(sender.send(d) for d in [draft(talk, john)] * 50))
    assert [stored.created for stored in results] == [True] + 49 * [False]
    assert len({stored.message for stored in results}) == 1
    assert [event.user_id for event in told] == [john, jane]
    again = await sender.send(draft(talk, john, client_id=results[0].message.client_id))
    assert again == Stored(results[0].message, False)
    assert contents(dsn, talk) == ["hello"]


@pytest.mark.gen_test
async def test_of_equal_client_ids_in_one_batch_the_first_decides(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    talk, john, _ = await pair(db, sender, "john", "jane")
    elsewhere = (await pair(db, sender, "john", "carol")).talk
    first = draft(talk, john, "first")
    before = db.asked
    stored, same, other_content, other_talk = await all_of(
        sender,
        [first, first, first._replace(content="x"), first._replace(conversation_id=elsewhere)],
    )
    assert db.asked == before + 1
    assert isinstance(stored, Stored)
    assert stored.created
    assert same == Stored(stored.message, False)
    assert isinstance(other_content, ClientIdReused)
    assert isinstance(other_talk, ClientIdReused)
    assert (contents(dsn, talk), contents(dsn, elsewhere)) == (["first"], [])


@pytest.mark.gen_test
async def test_a_refused_draft_does_not_use_up_its_client_id(
    db: Counting, sender: FeedWriter
) -> None:
    talk, john, _ = await pair(db, sender, "john", "jane")
    foreign = (await pair(db, sender, "bob", "carol")).talk
    good = draft(talk, john)
    refused, stored = await all_of(sender, [good._replace(conversation_id=foreign), good])
    assert isinstance(refused, NotFound)
    assert isinstance(stored, Stored)
    assert stored.created


@pytest.mark.gen_test
async def test_two_people_may_use_the_same_client_id(db: Counting, sender: FeedWriter) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    his = draft(talk, john)
    one, other = await asyncio.gather(sender.send(his), sender.send(his._replace(user_id=jane)))
    assert one.created
    assert other.created
    assert one.message.id != other.message.id


@pytest.mark.gen_test
async def test_a_client_id_made_by_the_server_is_never_shown(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, _ = await pair(db, sender, "john", "jane")
    told.clear()
    private = draft(talk, john)._replace(client_id_given=False)
    stored = await sender.send(private)
    again = await sender.send(private)  # as the writer itself does after a lost answer
    assert stored == again == Stored(stored.message, True)
    assert stored.message.client_id is None
    assert [message_of(event).client_id for event in told] == [None, None]
    page = (await messages.page(db, john, talk, limit=5)).body
    assert page.items == [stored.message]


@rule("api#client-id-is-private")
@pytest.mark.gen_test
async def test_a_client_id_is_its_senders_secret(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    told.clear()
    his = draft(talk, john)
    await sender.send(his)
    shown = {event.user_id: message_of(event) for event in told}
    assert (shown[john].client_id, shown[john].mine) == (his.client_id, True)
    assert (shown[jane].client_id, shown[jane].mine) == (None, False)


# Opening a conversation.


@pytest.mark.gen_test
async def test_a_hundred_openings_from_both_sides_make_one_conversation(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john, jane = [int((await users.sign_in(db, name)).id) for name in ("john", "jane")]
    both = [Opening(john, "JANE"), Opening(jane, "john")] * 50
    opened = await asyncio.gather(*map(sender.open, both))
    assert sum(each.created for each in opened) == 1
    assert len({each.conversation_id for each in opened}) == 1
    assert sorted((event.user_id, event.seq) for event in told) == [(john, 1), (jane, 1)]
    for event in told:
        assert isinstance(event.data, Conversation)
        assert event.data.other_participant is not None
        assert event.data.other_participant.username == {john: "jane", jane: "john"}[event.user_id]
    assert ask(dsn, "SELECT count(*) FROM conversations") == [(1,)]
    assert ask(dsn, "SELECT count(*) FROM participants") == [(2,)]


@pytest.mark.gen_test
async def test_opening_a_conversation_needs_another_user_who_exists(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    john = int((await users.sign_in(db, "john")).id)
    with pytest.raises(WithOneself):
        await sender.open(Opening(john, "JOHN"))
    with pytest.raises(NotFound):
        await sender.open(Opening(john, "nobody"))
    assert (told, ask(dsn, "SELECT count(*) FROM conversations")) == ([], [(0,)])


# Reading.


def reads_of(told: Iterable[Event]) -> list[tuple[int, str, int | None]]:
    """Returns the user, the message read, and the number of unread ones, for each event."""
    return [
        (event.user_id, event.data.last_read_message_id, event.data.unread_count)
        for event in told
        if isinstance(event.data, Read)
    ]


@pytest.mark.gen_test
async def test_a_marker_only_moves_forward_and_tells_both(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    first, second, third = await sent(sender, [draft(talk, john) for _ in range(3)])
    for message in (second, second, first):
        await sender.mark_read(Reading(talk, jane, int(message.id)))
    assert reads_of(told) == [(john, second.id, None), (jane, second.id, 1)]
    await sender.mark_read(Reading(talk, jane, None))
    assert reads_of(told)[2:] == [(john, third.id, None), (jane, third.id, 0)]


@pytest.mark.gen_test
async def test_reading_a_conversation_without_messages_tells_nothing(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, _, jane = await pair(db, sender, "john", "jane")
    await sender.mark_read(Reading(talk, jane, None))
    assert reads_of(told) == []


@pytest.mark.gen_test
async def test_a_message_of_another_conversation_cannot_be_read_in_this_one(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    other = await pair(db, sender, "john", "carol")
    await sender.send(draft(talk, john))
    foreign = (await sender.send(draft(other.talk, john))).message
    mallory = int((await users.sign_in(db, "mallory")).id)
    wrong, stranger, right = await asyncio.gather(
        sender.mark_read(Reading(talk, jane, int(foreign.id))),
        sender.mark_read(Reading(talk, mallory, None)),
        sender.mark_read(Reading(talk, jane, None)),
        return_exceptions=True,
    )
    assert (type(wrong), type(stranger), right) == (NoSuchMessage, NotFound, None)
    assert [user_id for user_id, _, _ in reads_of(told)] == [john, jane]


@pytest.mark.gen_test
async def test_of_several_readings_in_one_batch_the_furthest_moves_the_marker_once(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    stored = await sent(sender, [draft(talk, john) for _ in range(5)])
    before = db.asked
    order = [stored[0], stored[3], stored[1], stored[3]]
    await asyncio.gather(*(sender.mark_read(Reading(talk, jane, int(m.id))) for m in order))
    assert db.asked == before + 1
    assert reads_of(told) == [(john, stored[3].id, None), (jane, stored[3].id, 1)]


@pytest.mark.gen_test
async def test_both_may_read_in_one_batch(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    his, hers = await sent(sender, [draft(talk, john), draft(talk, jane)])
    await asyncio.gather(
        sender.mark_read(Reading(talk, jane, int(his.id))),
        sender.mark_read(Reading(talk, john, int(hers.id))),
    )
    assert sorted(reads_of(told), key=str) == sorted(
        [(john, his.id, None), (jane, his.id, 0), (jane, hers.id, None), (john, hers.id, 0)],
        key=str,
    )


@pytest.mark.gen_test
async def test_ones_own_messages_are_never_unread(db: Counting, sender: FeedWriter) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    await sent(sender, [draft(talk, user_id) for user_id in (john, jane, john, john)])
    assert (await conversations.one(db, john, talk)).body.unread_count == 1
    assert (await conversations.one(db, jane, talk)).body.unread_count == 3


@pytest.mark.gen_test
async def test_unread_is_exact_up_to_999_and_goes_no_further_than_1000(
    db: Counting, sender: FeedWriter, told: list[Event]
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    stored = await sent(sender, [draft(talk, john) for _ in range(MOST_UNREAD + 2)])
    assert (await conversations.one(db, jane, talk)).body.unread_count == 1000
    for message in stored[:3]:
        await sender.mark_read(Reading(talk, jane, int(message.id)))
        shown = (await conversations.one(db, jane, talk)).body
        assert shown.unread_count == reads_of(told)[-1][2]
        assert shown.has_unread_messages
    assert [count for _, _, count in reads_of(told)] == [None, 1000, None, 1000, None, 999]


@pytest.mark.gen_test
async def test_a_snapshot_and_the_events_after_it_make_what_a_fresh_snapshot_shows(
    db: Counting, sender: FeedWriter
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    drafts = [draft(talk, (john, john, jane)[n % 3]) for n in range(300)]
    snapshots = []
    sending = asyncio.gather(*(one_by_one(sender, drafts[n::10]) for n in range(10)))
    while not sending.done():
        snapshots.append(await conversations.one(db, jane, talk))
        await sender.mark_read(Reading(talk, jane, None))
    await sender.send(draft(talk, john))
    fresh = await conversations.one(db, jane, talk)
    assert len(snapshots) > 10
    assert fresh.body.unread_count > 0
    for snapshot in snapshots:
        after = await feeds.page(db, jane, int(snapshot.position.partition("-")[2]), 1000)
        assert applied(snapshot.body, after, jane) == shown(fresh.body)


async def one_by_one(sender: FeedWriter, drafts: Iterable[Draft]) -> None:
    for each in drafts:
        await sender.send(each)


def shown(body: Conversation) -> tuple[int, str | None, Message | None]:
    return body.unread_count, body.last_read_message_id, body.last_message


def applied(
    body: Conversation, events: Iterable[Event], me: int
) -> tuple[int, str | None, Message | None]:
    """Applies events to a snapshot, as a client does."""
    unread, marker, last = shown(body)
    for event in events:
        match event.data:
            case Message() as message:
                last = message
                unread += not message.mine
            case Read(user_id=reader, last_read_message_id=moved, unread_count=count):
                if reader == str(me):
                    assert count is not None
                    marker, unread = moved, count
    return unread, marker, last


# Failures.


@asynccontextmanager
async def cutting(dsn: str) -> AsyncIterator[list[int]]:
    """Ends all connections again and again; yields how many it ended each time."""
    cuts: list[int] = []
    over = asyncio.Event()

    async def cut() -> None:
        while not over.is_set():
            cuts.append(len(await asyncio.to_thread(ask, dsn, CUT)))
            await asyncio.sleep(random.uniform(0.01, 0.05))  # to connect, and to store a little

    task = asyncio.create_task(cut())
    try:
        yield cuts
    finally:
        over.set()
        await task


CUT = """
    SELECT pg_terminate_backend(pid)
    FROM pg_stat_activity
    WHERE datname = current_database()
        AND pid <> pg_backend_pid()
"""


@pytest.mark.gen_test
async def test_a_batch_that_met_a_deadlock_is_tried_again(
    db: Counting, sender: FeedWriter, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The design rules deadlocks out; the writer handles PostgreSQL's error all the same."""
    talk, john, _ = await pair(db, sender, "john", "jane")
    store = messages.store
    met: list[Any] = []

    async def meet_one(db: Database, drafts: Sequence[Draft]) -> Any:
        if not met:
            met.append(len(drafts))
            raise errors.Deadlock("detected")
        return await store(db, drafts)

    monkeypatch.setattr(messages, "store", meet_one)
    stored = await all_of(sender, [draft(talk, john, f"{n}") for n in range(3)])
    assert met == [3]
    assert [one.created for one in stored if isinstance(one, Stored)] == [True] * 3
    assert contents(dsn, talk) == ["0", "1", "2"]


@pytest.mark.gen_test
async def test_a_message_whose_answer_was_lost_is_not_stored_again(
    db: Counting, sender: FeedWriter, dsn: str
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    db.loses_next = True
    given, private = await asyncio.gather(
        sender.send(draft(talk, john, "given")),
        sender.send(draft(talk, john, "private")._replace(client_id_given=False)),
    )
    assert not db.loses_next
    assert (given.created, private.created) == (False, True)
    assert contents(dsn, talk) == ["given", "private"]
    assert [event.seq for event in await feeds.page(db, jane, 0, 10)] == [1, 2, 3]


@pytest.mark.gen_test
async def test_constant_cuts_of_connections_lose_and_double_nothing(
    db: Counting, sender: FeedWriter, told: list[Event], dsn: str
) -> None:
    talk, john, jane = await pair(db, sender, "john", "jane")
    told.clear()
    stored: list[str] = []

    async def talk_on(name: str) -> None:
        while sum(cuts) < 25:
            content = f"{name} {len(stored)}"
            await sender.send(draft(talk, john, content))
            stored.append(content)

    async with cutting(dsn) as cuts:
        await asyncio.gather(*(talk_on(name) for name in "abc"))
    assert sorted(contents(dsn, talk)) == sorted(stored)
    for viewer in (john, jane):
        seqs = [event.seq for event in seen_by(viewer, told)]
        assert seqs == sorted(set(seqs))  # a stream reads the missing ones from the feed
        in_feed = [message_of(event).id for event in await feeds.page(db, viewer, 1, 100_000)]
        assert in_feed == sorted(in_feed, key=int)
        assert len(in_feed) == len(stored)
