"""What a group of a thousand costs: CPU of the server and of its database, rows, and delays."""

import asyncio
import select
import socket
import statistics
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import jwt
import psutil
import pytest

from bus.bus import Bus
from db import messages, reads
from db.messages import Draft
from db.pool import Database
from db.prepared import array
from db.reads import Reading
from handlers.delivery import publisher
from tests.support import secret_leaks
from tests.support.floods import Connection
from tests.support.groups import group_of
from tests.support.measures import Figures
from tests.support.postgres import Postgres, ask
from tests.support.processes import ServerProcess
from tests.support.releases import DATA, restored

MEMBERS = 1000
TURNS = 12  # of each side, in alternation: a shared machine changes its speed within seconds
AT_ONCE = 5  # messages in a turn
READ_AT_ONCE = 40  # markers in a turn
SHORT, LONG = "of forty characters, as people send them", "a word " * 571 + "end"
RELEASE = "642c66f"  # its conversations had any number of participants in the database
STORE = (DATA.parent / f"store-{RELEASE}.sql").read_text()

pytestmark = pytest.mark.measure


class Recipient(NamedTuple):
    """Of an event in that release."""

    user_id: int
    epoch: str
    seq: int


async def people(db: Database, number: int = MEMBERS) -> list[int]:
    """Makes users, and returns their ids."""
    rows = await db.rows(
        """
        WITH made AS (
            INSERT INTO users (username)
            SELECT 'crowd-' || n FROM generate_series(1, %(number)s) n
            RETURNING id
        ),
        fed AS (INSERT INTO feeds (user_id) SELECT id FROM made)
        SELECT id FROM made ORDER BY id
        """,
        {"number": number},
    )
    return [user_id for (user_id,) in rows]


async def conversation_of(db: Database, user_ids: Sequence[int]) -> int:
    """Makes a conversation of a pair, with more participants than two."""
    ((conversation_id,),) = await db.rows(
        """
        WITH made AS (
            INSERT INTO conversations (low_user_id, high_user_id)
            VALUES (%(low)s, %(high)s)
            RETURNING id
        ),
        joined AS (
            INSERT INTO participants (user_id, conversation_id)
            SELECT user_id, made.id
            FROM made, unnest(%(user_ids)s::bigint[]) AS user_id
        )
        SELECT id FROM made
        """,
        {"low": user_ids[0], "high": user_ids[1], "user_ids": list(user_ids)},
    )
    return int(conversation_id)


def analyze(dsn: str) -> None:
    """Gives PostgreSQL the statistics that it soon has by itself, but for the empty tables."""
    ask(dsn, "VACUUM ANALYZE users, feeds, conversations, participants")


def draft(conversation_id: int, user_id: int, content: str) -> Draft:
    return Draft(conversation_id, user_id, content, str(uuid.uuid4()), client_id_given=True)


async def store(db: Database, conversation_id: int, user_id: int, content: str) -> None:
    """Stores a message, and publishes it to members who have no stream."""
    (outcome,) = await messages.store(db, [draft(conversation_id, user_id, content)])
    (appended,) = outcome.appended
    assert len(appended.user_ids) == MEMBERS
    publisher(Bus())(appended)


async def store_as_before(db: Database, conversation_id: int, user_id: int, content: str) -> None:
    """Stores a message by the statement of `RELEASE`, and reads its recipients."""
    sent = draft(conversation_id, user_id, content)
    params: dict[str, object] = {
        f"{name}s": array([value]) for name, value in sent._asdict().items()
    }
    params |= {"contents": [content], "client_ids_given": array([True])}
    rows = await db.rows(STORE, params)
    recipients = [Recipient(*row[11:14]) for row in rows if row[11] is not None]
    assert len(recipients) == MEMBERS


class Spending:
    """Seconds of CPU of this process and of the database's sessions, summed over turns."""

    def __init__(self, db: Database) -> None:
        self.seconds = 0.0
        self._db = db

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        rows = await self._db.rows(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        )
        sessions = [psutil.Process(pid) for (pid,) in rows]
        before = _spent(sessions)
        yield
        self.seconds += _spent(sessions) - before


def _spent(sessions: Sequence[psutil.Process]) -> float:
    return time.process_time() + sum(sum(session.cpu_times()[:2]) for session in sessions)


Side = tuple[Database, Callable[[], Awaitable[None]]]


async def spent(*sides: Side, at_once: int = AT_ONCE) -> list[float]:
    """Lets the sides act `at_once` times in each turn, and returns seconds of CPU of each."""
    spending = [Spending(db) for db, _ in sides]
    for _, act in sides:
        await act()  # prepares the statement
    for n in range(TURNS):
        turn = list(zip(spending, sides, strict=True))
        for side, (_, act) in turn if n % 2 else reversed(turn):
            async with side.turn():
                for _ in range(at_once):
                    await act()
    return [side.seconds for side in spending]


