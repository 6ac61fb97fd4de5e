"""Each statement of db/ finds its rows by an index, in a database with a million messages."""

import ast
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg2
import pytest
from psycopg2.extensions import parse_dsn
from tornado.ioloop import IOLoop

import db as package
from db import (
    avatars,
    connection,
    conversations,
    feed,
    github,
    messages,
    notify,
    positions,
    readers,
    reads,
    settings,
    typing_event,
    used_once,
    users,
    windows,
)
from db.changes import deletions, edits, reactions
from db.changes.deletions import Deletion
from db.changes.edits import Edit
from db.changes.reactions import Reacting
from db.connection import Row
from db.conversations import Opening
from db.feed import After
from db.github import Account, Picture
from db.groups import changing, listing, making, members, rights
from db.groups.changing import Changing
from db.groups.making import Making
from db.groups.members import Adding, Removing, Turning
from db.jobs import MAX_BATCH
from db.messages import Draft
from db.notify import Choice
from db.pool import Database
from db.positions import PositionRequest
from db.prepared import prepared
from db.reads import Reading
from db.server import pruning, startup
from db.sessions import Sessions
from db.windows import Anchor, Side
from tests.support.measures import Figures
from tests.support.postgres import Postgres, ask

READER = 1  # has a million unread messages, in the conversations 1 to 200
PEOPLE = 20_000  # each of the others began five conversations
TALKS = 200
GROUP = TALKS + 5 * (PEOPLE - 6) + 1  # a group of a thousand people
ADMIN = 3001
MEMBERS = 1000  # from the admin on
OTHERS = 20_000  # messages of the group; those of the talks come after them
POPULAR = OTHERS + 1149  # a message in conversation 150, with 8,000 reactions
MIDDLE, OTHER = 499_349, 499_549  # messages of user 151 in conversation 150
NEVER_READ_WHOLE = {
    *("users", "sessions", "github_accounts", "avatars"),
    *("conversations", "participants", "messages", "feed_events", "mentions", "reactions"),
    "settings",
}

