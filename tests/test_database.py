"""The pool returns rows or an error in time, whatever happens to its connections."""

import asyncio
import socket

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from db import connection, errors, pool
from db.pool import Database
from db.server import startup
from db.server.addresses import addresses
from tests.support.people import eventually
from tests.support.postgres import ask
from tests.support.processes import free_port
from tests.support.rules import rule

pytestmark = pytest.mark.usefixtures("dsn")  # no shared database
SLEEP = "SELECT pg_sleep(%(seconds)s)"


def backends(dsn: str) -> int:
    """Returns the server's backends; those of tests take a moment to end."""
    sql = """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'messenger'
    """
    return int(ask(dsn, sql)[0][0])


def cut_all(dsn: str) -> int:
    """Ends the database's other sessions, and returns how many."""
    sql = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()
    """
    return len(ask(dsn, sql))


@pytest.mark.gen_test
async def test_several_statements_are_one_transaction_and_return_the_last_rows(
    db: Database,
) -> None:
    await db.rows("CREATE TABLE t (n int PRIMARY KEY)")
    assert await db.rows("INSERT INTO t VALUES (1); SELECT n FROM t") == [(1,)]
    with pytest.raises(errors.Duplicate, match=r"^UniqueViolation 23505 "):
        await db.rows("INSERT INTO t VALUES (2); INSERT INTO t VALUES (1)")
    assert await db.rows("SELECT n FROM t") == [(1,)]
    assert await db.rows("DELETE FROM t") == []
    assert await db.row("SELECT n FROM t") is None


@pytest.mark.gen_test
async def test_a_statement_is_planned_once_while_the_connection_that_has_its_plan_is_free(
    db: Database,
) -> None:
    ask_for_plan = "SELECT pg_backend_pid()"
    ((planned_by,),) = await db.rows(ask_for_plan)
    await asyncio.gather(*(db.rows(SLEEP, {"seconds": 0.05}) for _ in range(4)))
    assert len(db._idle) == 4, "there must be others for this to mean anything"
    for _ in range(8):
        await asyncio.gather(*(db.rows(SLEEP, {"seconds": 0.01}) for _ in range(3)))
        assert await db.rows(ask_for_plan) == [(planned_by,)]


@pytest.mark.gen_test
async def test_a_statement_that_takes_too_long_is_a_timeout_and_harms_nothing(
    db: Database,
) -> None:
    with pytest.raises(errors.Timeout):
        await db.rows(f"SET statement_timeout = '50ms'; {SLEEP}", {"seconds": 30})
    assert await db.rows("SELECT 1") == [(1,)]
    assert not db.unavailable


@pytest.mark.gen_test
async def test_a_cancelled_task_ends_as_cancelled(db: Database) -> None:
    task = asyncio.create_task(db.rows(SLEEP, {"seconds": 30}))
    await eventually(lambda: db._permits._value < pool.POOL_SIZE and not db._idle)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await db.rows("SELECT 1") == [(1,)]


@pytest.mark.gen_test
async def test_a_locked_row_is_distinguished_from_other_errors(db: Database, dsn: str) -> None:
    await db.rows("CREATE TABLE t (n int); INSERT INTO t VALUES (1)")
    holder = asyncio.create_task(
        db.rows(f"SELECT n FROM t FOR UPDATE; {SLEEP}", {"seconds": 2}, twice=False)
    )
    locked = "SELECT count(*) FROM pg_locks WHERE mode = 'RowShareLock'"
    while (await db.rows(locked))[0][0] == 0:
        await asyncio.sleep(0.01)
    with pytest.raises(errors.LockTimeout):
        await db.rows("SELECT n FROM t FOR UPDATE")
    await holder


@pytest.mark.gen_test
async def test_a_deadlock_is_distinguished_from_other_errors(db: Database) -> None:
    await db.rows("CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)")

    def both(first: int, second: int) -> str:
        return f"""
            SET LOCAL lock_timeout = '3s';
            SET LOCAL deadlock_timeout = '50ms';
            SELECT n FROM t WHERE n = {first} FOR UPDATE;
            SELECT pg_sleep(0.3);
            SELECT n FROM t WHERE n = {second} FOR UPDATE
        """

    got = await asyncio.gather(db.rows(both(1, 2)), db.rows(both(2, 1)), return_exceptions=True)
    assert sorted(type(found).__name__ for found in got) == ["Deadlock", "list"]


@pytest.mark.gen_test
async def test_broken_connections_do_not_starve_the_pool(dsn: str) -> None:
    db = Database(dsn, size=1)
    waiting = [asyncio.create_task(db.rows("SELECT pg_sleep(0.02)")) for _ in range(30)]
    for _ in range(5):
        await asyncio.sleep(0.05)
        await asyncio.get_running_loop().run_in_executor(None, cut_all, dsn)
    got = await asyncio.gather(*waiting, return_exceptions=True)
    refused = [found for found in got if isinstance(found, BaseException)]
    assert all(isinstance(found, errors.Unavailable) for found in refused)
    assert len(got) - len(refused) >= 20
    assert await db.rows("SELECT 1") == [(1,)]
    assert db._permits._value == 1
    await db.close()


@pytest.mark.gen_test
async def test_idle_connections_that_died_cause_no_error(db: Database, dsn: str) -> None:
    await asyncio.gather(*(db.rows("SELECT pg_sleep(0.1)") for _ in range(4)))
    assert len(db._idle) == 4
    assert cut_all(dsn) == 4
    assert await db.rows("SELECT 1") == [(1,)]


@pytest.mark.gen_test
async def test_the_pool_never_grows_past_its_size(db: Database, dsn: str) -> None:
    queries = [asyncio.create_task(db.rows("SELECT pg_sleep(0.01)")) for _ in range(200)]
    most = 0
    while not all(query.done() for query in queries):
        count = await asyncio.get_running_loop().run_in_executor(None, backends, dsn)
        most = max(most, count)
    await asyncio.gather(*queries)
    assert 1 < most <= pool.POOL_SIZE


@pytest.mark.gen_test
async def test_a_request_has_one_deadline_for_all_its_statements(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "REQUEST_SECONDS", 0.6)
    pool.begin_request()
    await db.rows(SLEEP, {"seconds": 0.4})
    began = asyncio.get_running_loop().time()
    with pytest.raises(errors.Timeout):
        await db.rows(SLEEP, {"seconds": 20})
    assert asyncio.get_running_loop().time() - began < 10
    assert not db.unavailable  # it had too little time to report


@pytest.mark.gen_test
async def test_a_long_wait_for_a_connection_ends_in_an_error(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "ACQUIRE_SECONDS", 0.2)
    db = Database(dsn, size=1)
    holder = asyncio.create_task(db.rows(SLEEP, {"seconds": 1}))
    await eventually(db._permits.locked)
    with pytest.raises(errors.Unavailable, match="busy"):
        await db.rows("SELECT 1")
    await holder
    await db.close()


@pytest.mark.gen_test
async def test_a_database_that_is_away_is_noticed_and_so_is_its_return(
    db: Database, dsn: str
) -> None:
    db.dsn = f"host=127.0.0.1 port={free_port()} user=x dbname=x"
    with pytest.raises(errors.Unavailable):
        await db.rows("SELECT 1")
    assert db.unavailable
    db.dsn = dsn
    await eventually(lambda: not db.unavailable)
    assert await db.rows("SELECT 1") == [(1,)]


@rule("api#stored-first")
@pytest.mark.gen_test
async def test_a_write_is_on_disk_before_it_is_answered(db: Database) -> None:
    assert await db.row("SHOW synchronous_commit") == ("on",)


@pytest.mark.gen_test
async def test_a_silent_host_leaves_time_for_the_next(dsn: str) -> None:
    given = parse_dsn(dsn)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hosts = {
            "host": f"127.0.0.1,localhost,{given['host']}",
            "port": f"{free_port()},{silent.getsockname()[1]},5432",
        }
        conn = await connection.connect(make_dsn(**{**given, **hosts}), 3)
        assert await conn.rows("SELECT 1", {}, 3) == [(1,)]
        conn.close()
        with pytest.raises(errors.Unavailable, match="no answer"):
            await connection.connect(f"host=127.0.0.1 port={silent.getsockname()[1]}", 0.2)


@pytest.mark.gen_test
async def test_each_address_of_each_host_is_tried() -> None:
    found = await addresses({"host": "localhost,/tmp,127.0.0.2", "port": "1,2,3", "dbname": "d"})
    assert {"host": "/tmp", "port": "2", "dbname": "d"} in found
    assert {"host": "127.0.0.2", "hostaddr": "127.0.0.2", "port": "3", "dbname": "d"} in found
    assert {"host": "localhost", "hostaddr": "127.0.0.1", "port": "1", "dbname": "d"} in found
    one_port = await addresses({"host": "127.0.0.1,127.0.0.2", "port": "7"})
    assert [one["port"] for one in one_port] == ["7", "7"]
    assert await addresses({"dbname": "d"}) == [{"dbname": "d"}]
    with pytest.raises(OSError, match=r"."):
        await addresses({"host": "x" * 300})


@pytest.mark.gen_test
async def test_migrations_are_applied_once(db: Database, dsn: str) -> None:
    assert await startup.is_current(db)
    await startup.prepare(dsn)
    assert await startup.is_current(db)
    await db.rows("DELETE FROM _yoyo_migration")
    assert not await startup.is_current(db)


@pytest.mark.gen_test
async def test_an_empty_database_gets_its_schema(dsn: str, db: Database) -> None:
    await db.rows("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await startup.prepare(dsn)
    assert await startup.is_current(db)
    ((epoch,),) = await db.rows("SELECT epoch FROM meta")
    assert epoch.isalnum()