@pytest.mark.gen_test
async def test_a_message_into_a_thousand_members_costs_less_cpu_than_before_there_were_groups(
    postgres: Postgres, db: Database, dsn: str, figures: Figures
) -> None:
    with restored(postgres, DATA / RELEASE / "database.sql") as old_dsn:
        old = Database(old_dsn)
        now, before = await people(db), await people(old)
        group, talk = await group_of(db, now), await conversation_of(old, before)
        analyze(dsn)
        analyze(old_dsn)
        is_now, was = await spent(
            (db, lambda: store(db, group, now[7], SHORT)),
            (old, lambda: store_as_before(old, talk, before[7], SHORT)),
        )
        await old.close()
    figures.amount("CPU of a message into 1,000 members, to that of 642c66f", is_now / was, 0.85)


@pytest.mark.gen_test
async def test_a_long_message_into_a_thousand_members_costs_hardly_more_than_a_short_one(
    db: Database, dsn: str, figures: Figures
) -> None:
    members = await people(db)
    group = await group_of(db, members)
    analyze(dsn)
    assert (len(SHORT), len(LONG)) == (40, 4000)
    long, short = await spent(
        (db, lambda: store(db, group, members[7], LONG)),
        (db, lambda: store(db, group, members[7], SHORT)),
    )
    figures.amount("CPU of 4,000 characters into 1,000 members, to that of 40", long / short, 1.2)


@pytest.mark.gen_test
async def test_a_read_marker_in_a_group_of_a_thousand_costs_as_much_as_in_a_pair(
    db: Database, dsn: str, figures: Figures
) -> None:
    members = await people(db)
    group = await group_of(db, members)
    pair = await conversation_of(db, members[:2])
    analyze(dsn)
    in_group, in_pair = [await marker(db, talk, members[0], members[1]) for talk in (group, pair)]
    rows = "SELECT count(*) FROM feed_events WHERE kind = 'read' AND conversation_id = %s"
    of_group, of_pair = await spent((db, in_group), (db, in_pair), at_once=READ_AT_ONCE)
    assert ask(dsn, rows, [group]) == [(1 + TURNS * READ_AT_ONCE,)], "one for each reading"
    figures.amount("CPU of a marker in a group of 1,000, to a pair's", of_group / of_pair, 1.1)


async def marker(
    db: Database, conversation_id: int, reader: int, author: int
) -> Callable[[], Awaitable[None]]:
    """Stores messages, and returns what reads the next one of them."""
    await db.rows(
        """
        INSERT INTO messages (
            conversation_id, user_id, content, created_at, client_id, client_id_given
        )
        SELECT %(talk)s, %(author)s, 'n', now(), gen_random_uuid(), false
        FROM generate_series(1, %(number)s)
        """,
        {"talk": conversation_id, "author": author, "number": 1 + TURNS * READ_AT_ONCE},
    )
    ids = await db.rows(
        "SELECT id FROM messages WHERE conversation_id = %(talk)s ORDER BY id",
        {"talk": conversation_id},
    )
    unread = iter(message_id for (message_id,) in ids)

    async def mark() -> None:
        (outcome,) = await reads.mark(db, [Reading(conversation_id, reader, next(unread))])
        assert outcome.appended

    return mark


# With streams.

SECRET = "a secret of this file's tests, which is long enough"
MESSAGES = 40
SENDERS = 64
TALKS = 100  # in each of `WAVES`: a slow minute of the machine affects few of them
WAVES = 5


def server_on(dsn: str, folder: Path) -> ServerProcess:
    flags = ("--rate-limits", "off", "--jwt-secret", SECRET, "--database-url", dsn)
    return ServerProcess(folder, *flags)


def tokens(dsn: str, user_ids: Sequence[int]) -> list[str]:
    """Makes a session for each user, and returns their tokens."""
    sessions = ask(
        dsn,
        """
        INSERT INTO sessions (user_id, user_agent)
        SELECT unnest(%s), 'test'
        RETURNING user_id, id
        """,
        [list(user_ids)],
    )
    now = int(time.time())
    times = {"iat": now, "exp": now + 3600}
    found = {
        user_id: jwt.encode({"sub": str(user_id), "sid": str(sid), **times}, SECRET)
        for user_id, sid in sessions
    }
    for token in found.values():
        secret_leaks.note(token)
    return [found[user_id] for user_id in user_ids]