# Without indexes and foreign keys, this takes a few seconds instead of a minute.
FILL = f"""
    SET session_replication_role = replica;
    SET synchronous_commit = off;
    SET maintenance_work_mem = '256MB';

    UPDATE pg_index
    SET indisready = false, indisvalid = false
    FROM pg_class
    WHERE pg_class.oid = indrelid
        AND relnamespace = 'public'::regnamespace;

    INSERT INTO users (username)
    SELECT 'user' || n
    FROM generate_series(1, {PEOPLE}) n;

    INSERT INTO settings (user_id, receipts)
    SELECT id, id % 2 = 0
    FROM users;

    INSERT INTO github_accounts (provider, id, user_id, name)
    SELECT 'api.github.com', 10 * id, id, username
    FROM users;

    INSERT INTO avatars (user_id, path, media_type, content)
    SELECT id, '/avatars/' || id, 'image/png', 'a picture'
    FROM users;

    INSERT INTO sessions (user_id, user_agent)
    SELECT 1 + n % {PEOPLE}, 'a browser'
    FROM generate_series(0, 2 * {PEOPLE} - 1) n;

    INSERT INTO conversations (low_user_id, high_user_id)
    SELECT {READER}, 1 + n
    FROM generate_series(1, {TALKS}) n
    ORDER BY n;

    INSERT INTO conversations (low_user_id, high_user_id)
    SELECT low, low + gap
    FROM generate_series(2, {PEOPLE} - 5) low, generate_series(1, 5) gap
    ORDER BY low, gap;

    INSERT INTO participants (user_id, conversation_id)
    SELECT user_id, id
    FROM conversations, unnest(ARRAY[low_user_id, high_user_id]) user_id
    ORDER BY id, user_id;

    INSERT INTO conversations (name, history, member_count)
    VALUES ('Crowd', 'joined', {MEMBERS});

    INSERT INTO participants (user_id, conversation_id, role, joined_message_id, joined_at)
    SELECT {ADMIN} + n, {GROUP}, CASE n WHEN 0 THEN 'admin' ELSE 'member' END, 0, now()
    FROM generate_series(0, {MEMBERS} - 1) n;

    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT
        {GROUP},
        {ADMIN} + n % {MEMBERS},
        'hello ' || n,
        clock_timestamp(),
        ('f' || lpad(to_hex(n), 31, '0'))::uuid,
        true
    FROM generate_series(1, {OTHERS}) n
    ORDER BY n;

    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given, reacted
    )
    SELECT
        conversation,
        CASE WHEN conversation <= {TALKS} THEN 1 + conversation
            ELSE 2 + (conversation - {TALKS} - 1) / 5 END,
        'hello ' || n,
        clock_timestamp(),
        lpad(to_hex(n), 32, '0')::uuid,
        true,
        n % 10 = 0
    FROM (
        SELECT
            n,
            CASE WHEN n % 11 > 0 THEN 1 + n % {TALKS}
                ELSE {TALKS} + 1 + n / 11 % ({PEOPLE} - 6) * 5 END AS conversation
        FROM generate_series(1, 1100000) n
    ) drafts
    ORDER BY n;

    INSERT INTO mentions (user_id, conversation_id, message_id)
    SELECT {READER}, conversation_id, id
    FROM messages
    WHERE conversation_id <= {TALKS} AND id % 5 = 0;

    INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
    SELECT conversation_id, id, '👍', user_id
    FROM messages
    WHERE id % 5 = 0;

    INSERT INTO reactions (conversation_id, message_id, emoji, user_id)
    SELECT 150, {POPULAR}, chr(97 + (user_id + nth) % 20), user_id
    FROM generate_series(1, 1000) user_id, generate_series(0, 7) nth;

    INSERT INTO feed_events (user_id, seq, kind, conversation_id, message_id)
    SELECT user_id, row_number() OVER (PARTITION BY user_id ORDER BY id), kind, conversation_id, id
    FROM (
        SELECT
            CASE WHEN conversation_id <= {TALKS} THEN {READER} ELSE user_id END AS user_id,
            'message' AS kind,
            conversation_id,
            id
        FROM messages
    ) told;

    INSERT INTO feeds (user_id, last_seq)
    SELECT users.id, coalesce(max(seq), 0)
    FROM users
    LEFT JOIN feed_events ON feed_events.user_id = users.id
    GROUP BY users.id;

    UPDATE pg_index
    SET indisready = true, indisvalid = true
    WHERE NOT indisvalid;
    REINDEX SCHEMA public;
    VACUUM ANALYZE;
"""


class Recorder(Database):
    """A database that remembers its statements."""

    def __init__(self, dsn: str) -> None:
        super().__init__(dsn)
        self.asked: list[tuple[str, Mapping[str, Any] | None]] = []

    async def rows(
        self, sql: str, params: Mapping[str, Any] | None = None, *, twice: bool = True
    ) -> list[Row]:
        self.asked.append((sql, params))
        return await super().rows(sql, params, twice=twice)


