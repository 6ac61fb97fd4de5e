"""A user of many streams: each event goes to all of them at once, and to each of them in order."""

import asyncio
import dataclasses
import os
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import uvloop
from tornado.httpclient import AsyncHTTPClient

from bus import bus as bus_module
from bus.bus import MANY
from bus.outlet import CLOSED
from bus.volley import OneByOne, Short, Volley, best
from config import Config
from handlers.application import Messenger
from handlers.stream import StreamHandler
from http1.connection import NOT_WRITABLE
from tests.support.people import Person, Visitor, eventually, two
from tests.support.processes import ServerProcess
from tests.support.sse import EventStream
from tests.test_connection import accepted, client, small_listener
from tests.test_slow import LONG, Unread, number

CROWD = 3 * MANY


class Noting:
    """A volley that notes to how many it wrote."""

    def __init__(self, volley: Volley) -> None:
        self._volley = volley
        self.wrote: list[int] = []

    def write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
        self.wrote.append(len(descriptors))
        return self._volley.write(descriptors, data)


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, max_streams_per_user=2 * CROWD)


@pytest.fixture(params=[best, OneByOne], ids=["best", "one by one"])
def volley(request: pytest.FixtureRequest, app: Messenger) -> Noting:
    app.bus._volley = noting = Noting(request.param())
    return noting


async def crowd(stack: AsyncExitStack, person: Person, number: int = CROWD) -> list[EventStream]:
    return [await stack.enter_async_context(person.stream()) for _ in range(number)]


def stream_of(app: Messenger, person: Person, known: set[object]) -> StreamHandler:
    """The one that is not among those known."""
    (stream,) = set(app.bus.streams_of(int(person.id))) - known
    assert isinstance(stream, StreamHandler)
    return stream


