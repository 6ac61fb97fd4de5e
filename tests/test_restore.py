"""A database restored from a backup is recognised as another one than clients knew."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.callers import Caller, contents, someone_talks
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess
from tests.support.sse import EventStream


@pytest.fixture
def restored(postgres: Postgres) -> Iterator[str]:
    """Makes an empty database for a dump."""
    with postgres.database(template="template0") as dsn:
        yield dsn


async def first_events(caller: Caller, last_event_id: str) -> list[tuple[str, object]]:
    headers = {"Authorization": f"Bearer {caller.token}", "Last-Event-ID": last_event_id}
    stream = await EventStream.open(caller.url, headers)
    try:
        return [(event.name, event.data) for event in await stream.events(2)]
    finally:
        stream.close()


def position(caller: Caller) -> str:
    return str(caller.open("/api/conversations").headers["Last-Event-ID"])


@pytest.mark.gen_test(timeout=120)
async def test_a_dump_restored_elsewhere_resets_its_clients(
    postgres: Postgres, dsn: str, restored: str, tmp_path: Path
) -> None:
    secret = "the same before and after, as an operator would keep it"
    with ServerProcess(tmp_path / "old", DATABASE_URL=dsn, JWT_SECRET=secret) as server:
        john, path = someone_talks(server.url)
        backup = position(john)
        dump = tmp_path / "dump.sql"
        tool(postgres, "pg_dump", "--no-owner", "-f", str(dump), "-d", dsn)
        john.ask(path, {"content": "after the backup"})
        later = position(john)
        assert server.end() == 0
    tool(postgres, "psql", "-q", "-v", "ON_ERROR_STOP=1", "-f", str(dump), "-d", restored)
    with ServerProcess(tmp_path / "new", DATABASE_URL=restored, JWT_SECRET=secret) as server:
        john.url = server.url
        assert contents(john, path) == ["hello"]
        assert position(john).partition("-")[0] != backup.partition("-")[0]
        for known in (backup, later):
            hello, reset = await first_events(john, known)
            assert (hello[0], reset) == ("hello", ("reset", {"reason": "epoch"}))
        john.ask(path, {"content": "again"})
        assert contents(john, path) == ["again", "hello"]


@pytest.mark.gen_test(timeout=120)
async def test_a_copied_data_directory_begins_a_new_epoch_on_request(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        john, path = someone_talks(server.url)
        assert server.end() == 0
        copy(tmp_path / "data", tmp_path / "backup")
        server.output.clear()
        server.start()
        server.wait_until_ready()
        john.ask(path, {"content": "after the backup"})
        known = position(john)
    with ServerProcess(tmp_path / "backup", "--new-epoch") as server:
        john.url = server.url
        assert contents(john, path) == ["hello"]
        new = position(john)
        assert (await first_events(john, known))[1] == ("reset", {"reason": "epoch"})
        server.end(signal.SIGTERM)
    with ServerProcess(tmp_path / "backup") as server:
        john.url = server.url
        assert position(john) == new  # once


def copy(source: Path, target: Path) -> None:
    """Copies with owners and modes, which PostgreSQL requires."""
    subprocess.run(["cp", "-a", source, target], check=True, timeout=60)


def tool(postgres: Postgres, name: str, *args: str) -> None:
    subprocess.run([postgres.bin_path / name, *args], check=True, timeout=60)
