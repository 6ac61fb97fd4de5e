"""What the server prints. An output that is gone stops nothing.

A closed pipe or a lost terminal fails for ever, so the null device takes its place. A disk that is
full may have room again: there, lines are dropped meanwhile.
"""

import contextlib
import errno
import os
import sys
from pathlib import Path
from typing import TextIO

_GONE = (errno.EPIPE, errno.EIO, errno.EBADF)


def open_missing() -> None:
    """Opens the null device where standard input, output or error is closed.

    Otherwise a database's socket could take that number, and be written to by whatever prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    sys.stdout = sys.stdout or _nowhere()
    sys.stderr = sys.stderr or _nowhere()


def say(line: str) -> None:
    """Prints a line for the operator."""
    write(sys.stdout, line + "\n")


def complain(line: str) -> None:
    """Prints a line on standard error."""
    write(sys.stderr, line + "\n")


def write(stream: TextIO, text: str) -> None:
    """Writes as far as that goes."""
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        if error.errno in _GONE:
            _discard_from_now_on(stream)


def finish() -> None:
    """Flushes what is left, so that Python's own last flush cannot change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            _discard_from_now_on(stream)


def _nowhere() -> TextIO:
    return Path(os.devnull).open("w")


def _discard_from_now_on(stream: TextIO) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
    with contextlib.suppress(OSError):
        stream.flush()
