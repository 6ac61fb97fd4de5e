"""The feed: a later read equals what was published, and the numbers never change."""

import asyncio
import random
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from tornado.ioloop import IOLoop

from db import errors, positions, users
from db.changes import edits
from db.changes.edits import Edit
from db.conversations import Conversation, Opening
from db.events import KINDS
from db.feed import Event
from db.feed_writer import FeedWriter
from db.github import Account, Picture
from db.groups import making
from db.groups.making import Making
from db.message import Message
from db.messages import Draft
from db.pool import Database
from db.positions import Position, PositionRequest, StreamPositions
from db.reads import Read, Reading
from db.server import startup
from db.sessions import IDLE_DAYS, Sessions
from handlers.delivery import encoded
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
def sender(db: Counting, told: list[Event]) -> FeedWriter:
    return FeedWriter(db, feeds.told_to(told))


class Pair(NamedTuple):
    """Two people and their conversation, which is the first event of both."""

    talk: int
    john: int
    jane: int


@pytest.fixture
def pair(io_loop: IOLoop, db: Counting, sender: FeedWriter) -> Pair:
    async def meet() -> Pair:
        john, jane = [int((await users.sign_in(db, name)).id) for name in ("john", "jane")]
        return Pair((await sender.open(Opening(john, "jane"))).conversation_id, john, jane)

    met: Pair = io_loop.run_sync(meet)
    return met


def draft(pair: Pair, content: str = "hello", *, given: bool = True) -> Draft:
    return Draft(pair.talk, pair.john, content, str(uuid.uuid4()), given)


async def send(sender: FeedWriter, pair: Pair, number: int) -> list[Message]:
    stored = [await sender.send(draft(pair, f"{n}")) for n in range(number)]
    return [each.message for each in stored]


def kinds(events: list[Event]) -> list[tuple[int, type]]:
    return [(event.seq, type(event.data)) for event in events]


# Later reads.


@rule("api#replay")
@pytest.mark.gen_test
async def test_every_kind_of_event_is_read_again_as_it_was_published(
    db: Counting, sender: FeedWriter, pair: Pair, told: list[Event]
) -> None:
    account = Account("github", 1, "carol", Picture("/avatars/1", "image/png", b"1"), False)
    carol = int((await sender.sign_in(account)).id)
    mine = await sender.open(Opening(carol, "john"))
    odd = "line\nline \u2028 \u0085 \\ \" ' % <b>&amp;</b> é \N{DROMEDARY CAMEL} \x01 end"
    await sender.send(draft(pair, odd))
    await sender.send(draft(pair)._replace(user_id=pair.jane))
    await sender.send(draft(pair, given=False))
    await sender.mark_read(Reading(pair.talk, pair.jane, None))
    await sender.send(Draft(mine.conversation_id, carol, "hello", str(uuid.uuid4()), True))
    renamed = Account("github", 1, "caroline", Picture("/avatars/2", "image/png", b"2"), False)
    assert (await sender.sign_in(renamed)).id == str(carol)
    team = Making(carol, "Team", "joined", ("john", "jane"), str(uuid.uuid4()), True, 1000)
    group = (await sender.write(making.make_all, team, unbatched=True)).conversation_id
    assert group is not None
    first = (await sender.send(draft(pair, "first"))).message
    told[:] = [event for event in told if event.data != first.seen_by(event.user_id)]
    edit = Edit(pair.talk, pair.john, int(first.id), "second", None, 48)
    await sender.write(edits.store, edit, unbatched=True)
    others = {"gone", "reactions", "setting"}  # in test_groups, test_reactions and test_notify
    assert {event.kind for event in told} | others == set(KINDS)
    for viewer, number in ((pair.john, 11), (pair.jane, 8), (carol, 5)):
        published = {event.seq: encoded(event) for event in told if event.user_id == viewer}
        assert len(published) == number
        again = {event.seq: encoded(event) for event in await feeds.page(db, viewer, 0, 100)}
        shown_now = again.keys() - published.keys()  # the message, with its second text
        assert len(shown_now) == (viewer != carol)
        assert published == {seq: frame for seq, frame in again.items() if seq not in shown_now}


