"""Which writes share a transaction, and which do not hold up others."""

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest
from tornado.ioloop import IOLoop

from db import jobs, users
from db.conversations import Opening
from db.feed import Event
from db.feed_writer import FeedWriter
from db.groups import making
from db.groups.making import Making
from db.jobs import Batch, Job, Sizes
from db.kind import appends
from db.message import SENT, Message
from db.messages import Draft
from db.pool import Database
from db.write_result import Appended, WriteResult
from tests.support import feeds
from tests.support.feeds import Counting
from tests.support.postgres import ask
from tests.test_feed_writer import locked


class Write(NamedTuple):
    conversation_id: int
    about: int = 0

    @property
    def event_key(self) -> int:
        return self.about or id(self)


@appends(SENT)
async def store(db: Database, writes: Sequence[Write]) -> list[WriteResult[None]]:
    raise AssertionError


@appends(SENT, reaches_all=False)
async def store_own(db: Database, writes: Sequence[Write]) -> list[WriteResult[None]]:
    raise AssertionError


def job(rows: int, write: Write | None = None, *, unbatched: bool = False) -> Job[Any, Any]:
    return Job(store, write or Write(1), rows, unbatched=unbatched)


def batch(*kept: Job[Any, Any]) -> Batch:
    found = Batch()
    for each in kept:
        assert found.takes(each)
        found.add(each)
    return found


@pytest.mark.gen_test
async def test_a_batch_ends_at_so_many_rows_but_has_at_least_one_job() -> None:
    assert batch().takes(job(50_000))
    whole = batch(*[job(1000) for _ in range(3)])
    assert whole.takes(job(1000))
    assert not batch(*[job(1000) for _ in range(4)]).takes(job(1))
    assert not whole.takes(job(1001))  # alone
    assert not batch(job(1001)).takes(job(1))
    assert not batch(job(1)).takes(job(1, unbatched=True))
    assert not batch(job(1)).takes(Job(store_own, Write(1), 1, unbatched=False))


@pytest.mark.gen_test
async def test_writes_about_one_thing_cost_their_event_once() -> None:
    about_one = batch(*[job(1000, Write(1, about=7)) for _ in range(100)])
    assert about_one.takes(job(1000, Write(1, about=8)))


def told(conversation_id: int, people: int) -> WriteResult[None]:
    message = Message("1", str(conversation_id), "1", "", "", mine=True, client_id=None)
    ids = list(range(people))
    return WriteResult(None, [Appended(SENT, message, "epoch", ids, ids)])


@pytest.mark.gen_test
async def test_the_size_of_a_conversation_is_learnt_from_its_messages() -> None:
    sizes = Sizes()
    assert sizes.rows_of(store, Write(1)) == jobs.UNKNOWN_ROWS
    assert sizes.rows_of(store_own, Write(1)) == 1
    for people, rows in ((1000, 1000), (33, 33), (2, jobs.UNKNOWN_ROWS)):
        sizes.learn(1, told(1, people))
        assert sizes.rows_of(store, Write(1)) == rows
        assert sizes.rows_of(store, Write(2)) == jobs.UNKNOWN_ROWS


@pytest.fixture
def heard() -> list[Event]:
    return []


@pytest.fixture
def writer(io_loop: IOLoop, dsn: str, heard: list[Event]) -> Iterator[FeedWriter]:
    database = Counting(dsn)
    writer = FeedWriter(database, feeds.told_to(heard))
    yield writer
    io_loop.run_sync(writer.idle)
    io_loop.run_sync(database.close)


CROWD = """
    INSERT INTO users (username) SELECT 'member-' || n FROM generate_series(1, %(people)s) n;
    INSERT INTO feeds (user_id) SELECT id FROM users ON CONFLICT DO NOTHING
"""


async def group_of(writer: FeedWriter, dsn: str, people: int) -> tuple[int, int]:
    """Makes a group of a maker and so many others. Returns its id and its maker's."""
    maker = int((await users.sign_in(writer._db, "maker")).id)
    ask(dsn, CROWD, {"people": people})
    names = tuple(f"member-{n}" for n in range(1, people + 1))
    wanted = Making(maker, "Crowd", "joined", names, str(uuid.uuid4()), True, 5000)
    made = await writer.write(making.make_all, wanted, unbatched=True)
    assert made.conversation_id is not None
    return made.conversation_id, maker


def draft(talk: int, user_id: int) -> Draft:
    return Draft(talk, user_id, "hello", str(uuid.uuid4()), True)


@pytest.mark.gen_test
async def test_a_storm_in_a_large_group_is_stored_in_batches_of_bounded_rows(
    writer: FeedWriter, dsn: str
) -> None:
    group, maker = await group_of(writer, dsn, 999)
    await writer.send(draft(group, maker))  # tells the size
    assert isinstance(writer._db, Counting)
    before = writer._db.asked
    await asyncio.gather(*[writer.send(draft(group, maker)) for _ in range(8)])
    transactions = ask(dsn, "SELECT count(DISTINCT xmin::text) FROM messages WHERE notice IS NULL")
    assert transactions == [(1 + writer._db.asked - before,)]
    rows = """
        SELECT max(n)
        FROM (
            SELECT count(*) AS n
            FROM feed_events
            WHERE kind = 'message'
            GROUP BY xmin::text
        ) transactions
    """
    assert ask(dsn, rows) == [(4000,)]


@pytest.mark.gen_test
async def test_two_people_do_not_wait_for_a_large_group(
    writer: FeedWriter, dsn: str, heard: list[Event]
) -> None:
    group, maker = await group_of(writer, dsn, 250)
    await writer.send(draft(group, maker))
    john = int((await users.sign_in(writer._db, "john")).id)
    await users.sign_in(writer._db, "jane")
    talk = (await writer.open(Opening(john, "jane"))).conversation_id
    ids = ask(dsn, "SELECT id FROM users WHERE username = 'member-7'")
    with locked(dsn, ids[0][0]):
        slow = asyncio.create_task(writer.send(draft(group, maker)))
        await writer.send(draft(talk, john))
        assert not slow.done()
    assert (await slow).created
