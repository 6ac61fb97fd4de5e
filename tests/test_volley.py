"""One frame to many sockets at once: each has all of it, or is told of with what it took."""

import os
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from bus import volley
from bus.volley import AT_ONCE, InLists, OneByOne, Short, Volley, best

DATA = b"b\r\ndata: one\n\n\r\n"
PLENTY = 5 * AT_ONCE + 7  # several lists, and a short one


@pytest.fixture(params=[best, OneByOne], ids=["best", "one by one"])
def writer(request: pytest.FixtureRequest) -> Volley:
    made: Volley = request.param()
    return made


@contextmanager
def pairs(number: int) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Connections over TCP, at this end and at the other one; none blocks."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        here, there = [], []
        for _ in range(number):
            there.append(stack.enter_context(socket.create_connection(listening.getsockname())))
            here.append(stack.enter_context(listening.accept()[0]))
            for sock in (here[-1], there[-1]):
                sock.setblocking(False)
        yield here, there


def numbers(socks: list[socket.socket]) -> list[int]:
    return [sock.fileno() for sock in socks]


def received(sock: socket.socket) -> bytes:
    """All that is there."""
    found = b""
    try:
        while piece := sock.recv(65536):
            found += piece
    except BlockingIOError:
        pass
    return found


def fill(sock: socket.socket) -> None:
    """Until it takes no more, even when its buffers have had the time to grow."""
    poller = select.poll()
    poller.register(sock, select.POLLOUT)
    is_full = False
    while not is_full:
        has_room = poller.poll(200)  # milliseconds
        try:
            sock.send(b"." * 65536)
        except BlockingIOError:
            is_full = not has_room


@pytest.mark.parametrize("number", [1, AT_ONCE, AT_ONCE + 1, PLENTY])
def test_each_has_all_of_it_and_once(writer: Volley, number: int) -> None:
    with pairs(number) as (here, there):
        assert writer.write(numbers(here), DATA) == []
        assert writer.write(numbers(here), DATA[::-1]) == []
        assert [received(sock) for sock in there] == [DATA + DATA[::-1]] * number


def test_who_takes_nothing_more_is_told_of_and_the_others_have_it(writer: Volley) -> None:
    full = (0, AT_ONCE, PLENTY - 1)
    with pairs(PLENTY) as (here, there):
        for place in full:
            fill(here[place])
        assert sorted(writer.write(numbers(here), DATA)) == [Short(place, 0) for place in full]
        others = [sock for place, sock in enumerate(there) if place not in full]
        assert [received(sock) for sock in others] == [DATA] * len(others)


def test_of_what_is_larger_than_a_buffer_is_told_how_much_was_taken(writer: Volley) -> None:
    data = os.urandom(8 * 2**20)
    with pairs(2) as (here, there):
        shorts = writer.write(numbers(here), data)
        assert [short.place for short in shorts] == [0, 1]
        for (_, sent), sock in zip(shorts, there, strict=True):
            assert 0 < sent < len(data)
            assert received(sock) == data[:sent]


def test_who_has_gone_is_told_of_and_the_others_have_it(writer: Volley) -> None:
    with pairs(PLENTY) as (here, there):
        there[3].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        there[3].close()  # by a reset
        here[-1].shutdown(socket.SHUT_WR)
        known = numbers(here)
        here[AT_ONCE + 1].close()  # never done to one that is written to
        shorts = sorted(writer.write(known, DATA))
        assert Short(3, 0) in shorts
        assert Short(PLENTY - 1, 0) in shorts
        for place, sock in enumerate(there):
            if not any(place == short.place for short in shorts):
                assert received(sock) == DATA, place
            elif place not in (3, PLENTY - 1):
                assert received(sock) == b"", place


def test_where_the_kernel_gives_no_lists_it_goes_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    no_such = (2**20, 2**20, 2**20)
    monkeypatch.setattr(volley, "_CALLS", dict.fromkeys(volley._CALLS, no_such))
    assert isinstance(best(), OneByOne)
    monkeypatch.setattr(volley, "_CALLS", {})
    assert isinstance(best(), OneByOne)


@pytest.mark.skipif(not isinstance(best(), InLists), reason="the kernel has no lists for us")
def test_what_fails_in_the_second_thread_is_raised_in_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    writer = best()
    assert isinstance(writer, InLists)
    work_off, wrote = writer._others.work_off, writer._ours._write

    def fail(*_: object) -> list[Short]:
        raise OSError("no more")

    monkeypatch.setattr(writer._others, "work_off", fail)
    with pairs(PLENTY) as (here, there):
        with pytest.raises(OSError, match="no more"):
            writer.write(numbers(here), DATA)
        assert [received(sock) for sock in there] == [DATA] * PLENTY  # the first did all of it
        monkeypatch.setattr(writer._others, "work_off", work_off)
        assert writer.write(numbers(here), DATA) == []
        monkeypatch.setattr(writer._ours, "_write", fail)
        with pytest.raises(OSError, match="no more"):
            writer.write(numbers(here), DATA)
        monkeypatch.setattr(writer._ours, "_write", wrote)
        assert writer.write(numbers(here), DATA) == []  # the other's answer was waited for


@pytest.mark.skipif(not isinstance(best(), InLists), reason="the kernel has no lists for us")
def test_where_no_thread_can_be_started_the_first_does_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = best()
    with pairs(PLENTY) as (here, there):
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", fail)
            for _ in range(2):
                assert writer.write(numbers(here), DATA) == []
        assert writer.write(numbers(here), DATA) == []
        assert [received(sock) for sock in there] == [3 * DATA] * PLENTY
