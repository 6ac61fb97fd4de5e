"""Requests on one group take effect one after the other, whichever server they come from."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple, cast

import psycopg2
import psycopg2.errors
import pytest
from tornado.ioloop import IOLoop

from db import connection, users
from db.connection import Connection, Row
from db.feed import Event
from db.feed_writer import FeedWriter
from db.groups import changing, making, members
from db.groups.changing import Changing
from db.groups.making import Making
from db.groups.members import Adding, Removing, Turning
from db.jobs import Store
from db.message import Message
from db.messages import Draft
from db.pool import Database
from tests.support import feeds
from tests.support.people import eventually
from tests.support.postgres import ask
from tests.support.rules import rule


@pytest.fixture
def db(io_loop: IOLoop, dsn: str) -> Iterator[Database]:
    database = Database(dsn)
    yield database
    io_loop.run_sync(database.close)


@pytest.fixture
def told() -> list[Event]:
    return []


@pytest.fixture
def writer(io_loop: IOLoop, db: Database, told: list[Event]) -> Iterator[FeedWriter]:
    writer = FeedWriter(db, feeds.told_to(told))
    yield writer
    io_loop.run_sync(writer.idle)


class Group(NamedTuple):
    """A group of John, its admin, and Jane. Mary may come into it."""

    id: int
    john: int
    jane: int
    mary: int


async def group(db: Database, writer: FeedWriter) -> Group:
    john, jane, mary = [int((await users.sign_in(db, n)).id) for n in ("john", "jane", "mary")]
    wanted = Making(john, "Team", "joined", ("jane",), str(uuid.uuid4()), True, 10)
    made = await writer.write(making.make_all, wanted, unbatched=True)
    assert made.conversation_id is not None
    return Group(made.conversation_id, john, jane, mary)


class Begun:
    """A database that leaves its transaction open."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn

    async def rows(self, sql: str, params: Mapping[str, Any], **_: Any) -> list[Row]:
        return await self._conn.rows(f"BEGIN; {sql}", params, 5)


@asynccontextmanager
async def under_way(dsn: str, store: Store[Any, Any], write: Any) -> AsyncIterator[None]:
    """Another server stores the write, and commits at the end of the block."""
    conn = await connection.connect(dsn, 5)
    try:
        (outcome,) = await store(cast("Database", Begun(conn)), [write])
        assert outcome.appended
        yield
        await conn.rows("COMMIT", {}, 5)
    finally:
        conn.close()


def waiting(dsn: str) -> int:
    """Returns how many transactions wait for a lock."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    return int(ask(dsn, f"{sql} AND datname = current_database()")[0][0])


def kinds(told: list[Event], user_id: int) -> list[str]:
    """Returns what a user was told, notices by their kinds."""
    mine = [event for event in told if event.user_id == user_id]
    return [
        event.data.notice.kind if isinstance(event.data, Message) and event.data.notice else kind
        for event in mine
        if (kind := event.kind) is not None
    ]


@rule("api#one-after-the-other")
@pytest.mark.gen_test
async def test_a_message_reaches_those_who_are_members_when_it_is_stored(
    db: Database, writer: FeedWriter, told: list[Event], dsn: str
) -> None:
    team = await group(db, writer)
    coming = Adding(team.id, team.john, ("mary",), 10)
    going = Removing(team.id, team.john, team.mary)
    for store, write in ((members.add_all, coming), (members.remove_all, going)):
        told.clear()
        draft = Draft(team.id, team.jane, "hello", str(uuid.uuid4()), True)
        async with under_way(dsn, cast("Store[Any, Any]", store), write):
            sending = asyncio.create_task(writer.send(draft))
            await eventually(lambda: waiting(dsn) == 1)
        await sending
        assert kinds(told, team.mary) == (["message"] if write is coming else [])
        assert kinds(told, team.john) == ["message"]


@contextmanager
def locked(dsn: str, user_id: int) -> Iterator[None]:
    """Holds the user's feed locked in another transaction."""
    conn = psycopg2.connect(dsn)
    with conn.cursor() as cursor:
        cursor.execute("SELECT FROM feeds WHERE user_id = %s FOR UPDATE", (user_id,))
        try:
            yield
        finally:
            conn.rollback()
            conn.close()


CHANGES: dict[str, Callable[[Group], tuple[Any, Any]]] = {
    "add": lambda team: (members.add_all, Adding(team.id, team.john, ("mary",), 10)),
    "remove": lambda team: (members.remove_all, Removing(team.id, team.john, team.jane)),
    "turn": lambda team: (members.turn_all, Turning(team.id, team.john, team.jane, "admin")),
    "change": lambda team: (changing.change_all, Changing(team.id, team.john, "Club", None)),
}


@rule("api#one-after-the-other")
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.gen_test
async def test_a_change_locks_its_group_before_the_feeds_of_those_who_are_in_it(
    db: Database, writer: FeedWriter, dsn: str, change: str
) -> None:
    team = await group(db, writer)
    store, write = CHANGES[change](team)
    with locked(dsn, team.john):
        changed = asyncio.create_task(writer.write(store, write, unbatched=True))
        await eventually(lambda: waiting(dsn) == 1)
        with pytest.raises(psycopg2.errors.LockNotAvailable):
            ask(dsn, "SELECT FROM conversations FOR NO KEY UPDATE NOWAIT")
    await changed
