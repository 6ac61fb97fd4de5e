"""What ends a server, and what does not."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.support.callers import contents, someone_talks, until_ready
from tests.support.in_flight import held_up
from tests.support.processes import DEFAULT_SIGNALS, ROOT, ServerProcess, free_port

IGNORING_SIGHUP = ("sh", "-c", "trap '' HUP; exec \"$@\"", "sh")


def test_each_stop_signal_drains_and_stops_the_database(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        for number in (signal.SIGHUP, signal.SIGQUIT, signal.SIGINT, signal.SIGTERM):
            assert server.end(number) == 0
            server.wait_for("draining")
            assert server.postgres_pid is None
            server.output.clear()
            server.start()
            server.wait_until_ready()


def test_a_server_that_ignored_sighup_at_the_start_outlives_its_terminal(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, prefix=IGNORING_SIGHUP) as server:
        john, path = someone_talks(server.url)
        server.process.send_signal(signal.SIGHUP)
        john.ask(path, {"content": "still there"})
        assert server.end() == 0


def imports_have_begun(server: ServerProcess) -> bool:
    """Waits until imports begin: an earlier trace would be Python's own."""
    return "uvloop" in Path(f"/proc/{server.process.pid}/maps").read_text()


def test_an_interrupt_at_any_moment_of_the_start_leaves_no_trace_and_nothing_running(
    tmp_path: Path,
) -> None:
    for moment in range(6):
        server = ServerProcess(tmp_path / str(moment))
        server.start()
        while not imports_have_begun(server):
            assert server.process.poll() is None
            time.sleep(0.001)
        with contextlib.suppress(subprocess.TimeoutExpired):
            server.process.wait(moment * 0.2)
        server.process.send_signal(signal.SIGINT)
        status = server.process.wait(15)
        server._reader.join()
        output = "\n".join(server.output)
        was_ready = "is ready at" in output  # on a fast machine
        assert status in ((0,) if was_ready else (1, -signal.SIGINT))
        assert "Traceback" not in output
        assert server.postgres_pid is None


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM])
def test_a_second_signal_ends_the_server_and_its_database_at_once(
    tmp_path: Path, second: signal.Signals
) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        pid = server.postgres_pid
        assert pid is not None
        processes = [psutil.Process(pid), *psutil.Process(pid).children()]
        with contextlib.suppress(OSError), held_up(tmp_path, john, path) as (sent, _):
            server.process.send_signal(signal.SIGHUP)
            server.wait_for("draining")
            server.process.send_signal(signal.SIGHUP)  # has no new information
            with pytest.raises(subprocess.TimeoutExpired):
                server.process.wait(0.5)
            server.process.send_signal(second)
            assert server.process.wait(4) == 1
            psutil.wait_procs(processes, timeout=5)
            assert not [process for process in processes if process.is_running()]
            assert not sent.done() or sent.exception() is not None
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert "hello" in contents(john, path)


def test_a_second_signal_during_the_first_start_leaves_nothing_running(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path)
    server.start()
    while not (tmp_path / "postgres.unfinished" / "made" / "base").exists():
        assert server.process.poll() is None
        time.sleep(0.001)
    own = psutil.Process(server.process.pid)
    started = own.children(recursive=True)
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 1
    server._reader.join()
    psutil.wait_procs(started, timeout=10)
    assert not [process for process in started if process.is_running()]
    assert server.postgres_pid is None


def test_a_closed_output_stops_nothing(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "server.py", "--port", str(port), "--data-dir", str(tmp_path)]
    url = f"http://localhost:{port}"
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdout is not None
    assert server.stderr is not None
    while b"Messenger is ready" not in server.stdout.readline():
        assert server.poll() is None
    server.stdout.close()
    server.stderr.close()
    john, path = someone_talks(url)
    for _ in range(20):
        john.ask(path, {"content": "is anybody there?"})
    server.terminate()
    assert server.wait(15) == 0

    closed = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command], cwd=ROOT)
    until_ready(url)
    assert len(contents(john, path)) == 21
    closed.terminate()
    assert closed.wait(15) == 0


def test_a_terminal_that_hangs_up_drains_the_server(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, "server.py", "--port", str(port), "--data-dir", str(tmp_path)]
    terminal, side = pty.openpty()
    server = subprocess.Popen(
        [*DEFAULT_SIGNALS, "setsid", "--ctty", *command],
        cwd=ROOT,
        stdin=side,
        stdout=side,
        stderr=side,
    )
    os.close(side)
    until_ready(f"http://localhost:{port}")
    os.close(terminal)
    assert server.wait(15) == 0
    assert not (tmp_path / "postgres" / "postmaster.pid").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes a process 1")
def test_process_1_of_a_container_reaps_its_children_and_gets_its_database_back(
    tmp_path: Path,
) -> None:
    prefix = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    with ServerProcess(tmp_path, prefix=prefix) as server:
        john, path = someone_talks(server.url)
        (first,) = psutil.Process(server.process.pid).children()
        (postmaster,) = [child for child in first.children() if child.name() == "postgres"]
        postmaster.kill()
        server.wait_for("the embedded database is running again")
        until_ready(server.url)
        assert contents(john, path) == ["hello"]
        until = time.monotonic() + 30
        while [child for child in first.children() if child.status() == psutil.STATUS_ZOMBIE]:
            assert time.monotonic() < until
            time.sleep(0.05)
        first.terminate()
        assert server.process.wait(15) == 0
        server._reader.join()
        assert server.postgres_pid is None
