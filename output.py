"""Standard output and error. A slow, full or closed output never blocks the server.

A closed pipe or a lost terminal fails for ever, so the null device replaces it. If a pipe or a
terminal is full, output is buffered. Above a limit, lines are dropped and counted.
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

MOST_WAITING = 64 * 1024  # bytes in the buffer, as much as a pipe holds
RETRY_SECONDS = 0.25  # between attempts at a full output
FINISH_SECONDS = 0.25  # at the end, to write the buffer
WRITE_BYTES = 4096  # a writable pipe accepts at least this (PIPE_BUF)

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ECONNRESET)


def unblock() -> None:
    """Replaces standard output and error with streams that never block."""
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
    """Writes, and ignores errors."""
    with contextlib.suppress(OSError):
        stream.write(text)
        stream.flush()


def finish() -> None:
    """Tries for `FINISH_SECONDS` to write the buffers, and drops the rest."""
    until = time.monotonic() + FINISH_SECONDS
    for stream in (sys.stdout, sys.stderr):
        if isinstance(raw := getattr(stream, "buffer", None), UnblockedOutput):
            while raw.waiting and time.monotonic() < until:
                time.sleep(0.01)
                raw.retry()


class UnblockedOutput(io.RawIOBase):
    """A raw stream that writes to a descriptor, buffers up to a limit, and never blocks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._write = _writer(descriptor)
        self._waiting = bytearray()
        self._dropped = 0  # lines
        self._retries = False
        self._lock = threading.RLock()  # a finalizer may print during a write

    @property
    def waiting(self) -> int:
        """Bytes in the buffer."""
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
        """Writes as much of the buffer as the output accepts."""
        with self._lock:
            self._retries = False
            self._push()

    def _push(self) -> None:
        try:
            while self._waiting:
                del self._waiting[: self._write(self._waiting)]
                if not self._waiting and self._dropped:
                    self._waiting += b"(%d lines are missing: output was full)\n" % self._dropped
                    self._dropped = 0
        except BlockingIOError:
            self._retry_later()
        except OSError as error:
            self._waiting.clear()  # later lines are tried again: a full disk may get free space
            if error.errno in _GONE:
                self._discard_from_now_on()

    def _retry_later(self) -> None:
        """Schedules `retry`. Without a running loop, the next line tries again."""
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
    """Returns a function that writes some bytes, or raises `BlockingIOError` instead of waiting.

    It does not make the descriptor itself non-blocking, because other processes may share it.
    """
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISSOCK(mode):
        sock = socket.socket(fileno=os.dup(descriptor))
        return lambda data: sock.send(data, socket.MSG_DONTWAIT)
    if not stat.S_ISFIFO(mode) and not os.isatty(descriptor):
        return lambda data: os.write(descriptor, data)
    try:
        own = os.open(f"/dev/fd/{descriptor}", _OWN)
    except OSError:  # no such directory, or a pipe of another user
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
        UnblockedOutput(descriptor),  # type: ignore[type-var]  # needs no buffer
        encoding=stream.encoding if stream is not None else "utf-8",
        errors="backslashreplace",  # a path may have characters that a terminal lacks
        write_through=True,
    )


def _open_missing() -> None:
    """Opens the null device for a closed standard input, output or error.

    Otherwise a socket of the database could get that number, and receive what the server prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
