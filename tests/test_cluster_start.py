"""Which servers may start together on a database, and which are refused."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn, parse_dsn

from tests.support import cluster
from tests.support.cluster import SECRET, ForgetfulServer
from tests.support.processes import ServerProcess, free_port, run
from tests.support.standalone import StandalonePostgres

PGBOUNCER = Path("/usr/sbin/pgbouncer")
OTHER_SECRET = SECRET.upper()


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (("--relay", "postgres", "--jwt-secret", SECRET), "--relay needs --database-url"),
        (
            ("--relay", "postgres", "--database-url", "postgresql:///x"),
            "--relay needs --jwt-secret",
        ),
        (("--relay", "redis://127.0.0.1"), "--relay: must be postgres, nats://HOST"),
        (("--relay", "nats://"), "--relay: must be postgres, nats://HOST"),
        (("--relay", "nats://127.0.0.1:0"), "--relay: must be postgres, nats://HOST"),
        (("--relay", "nats://127.0.0.1/path"), "--relay: must be postgres, nats://HOST"),
    ],
)
def test_a_relay_that_cannot_work_is_refused(flags: tuple[str, ...], told: str) -> None:
    ended = run(*flags)
    assert ended.returncode == 2
    assert told in ended.stderr


def test_a_server_with_another_secret_is_refused(dsn: str, tmp_path: Path) -> None:
    with cluster.servers(dsn, tmp_path, "postgres", 1):
        flags = ("--relay", "postgres", "--database-url", dsn, "--jwt-secret", OTHER_SECRET)
        ended = run(*flags, "--port", str(free_port()))
    assert ended.returncode == 1
    assert "--jwt-secret is not that of the servers that run" in ended.stderr


def test_a_server_with_other_options_is_warned(dsn: str, tmp_path: Path) -> None:
    with (
        cluster.servers(dsn, tmp_path, "postgres", 1),
        cluster.server(
            dsn, tmp_path / "other", "postgres", "--sends-at-once", "7", kind=ForgetfulServer
        ) as other,
    ):
        assert any("has other options" in line for line in other.output)


def test_servers_with_the_same_options_are_not_warned(dsn: str, tmp_path: Path) -> None:
    with cluster.servers(dsn, tmp_path, "postgres", 2) as servers:
        assert not any("other options" in line for one in servers for line in one.output)
        assert all("(relay: postgres)" in one.output[-1] for one in servers)


def test_a_server_without_a_relay_keeps_those_with_one_out(dsn: str, tmp_path: Path) -> None:
    alone = ServerProcess(tmp_path / "alone", "--database-url", dsn, "--jwt-secret", SECRET)
    with alone:
        flags = ("--relay", "postgres", "--database-url", dsn, "--jwt-secret", SECRET)
        ended = run(*flags, "--port", str(free_port()))
    assert ended.returncode == 1
    assert "another server is using this database" in ended.stderr


def test_servers_with_a_relay_keep_one_without_out(dsn: str, tmp_path: Path) -> None:
    with cluster.servers(dsn, tmp_path, "postgres", 1):
        ended = run("--database-url", dsn, "--jwt-secret", SECRET, "--port", str(free_port()))
    assert ended.returncode == 1
    assert "another server is using this database" in ended.stderr


@contextmanager
def pooler(dsn: str, folder: Path, mode: str) -> Iterator[str]:
    """Yields a connection string that leads through PgBouncer."""
    if not PGBOUNCER.exists():
        assert os.environ.get("CI") != "true", "CI needs pgbouncer (tools/proxies)"
        pytest.skip("pgbouncer is not installed")
    to, port = parse_dsn(dsn), free_port()
    folder.chmod(0o755)
    settings = folder / "pgbouncer.ini"
    settings.write_text(
        f"""
        [databases]
        * = host={to["host"]} port={to.get("port", "5432")} user={to["user"]}
        [pgbouncer]
        listen_addr = 127.0.0.1
        listen_port = {port}
        unix_socket_dir =
        auth_type = any
        pool_mode = {mode}
        ignore_startup_parameters = options,extra_float_digits
        """
    )
    as_user = () if os.geteuid() else ("-u", "nobody")
    command: list[str | Path] = [PGBOUNCER, *as_user, settings]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        while "process up" not in (line := process.stderr.readline()):
            assert line, "pgbouncer has ended"
        yield make_dsn(host="127.0.0.1", port=port, user=to["user"], dbname=to["dbname"])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def over_tcp() -> Iterator[str]:
    """A database that PgBouncer's user can reach."""
    postgres = StandalonePostgres()
    postgres.start()
    try:
        with postgres.database() as dsn:
            yield dsn
    finally:
        postgres.stop()


@pytest.mark.parametrize("relay", [(), ("--relay", "postgres")])
def test_a_transaction_pooler_is_refused(
    relay: tuple[str, ...], over_tcp: str, tmp_path: Path
) -> None:
    with pooler(over_tcp, tmp_path, "transaction") as through:
        ended = run(*relay, "--database-url", through, "--jwt-secret", SECRET)
    assert ended.returncode == 1
    assert "transaction pooler" in ended.stderr


def test_a_session_pooler_is_not(over_tcp: str, tmp_path: Path) -> None:
    with (
        pooler(over_tcp, tmp_path, "session") as through,
        cluster.servers(through, tmp_path / "servers", "postgres", 1) as (server,),
    ):
        assert "(relay: postgres)" in server.output[-1]
