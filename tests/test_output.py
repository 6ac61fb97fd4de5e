"""An output that stays open and is never read: a pipe, a terminal, a socket."""

import contextlib
import fcntl
import http.client
import os
import pty
import re
import socket
import subprocess
import sys
import threading
import tty
from collections.abc import Callable
from pathlib import Path

import pytest

import output
from tests.support.callers import until_ready
from tests.support.processes import ROOT, free_port

LINES = 1000  # of more than 200 bytes each: more than a terminal and the server's queue hold
LONG_PATH = "/" + "x" * 190 + "."


def pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    return reader, writer


def terminal() -> tuple[int, int]:
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return reader, writer


def socket_pair() -> tuple[int, int]:
    reader, writer = socket.socketpair()
    writer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    return reader.detach(), writer.detach()


def read_all(descriptor: int, said: bytearray) -> None:
    with contextlib.suppress(OSError):  # a terminal whose other side is closed
        while read := os.read(descriptor, 65536):
            said += read


@pytest.mark.parametrize("make", [pipe, terminal, socket_pair])
def test_an_unread_output_blocks_nothing_and_later_says_what_is_missing(
    make: Callable[[], tuple[int, int]], dsn: str, tmp_path: Path
) -> None:
    reader, writer = make()
    flags = ["--port", str(free_port()), "--data-dir", str(tmp_path), "--database-url", dsn]
    server = subprocess.Popen(
        [sys.executable, "server.py", *flags, "--rate-limits", "off"],
        cwd=ROOT,
        stdout=writer,
        stderr=writer,
    )
    os.close(writer)
    until_ready(f"http://localhost:{flags[1]}")
    client = http.client.HTTPConnection("localhost", int(flags[1]), timeout=20)
    with contextlib.closing(client):
        for _ in range(LINES):
            client.request("GET", LONG_PATH)
            assert client.getresponse().read()
        said = bytearray()
        reading = threading.Thread(target=read_all, args=(reader, said))
        reading.start()
        while (found := re.search(rb"\((\d+) lines are missing", said)) is None:
            client.request("GET", "/health/live")
            client.getresponse().read()
    server.terminate()
    assert server.wait(15) == 0
    reading.join()
    os.close(reader)
    told = [line for line in said.splitlines() if b"GET /xxx" in line]
    assert all(re.fullmatch(rb"20.* GET /x{190}\. 404 .* [0-9a-f]{16}", line) for line in told)
    assert 0 < len(told) < LINES <= len(told) + int(found[1])
    assert b"draining" in said


def test_an_unread_output_does_not_keep_a_server_from_stopping(dsn: str, tmp_path: Path) -> None:
    reader, writer = pipe()
    os.write(writer, b"x" * 4096)
    flags = ["--port", str(free_port()), "--data-dir", str(tmp_path), "--database-url", dsn]
    server = subprocess.Popen(
        [sys.executable, "server.py", *flags], cwd=ROOT, stdout=writer, stderr=writer
    )
    until_ready(f"http://localhost:{flags[1]}")
    server.terminate()
    assert server.wait(15) == 0
    assert os.read(reader, 65536) == b"x" * 4096
    os.close(writer)
    os.close(reader)


def test_a_pipe_that_cannot_be_reopened_is_written_as_far_as_it_has_room() -> None:
    reader, writer = pipe()
    assert output._write_when_ready(writer, b"x" * 10_000) == 4096
    with pytest.raises(BlockingIOError):
        output._write_when_ready(writer, b"x")
    assert os.read(reader, 65536) == b"x" * 4096
    assert os.get_blocking(writer)
    os.close(reader)
    os.close(writer)