@pytest.fixture(scope="module")
def big(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as dsn:
        conn = psycopg2.connect(dsn)
        conn.autocommit = True
        with conn.cursor() as cursor:
            for statement in FILL.split(";\n"):
                if statement.strip():
                    cursor.execute(statement)
        conn.close()
        yield dsn


@pytest.fixture
def recorder(io_loop: IOLoop, big: str) -> Iterator[Recorder]:
    recorder = Recorder(big)
    yield recorder
    io_loop.run_sync(recorder.close)


Act = Callable[[Database], Awaitable[object]]


def talk_of(user_id: int) -> int:
    """Returns a conversation that this user, who is not the reader, has begun."""
    return TALKS + 1 + (user_id - 2) * 5


NEW_NAME = users.Renaming(7, True, "user-seven", True, "User Seven")


def storing(number: int) -> Act:
    """Has that many users send, each with a new draft at each call."""
    return lambda db: messages.store(
        db, [Draft(talk_of(u), u, "hello", str(uuid.uuid4()), True) for u in range(2, 2 + number)]
    )


def calling(number: int) -> Act:
    """Like `storing`: each replies to a message, and calls two people among fifty names."""
    names = ["USER7", *(f"user{n}" for n in range(2, 51))]
    return lambda db: messages.store(
        db,
        [
            Draft(talk_of(u), u, "hello", str(uuid.uuid4()), True, 11 * u, names)
            for u in range(2, 2 + number)
        ],
    )


def viewing(side: Side) -> Act:
    return lambda db: windows.page(db, READER, 150, Anchor(side, MIDDLE), limit=100)


def edit_of(content: str) -> Edit:
    return Edit(150, 151, MIDDLE, content, None, 48, ["user7", "USER9"])


def editing(content: str) -> Act:
    return lambda db: edits.store(db, [edit_of(content)])


def marking(number: int) -> Act:
    return lambda db: reads.mark(db, [Reading(talk_of(u), u, None) for u in range(2, 2 + number)])


def reacting(number: int) -> Act:
    """Has that many users react to a message of their own, each with another emoji."""
    return lambda db: reactions.store(
        db,
        [Reacting(talk_of(u), u, OTHERS + 11 * (u - 2), "y", True) for u in range(3, 3 + number)],
    )


def choosing(number: int) -> Act:
    return lambda db: notify.store(
        db, [Choice(talk_of(u), u, "mentions") for u in range(2, 2 + number)]
    )


POPULAR_ONE = Reacting(150, READER, POPULAR, "b", False)


def looking_up(number: int) -> Act:
    return lambda db: positions.of(db, [PositionRequest(u, u, 3) for u in range(1, 1 + number)])


def reading(places: list[After]) -> Act:
    limit = min(feed.LONGEST_PAGE, feed.MOST_EVENTS // len(places))
    return lambda db: feed.pages(db, places, limit)


async def ending(db: Database) -> None:
    sessions = Sessions(db)
    await sessions.end(8, await sessions.begin(8, "a browser"))


async def using(db: Database) -> None:
    sessions = Sessions(db)
    sessions._used.update(range(10, 310))
    await sessions._write_uses()


def signing_in(number: int, name: str) -> Act:
    picture = Picture("/avatars/new", "image/png", b"another picture")
    account = Account("api.github.com", number, name, picture, keeps_picture=False)
    return lambda db: github.sign_in_all(db, [account])


def making_a_group(count: int) -> Act:
    names = tuple(f"user{n}" for n in range(5000, 5000 + count))
    return lambda db: making.make_all(
        db, [Making(ADMIN, "Team", "joined", names, str(uuid.uuid4()), True, 1000)]
    )


def adding(count: int) -> Act:
    names = tuple(f"user{n}" for n in range(5000, 5000 + count))
    return lambda db: members.add_all(db, [Adding(GROUP, ADMIN, names, 5000)])


STATEMENTS: dict[str, Act] = {
    "making._make alone": making_a_group(0),
    "making._make with many": making_a_group(900),
    "members._add one": adding(1),
    "members._add many": adding(100),
    "members._remove": lambda db: members.remove_all(db, [Removing(GROUP, ADMIN, ADMIN + 7)]),
    "members._turn": lambda db: members.turn_all(db, [Turning(GROUP, ADMIN, ADMIN + 8, "admin")]),
    "changing._change": lambda db: changing.change_all(
        db, [Changing(GROUP, ADMIN, f"Crowd {uuid.uuid4()}", None)]
    ),
    "rights.check": lambda db: rights.check(db, ADMIN, GROUP, ADMIN + 1),
    "listing.page": lambda db: listing.page(db, ADMIN, GROUP, limit=100),
    "listing.search": lambda db: listing.search(db, ADMIN, GROUP, "user33"),
    "messages.store in a group": lambda db: messages.store(
        db, [Draft(GROUP, ADMIN, "hello", str(uuid.uuid4()), True, names=["user3500", "nobody"])]
    ),
    "messages.page of a group": lambda db: messages.page(db, ADMIN, GROUP, limit=100),
    "reads.mark in a group": lambda db: reads.mark(db, [Reading(GROUP, ADMIN + 9, None)]),
    "conversations.one group": lambda db: conversations.one(db, ADMIN + 1, GROUP),
    "users.sign_in known": lambda db: users.sign_in(db, "User7"),
    "users.sign_in new": lambda db: users.sign_in(db, "somebody"),
    "users.one": lambda db: users.one(db, 7),
    "users.search few": lambda db: users.search(db, 7, "user777"),
    "users.search all": lambda db: users.search(db, 7, "u"),
    "users._rename": lambda db: users.rename_all(db, [NEW_NAME]),
    "users.usernames few": lambda db: users.usernames(db, 7, "USER777"),
    "users.usernames all": lambda db: users.usernames(db, 7, "u"),
    "sessions.begin": lambda db: Sessions(db).begin(7, "a browser"),
    "sessions.is_living": lambda db: Sessions(db).is_living(7, 7),
    "sessions._write_uses": using,
    "sessions.of": lambda db: Sessions(db).of(7, 7),
    "sessions.of later": lambda db: Sessions(db).of(7, 7, before=(2**60, 150)),
    "sessions._end one": ending,
    "sessions._end others": lambda db: Sessions(db).end_others(9, 9),
    "github.known": lambda db: github.known(db, "api.github.com", 70),
    "github._signed_in new": signing_in(1, "somebody"),
    "github._signed_in taken": signing_in(1, "user7"),
    "github._signed_in renamed": signing_in(70, "somebody"),
    "github._signed_in renamed who talks most": signing_in(10 * READER, "somebody"),
    "avatars._found one": lambda db: avatars._found(db, ["/avatars/8888"]),
    "avatars._found most": lambda db: avatars._found(db, [f"/avatars/{n}" for n in range(16)]),
    "conversations.page first": lambda db: conversations.page(db, READER, limit=25),
    "conversations.page longest": lambda db: conversations.page(db, READER, limit=100),
    "conversations.page later": lambda db: conversations.page(
        db, READER, before=(2**60, 150), limit=100
    ),
    "conversations.one": lambda db: conversations.one(db, READER, 150),
    "conversations.other_participant": lambda db: conversations.other_participant(db, READER, 150),
    "conversations.check_member": lambda db: conversations.check_member(db, READER, 150),
    "conversations.opened_before": lambda db: conversations.opened_before(db, Opening(7, "User8")),
    "conversations._open new": lambda db: conversations.open_all(db, [Opening(7, "user7777")]),
    "conversations._open known": lambda db: conversations.open_all(db, [Opening(7, "user8")]),
    "messages.page newest": lambda db: messages.page(db, READER, 150, limit=100),
    "messages.page deep": lambda db: messages.page(db, READER, 150, before=(300_000,), limit=100),
    "messages.page after": lambda db: messages.page(
        db, READER, 150, before=(300_000,), after=299_000, limit=100
    ),
    "messages.one": lambda db: messages.one(db, READER, 150, MIDDLE),
    "messages.check_seen": lambda db: messages.check_seen(db, READER, 150, MIDDLE),
    "windows.page around": viewing(Side.AROUND),
    "windows.page older": viewing(Side.OLDER),
    "windows.page newer": viewing(Side.NEWER),
    "messages.stored_before known": lambda db: messages.stored_before(
        db, Draft(talk_of(7), 7, "hello", str(uuid.UUID(int=11)), True)
    ),
    "messages.stored_before new": lambda db: messages.stored_before(
        db, Draft(talk_of(7), 7, "hello", str(uuid.uuid4()), True)
    ),
    "messages.store one": storing(1),
    "messages.store three": storing(3),
    "messages.store most": storing(MAX_BATCH),
    "messages.store replies": calling(MAX_BATCH),
    "readers.of": lambda db: readers.of(db, 151, 150, MIDDLE),
    "edits._store": editing("@user7 and @USER9"),
    "edits._store unchanged": editing("hello 1"),
    "edits.stored_before": lambda db: edits.stored_before(db, edit_of("hello @user7")),
    "edits.check_author": lambda db: edits.check_author(db, 151, 150, MIDDLE),
    "deletions._store": lambda db: deletions.store(db, [Deletion(150, 151, OTHER)]),
    "deletions.is_done": lambda db: deletions.is_done(db, Deletion(150, 151, OTHER)),
    "reactions.store one": reacting(1),
    "reactions.store three": reacting(3),
    "reactions.store most": reacting(MAX_BATCH),
    "reactions.store popular": lambda db: reactions.store(db, [POPULAR_ONE]),
    "reactions.would_change": lambda db: reactions.would_change(db, POPULAR_ONE),
    "reactions.page": lambda db: reactions.page(db, READER, 150, POPULAR, limit=100),
    "reads.mark one": marking(1),
    "reads.mark three": marking(3),
    "reads.mark most": marking(MAX_BATCH),
    "reads.mark up to a message": lambda db: reads.mark(db, [Reading(talk_of(7), 7, 11)]),
    "feed.pages short": reading([After(7, 0)]),
    "feed.pages deep": reading([After(READER, 500_000)]),
    "feed.pages most": reading([After(u, 3) for u in range(1, 1 + feed.LARGEST_BATCH)]),
    "notify.store one": choosing(1),
    "notify.store most": choosing(MAX_BATCH),
    "settings.one": lambda db: settings.one(db, 7),
    "settings.change": lambda db: settings.change(db, 7, receipts=False, typing=None),
    "typing_event.audience": lambda db: typing_event.audience(db, READER, 150),
    "positions.of one": looking_up(1),
    "positions.of three": looking_up(3),
    "positions.of most": looking_up(positions.LARGEST_BATCH),
    "used_once.use": lambda db: used_once.use(db, "a state", 600),
    "pruning._step first": lambda db: pruning._step(db, 0, time.time(), 30),
    "pruning._step later": lambda db: pruning._step(db, 10_000, time.time(), 0),
    "pruning._groups_step": lambda db: pruning._groups_step(db, 0),
    "pruning._look_at_uses": lambda db: pruning._look_at_uses(db, 0),
    "pruning._sessions_step first": lambda db: pruning._sessions_step(db, 0, time.time()),
    "pruning._sessions_step later": lambda db: pruning._sessions_step(db, 30_000, time.time()),
    "startup.is_current": startup.is_current,
}


@pytest.mark.parametrize("act", STATEMENTS.values(), ids=STATEMENTS.keys())
@pytest.mark.gen_test
async def test_a_statement_reads_no_large_table_from_end_to_end(
    recorder: Recorder, act: Act
) -> None:
    await act(recorder)
    assert recorder.asked
    for plan in explained(recorder):
        assert not read_whole(plan["Plan"]) & NEVER_READ_WHOLE, plan


def test_every_statement_of_db_is_covered() -> None:
    """Each function that runs a statement must have an entry in STATEMENTS."""
    looked_at = {name.split()[0] for name in STATEMENTS}
    (folder,) = package.__path__
    written = {name for path in Path(folder).rglob("*.py") for name in askers(path)}
    assert written - {"pool.row"} == looked_at


@pytest.mark.parametrize("act", STATEMENTS.values(), ids=STATEMENTS.keys())
@pytest.mark.gen_test
async def test_a_statement_costs_no_more_where_a_restore_has_left_no_statistics(
    recorder: Recorder, act: Act
) -> None:
    await act(recorder)
    usual = explained(recorder, *MEASURED)
    restored = explained(recorder, *MEASURED, first=NO_STATISTICS)
    for one, other in zip(usual, restored, strict=True):
        assert pages_touched(other) < 2 * pages_touched(one) + 200, other


@pytest.mark.measure
@pytest.mark.parametrize("limit", [25, 100])
@pytest.mark.gen_test
async def test_a_list_of_conversations_with_a_million_unread_takes_under_50_ms(
    recorder: Recorder, limit: int, figures: Figures
) -> None:
    found = await conversations.page(recorder, READER, limit=limit)
    assert [item.unread_count for item in found.page.items] == [1000] * limit
    assert found.unread_total == 1000
    unread = "SELECT count(*) FROM messages WHERE conversation_id <= %s AND user_id <> %s"
    assert ask(recorder.dsn, unread, (TALKS, READER)) == [(1_000_000,)]
    runs = [plan["Execution Time"] for _ in range(7) for plan in explained(recorder, *MEASURED)]
    figures.seconds(f"{limit} conversations with a million unread, ms", min(runs), 50)


@pytest.mark.parametrize(
    ("near", "deep", "most"),
    [
        ("messages.page newest", "messages.page deep", 200),  # 100 messages
        ("conversations.page longest", "conversations.page later", 6_000),  # 100,000 unread
        ("feed.pages short", "feed.pages deep", 1_500),  # 64 events
        ("feed.pages most", "feed.pages most", 40_000),  # 2,048 events
        ("positions.of most", "positions.of most", 1_000),  # 64 streams
    ],
)
@pytest.mark.gen_test
async def test_old_rows_cost_no_more_than_new_ones(
    recorder: Recorder, near: str, deep: str, most: int
) -> None:
    await STATEMENTS[near](recorder)
    await STATEMENTS[deep](recorder)
    costs = [pages_touched(plan) for plan in explained(recorder, *MEASURED)]
    assert max(costs) < most, costs


@pytest.mark.gen_test
async def test_a_long_run_of_the_users_own_messages_is_not_scanned(recorder: Recorder) -> None:
    author = 151  # wrote all of conversation 150, and has no marker there
    found = await conversations.one(recorder, author, 150)
    assert found.body.unread_count == 0
    (plan,) = explained(recorder, *MEASURED)
    assert pages_touched(plan) < 60


MEASURED = ("ANALYZE", "BUFFERS", "TIMING OFF")

NO_STATISTICS = """
    DELETE FROM pg_statistic;

    UPDATE pg_class
    SET reltuples = -1, relallvisible = 0
    WHERE relnamespace = 'public'::regnamespace;
"""


def explained(recorder: Recorder, *options: str, first: str = "") -> list[dict[str, Any]]:
    """Returns the plan of each statement so far, under the settings of the server."""
    found = []
    conn = psycopg2.connect(**connection.parameters(parse_dsn(recorder.dsn)))
    with conn.cursor() as cursor:
        cursor.execute(f"{first}; SELECT")
        for n, (sql, params) in enumerate(recorder.asked):
            prepare, execute = prepared(sql, f"explained{n}")
            cursor.execute(prepare, params)
            for statement in cursor.mogrify(execute, params).decode().split("; EXECUTE"):
                text = statement.removeprefix("EXECUTE")
                cursor.execute(f"EXPLAIN ({', '.join((*options, 'FORMAT JSON'))}) EXECUTE {text}")
                found += cursor.fetchall()[0][0]
    conn.rollback()
    conn.close()
    return found


def read_whole(plan: dict[str, Any]) -> set[str]:
    """Returns the tables that a plan reads from end to end, in any way."""
    found = set().union(*(read_whole(part) for part in plan.get("Plans", [])))
    by_index = {"Index Scan", "Index Only Scan", "Bitmap Index Scan", "Bitmap Heap Scan"}
    whole = plan["Node Type"] not in by_index or not (plan.keys() & {"Index Cond", "Recheck Cond"})
    return found | ({plan["Relation Name"]} if whole and is_scan(plan) else set())


def is_scan(plan: dict[str, Any]) -> bool:
    return "Relation Name" in plan and plan["Node Type"] != "ModifyTable"


def pages_touched(plan: dict[str, Any]) -> int:
    return int(plan["Plan"]["Shared Hit Blocks"] + plan["Plan"]["Shared Read Blocks"])


def askers(path: Path) -> Iterator[str]:
    """Returns the functions of a module that call `rows` or `row` of a database."""
    for function in ast.walk(ast.parse(path.read_text())):
        if isinstance(function, ast.AsyncFunctionDef):
            called = {ast.unparse(n.func) for n in ast.walk(function) if isinstance(n, ast.Call)}
            if called & {f"{name}.{ask}" for name in ("db", "self._db") for ask in ("rows", "row")}:
                yield f"{path.stem}.{function.name}"
