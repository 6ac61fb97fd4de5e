"""A user with many streams: each event reaches all of them, each in order."""

import asyncio
import dataclasses
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from bus import bus as bus_module
from config import Config
from handlers.application import Messenger
from tests.support.people import Person, Visitor, eventually, two
from tests.support.processes import ServerProcess
from tests.support.sse import EventStream
from tests.support.unread import LONG, Unread, connection_of, number

CROWD = 48


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, max_streams_per_user=2 * CROWD)


async def crowd(stack: AsyncExitStack, person: Person, number: int = CROWD) -> list[EventStream]:
    return [await stack.enter_async_context(person.stream()) for _ in range(number)]


@pytest.mark.gen_test(timeout=60)
async def test_all_streams_get_each_event_and_a_slow_one_gets_it_later(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane)
        slow = Unread(jane)
        await eventually(lambda: app.services.bus.count_of(int(jane.id)) == CROWD + 1)
        for n in range(15):  # more than the kernel takes, less than the server keeps
            await john.send(conversation, f"{n} {LONG}")
        for stream in streams:
            assert [number(event) for event in await stream.events(15)] == list(range(15))
        connections = map(connection_of, app.services.bus.streams_of(int(jane.id)))
        behind = [connection for connection in connections if connection.write_paused]
        assert len(behind) == 1

        reader = await slow.read()
        assert (await reader.event()).name == "hello"
        assert [number(event) for event in await reader.events(15)] == list(range(15))
        await eventually(lambda: not behind[0].write_paused)
        await john.send(conversation, "15 at once again")
        for stream in (*streams, reader):
            assert number(await stream.event()) == 15
            assert await stream.silent(0.01)
        reader.close()


@pytest.mark.gen_test(timeout=60)
async def test_a_client_of_http_1_0_gets_its_events_without_chunks(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane, 2)
        old = await EventStream.open(jane.base_url, jane.headers(), version="1.0")
        assert (await old.event()).name == "hello"
        for n in range(3):
            await john.send(conversation, f"{n} hello")
        for stream in (*streams, old):
            assert [number(event) for event in await stream.events(3)] == [0, 1, 2]
        old.close()


@pytest.mark.gen_test(timeout=60)
async def test_streams_that_come_and_go_between_slices_get_their_own_events(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_module, "AT_ONCE", 1)
    monkeypatch.setattr(bus_module, "SLICE_SECONDS", 0)  # one stream in each iteration of the loop
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
        await eventually(lambda: app.services.bus.count_of(int(jane.id)) == len(streams) + 1)


@pytest.mark.gen_test(timeout=60)
async def test_a_stream_that_ends_between_two_slices_has_nothing_after_its_end(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with AsyncExitStack() as stack:
        streams = await crowd(stack, jane, 3)
        known = set(app.services.bus.streams_of(int(jane.id)))
        ended = await stack.enter_async_context(jane.stream())
        (open_stream,) = set(app.services.bus.streams_of(int(jane.id))) - known
        open_stream.end("revoked")
        await john.send(conversation, "0 hello")
        assert [event.name for event in await ended.rest()] == ["bye"]
        for stream in streams:
            assert number(await stream.event()) == 0


@pytest.mark.gen_test(timeout=120)
async def test_a_server_serves_many_clients_that_come_and_go(
    tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    """Runs on a loop of its own. Each client that stays receives everything once and in order."""
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
