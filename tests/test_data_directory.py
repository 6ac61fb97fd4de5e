"""The server uses only a data directory of its own; it changes no other, and says why."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from db.server.data_dir import Creation, Failed, kept_secret
from db.server.embedded import MADE_BY_INITDB, EmbeddedPostgres
from tests.support.processes import ROOT, ServerProcess, run


def refused(data_dir: Path) -> str:
    """Returns the one line with which a start ends; nothing in the data directory has changed."""
    before = listing(data_dir)
    ended = run("--port", "0", "--data-dir", str(data_dir))
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().split("\n")
    added = listing(data_dir).items() - before.items()
    assert {name for name, _ in added} <= {"jwt-secret", "lock"}
    assert before.items() <= listing(data_dir).items()
    return line


def listing(directory: Path) -> dict[str, bytes]:
    """Lists all files by path: kind, mode, owner and contents."""
    found = {}
    for path in directory.rglob("*"):
        seen = path.lstat()
        held = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(directory))] = b"%o %d " % (seen.st_mode, seen.st_uid) + held
    return found


def notes(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir(parents=True)
    (data_dir / "postgres" / "notes.txt").write_text("x\n")


def lost_version(data_dir: Path) -> None:
    for name in ("base", "global", "pg_wal"):
        (data_dir / "postgres" / name).mkdir(parents=True)


def a_file(data_dir: Path) -> None:
    (data_dir / "postgres").write_text("x\n")


def a_link_to_nowhere(data_dir: Path) -> None:
    (data_dir / "postgres").symlink_to(data_dir / "nowhere" / "at all")


def a_link_to_a_missing_directory(data_dir: Path) -> None:
    (data_dir / "postgres").symlink_to(data_dir / "unmounted")


def a_link_to_itself(data_dir: Path) -> None:
    (data_dir / "postgres").symlink_to(data_dir / "postgres")


def an_older_version(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("16\n")


def a_damaged_version(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_bytes(b"\xff\0")


def something_unfinished(data_dir: Path) -> None:
    (data_dir / "postgres.unfinished").mkdir()
    (data_dir / "postgres.unfinished" / "notes.txt").write_text("x\n")


def notes_in_what_was_unfinished(data_dir: Path) -> None:
    made = data_dir / "postgres.unfinished" / "made"
    made.mkdir(parents=True)
    (made.parent / "READ.ME").write_text(Creation.MARK)
    (made / "PG_VERSION").write_text("18\n")
    (made / "notes.txt").write_text("x\n")


def a_lock_that_is_a_directory(data_dir: Path) -> None:
    (data_dir / "lock").mkdir()


def a_lock_that_is_a_link(data_dir: Path) -> None:
    (data_dir / "lock").symlink_to(data_dir / "elsewhere")


def a_secret_that_is_a_directory(data_dir: Path) -> None:
    (data_dir / "jwt-secret").mkdir()


def an_empty_secret(data_dir: Path) -> None:
    (data_dir / "jwt-secret").touch()


def a_secret_that_is_no_text(data_dir: Path) -> None:
    (data_dir / "jwt-secret").write_bytes(b"\xff" * 40)


def a_secret_that_is_a_pipe(data_dir: Path) -> None:
    os.mkfifo(data_dir / "jwt-secret")


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (notes, "'notes.txt', but no PG_VERSION"),
        (lost_version, "'base', 'global', 'pg_wal', but no PG_VERSION"),
        (a_file, "not a directory"),
        (a_link_to_nowhere, "which is not there"),
        (a_link_to_a_missing_directory, "which is not there"),
        (a_link_to_itself, "not a directory"),
        (an_older_version, "made by PostgreSQL 16, and this server brings 18"),
        (a_damaged_version, "PG_VERSION is damaged"),
        (something_unfinished, "this server did not make"),
        (notes_in_what_was_unfinished, "this server did not make"),
        (a_lock_that_is_a_directory, "cannot lock the data directory"),
        (a_lock_that_is_a_link, "cannot lock the data directory"),
        (a_secret_that_is_a_directory, "it is not a file"),
        (an_empty_secret, "is empty"),
        (a_secret_that_is_no_text, "not contain a secret"),
        (a_secret_that_is_a_pipe, "it is not a file"),
    ],
)
def test_a_foreign_file_is_left_alone_and_named_in_one_line(
    tmp_path: Path, found: Callable[[Path], None], told: str
) -> None:
    found(tmp_path)
    assert told in refused(tmp_path)


@pytest.mark.parametrize("name", ["a file", "a file/below it", "/proc/x", "\n", "x" * 300])
def test_a_data_directory_that_cannot_be_made_ends_the_start_with_one_line(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "a file").touch()
    (tmp_path / "\n").symlink_to("nowhere")
    ended = run("--port", "0", "--data-dir", str(tmp_path / name))
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().split("\n")
    assert "data directory" in line


def test_a_data_directory_that_cannot_be_written_ends_the_start_with_one_line(
    tmp_path: Path,
) -> None:
    ended = on_a_small_disk(tmp_path / "disk", "ro")
    assert "Read-only file system" in ended


def test_a_full_disk_ends_the_first_start_with_one_line(tmp_path: Path) -> None:
    assert "No space left on device" in on_a_small_disk(tmp_path / "disk", "size=20m")


def test_a_disk_without_room_for_a_secret_ends_the_start_with_one_line(tmp_path: Path) -> None:
    assert "No space left on device" in on_a_small_disk(tmp_path / "disk", "nr_inodes=1")


def on_a_small_disk(place: Path, options: str) -> str:
    """Returns the one line with which a start ends on a small file system of its own."""
    place.mkdir()
    mount = f'mount -t tmpfs -o {options} none "$1" && shift && exec "$@"'
    server = [sys.executable, "server.py", "--port", "0", "--data-dir", str(place)]
    ended = subprocess.run(
        ["unshare", "--mount", "sh", "-c", mount, "sh", place, *server],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unshare" in ended.stderr or "mount:" in ended.stderr:
        pytest.skip("no file system of one's own to be had here")
    assert ended.returncode == 1
    (line,) = ended.stderr.strip().split("\n")
    return line


def test_a_file_named_lock_keeps_its_contents(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("mine\n")
    notes(tmp_path)
    refused(tmp_path)
    assert (tmp_path / "lock").read_text() == "mine\n"


def test_an_unfinished_creation_is_recognised_at_each_step(tmp_path: Path) -> None:
    place = tmp_path / "postgres"
    creation = Creation(place, MADE_BY_INITDB)
    beside = tmp_path / "postgres.unfinished"

    def stopped_in(made: str | None, mark: str | None) -> None:
        beside.mkdir()
        if mark is not None:
            (beside / "READ.ME").write_text(mark)
        if made is not None:
            (beside / "made" / made).mkdir(parents=True)

    for made, mark in (
        (None, None),
        (None, ""),
        (None, Creation.MARK[:20]),
        (None, Creation.MARK),
        (".", Creation.MARK),
        ("base", Creation.MARK),
    ):
        stopped_in(made, mark)
        creation.discard()
        assert not beside.exists()
    for made, mark in (("base", None), ("base", "another sentence"), ("photos", Creation.MARK)):
        stopped_in(made, mark)
        with pytest.raises(Failed, match="this server did not make"):
            creation.discard()
        beside.rename(tmp_path / f"{made} {mark}")


def test_a_first_start_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    while not (tmp_path / "postgres.unfinished" / "made" / "global").exists():
        assert server.process.poll() is None
        time.sleep(0.001)
    server.end(signal.SIGKILL, seconds=60)
    server.output.clear()
    with server:
        assert {path.name for path in tmp_path.iterdir()} == {"jwt-secret", "lock", "postgres"}
        assert server.end() == 0


def test_a_database_is_made_in_an_empty_directory(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    postgres.stop()
    assert (tmp_path / "postgres" / "PG_VERSION").read_text() == "18\n"


def test_two_first_starts_at_once_share_one_secret(tmp_path: Path) -> None:
    found: list[str] = []
    path = tmp_path / "jwt-secret"
    starts = [threading.Thread(target=lambda: found.append(kept_secret(path))) for _ in range(20)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert found == [path.read_text()] * 20
    assert list(tmp_path.iterdir()) == [path]
