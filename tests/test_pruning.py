"""The pruner deletes the beginnings of feeds and ended sessions in time, and nothing else."""

import asyncio
import time

import pytest
from psycopg2.extensions import parse_dsn

from db.pool import Database
from db.server import pruning
from db.server.pruning import Pruner
from tests.support.people import Visitor, eventually
from tests.support.postgres import ask
from tests.support.rules import rule

FILL = """
    INSERT INTO users (username) SELECT 'user' || n FROM generate_series(1, %(people)s) n;
    INSERT INTO feeds (user_id, last_seq) SELECT id, %(rows)s FROM users;
    INSERT INTO feed_events (user_id, seq, kind, conversation_id, created_at)
    SELECT id, seq, 'read', 1, now() - make_interval(days => %(rows)s - seq)
    FROM users, generate_series(1, %(rows)s) seq
"""


def left(dsn: str) -> dict[int, list[int]]:
    sql = "SELECT user_id, array_agg(seq ORDER BY seq) FROM feed_events GROUP BY user_id"
    return dict(ask(dsn, sql))


@pytest.mark.gen_test
async def test_only_events_older_than_the_retention_are_deleted(db: Database, dsn: str) -> None:
    people, rows = pruning.FEEDS_AT_ONCE + 30, 2 * pruning.ROWS_AT_ONCE + 40
    ask(dsn, FILL, {"people": people, "rows": rows})
    gone = await Pruner(db, 30, pause=0).go_round()
    assert gone == people * (rows - 30)
    found = left(dsn)
    assert len(found) == people
    assert all(seqs == list(range(rows - 29, rows + 1)) for seqs in found.values())
    assert await Pruner(db, 30, pause=0).go_round() == 0


@pytest.mark.gen_test
async def test_a_pruning_step_is_small(db: Database, dsn: str) -> None:
    ask(dsn, FILL, {"people": 3, "rows": 10 * pruning.ROWS_AT_ONCE})
    after, gone = await pruning._step(db, 0, time.time(), 30)
    assert (after, gone) == (0, 3 * pruning.ROWS_AT_ONCE)


@pytest.mark.gen_test
async def test_a_jump_of_the_clock_makes_no_gap(db: Database, dsn: str) -> None:
    ask(dsn, FILL, {"people": 1, "rows": 40})
    ask(dsn, "UPDATE feed_events SET created_at = now() WHERE seq = 5")
    await Pruner(db, 30, pause=0).go_round()
    assert left(dsn) == {1: list(range(5, 41))}


LEAP = """
    CREATE SCHEMA ahead;
    CREATE FUNCTION ahead.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS $$ SELECT pg_catalog.now() + interval '60 days' $$
"""


def leap(dsn: str) -> None:
    """Sets the clock of the database's new sessions 60 days ahead."""
    name = parse_dsn(dsn)["dbname"]
    ask(dsn, LEAP)
    ask(dsn, f"ALTER DATABASE {name} SET search_path = ahead, pg_catalog, public")
    assert ask(dsn, "SELECT now() > clock_timestamp() + interval '59 days'") == [(True,)]


