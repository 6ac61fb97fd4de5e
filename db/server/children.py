"""The processes that this server starts, and those that the kernel hands to it.

A server that is process 1 of a container, or a subreaper, inherits processes whose parents have
ended. It must reap them: PostgreSQL takes a zombie of its own for a living server.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from typing import Any

REAP_SECONDS = 1.0  # between looks for adopted children that have ended

_lock = threading.Lock()  # held while a child is started, so that none is reaped unregistered
_started: dict[int, subprocess.Popen[str]] = {}


def start(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """Starts `command` in a session of its own, so that a terminal's signals do not reach it."""
    with _lock:
        child = subprocess.Popen(  # noqa: S603  # no part of a command comes from a client
            command, start_new_session=True, text=True, stdin=subprocess.DEVNULL, **options
        )
        _started[child.pid] = child
    return child


def finish(child: subprocess.Popen[str]) -> tuple[int, str]:
    """Waits for a child; its exit status, and what it said on standard error."""
    _, said = child.communicate()
    status(child)
    return child.returncode, said or ""


def status(child: subprocess.Popen[str]) -> int | None:
    """The exit status of a child that has ended, which is reaped; None while it runs."""
    with _lock:
        ended = child.poll()
        if ended is not None:
            _started.pop(child.pid, None)
    return ended


def kill(child: subprocess.Popen[str]) -> None:
    """Ends a child and all that it has started in its session, and waits for it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    status(child)


async def reap_adopted() -> None:
    """Reaps the adopted children that have ended, now and then, until cancelled."""
    while True:
        _reap_adopted()
        await asyncio.sleep(REAP_SECONDS)


def _reap_adopted() -> None:
    """Stops at a child of our own that has ended: `status` reaps that one."""
    with _lock, contextlib.suppress(ChildProcessError):
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in _started:
                return
            os.waitpid(ended.si_pid, 0)