@pytest.mark.gen_test
async def test_all_that_two_people_do_is_read_again_as_it_was_published(
    db: Counting, sender: FeedWriter, pair: Pair, told: list[Event]
) -> None:
    dice = random.Random(20)
    for _ in range(30):
        writes: list[Any] = []
        for _ in range(dice.randrange(1, 9)):
            who = dice.choice((pair.john, pair.jane))
            if dice.random() < 0.5:
                writes.append(sender.mark_read(Reading(pair.talk, who, None)))
            else:
                text = draft(pair, given=dice.random() < 0.5)
                writes.append(sender.send(text._replace(user_id=who)))
        await asyncio.gather(*writes)
    for viewer in (pair.john, pair.jane):
        published = [encoded(event) for event in told if event.user_id == viewer]
        assert [encoded(e) for e in await feeds.page(db, viewer, 0, 1000)] == published
        assert {type(e.data) for e in told} == {Conversation, Message, Read}


@pytest.mark.gen_test
async def test_pages_join_without_a_gap_and_the_last_one_is_short(
    db: Counting, sender: FeedWriter, pair: Pair
) -> None:
    await send(sender, pair, 19)
    whole = await feeds.page(db, pair.jane, 0, 100)
    assert [event.seq for event in whole] == list(range(1, 21))
    found: list[Event] = []
    while page := await feeds.page(db, pair.jane, len(found), 7):
        found += page
    assert found == whole
    assert await feeds.page(db, pair.jane, 20, 7) == []


