"""The same bytes to many sockets at once, for a fan-out: of 10,000 frames, most of the time goes
into the kernel's `send`, and most of the rest into the way there.

On Linux they go to the kernel as lists of writes (`io_submit`, see io_submit(2)), half of them by
a second thread. Sockets that do not block are written to within the call. Neither thread holds the
interpreter's lock meanwhile, and the loop waits for both: so no descriptor that is written to can
be closed, and taken by somebody else, on the way. Elsewhere they are written to one by one.
"""

import ctypes
import errno
import os
import platform
import sys
from array import array
from collections import deque
from collections.abc import Sequence
from queue import SimpleQueue
from threading import Thread
from typing import NamedTuple, Protocol

AT_ONCE = 125  # descriptors in a list: the kernel has them for a millisecond

# io_setup, io_submit, io_getevents; only machines on which the lower half of a number comes first.
_CALLS = {"x86_64": (206, 209, 208), "aarch64": (0, 2, 4)}
_CONTROL = 16  # 32-bit words of a struct iocb, see <linux/aio_abi.h>
_INDEX, _OPCODE, _DESCRIPTOR, _ADDRESS, _COUNT = 0, 4, 5, 6, 8
_PWRITEV = 8
_EVENT = 4  # 64-bit words of a struct io_event
_RESULT = 2


class Short(NamedTuple):
    """A descriptor that did not take all."""

    place: int  # in the list that was given
    sent: int  # bytes that it took


class Volley(Protocol):
    def write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
        """To each of them, none of which may block. What went wrong is a `Short` of 0 bytes."""


def best() -> Volley:
    """The kernel's lists, where it has them and lets us."""
    calls = _CALLS.get(platform.machine()) if sys.platform == "linux" else None
    if calls is not None and sys.maxsize > 2**32:
        try:
            return InLists(calls)
        except OSError:  # forbidden in this container, or all contexts are taken
            pass
    return OneByOne()


class OneByOne:
    def write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
        shorts = []
        for index, descriptor in enumerate(descriptors):
            try:
                sent = os.write(descriptor, data)
            except OSError:
                sent = 0
            if sent < len(data):
                shorts.append(Short(index, sent))
        return shorts


class InLists:
    """By two threads. Raises `OSError` where the kernel has no room for us, or no such calls."""

    def __init__(self, calls: tuple[int, int, int]) -> None:
        self._ours, self._others = _List(calls), _List(calls)
        self._asked: SimpleQueue[_Work] = SimpleQueue()
        self._answered: SimpleQueue[list[Short] | Exception] = SimpleQueue()
        self._thread: Thread | None = None

    def write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
        work = _Work(descriptors, data, deque(range(0, len(descriptors), AT_ONCE)))
        if len(work.begins) == 1:
            return self._ours.work_off(work)
        if self._thread is None:
            thread = Thread(target=self._help, name="volley", daemon=True)
            try:
                thread.start()
            except RuntimeError:  # there is no room for one more; perhaps the next time
                return self._ours.work_off(work)
            self._thread = thread
        self._asked.put(work)
        try:
            ours = self._ours.work_off(work)
        finally:
            others = self._answered.get()
        if isinstance(others, Exception):
            raise others
        return ours + others

    def _help(self) -> None:
        while True:
            work = self._asked.get()
            try:
                self._answered.put(self._others.work_off(work))
            except Exception as error:
                self._answered.put(error)


class _Work(NamedTuple):
    descriptors: Sequence[int]
    data: bytes
    begins: deque[int]  # of the lists that nobody has taken yet


class _List:
    """A context of the kernel's, and the memory that it reads and writes."""

    def __init__(self, calls: tuple[int, int, int]) -> None:
        self._call = ctypes.CDLL(None, use_errno=True).syscall
        self._call.restype = ctypes.c_long
        setup, self._submit, self._get_events = map(ctypes.c_long, calls)
        self._context = ctypes.c_ulong(0)
        if self._call(setup, ctypes.c_long(AT_ONCE), ctypes.byref(self._context)) < 0:
            raise _error()
        self._piece = array("Q", [0, 0])  # struct iovec: of what is written, address and length
        piece, _ = self._piece.buffer_info()
        control = [0] * _CONTROL
        control[_OPCODE], control[_COUNT] = _PWRITEV, 1
        control[_ADDRESS : _ADDRESS + 2] = piece & 0xFFFFFFFF, piece >> 32
        self._controls = array("I", control * AT_ONCE)
        self._controls[_INDEX::_CONTROL] = array("I", range(AT_ONCE))
        first, _ = self._controls.buffer_info()
        size = _CONTROL * self._controls.itemsize
        self._pointers = array("Q", range(first, first + size * AT_ONCE, size))
        self._events = array("q", [0] * (_EVENT * AT_ONCE))

    def work_off(self, work: _Work) -> list[Short]:
        shorts: list[Short] = []
        while True:
            try:
                begin = work.begins.popleft()
            except IndexError:
                return shorts
            some = work.descriptors[begin : begin + AT_ONCE]
            shorts += [Short(begin + place, sent) for place, sent in self._write(some, work.data)]

    def _write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
        wanted = len(descriptors)
        self._controls[_DESCRIPTOR : _CONTROL * wanted : _CONTROL] = array("I", descriptors)
        held = array("B", data)
        self._piece[0], self._piece[1] = held.buffer_info()
        done = self._hand_in(wanted)
        results = self._events[_RESULT : _EVENT * done : _EVENT]
        shorts = [Short(index, 0) for index in range(done, wanted)]
        if results.count(len(data)) < done:
            indices = self._events[0 : _EVENT * done : _EVENT]
            told = zip(indices, results, strict=True)
            shorts += [Short(i, max(sent, 0)) for i, sent in told if sent < len(data)]
        return shorts

    def _hand_in(self, wanted: int) -> int:
        """How many were taken, from the first on, and have their result in `_events`."""
        pointers, _ = self._pointers.buffer_info()
        events, _ = self._events.buffer_info()
        taken = self._call(
            self._submit, self._context, ctypes.c_long(wanted), ctypes.c_void_p(pointers)
        )
        done = 0
        while done < taken:
            left = ctypes.c_long(taken - done)
            place = ctypes.c_void_p(events + done * _EVENT * self._events.itemsize)
            got = self._call(self._get_events, self._context, left, left, place, None)
            if got < 0 and ctypes.get_errno() != errno.EINTR:
                raise _error()
            done += max(got, 0)
        return done


def _error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
