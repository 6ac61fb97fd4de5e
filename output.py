"""What the server prints. No output holds the server: not one that is gone, full, or never read.

A closed pipe or a lost terminal fails for ever, so the null device takes its place. What a pipe or
a terminal does not take at once waits. Beyond a bound, lines are dropped, and counted.
"""

import asyncio
import contextlib
import errno
import io
import os
import select
import socket
import stat
import sys
import threading
import time
from collections.abc import Callable
from typing import TextIO

MOST_WAITING = 64 * 1024  # bytes, as much as a pipe holds
RETRY_SECONDS = 0.25  # between attempts at an output that takes nothing
FINISH_SECONDS = 0.25  # for what still waits at the end
WRITE_BYTES = 4096  # a pipe that takes anything takes as much as this (PIPE_BUF)

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET)


def unblock() -> None:
    """Replaces standard output and error with streams that never hold their writer."""
    _open_missing()
    sys.stdout = _unblocked(1, sys.stdout)
    sys.stderr = _unblocked(2, sys.stderr)


def say(line: str) -> None:
    """Prints a line for the operator."""
    write(sys.stdout, line + "\n")


def complain(line: str) -> None:
    """Prints a line on standard error."""
    write(sys.stderr, line + "\n")


def write(stream: TextIO, text: str) -> None:
    """Writes as far as that goes."""
    with contextlib.suppress(OSError):
        stream.write(text)
        stream.flush()


def finish() -> None:
    """Gives what still waits a moment, and lets go of the rest."""
    until = time.monotonic() + FINISH_SECONDS
    for stream in (sys.stdout, sys.stderr):
        if isinstance(raw := getattr(stream, "buffer", None), UnblockedOutput):
            while raw.waiting and time.monotonic() < until:
                time.sleep(0.01)
                raw.retry()


class UnblockedOutput(io.RawIOBase):
    """A descriptor that takes all that is written to it at once, or drops it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._write = _writer(descriptor)
        self._waiting = bytearray()
        self._dropped = 0  # lines
        self._retries = False
        self._lock = threading.RLock()  # what is collected as garbage meanwhile may print, too

    @property
    def waiting(self) -> int:
        """Bytes that are not written yet."""
        return len(self._waiting)

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: bytes) -> int:  # type: ignore[override]  # TextIOWrapper writes bytes
        with self._lock:
            if self._waiting and len(self._waiting) + len(data) > MOST_WAITING:
                self._dropped += data.count(b"\n")
            else:
                self._waiting += data
            self._push()
        return len(data)

    def retry(self) -> None:
        """Writes what waits, as far as that goes."""
        with self._lock:
            self._retries = False
            self._push()

    def _push(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._write(self._waiting)]
                if not self._waiting and self._dropped:
                    self._waiting += b"(%d lines are missing: nobody read them)\n" % self._dropped
                    self._dropped = 0
        except BlockingIOError:
            self._retry_later()
        except OSError as error:
            self._waiting.clear()  # a disk that is full may have room again for what follows
            if error.errno in _GONE:
                self._discard_from_now_on()

    def _retry_later(self) -> None:
        """Without a loop, the next line tries again."""
        if not self._retries:
            with contextlib.suppress(RuntimeError):
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self.retry)
                self._retries = True

    def _discard_from_now_on(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._descriptor)
        os.close(nowhere)
        self._write = _writer(self._descriptor)


def _writer(descriptor: int) -> Callable[[bytes | bytearray], int]:
    """Writes some of what it is given; raises `BlockingIOError` in place of waiting.

    The descriptor itself stays as it is, since other processes may share it: a shell, its terminal.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        sock = socket.socket(fileno=os.dup(descriptor))
        return lambda data: sock.send(data, socket.MSG_DONTWAIT)
    if not stat.S_ISFIFO(mode) and not os.isatty(descriptor):
        return lambda data: os.write(descriptor, data)
    try:
        own = os.open(f"/dev/fd/{descriptor}", _OWN)
    except OSError:  # no such directory, or somebody else's pipe
        return lambda data: _write_when_ready(descriptor, data)
    if os.get_blocking(own):
        os.close(own)
        return lambda data: _write_when_ready(descriptor, data)
    return lambda data: os.write(own, data)


_OWN = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


def _write_when_ready(descriptor: int, data: bytes | bytearray) -> int:
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    if not ready.poll(0):
        raise BlockingIOError
    return os.write(descriptor, data[:WRITE_BYTES])


def _unblocked(descriptor: int, stream: TextIO | None) -> TextIO:
    if stream is not None:
        stream.flush()
    return io.TextIOWrapper(
        UnblockedOutput(descriptor),  # type: ignore[type-var]  # it needs no buffer before it
        encoding=stream.encoding if stream is not None else "utf-8",
        errors="backslashreplace",  # a path may have characters that a terminal lacks
        write_through=True,
    )


def _open_missing() -> None:
    """Opens the null device where standard input, output or error is closed.

    Otherwise a database's socket could take that number, and be written to by whatever prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