@rule("api#replay")
@pytest.mark.gen_test
async def test_a_message_shows_its_present_content_and_a_deleted_one_leaves_its_number(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    first, second, third = await send(sender, pair, 3)
    ask(dsn, "UPDATE messages SET content = 'changed' WHERE id = %s", (first.id,))
    ask(dsn, "DELETE FROM messages WHERE id = %s", (second.id,))
    _, changed, deleted, kept = await feeds.page(db, pair.john, 0, 100)
    assert isinstance(changed.data, Message)
    assert changed.data.content == "changed"
    assert deleted[:5] == (pair.john, changed.epoch, 3, "message", None)
    assert kept.data == third


@pytest.mark.gen_test
async def test_a_kind_that_a_newer_server_has_written_leaves_its_number_and_shows_nothing(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    await send(sender, pair, 2)
    ask(dsn, "UPDATE feed_events SET kind = 'of_tomorrow' WHERE seq = 2")
    assert kinds(await feeds.page(db, pair.jane, 0, 100)) == [
        (1, Conversation),
        (2, type(None)),
        (3, Message),
    ]


@pytest.mark.gen_test
async def test_a_former_participant_is_shown_nothing_and_keeps_the_numbers(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    await send(sender, pair, 2)
    await sender.mark_read(Reading(pair.talk, pair.jane, None))
    ask(dsn, "DELETE FROM participants WHERE user_id = %s", (pair.jane,))
    hers = await feeds.page(db, pair.jane, 0, 100)
    assert kinds(hers) == [(seq, type(None)) for seq in (1, 2, 3, 4)]
    his = await feeds.page(db, pair.john, 1, 100)
    assert kinds(his) == [(2, Message), (3, Message), (4, Read)]


@pytest.mark.gen_test
async def test_mallory_has_a_feed_with_nothing_of_others_in_it(
    db: Counting, sender: FeedWriter, pair: Pair
) -> None:
    mallory = int((await users.sign_in(db, "mallory")).id)
    await send(sender, pair, 2)
    assert await feeds.page(db, mallory, 0, 100) == []
    await sender.open(Opening(mallory, "jane"))  # and it works all the same
    assert kinds(await feeds.page(db, mallory, 0, 100)) == [(1, Conversation)]


# Where streams start.


async def position(db: Database, user_id: int, after: int | None, session_id: int = 0) -> Position:
    return await StreamPositions(db, Sessions(db)).look_up(
        PositionRequest(user_id, session_id, after)
    )


@pytest.mark.gen_test
async def test_many_streams_that_open_at_once_are_looked_up_in_a_few_statements(
    db: Counting, sender: FeedWriter, pair: Pair
) -> None:
    await send(sender, pair, 3)
    look, before = StreamPositions(db, Sessions(db)), db.asked
    wanted = [PositionRequest((pair.john, pair.jane, 999)[n % 3], 0, n % 6) for n in range(600)]
    found = await asyncio.gather(*map(look.look_up, wanted))
    assert db.asked - before == -(-600 // positions.LARGEST_BATCH)
    assert [each.last_seq for each in found] == [4, 4, 0] * 200


@pytest.mark.gen_test
async def test_a_look_up_sees_what_was_committed_before_it(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    look = StreamPositions(db, Sessions(db))
    bump = "UPDATE feeds SET last_seq = last_seq + 1 WHERE user_id = %s RETURNING last_seq"
    early = []
    for _ in range(20):  # while the previous one is in flight
        ((last_seq,),) = ask(dsn, bump, (pair.jane,))
        early.append(
            (last_seq, asyncio.ensure_future(look.look_up(PositionRequest(pair.jane, 0, None))))
        )
        await asyncio.sleep(0)
    for last_seq, found in early:
        assert (await found).last_seq >= last_seq


@pytest.mark.gen_test
async def test_a_feed_reaches_back_until_an_event_after_the_position_is_gone(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    await send(sender, pair, 5)  # 1 to 6, with the conversation
    ask(dsn, "DELETE FROM feed_events WHERE user_id = %s AND seq <= 3", (pair.jane,))
    expected = {0: False, 2: False, 3: True, 5: True, 6: True, 7: True, None: True}
    found = {after: await position(db, pair.jane, after) for after in expected}
    assert {after: each.reaches_back for after, each in found.items()} == expected
    assert {each.last_seq for each in found.values()} == {6}
    assert (await position(db, pair.john, 0)).reaches_back


@rule("api#never-expires")
@pytest.mark.gen_test
async def test_a_position_that_is_up_to_date_never_expires(
    db: Counting, sender: FeedWriter, pair: Pair, dsn: str
) -> None:
    ask(dsn, "DELETE FROM feed_events")
    carol = int((await users.sign_in(db, "carol")).id)  # has never had an event
    for user_id, after, reaches in ((pair.jane, 1, True), (pair.jane, 0, False), (carol, 0, True)):
        assert (await position(db, user_id, after)).reaches_back == reaches


@pytest.mark.gen_test
async def test_the_epoch_stays_until_the_database_is_another_one_or_it_is_renewed(
    db: Counting, pair: Pair, told: list[Event], dsn: str
) -> None:
    first = (await position(db, pair.jane, None)).epoch
    assert {event.epoch for event in told} == {first}
    await startup.prepare(dsn)  # this database is a copy of the template
    second = (await position(db, pair.jane, None)).epoch
    await startup.prepare(dsn)
    assert (await position(db, pair.jane, None)).epoch == second
    await startup.prepare(dsn, new_epoch=True)
    third = (await position(db, pair.jane, None)).epoch
    assert len({first, second, third}) == 3
    assert {event.epoch for event in await feeds.page(db, pair.jane, 0, 10)} == {third}


@pytest.mark.gen_test
async def test_a_session_lives_until_it_ends_or_lies_idle_and_for_its_user_alone(
    db: Counting, pair: Pair, dsn: str
) -> None:
    sessions = Sessions(db)
    kept, ended, idle = [await sessions.begin(pair.jane, "a browser") for _ in range(3)]
    await sessions.end(pair.jane, ended)
    old = "UPDATE sessions SET last_seen_at = now() - make_interval(days => %s) WHERE id = %s"
    ask(dsn, old, (IDLE_DAYS, idle))
    expected = {(pair.jane, kept): True, (pair.john, kept): False, (pair.jane, ended): False}
    expected[pair.jane, idle] = False
    for (user_id, session_id), lives in expected.items():
        assert (await position(db, user_id, None, session_id)).session_lives == lives


@pytest.mark.gen_test
async def test_all_waiting_look_ups_fail_with_the_database_and_the_next_one_works(
    db: Counting, pair: Pair, dsn: str
) -> None:
    look = StreamPositions(db, Sessions(db))
    ask(dsn, "ALTER TABLE feeds RENAME TO away")
    many = positions.LARGEST_BATCH + 1
    found = await asyncio.gather(
        *(look.look_up(PositionRequest(pair.jane, 0, None)) for _ in range(many)),
        return_exceptions=True,
    )
    assert sum(isinstance(each, Exception) for each in found) == many
    ask(dsn, "ALTER TABLE away RENAME TO feeds")
    assert (await look.look_up(PositionRequest(pair.jane, 0, None))).last_seq == 1


@pytest.mark.gen_test
async def test_a_look_up_without_a_database_raises_a_database_error(
    db: Counting, pair: Pair
) -> None:
    await db.close()
    with pytest.raises(errors.DatabaseError):
        await position(db, pair.jane, None)
