"""A start finds its database not yet up, migrated by a newer server, or without the rights."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support.documents import recipe
from tests.support.postgres import Postgres, ask
from tests.support.processes import ServerProcess, free_port, run
from tests.support.standalone import StandalonePostgres

ROLE = 'an "odd" name'
QUOTED = '"an ""odd"" name"'


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    with postgres.database(template="template0") as dsn:
        yield dsn


@pytest.fixture
def role(postgres: Postgres, empty: str) -> Iterator[str]:
    """Returns the connection string for `empty` of a role that owns nothing."""
    ask(empty, f"CREATE ROLE {QUOTED} LOGIN")
    yield make_dsn(empty, user=ROLE)
    ask(empty, f"DROP OWNED BY {QUOTED} CASCADE")
    ask(empty, f"DROP ROLE {QUOTED}")


def refusal(dsn: str, folder: Path) -> str:
    """Returns the one line with which a start ends."""
    flags = ("--port", str(free_port()), "--data-dir", str(folder), "--database-url", dsn)
    ended = run(*flags, seconds=25)
    assert ended.returncode == 1
    lines = [line for line in ended.stderr.strip().split("\n") if "fsync" not in line]
    (line,) = (line for line in lines if "platformdirs" not in line and "return Path" not in line)
    return line


def test_a_start_waits_for_a_database_over_tcp_that_is_not_up_yet(tmp_path: Path) -> None:
    postgres = StandalonePostgres()
    postgres.start()
    try:
        with postgres.database() as dsn:
            postgres.crash()
            server = ServerProcess(tmp_path, DATABASE_URL=dsn)
            server.start()
            try:
                server.wait_for("waiting for the database")
                postgres.revive()
                server.wait_until_ready()
            finally:
                assert server.end() == 0
            assert not [line for line in server.output if "Traceback" in line]
    finally:
        postgres.stop()


def test_a_database_that_a_newer_server_migrated_is_refused(dsn: str, tmp_path: Path) -> None:
    ask(
        dsn,
        """
        INSERT INTO _yoyo_migration (migration_hash, migration_id, applied_at_utc)
        VALUES ('x', '9999.future', now())
        """,
    )
    assert "9999.future" in refusal(dsn, tmp_path)


def test_a_role_that_may_not_create_tables_is_told_the_grant(
    role: str, empty: str, tmp_path: Path
) -> None:
    line = refusal(role, tmp_path)
    command = line.partition("by: ")[2]
    assert command == f'GRANT USAGE, CREATE ON SCHEMA "public" TO {QUOTED};'
    ask(empty, command)
    with ServerProcess(tmp_path, DATABASE_URL=role):
        pass


def test_a_role_that_may_not_write_is_told_the_grant(role: str, empty: str, tmp_path: Path) -> None:
    with ServerProcess(tmp_path, DATABASE_URL=empty) as server:
        assert server.end() == 0
    line = refusal(role, tmp_path)
    assert "messages" in line
    command = line.partition("by: ")[2]
    assert command == f'GRANT ALL ON ALL TABLES IN SCHEMA "public" TO {QUOTED};'
    ask(empty, command)
    with ServerProcess(tmp_path, DATABASE_URL=role):
        pass


def test_the_documented_commands_make_a_usable_database(postgres: Postgres, tmp_path: Path) -> None:
    """Runs them as written, except for `sudo` and the address of this PostgreSQL."""
    commands = recipe("docs/operating.md", "A PostgreSQL of your own", "sh")
    create_role, create_database, start = commands.splitlines()
    given = parse_dsn(postgres.dsn("postgres"))
    where = f"PGHOST={given['host']} PGUSER=postgres"
    try:
        for command in (create_role, create_database):
            bare = command.removeprefix("sudo -u postgres ")
            assert bare != command
            subprocess.run(f"{where} {postgres.bin_path}/{bare}", shell=True, check=True)
        url = start.split()[0].removeprefix("DATABASE_URL=")
        assert start == f"DATABASE_URL={url} make run"
        dsn = make_dsn(**{**parse_dsn(url), "host": given["host"]})
        with ServerProcess(tmp_path, DATABASE_URL=dsn):
            pass
    finally:
        ask(postgres.dsn("postgres"), "DROP DATABASE IF EXISTS messenger WITH (FORCE)")
        ask(postgres.dsn("postgres"), "DROP ROLE IF EXISTS messenger")