class MemberStreams:
    """A stream of each member, and a connection that sends. One epoll reads all of them."""

    def __init__(self, url: str, tokens: Sequence[str]) -> None:
        self._port = urlsplit(url).port
        self._epoll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        self._tokens = tokens
        self._sender = self._connect()

    def open(self) -> None:
        for token in self._tokens:
            head = self._head("GET /api/messages", token) + b"Accept: text/event-stream\r\n\r\n"
            self._connect().sendall(head)
        self._until_all_have(b"event: hello", len(self._tokens))

    def send(self, conversation_id: int, content: str) -> tuple[float, float]:
        """Sends a message. Returns the seconds until the answer, and until the last stream has it.

        The content must come in one piece, and must be in no other message.
        """
        secret_leaks.note(content)
        body = b'{"content":"%s"}' % content.encode()
        head = self._head(f"POST /api/conversations/{conversation_id}/messages", self._tokens[0])
        head += b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
        began = time.perf_counter()
        self._sender.sendall(head + body)
        had = self._until_all_have(content.encode(), len(self._tokens) + 1)
        streams = [at for number, at in had.items() if number != self._sender.fileno()]
        return had[self._sender.fileno()] - began, max(streams) - began

    def close(self) -> None:
        for connection in self._sockets.values():
            connection.close()
        self._epoll.close()

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(("127.0.0.1", self._port))
        self._sockets[connection.fileno()] = connection
        self._epoll.register(connection, select.EPOLLIN)
        return connection

    def _head(self, line: str, token: str) -> bytes:
        host = f"Host: localhost:{self._port}"
        return f"{line} HTTP/1.1\r\n{host}\r\nAuthorization: Bearer {token}\r\n".encode()

    def _until_all_have(self, text: bytes, number: int) -> dict[int, float]:
        """Returns when each connection got the text, by its number."""
        had: dict[int, float] = {}
        while len(had) < number:
            ready = self._epoll.poll(30)
            assert ready, f"only {len(had)} of {number} have {text!r}"
            for found, _ in ready:
                data = self._sockets[found].recv(65536)
                assert data, "the server has closed the connection"
                assert not data.startswith(b"HTTP/1.1 4"), data
                if text in data:
                    had[found] = time.perf_counter()
        return had


@pytest.mark.gen_test
async def test_the_last_of_a_thousand_streams_has_a_message_soon_after_its_answer(
    db: Database, dsn: str, tmp_path: Path, figures: Figures
) -> None:
    members = await people(db)
    group = await group_of(db, members)
    analyze(dsn)
    with (
        server_on(dsn, tmp_path) as server,
        closing(MemberStreams(server.url, tokens(dsn, members))) as streams,
    ):
        streams.open()
        took = [streams.send(group, f"number {n} of this test,") for n in range(MESSAGES)]
    ratio = statistics.median(last / answer for answer, last in took)
    figures.ratio("the last of 1,000 streams, to the answer", ratio, 3)


@pytest.mark.gen_test
async def test_two_who_talk_hardly_wait_for_64_senders_into_a_group_of_a_thousand(
    db: Database, dsn: str, tmp_path: Path, figures: Figures
) -> None:
    members = await people(db, MEMBERS + 2)
    group = await group_of(db, members[:MEMBERS])
    pair = await conversation_of(db, members[MEMBERS:])
    analyze(dsn)
    *theirs, john = tokens(dsn, [*members[:SENDERS], members[-1]])
    alone: list[float] = []
    beside: list[float] = []
    stored = 0
    async with AsyncExitStack() as stack:
        server = stack.enter_context(server_on(dsn, tmp_path))
        senders = [await stack.enter_async_context(Connection(server.url, t)) for t in theirs]
        talker = await stack.enter_async_context(Connection(server.url, john))
        await talk(talker, pair)  # warm
        for _ in range(WAVES):
            alone.append(p99(await talk(talker, pair)))
            async with load_of(senders, group) as statuses:
                beside.append(p99(await talk(talker, pair)))
            assert set(statuses) == {201}
            stored += len(statuses)
    assert stored > WAVES * SENDERS, "the senders must be busy for this to mean anything"
    ratio = statistics.median(beside) / statistics.median(alone)
    figures.ratio("a pair's p99 beside 64 senders into 1,000", ratio, 5)


async def talk(connection: Connection, conversation_id: int) -> list[float]:
    """Sends messages at a steady pace, and returns the milliseconds that each took."""
    took = []
    for _ in range(TALKS):
        began = time.perf_counter()
        assert await send(connection, conversation_id) == 201
        took.append(1000 * (time.perf_counter() - began))
        await asyncio.sleep(0.01)
    return took


async def send(connection: Connection, conversation_id: int) -> int:
    path = f"/api/conversations/{conversation_id}/messages"
    return await connection.ask("POST", path, {"content": "hello"})


@asynccontextmanager
async def load_of(senders: Sequence[Connection], conversation_id: int) -> AsyncIterator[list[int]]:
    """Sends one message after another on each connection while this is open.

    Yields the statuses of the answers.
    """
    statuses: list[int] = []
    over = False

    async def send_on_and_on(connection: Connection) -> None:
        while not over:
            statuses.append(await send(connection, conversation_id))

    async with asyncio.TaskGroup() as sending:
        for connection in senders:
            sending.create_task(send_on_and_on(connection))
        yield statuses
        over = True


def p99(times: Sequence[float]) -> float:
    return sorted(times)[len(times) * 99 // 100 - 1]