@pytest.mark.parametrize("when", ["before the start", "later"])
@pytest.mark.gen_test
async def test_a_clock_that_jumps_ahead_deletes_nothing(
    when: str, visitor: Visitor, db: Database, dsn: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    await john.send(await john.talk_to(jane), "hello")
    ask(dsn, "UPDATE feed_events SET created_at = now() - interval '31 days' WHERE seq = 1")
    pruner = Pruner(db, 30, pause=0)
    if when == "later":
        assert await pruner.go_round() == 2
    leap(dsn)
    db._close_idle()
    assert await pruner.go_round() == (0 if when == "later" else 2)
    assert await pruner.go_round_sessions() == 0
    assert left(dsn) == {int(person.id): [2] for person in (john, jane)}


@rule("api#reset")
@pytest.mark.gen_test
async def test_resuming_from_before_the_retention_is_a_reset(
    visitor: Visitor, db: Database, dsn: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with jane.stream() as stream:
        for n in range(6):
            await john.send(conversation, f"{n}")
        ids = [event.id for event in await stream.events(6)]
        ask(dsn, "UPDATE feed_events SET created_at = now() - interval '31 days' WHERE seq <= 4")
        await Pruner(db, 30, pause=0).go_round()
        assert await stream.silent()
    async with jane.stream(ids[1]) as resumed:
        reset = await resumed.event()
        assert (reset.name, reset.data, reset.id) == ("reset", {"reason": "expired"}, ids[-1])
    async with jane.stream(ids[2]) as resumed:
        assert [event.id for event in await resumed.events(3)] == ids[3:]
    ask(dsn, "UPDATE feed_events SET created_at = now() - interval '31 days'")
    await Pruner(db, 30, pause=0).go_round()
    async with jane.stream(ids[-1]) as resumed:
        assert await resumed.silent()  # a position that is up to date never expires
        await john.send(conversation, "after")
        assert (await resumed.event()).data["content"] == "after"


@pytest.mark.gen_test
async def test_a_replay_whose_feed_is_pruned_meanwhile_ends_its_stream(
    visitor: Visitor, db: Database, dsn: str
) -> None:
    """An end is better than a gap: the client reconnects, and gets a `reset`."""
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with jane.stream() as stream:
        start = stream.hello.id
        ask(dsn, "UPDATE feeds SET last_seq = last_seq + 3 WHERE user_id = %s", (int(jane.id),))
        await john.send(conversation, "beyond a gap")
        bye = await stream.event()
        assert (bye.name, bye.data) == ("bye", {"reason": "slow"})
        assert await stream.rest() == []
    async with jane.stream(start) as resumed:
        assert (await resumed.event()).data == {"reason": "expired"}


@pytest.mark.gen_test
async def test_ended_sessions_are_deleted_and_live_ones_stay(
    visitor: Visitor, db: Database, dsn: str
) -> None:
    jane = await visitor.sign_in("jane")
    sql = """
        INSERT INTO sessions (user_id, user_agent, last_seen_at)
        SELECT %(user)s, 'a browser', now() - make_interval(days => n %% 2 * 30, mins => 5)
        FROM generate_series(1, %(number)s) n
    """
    number = 2 * pruning.SESSIONS_AT_ONCE + 10
    ask(dsn, sql, {"user": int(jane.id), "number": number})
    pruner = Pruner(db, 30, pause=0)
    assert await pruner.go_round_sessions() == number // 2
    assert ask(dsn, "SELECT count(*) FROM sessions") == [(number // 2 + 1,)]
    assert await pruner.go_round_sessions() == 0
    assert (await jane.get("/api/auth_user")).status == 200


@pytest.mark.gen_test
async def test_the_pruner_covers_feeds_and_sessions(db: Database, dsn: str) -> None:
    ask(dsn, FILL, {"people": 1, "rows": 40})
    sql = "INSERT INTO sessions (user_id, user_agent, last_seen_at) VALUES (1, 'x', '2020-01-01')"
    ask(dsn, sql)
    running = asyncio.create_task(Pruner(db, 30, pause=0).run())
    await eventually(lambda: ask(dsn, "SELECT count(*) FROM sessions") == [(0,)])
    assert len(left(dsn)[1]) == 30
    running.cancel()


@pytest.mark.gen_test
async def test_a_feed_keeps_no_more_events_than_a_client_can_resume_from(
    db: Database, dsn: str
) -> None:
    ask(dsn, FILL, {"people": 1, "rows": pruning.MOST_ROWS})
    assert await Pruner(db, 10_000, pause=0).go_round() == 0
    extra = """
        WITH more AS (UPDATE feeds SET last_seq = last_seq + 120 RETURNING user_id, last_seq)
        INSERT INTO feed_events (user_id, seq, kind, conversation_id)
        SELECT user_id, n, 'read', 1 FROM more, generate_series(last_seq - 119, last_seq) n
    """
    ask(dsn, extra)
    assert await Pruner(db, 10_000, pause=0).go_round() == 120
    assert left(dsn)[1] == list(range(121, pruning.MOST_ROWS + 121))


@pytest.mark.gen_test
async def test_a_group_that_everybody_has_left_is_deleted_in_small_steps(
    visitor: Visitor, db: Database, dsn: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    kept, group = await john.group("Kept", jane), await john.group("Left", jane)
    for conversation in (kept, group):
        await john.send(conversation, "hello @jane")
    more = """
        INSERT INTO messages (
            conversation_id, user_id, content, created_at, client_id, client_id_given
        )
        SELECT %(group)s, %(user)s, 'hello', now(), gen_random_uuid(), false
        FROM generate_series(1, %(count)s)
    """
    count = 2 * pruning.MESSAGES_AT_ONCE
    ask(dsn, more, {"group": int(group), "user": int(john.id), "count": count})
    pruner = Pruner(db, 30, pause=0)
    await jane.remove(group, jane)
    assert await pruner.go_round_groups() == 0
    await john.remove(group, john)
    after, gone = await pruning._groups_step(db, 0)
    assert (after, gone) == (int(group) - 1, pruning.MESSAGES_AT_ONCE)
    assert await pruner.go_round_groups() == pruning.MESSAGES_AT_ONCE + 4 + 1
    for table in ("messages", "participants", "former_participants", "mentions"):
        where = f"SELECT count(*) FROM {table} WHERE conversation_id = %s"
        assert ask(dsn, where, (int(group),)) == [(0,)], table
    assert ask(dsn, "SELECT id FROM conversations") == [(int(kept),)]
    assert len(await jane.history(kept)) == 2
    async with jane.stream() as hers:
        start = hers.hello.id
        assert start is not None
    async with jane.stream(f"{start.partition('-')[0]}-0") as whole:
        names = [(await whole.event()).name for _ in range(4)]
        assert names == ["conversation", "message", "message", "gone"]
        assert await whole.silent()
