"""A watch over many connections: who leaves is told in turns, and only who leaves."""

import asyncio
import resource
import select
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import cast

import pytest
import uvloop

from handlers.application import Messenger
from handlers.stream import StreamHandler
from http1.watch import AT_ONCE, Watch
from tests.support.people import Visitor, eventually
from tests.test_volley import pairs

CROWD = 1500


class Noting:
    """Notes how often it was woken, and how often by who has left."""

    def __init__(self) -> None:
        self.woken = self.left = 0

    def wake(self, *, has_left: bool) -> None:
        self.woken += 1
        self.left += has_left


@asynccontextmanager
async def watching() -> AsyncIterator[Watch]:
    watch = Watch()
    yield watch
    watch.close()


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert hard == resource.RLIM_INFINITY or hard > 3 * CROWD
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Left(Noting, asyncio.Protocol):
    """A connection, as those of streams are: its transport does not read."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def wake(self, *, has_left: bool) -> None:
        super().wake(has_left=has_left)
        self.transport.close()


@pytest.mark.usefixtures("many_descriptors")
@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_crowd_that_leaves_at_once_is_told_in_turns(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    """More of them than uvloop's poll takes at a time."""

    async def leave() -> None:
        async with watching() as watch:
            crowd, theirs = list[Left](), list[socket.socket]()
            for _ in range(CROWD):
                ours, other = socket.socketpair()
                ours.setblocking(False)
                theirs.append(other)
                _, left = await asyncio.get_running_loop().connect_accepted_socket(Left, ours)
                crowd.append(left)
            await asyncio.sleep(0.01)  # the loop's own poll has seen all of them, as it does
            for left in crowd:
                left.transport.pause_reading()
                descriptor = left.transport.get_extra_info("socket").fileno()
                assert watch.begin(descriptor, left)
            for other in theirs:
                other.close()
            told, turns = 0, 0
            async with asyncio.timeout(30):
                while told < CROWD:
                    await asyncio.sleep(0)
                    before, told = told, sum(left.woken for left in crowd)
                    assert told - before <= AT_ONCE
                    turns += told > before
            assert turns >= CROWD / AT_ONCE
            await asyncio.sleep(0)
            assert all((left.woken, left.left) == (1, 1) for left in crowd)

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(leave())


@pytest.mark.gen_test
async def test_who_says_something_is_told_once_and_who_was_let_go_of_is_not() -> None:
    talking, staying, ending = Noting(), Noting(), Noting()
    async with watching() as watch:
        with pairs(3) as (here, (their_talk, _, their_end)):
            for ours, noting in zip(here, (talking, staying, ending), strict=True):
                watch.begin(ours.fileno(), noting)
            for _ in range(2):
                watch.end(here[-1].fileno())
            their_talk.send(b"something")
            their_end.close()
            await eventually(lambda: talking.woken == 1)
            their_talk.send(b"and more")
            for _ in range(10):
                await asyncio.sleep(0)
            assert (talking.woken, staying.woken, ending.woken) == (1, 0, 0)
            assert talking.left == 0


@pytest.mark.parametrize("epoll", [True, False])
@pytest.mark.parametrize("how", ["closes", "resets", "talks, and closes"])
@pytest.mark.gen_test
async def test_the_departure_of_a_stream_is_told_with_a_watch_and_without(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch, how: str, epoll: bool
) -> None:
    if not epoll:
        monkeypatch.delattr(select, "epoll")
    jane = await visitor.sign_in("jane")
    async with jane.stream() as stream:
        (open_one,) = app.bus
        assert isinstance(open_one, StreamHandler)
        watch = open_one.connection._owner.watch  # type: ignore[attr-defined]
        assert len(watch._watched) == int(epoll)
        if how == "resets":
            stream.reset()
        elif how == "talks, and closes":
            stream.writer.write(b"GET / HTTP/1.1\r\n\r\n")
            await eventually(lambda: not watch._watched)
            assert len(app.bus) == 1
        stream.close()
        await eventually(lambda: len(app.bus) == 0 and open_one.left)
        assert not watch._watched