@pytest.mark.gen_test(timeout=60)
async def test_all_have_each_event_and_who_does_not_keep_up_has_it_later(
    visitor: Visitor, app: Messenger, volley: Noting
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        known = set(app.bus.streams_of(int(jane.id)))
        slow = Unread(jane)
        await eventually(lambda: app.bus.count_of(int(jane.id)) == CROWD + 1)
        behind = stream_of(app, jane, known)
        for n in range(15):  # more than the kernel takes, less than we keep
            await john.send(conversation, f"{n} {LONG}")
        for stream in streams:
            assert [number(event) for event in await stream.events(15)] == list(range(15))
        assert behind.connection.is_behind
        assert behind.outlet.descriptor == CLOSED
        assert set(volley.wrote) == {CROWD + 1, CROWD}  # until it was behind, and from then on

        reader = await slow.read()
        assert (await reader.event()).name == "hello"
        assert [number(event) for event in await reader.events(15)] == list(range(15))
        await eventually(lambda: behind.outlet.descriptor != CLOSED)
        await john.send(conversation, "15 at once again")
        assert volley.wrote[-1] == CROWD + 1
        for stream in (*streams, reader):
            assert number(await stream.event()) == 15
            assert await stream.silent(0.01)
        reader.close()


@pytest.mark.gen_test(timeout=60)
async def test_a_client_of_http_1_0_among_them_has_its_events_without_chunks(
    visitor: Visitor, volley: Noting
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        old = await EventStream.open(jane.base_url, jane.headers(), version="1.0")
        assert (await old.event()).name == "hello"
        for n in range(3):
            await john.send(conversation, f"{n} hello")
        for stream in (*streams, old):
            assert [number(event) for event in await stream.events(3)] == [0, 1, 2]
        assert set(volley.wrote) == {CROWD}
        old.close()


@pytest.mark.gen_test(timeout=60)
async def test_streams_come_and_go_between_the_slices_and_each_has_what_is_its_own(
    visitor: Visitor, app: Messenger, volley: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "SLICE", MANY)
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        sends = asyncio.gather(*(john.send(conversation, f"{n} hello") for n in range(40)))
        left, broken = streams.pop(), streams.pop()
        left.close()
        broken.reset()
        late = await stack.enter_async_context(jane.stream())
        await sends
        orders = [[event.data["content"] for event in await s.events(40)] for s in streams]
        assert all(order == orders[0] for order in orders)
        assert len(set(orders[0])) == 40
        missed = 40 - (late.hello.seq - streams[0].hello.seq)
        assert [event.data["content"] for event in await late.events(missed)] == (
            orders[0][40 - missed :]
        )
        await eventually(lambda: app.bus.count_of(int(jane.id)) == len(streams) + 1)
    assert max(volley.wrote) <= MANY


@pytest.mark.gen_test(timeout=60)
async def test_who_is_ended_between_two_slices_has_nothing_behind_the_end(
    visitor: Visitor, app: Messenger, volley: Noting
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        known = set(app.bus.streams_of(int(jane.id)))
        ended = await stack.enter_async_context(jane.stream())
        stream_of(app, jane, known).end("revoked")
        await john.send(conversation, "0 hello")
        assert [event.name for event in await ended.rest()] == ["bye"]
        for stream in streams:
            assert number(await stream.event()) == 0
    assert volley.wrote == [CROWD]


@pytest.mark.expects_errors
@pytest.mark.gen_test(timeout=60)
async def test_a_volley_in_doubt_breaks_its_streams_off_and_they_resume(
    visitor: Visitor, app: Messenger
) -> None:
    class Broken:
        def write(self, descriptors: Sequence[int], data: bytes) -> list[Short]:
            raise OSError("in doubt")

    app.bus._volley = Broken()
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        await john.send(conversation, "0 hello")
        for stream in streams:
            assert await stream.rest() == []
        async with jane.stream(streams[0].hello.id) as resumed:
            assert number(await resumed.event()) == 0
        streams = await crowd(stack, jane)
        await john.send(conversation, "1 hello")  # one by one, from now on
        for stream in streams:
            assert number(await stream.event()) == 1


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
@pytest.mark.parametrize("how", ["by the client", "by a reset", "by us"])
def test_a_descriptor_is_not_named_any_more_when_it_is_closed(
    loop: Callable[[], asyncio.AbstractEventLoop], how: str
) -> None:
    """In between, somebody else's connection could have got its number."""
    told: list[tuple[int, bool]] = []

    async def lose() -> None:
        listener = small_listener()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listener.add_sockets([listening])
            async with client(listening.getsockname()[1]) as talker:
                connection = await accepted(listener)
                descriptor = connection.transport.get_extra_info("socket").fileno()

                def note(named: int) -> None:
                    told.append((named, is_open(descriptor)))

                connection.set_writable_callback(note)
                assert told == [(descriptor, True)]
                if how == "by us":
                    connection.abort()
                elif how == "by a reset":
                    talker.writer.transport.abort()
            await eventually(lambda: connection.is_lost and not is_open(descriptor))
            listener.stop()
        assert told == [(descriptor, True), (NOT_WRITABLE, True)]

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(lose())


def is_open(descriptor: int) -> bool:
    try:
        os.fstat(descriptor)
    except OSError:
        return False
    return True


@pytest.mark.gen_test(timeout=120)
async def test_a_server_serves_a_crowd_that_comes_and_goes(
    tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    """On its own loop: each of those who stay has all that was said, once and in order."""
    flags = ("--max-streams-per-user", "300", "--rate-limits", "off")
    with ServerProcess(tmp_path, *flags) as server:
        john, jane, conversation = await two(Visitor(http_client, server.url))
        async with AsyncExitStack() as stack:
            streams = await crowd(stack, jane, 200)

            async def come_and_go(n: int) -> None:
                async with jane.stream() as stream:
                    await stream.event()
                    stream.reset() if n % 2 else stream.close()

            passers_by = [asyncio.create_task(come_and_go(n)) for n in range(40)]
            for n in range(100):
                await john.send(conversation, f"{n} hello")
            await asyncio.gather(*passers_by)
            for stream in streams:
                assert [number(event) for event in await stream.events(100)] == list(range(100))
        assert not [line for line in server.output if "ERROR" in line or "Traceback" in line]
