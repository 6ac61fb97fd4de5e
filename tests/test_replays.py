"""A user's streams read what they missed a page at a time, and at a bounded rate."""

import asyncio
import dataclasses
import time
from collections import Counter
from collections.abc import Hashable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from config import Config
from db.feed import LONGEST_PAGE
from handlers.application import Messenger
from handlers.replays import BYTES_PER_SECOND, PAGE_BYTES, ReplayQueue, read_page
from tests.support.people import Person, Visitor, eventually, two
from tests.support.sse import Event, EventStream
from tests.support.unread import Unread

LONG = "\x01" * 3990  # 24 KB as JSON
EVENT_BYTES = 24_300
MESSAGES = 60
STREAMS = 10


async def position_of(person: Person) -> str:
    async with person.stream() as stream:
        return str(stream.hello.id)


async def all_of(stream: EventStream) -> list[Event]:
    return [await stream.event(50) for _ in range(MESSAGES)]


async def long_messages(john: Person, conversation: Any, number: int) -> None:
    await asyncio.gather(*(john.send(conversation, f"{n} {LONG}") for n in range(number)))


@pytest.mark.gen_test(timeout=60)
async def test_one_page_of_a_user_is_read_at_a_time_despite_slow_streams(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    positions = {person: await position_of(person) for person in (john, jane)}
    await long_messages(john, conversation, MESSAGES)
    under_way, most = Counter[int](), Counter[int]()
    read = app.services.feed_reader.read

    async def counted(user_id: int, after: int, limit: int) -> Any:
        under_way[user_id] += 1
        most[user_id] = max(most[user_id], under_way[user_id])
        try:
            return await read(user_id, after, limit)
        finally:
            under_way[user_id] -= 1

    app.services.feed_reader.read = counted  # type: ignore[assignment,method-assign]
    idle = Unread(jane, positions[jane])
    began = time.monotonic()
    async with AsyncExitStack() as stack:
        reading = []
        for person in [*[jane] * (STREAMS - 1), john]:
            stream = await stack.enter_async_context(person.stream(positions[person]))
            reading.append(asyncio.create_task(all_of(stream)))
        for events in await asyncio.gather(*reading):
            first = events[0].seq
            assert [event.seq for event in events] == list(range(first, first + MESSAGES))
        took = time.monotonic() - began
        idle.close()
    assert most == {int(john.id): 1, int(jane.id): 1}
    sent = (STREAMS - 1) * (MESSAGES * EVENT_BYTES - PAGE_BYTES)
    assert took > sent / BYTES_PER_SECOND
    await eventually(lambda: not app.services.replay_queue._waiting)


@pytest.mark.gen_test
async def test_pages_of_long_events_have_fewer_events_than_pages_of_short_ones(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    after = int((await position_of(jane)).partition("-")[2])
    await long_messages(john, conversation, 30)
    await asyncio.gather(*(john.send(conversation, f"{n}") for n in range(LONGEST_PAGE + 1)))
    limits, user_id, limit, more = [], int(jane.id), LONGEST_PAGE, True
    seqs: list[int] = []
    while more:
        page = await read_page(
            app.services.feed_reader, user_id, after, limit, opened_at=after + limit
        )
        seqs.append(page.seq)
        after, limit, more = page.seq, page.limit, page.more
        limits.append(limit)
        assert page.size < PAGE_BYTES + EVENT_BYTES
        assert sum(len(data) for data, _ in page.pieces) == page.size
    assert seqs == sorted(seqs)
    assert 9 <= limits[0] <= 11
    assert limits[-1] == LONGEST_PAGE


class TestBudget:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, rate_limits=True, sends_at_once=1000)

    @pytest.mark.gen_test
    async def test_a_replay_counts_for_the_users_budget(
        self, visitor: Visitor, app: Messenger
    ) -> None:
        john, jane, conversation = await two(visitor)
        position = await position_of(jane)
        for n in range(30):
            await john.send(conversation, f"{n} {LONG}")
        charged, charge = Counter[Hashable](), app.services.fair_queue.charge
        full_in: list[float] = []  # seconds until her budget is full again

        def noted(client: Hashable, seconds: float, size: int) -> None:
            charged[client] += size
            charge(client, seconds, size)
            queue = app.services.fair_queue._clients[client]
            full_in.append(queue._full_at - time.monotonic())

        app.services.fair_queue.charge = noted  # type: ignore[method-assign, assignment]
        async with jane.stream(position) as stream:
            events = await stream.events(30)
        assert len(events) == 30
        assert 30 * EVENT_BYTES * 0.95 < charged[int(jane.id)] < 30 * EVENT_BYTES * 1.05
        assert max(full_in) > 0


@pytest.mark.gen_test
async def test_streams_of_a_user_read_in_order_and_a_cancelled_one_gives_up_its_place() -> None:
    queue, order = ReplayQueue(), list[int]()
    first = asyncio.Event()

    async def one(n: int) -> None:
        async with queue.turn(1):
            if n == 0:
                await first.wait()
            order.append(n)

    tasks = [asyncio.create_task(one(n)) for n in range(5)]
    await asyncio.sleep(0)
    async with queue.turn(2):
        assert order == []
    tasks[2].cancel()
    first.set()
    await asyncio.sleep(0)
    tasks[1].cancel()  # perhaps at the moment in which it was granted
    await asyncio.wait(tasks)
    assert order in ([0, 1, 3, 4], [0, 3, 4])
    assert not queue._waiting
