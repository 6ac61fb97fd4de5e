"""The processes that this server starts, and those that it inherits.

A server that is process 1 of a container, or a subreaper, inherits orphaned processes. It must reap
them: PostgreSQL mistakes a zombie of its own for a running server.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

REAP_SECONDS = 1.0  # between checks for inherited children that have ended

_lock = threading.Lock()  # held while starting a child, so that it is registered before any reaping
_started: dict[int, subprocess.Popen[str]] = {}


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Starts `command` in a new session, so that signals of the terminal do not reach it."""
    with _lock:
        child = subprocess.Popen(  # noqa: S603  # no part of a command comes from a client
            command, start_new_session=True, text=True, stdin=subprocess.DEVNULL, **options
        )
        _started[child.pid] = child
    return child


def finish(child: subprocess.Popen[str]) -> tuple[int, str]:
    """Waits for a child. Returns its exit status and standard error."""
    _, said = child.communicate()
    status(child)
    return child.returncode, said or ""


def status(child: subprocess.Popen[str]) -> int | None:
    """Reaps a child that has ended, and returns its exit status. None while it runs."""
    with _lock:
        ended = child.poll()
        if ended is not None:
            _started.pop(child.pid, None)
    return ended


def kill(child: subprocess.Popen[str]) -> None:
    """Kills a child and all processes of its session, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    status(child)


async def reap_adopted() -> None:
    """Reaps inherited children that have ended, every `REAP_SECONDS`, until cancelled."""
    while True:
        _reap_adopted()
        await asyncio.sleep(REAP_SECONDS)


def _reap_adopted() -> None:
    """Reaps until it meets a child that this server started: `status` reaps those."""
    with _lock, contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in _started:
                return
            os.waitpid(ended.si_pid, 0)
