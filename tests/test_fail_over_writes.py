"""Writes during a fail-over to a stand-by that lacks the last commits."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from db.pool import Database
from db.server.server_lock import ServerLock
from tests.support.measures import Figures
from tests.support.people import Person, Visitor, eventually_equal, two
from tests.support.postgres import ask
from tests.support.processes import ServerProcess
from tests.support.sse import Ended
from tests.support.standalone import StandalonePostgres

pytestmark = pytest.mark.usefixtures("dsn")  # no shared database


@pytest.fixture
def fragile() -> Iterator[StandalonePostgres]:
    server = StandalonePostgres()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def dsn(fragile: StandalonePostgres) -> Iterator[str]:
    with fragile.database() as dsn:
        yield dsn


async def in_thread(act: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, act)


async def try_to_send(person: Person, conversation: str, client_id: str) -> int:
    fields = {"content": client_id, "clientId": client_id}
    path = f"/api/conversations/{conversation}/messages"
    return (await person.post(path, fields, request_timeout=30)).status


@pytest.mark.gen_test(timeout=120)
async def test_nothing_is_written_to_another_database_before_its_epoch_is_settled(
    visitor: Visitor, db: Database, dsn: str, fragile: StandalonePostgres
) -> None:
    lock = await ServerLock.take(dsn, lambda line: None)
    db.adopt(await lock.identify())
    john, jane, conversation = await two(visitor)
    await in_thread(fragile.back_up)
    async with jane.stream() as stream:
        await john.send(conversation, "gone")
        position = (await stream.event()).id
        await in_thread(fragile.fail_over)
        ids = [str(uuid.uuid4()) for _ in range(10)]
        for client_id in ids:  # nothing resolves the doubt meanwhile: this is the moment
            assert await try_to_send(john, conversation, client_id) == 503
        assert db.doubted.is_set()
        assert ask(dsn, "SELECT content FROM messages") == []
        assert await stream.silent()
        watch = asyncio.create_task(lock.lost(db.adopt, db.doubted))
        with pytest.raises(Ended):
            await stream.event()
    for client_id in ids:
        await eventually_equal(201, lambda: try_to_send(john, conversation, client_id))  # noqa: B023
    assert [m["content"] for m in await jane.history(conversation)] == ids[::-1]
    async with jane.stream(position) as again:
        assert again.hello.id is None
        assert (await again.event()).data == {"reason": "epoch"}
    watch.cancel()
    lock.release()


class Reader:
    """A client as docs/client.md describes it: snapshots, and the events after them."""

    def __init__(self, person: Person, conversation: str) -> None:
        self._person = person
        self._conversation = conversation
        self.seen: list[str] = []
        self.resets: list[str] = []

    async def read(self) -> None:
        position = None
        while True:
            with contextlib.suppress(Ended, OSError, AssertionError, asyncio.IncompleteReadError):
                async with self._person.stream(position) as stream:
                    while True:
                        event = await stream.event(600)
                        position = event.id or position
                        if event.name == "reset":
                            self.resets.append(event.data["reason"])
                            position = await self._snapshot()
                            break
                        if event.name == "message":
                            self.seen.append(event.data["content"])
            await asyncio.sleep(0.05)

    async def _snapshot(self) -> str:
        path = f"/api/conversations/{self._conversation}/messages?limit=100"
        answer = await self._person.get(path)
        self.seen = [message["content"] for message in reversed(answer.json)]
        return str(answer.headers["Last-Event-ID"])


@pytest.mark.gen_test(timeout=120)
async def test_answers_and_reads_around_a_fail_over_are_of_the_new_history(
    dsn: str, fragile: StandalonePostgres, tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with ServerProcess(tmp_path, "--rate-limits", "off", DATABASE_URL=dsn) as server:
        john, jane, conversation = await two(Visitor(http_client, server.url))
        reader = Reader(jane, conversation)
        reading = asyncio.create_task(reader.read())
        is_over, answered = asyncio.Event(), []

        async def talk() -> None:
            after = 0
            while after < 5:
                client_id, begun_after = str(uuid.uuid4()), is_over.is_set()
                while await try_to_send(john, conversation, client_id) not in (200, 201):
                    await asyncio.sleep(0.05)
                after += begun_after
                answered.extend([client_id] if begun_after else [])

        talking = [asyncio.create_task(talk()) for _ in range(4)]
        await in_thread(fragile.back_up)
        await asyncio.sleep(0.2)  # the fail-over loses what is written now
        await in_thread(fragile.fail_over)
        is_over.set()
        await asyncio.gather(*talking)
        history = [m["content"] for m in reversed(await jane.history(conversation))]
        assert len(answered) == 20
        assert set(answered) <= set(history)
        assert len(set(history)) == len(history)

        async def seen() -> list[str]:
            return reader.seen[-len(history) :]

        await eventually_equal(history, seen)
        assert reader.resets == ["epoch"]
        reading.cancel()
        assert server.end() == 0


@pytest.mark.measure
@pytest.mark.gen_test(timeout=120)
async def test_streams_of_a_lost_history_end_within_3_seconds(
    dsn: str,
    fragile: StandalonePostgres,
    tmp_path: Path,
    http_client: AsyncHTTPClient,
    figures: Figures,
) -> None:
    with ServerProcess(tmp_path, DATABASE_URL=dsn) as server:
        john, jane, conversation = await two(Visitor(http_client, server.url))
        await in_thread(fragile.back_up)
        async with jane.stream() as stream:
            await john.send(conversation, "gone")
            await stream.event()
            await in_thread(fragile.fail_over)
            began = time.monotonic()
            with pytest.raises(Ended):
                await stream.event()
            figures.seconds("streams of a history that is gone, s", time.monotonic() - began, 3)
        assert server.end() == 0
