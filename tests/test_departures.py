"""When many clients disconnect at once, the server handles their departures in slices."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import uvloop

from bus.connection import StreamConnection
from http1.scheduler import SLICE_SECONDS
from tests.support.listeners import small_listener

CROWD = 300
WORK_SECONDS = 0.001  # for each departure
LINGER_0 = b"\1\0\0\0\0\0\0\0"  # a close is a reset

Loop = Callable[[], asyncio.AbstractEventLoop]


class Owner:
    """The handler of a stream; has work to do after its client has disconnected."""

    def __init__(self) -> None:
        self.told = 0

    def abort(self, reason: str) -> None: ...

    def on_connection_close(self) -> None:
        self.told += 1
        until = time.perf_counter() + WORK_SECONDS
        while time.perf_counter() < until:
            pass


@contextmanager
def pairs(number: int) -> Iterator[tuple[list[socket.socket], list[socket.socket]]]:
    """Returns connections over TCP: the server's ends, and the clients'."""
    with ExitStack() as stack, socket.create_server(("127.0.0.1", 0), backlog=512) as listening:
        ours, theirs = [], []
        for _ in range(number):
            theirs.append(stack.enter_context(socket.create_connection(listening.getsockname())))
            ours.append(stack.enter_context(listening.accept()[0]))
            ours[-1].setblocking(False)
        yield ours, theirs


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("how", ["closes", "resets", "ends its input"])
def test_many_departures_at_once_are_handled_in_slices(loop: Loop, how: str) -> None:
    async def disconnect() -> None:
        listener, owners = small_listener(), list[Owner]()
        with pairs(CROWD + 1) as (ours, theirs):
            for sock in ours:
                transport, _ = await asyncio.get_running_loop().connect_accepted_socket(
                    asyncio.Protocol, sock
                )
                owners.append(Owner())
                StreamConnection(transport, listener, owners[-1], chunked=True)
            await asyncio.sleep(0.01)
            for sock in theirs[:-1]:
                if how == "resets":
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_0)
                if how == "ends its input":
                    sock.shutdown(socket.SHUT_WR)
                else:
                    sock.close()
            told = most = 0
            async with asyncio.timeout(30):
                while told < CROWD:
                    await asyncio.sleep(0)
                    before, told = told, sum(owner.told for owner in owners)
                    most = max(most, told - before)
            assert most <= SLICE_SECONDS / WORK_SECONDS + 1
            assert [owner.told for owner in owners] == [1] * CROWD + [0]
            while len(listener._streams) > 1:
                await asyncio.sleep(0.01)
            assert not listener._closing
            await listener.close_all_connections()
            assert owners[-1].told == 1

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(disconnect())
