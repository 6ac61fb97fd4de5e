"""An embedded database whose settings were changed, or that starts in a strange environment."""

from pathlib import Path

from tests.support.callers import contents, someone_talks
from tests.support.processes import ServerProcess, run


def refused(data_dir: Path) -> str:
    """Returns the one line with which a start ends at once."""
    ended = run("--port", "0", "--data-dir", str(data_dir), seconds=25)
    assert ended.returncode == 1
    assert "waiting for the database" not in ended.stdout
    (line,) = ended.stderr.strip().split("\n")
    return line


def test_the_database_is_reached_whatever_its_settings_and_the_environment_say(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        assert server.end() == 0
        with (tmp_path / "postgres" / "postgresql.conf").open("a") as settings:
            settings.write("port = 5555\nlisten_addresses = '*'\n")
        server.output.clear()
        server.environ = {
            "PGSERVICE": "none",
            "PGHOST": "192.0.2.1",
            "PGPORT": "1",
            "PGOPTIONS": "-c nonsense=1",
            "PGCHANNELBINDING": "require",
            "PGREQUIREAUTH": "scram-sha-256",
            "PGGSSENCMODE": "require",
        }
        server.start()
        server.wait_until_ready()
        assert contents(john, path) == ["hello"]
        assert server.end() == 0


def test_a_database_that_accepts_no_connection_ends_the_start_and_names_the_file(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path) as server:
        assert server.end() == 0
    access = tmp_path / "postgres" / "pg_hba.conf"
    access.write_text("local all all reject\n")
    assert "pg_hba.conf rejects" in refused(tmp_path)
    access.write_text("nonsense\n")
    assert str(access) in refused(tmp_path)
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()
