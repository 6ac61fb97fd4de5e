"""Starting and stopping as an operator does it, however the last run ended."""

import asyncio
import os
import signal
import socket
import stat
import urllib.request
from pathlib import Path

import pytest

import server as messenger
from db.errors import InUse, Refused, Unavailable
from db.server import startup
from db.server.data_dir import DirectoryLock, Failed
from db.server.server_lock import ServerLock
from tests.support.callers import Caller, contents, someone_talks
from tests.support.postgres import ask
from tests.support.processes import ServerProcess, free_port, run
from tests.support.rules import rule


def test_a_server_that_starts_again_keeps_all_it_knows(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, makes_cluster=True) as server:
        server.wait_for("creating the database in .* …")
        server.wait_for("any client of this port can sign in as any user")
        john, path = someone_talks(server.url)
        epoch = john.epoch()
        secret = tmp_path / "jwt-secret"
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        assert len(secret.read_text()) >= 32
        assert server.end(signal.SIGTERM) == 0
        assert server.postgres_pid is None
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert "creating" not in "".join(server.output)
        assert contents(john, path) == ["hello"]  # under the same secret, and the same epoch
        assert john.epoch() == epoch
        assert server.end(signal.SIGINT) == 0


@rule("api#stored-first")
@pytest.mark.parametrize("postgres_too", [False, True])
def test_a_killed_server_comes_back_with_all_that_it_answered(
    tmp_path: Path, postgres_too: bool
) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        left = server.postgres_pid
        assert left is not None
        server.end(signal.SIGKILL)
        if postgres_too:
            os.kill(left, signal.SIGKILL)
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert contents(john, path) == ["hello"]
        assert (server.postgres_pid == left) is not postgres_too
        assert server.end() == 0
        assert server.postgres_pid is None


def test_another_process_with_the_databases_process_id_is_left_alone(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        left = server.postgres_pid
        assert left is not None
        server.end(signal.SIGKILL)
        os.kill(left, signal.SIGKILL)
        file = tmp_path / "postgres" / "postmaster.pid"
        file.write_text(file.read_text().replace(str(left), str(os.getpid()), 1))
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert contents(john, path) == ["hello"]


@pytest.mark.parametrize("name", ["x" * 120, "it's a name"])
def test_any_path_works_as_data_directory(tmp_path: Path, name: str) -> None:
    with ServerProcess(tmp_path / name) as server:
        assert Caller(server.url, "john").ask("/api/auth_user")["username"] == "john"
        lines = (tmp_path / name / "postgres" / "postmaster.pid").read_text().split("\n")
        socket_dir = Path(lines[4])
        assert server.end() == 0
        assert socket_dir == tmp_path / name / "postgres" or not socket_dir.exists()


def test_a_port_in_use_ends_the_start_with_one_line(tmp_path: Path) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        port = str(sock.getsockname()[1])
        ended = run("--port", port, "--data-dir", str(tmp_path))
    assert ended.returncode == 1
    assert ended.stderr == f"server.py: cannot listen on 127.0.0.1 port {port}: {os.strerror(98)}\n"
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


def test_port_0_takes_a_free_port_and_prints_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, "--port", "0") as server:
        assert not server.url.endswith(":0")
        john = Caller(server.url, "john")
        request = urllib.request.Request(
            f"{server.url}/api/refresh_token",
            b"",
            {"Origin": server.url, "Authorization": f"Bearer {john.token}"},
        )
        assert urllib.request.urlopen(request, timeout=10).status == 200


def test_a_second_server_takes_over_when_the_first_leaves(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as first:
        john, path = someone_talks(first.url)
        second = ServerProcess(tmp_path)
        second.start()
        second.wait_for("another server is using .*; waiting up to 15 s")
        assert first.end() == 0
        second.wait_until_ready()
        john.url = second.url
        assert contents(john, path) == ["hello"]
        assert second.end() == 0


def test_an_external_postgresql_is_used_unchanged(dsn: str, tmp_path: Path) -> None:
    host = dict(part.split("=") for part in dsn.split())["host"]
    name = dict(part.split("=") for part in dsn.split())["dbname"]
    url = f"postgresql://postgres@/{name}?host={host}"
    with ServerProcess(tmp_path, DATABASE_URL=url) as server:
        john, _ = someone_talks(server.url)
        assert john.open("/health/ready").status == 200
        assert [path.name for path in tmp_path.iterdir()] == ["jwt-secret"]
        assert ask(dsn, "SELECT content FROM messages") == [("hello",)]
        assert server.end() == 0


def test_a_new_epoch_begins_on_request_or_with_another_database(dsn: str, tmp_path: Path) -> None:
    def epoch() -> str:
        return str(ask(dsn, "SELECT epoch FROM meta")[0][0])

    asyncio.run(startup.prepare(dsn))
    first = epoch()
    asyncio.run(startup.prepare(dsn))
    assert epoch() == first
    asyncio.run(startup.prepare(dsn, new_epoch=True))
    assert epoch() != first
    restored = epoch()
    ask(dsn, "UPDATE meta SET database_oid = database_oid::bigint + 1")
    asyncio.run(startup.prepare(dsn))
    assert epoch() != restored


def test_only_one_server_works_in_a_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messenger, "PATIENCE_SECONDS", 0.3)
    first = DirectoryLock(tmp_path)
    first.take()
    second = DirectoryLock(tmp_path)
    with pytest.raises(Failed, match="another server"):
        asyncio.run(messenger._take(second, tmp_path))
    first.release()
    asyncio.run(messenger._take(second, tmp_path))
    second.release()


@pytest.mark.gen_test
async def test_only_one_server_works_on_a_database(dsn: str) -> None:
    said: list[str] = []
    first = await ServerLock.take(dsn, said.append)
    assert said == []
    with pytest.raises(InUse, match="another server"):
        await ServerLock.take(dsn, said.append, patience=0.3)
    assert len(said) == 1
    waiting = asyncio.create_task(ServerLock.take(dsn, said.append))
    while len(said) < 2:
        await asyncio.sleep(0.01)
    first.release()
    (await waiting).release()


@pytest.mark.gen_test(timeout=60)
async def test_a_second_server_gives_up_after_a_while(dsn: str, tmp_path: Path) -> None:
    first = await ServerLock.take(dsn, lambda line: None)
    loop = asyncio.get_running_loop()
    flags = ("--data-dir", str(tmp_path), "--database-url", dsn)
    ended = await loop.run_in_executor(None, lambda: run(*flags))
    assert ended.returncode == 1
    assert "another server is using this database; waiting up to 15 s" in ended.stdout
    assert ended.stderr == "server.py: another server is using this database\n"
    first.release()


@pytest.mark.gen_test
async def test_a_start_waits_for_its_database_and_says_so_and_then_gives_up(dsn: str) -> None:
    said: list[str] = []
    nobody = f"host=127.0.0.1 port={free_port()} user=x dbname=x"
    with pytest.raises(Unavailable, match="no database after 1 s"):
        await startup.wait_until_reachable(nobody, said.append, patience=1)
    assert len(said) >= 2
    assert all("waiting for the database" in line for line in said)
    with pytest.raises(Refused):
        await startup.wait_until_reachable(dsn.replace("user=postgres", "user=nobody"), said.append)
    await startup.wait_until_reachable(dsn, said.append)
