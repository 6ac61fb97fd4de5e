"""A database that answers but refuses to work: a 503, not ready, and recovery."""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from db import errors, pool
from db.pool import Database
from db.server import identity
from handlers.application import Messenger
from tests.support.measures import Figures
from tests.support.people import Person, Visitor, eventually_equal
from tests.support.postgres import Postgres, ask
from tests.support.rules import rule

pytestmark = pytest.mark.usefixtures("dsn")  # no shared database
ROLE = "talker"
WAYS = {  # the breakage, and its repair
    "read-only": (
        "ALTER DATABASE {name} SET default_transaction_read_only = on",
        "ALTER DATABASE {name} RESET default_transaction_read_only",
    ),
    "closed": (
        "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
        "ALTER DATABASE {name} ALLOW_CONNECTIONS true",
    ),
    "no login": (f"ALTER ROLE {ROLE} NOLOGIN", f"ALTER ROLE {ROLE} LOGIN"),
    "no connection": (
        f"ALTER ROLE {ROLE} CONNECTION LIMIT 0",
        f"ALTER ROLE {ROLE} CONNECTION LIMIT 90",
    ),
}


@pytest.fixture
def owner_dsn(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as dsn:
        yield dsn


@pytest.fixture
def dsn(owner_dsn: str) -> Iterator[str]:
    """Connects as a role that is no superuser."""
    ask(owner_dsn, f"CREATE ROLE {ROLE} LOGIN CONNECTION LIMIT 90")
    ask(owner_dsn, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {ROLE}")
    try:
        yield make_dsn(owner_dsn, user=ROLE)
    finally:
        ask(owner_dsn, f"DROP OWNED BY {ROLE} CASCADE; DROP ROLE {ROLE}")


def end_sessions(postgres: Postgres, name: str) -> None:
    ask(
        postgres.dsn("postgres"),
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
        (name,),
    )


async def status(person: Visitor, path: str) -> int:
    return (await person.get(path)).status


async def is_refused(person: Person, conversation: str) -> None:
    answer = await person.post(f"/api/conversations/{conversation}/messages", {"content": "hello"})
    assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    ready = await person.get("/health/ready")
    assert (ready.status, ready.json["detail"]) == (503, answer.json["detail"])
    for secret in (ROLE, "socket", "/tmp", "PGSQL", "messenger_"):
        assert secret not in ready.body.decode()


async def is_back(person: Person, conversation: str) -> None:
    await eventually_equal(200, lambda: status(person, "/health/ready"))
    assert (await person.send(conversation, "again"))["content"] == "again"


def times_said(caplog: pytest.LogCaptureFixture) -> int:
    lines = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    return sum("is unavailable" in line for line in lines)


@rule("api#outage")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.gen_test(timeout=60)
async def test_a_refusing_database_is_unavailable_and_recovers(
    way: str,
    visitor: Visitor,
    owner_dsn: str,
    postgres: Postgres,
    caplog: pytest.LogCaptureFixture,
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    name = parse_dsn(owner_dsn)["dbname"]
    broken, mended = (statement.format(name=name) for statement in WAYS[way])
    async with jane.stream() as stream:
        ask(postgres.dsn("postgres"), broken)
        end_sessions(postgres, name)
        for _ in range(3):
            began = time.monotonic()
            await is_refused(john, conversation)
            # Answered as soon as PostgreSQL has refused, and not at the request's deadline.
            assert time.monotonic() - began < pool.REQUEST_SECONDS / 2
        ask(postgres.dsn("postgres"), mended)
        await is_back(john, conversation)
        assert (await stream.event()).data["content"] == "again"
    assert times_said(caplog) == 1


@pytest.mark.parametrize(
    ("broken", "mended"),
    [
        (f"REVOKE INSERT ON messages FROM {ROLE}", f"GRANT INSERT ON messages TO {ROLE}"),
        (f"REVOKE SELECT ON users FROM {ROLE}", f"GRANT SELECT ON users TO {ROLE}"),
        ("ALTER SCHEMA public RENAME TO gone", "ALTER SCHEMA gone RENAME TO public"),
        ("ALTER TABLE messages RENAME TO gone", "ALTER TABLE gone RENAME TO messages"),
    ],
    ids=["right to write", "right to read", "schema", "table"],
)
@pytest.mark.gen_test(timeout=60)
async def test_a_revoked_right_makes_the_database_unavailable_until_it_is_back(
    broken: str, mended: str, visitor: Visitor, owner_dsn: str
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    ask(owner_dsn, broken)
    assert await status(john, "/health/ready") == 503, "nobody has tried to write yet"
    for _ in range(3):
        await is_refused(john, conversation)
    ask(owner_dsn, mended)
    await is_back(john, conversation)


@pytest.mark.measure
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.gen_test(timeout=60)
async def test_a_refusal_that_postgresql_has_stated_is_answered_within_a_second(
    way: str, visitor: Visitor, owner_dsn: str, postgres: Postgres, figures: Figures
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    name = parse_dsn(owner_dsn)["dbname"]
    broken, mended = (statement.format(name=name) for statement in WAYS[way])
    ask(postgres.dsn("postgres"), broken)
    end_sessions(postgres, name)
    took = []
    for _ in range(5):
        began = time.monotonic()
        await is_refused(john, conversation)
        took.append(time.monotonic() - began)
    figures.seconds(f"a refusal by a database that is {way}, s", max(took), 1)
    ask(postgres.dsn("postgres"), mended)
    await is_back(john, conversation)


@pytest.mark.gen_test(timeout=60)
async def test_sessions_that_have_become_read_only_are_replaced(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    sessions = "SET default_transaction_read_only = on; SELECT pg_sleep(0.1)"
    await asyncio.gather(*(app.services.db.rows(sessions) for _ in range(8)))
    answer = await john.post(f"/api/conversations/{conversation}/messages", {"content": "hello"})
    assert answer.status == 503
    await is_back(john, conversation)


@pytest.mark.gen_test
async def test_a_value_that_the_driver_cannot_send_is_a_server_error_and_harms_nothing(
    db: Database,
) -> None:
    hostile: list[tuple[str, Any]] = [
        ("SELECT %(missing)s", {"other": 1}),
        ("SELECT %(text)s", {"text": "\0"}),
        ("SELECT %(text)s", {"text": "\ud800"}),
        ("SELECT %(thing)s", {"thing": object()}),
        ("SELECT %", {"n": 1}),
    ]
    for sql, params in hostile:
        with pytest.raises(errors.Unexpected):
            await db.rows(sql, params)
        assert await db.rows("SELECT 1") == [(1,)]
    assert not db.unavailable


@pytest.mark.gen_test
async def test_a_connection_to_another_database_is_not_used(
    db: Database, postgres: Postgres
) -> None:
    conn = await db._connected(5)
    known = await identity.read(conn)
    conn.close()
    db.adopt(known)
    assert await db.rows("SELECT 1") == [(1,)]
    with postgres.database() as other:
        db.dsn = other
        db._close_idle()
        with pytest.raises(errors.Unavailable, match="another database"):
            await db.rows("SELECT 1")
        assert db.doubted.is_set()
    db.dsn = postgres.dsn("template1")
    with pytest.raises(errors.Unavailable):
        await db.rows("SELECT 1")
