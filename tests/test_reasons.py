"""A database that does not start: the reason in one line, at the first try."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from db.server.data_dir import Failed
from db.server.embedded import EmbeddedPostgres


def damage_control(data: Path) -> None:
    with (data / "global" / "pg_control").open("r+b") as file:
        file.write(bytes(300))


def lose_control(data: Path) -> None:
    (data / "global" / "pg_control").unlink()


def open_to_all(data: Path) -> None:
    data.chmod(0o755)


def lose_the_log(data: Path) -> None:
    for file in (data / "pg_wal").glob("0*"):
        file.unlink()


def misspell(data: Path) -> None:
    (data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")


def test_the_reason_comes_in_one_line_and_at_once(tmp_path: Path) -> None:
    data = tmp_path / "postgres"
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    postgres.stop()
    cases: list[tuple[Callable[[Path], None], str]] = [
        (open_to_all, "has invalid permissions"),
        (misspell, "no_such_setting|configuration file"),
        (lose_the_log, "checkpoint record"),
        (damage_control, "incompatible with server|checksum"),
        (lose_control, "pg_control|control file"),
    ]
    for damage, told in cases:
        kept = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
        (data / "log").write_text("")
        damage(data)
        with pytest.raises(Failed, match=told) as failed:
            EmbeddedPostgres(tmp_path).start(lambda line: None)
        assert "\n" not in str(failed.value)
        assert (data / "log").read_text().count("starting PostgreSQL") <= 1  # it tried once
        data.chmod(0o700)
        for path, held in kept.items():
            is_there = path.exists()
            path.write_bytes(held)
            if not is_there:
                owner = data.stat()
                os.chown(path, owner.st_uid, owner.st_gid)
    postgres.start(lambda line: None)
    postgres.stop()


def test_another_process_with_the_old_process_id_is_no_postgresql(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    postgres.kill()
    postgres._pid_file.write_text(f"{os.getppid()}\n{postgres._data}\n0\n5432\n\n\n  1 1\nready\n")
    again = EmbeddedPostgres(tmp_path)
    again.start(lambda line: None)
    assert again.is_running()
    again.stop()
    assert not again.is_running()
