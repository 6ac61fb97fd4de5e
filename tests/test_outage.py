"""A database that crashes or hangs: streams stay, requests get an answer, and all recovers."""

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.heartbeat import Heartbeat
from db import errors, pool
from db.server.server_lock import ServerLock
from handlers.application import Messenger
from tests.support.callers import Caller, contents, someone_talks, until_ready
from tests.support.people import Person, Visitor, eventually
from tests.support.postgres import Postgres, ask
from tests.support.processes import ServerProcess
from tests.support.sse import EventStream
from tests.support.standalone import StandalonePostgres


@pytest.fixture(scope="module", params=["ipv4", "socket", "list"])
def postgres(request: pytest.FixtureRequest) -> Iterator[Postgres]:
    """A PostgreSQL of this file's own, to be broken, in place of the run's."""
    server = StandalonePostgres(request.param)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def app(app: Messenger) -> Messenger:
    app.services.heartbeat = Heartbeat(lambda: 1, app.services.gaps.check)  # a ping a second
    return app


async def in_thread(act: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(None, act)


async def pinged(stream: EventStream) -> None:
    while (await stream.event(10, pings=True)).name != "ping":
        pass


async def refused(person: Person, conversation: str, client_id: str) -> None:
    """Checks that a send is answered 503 in time."""
    began = time.monotonic()
    answer = await person.post(
        f"/api/conversations/{conversation}/messages",
        {"content": "while away", "clientId": client_id},
    )
    assert (answer.status, answer.json["code"]) == (503, "database_unavailable")
    assert int(answer.headers["Retry-After"]) > 0
    assert time.monotonic() - began < 15


async def again(person: Person, conversation: str, client_id: str) -> Any:
    """Repeats the same send until it is answered."""
    until = time.monotonic() + 30
    while True:
        answer = await person.post(
            f"/api/conversations/{conversation}/messages",
            {"content": "while away", "clientId": client_id},
        )
        if answer.status in (200, 201):
            return answer.json
        assert answer.status == 503
        assert time.monotonic() < until
        await asyncio.sleep(0.05)


@pytest.mark.gen_test(timeout=60)
async def test_streams_outlive_a_crash_of_the_database(
    visitor: Visitor, app: Messenger, postgres: Postgres
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with jane.stream() as stream:
        await john.send(conversation, "before")
        await in_thread(postgres.crash)
        client_id = str(uuid.uuid4())
        await refused(john, conversation, client_id)
        assert (await jane.get("/api/conversations")).status == 503
        assert (await jane.get("/health/ready")).status == 503
        assert (await jane.get("/health/live")).status == 200
        assert (await stream.event()).data["content"] == "before"
        await pinged(stream)
        await in_thread(postgres.revive)
        message = await again(john, conversation, client_id)
        assert (await stream.event(10)).data["id"] == message["id"]
        assert await stream.silent()
        assert (await jane.get("/health/ready")).status == 200
    assert [m["content"] for m in await jane.history(conversation)] == ["while away", "before"]
    await eventually(lambda: app.services.db._permits._value == pool.POOL_SIZE)


@pytest.mark.gen_test(timeout=60)
async def test_streams_outlive_a_database_that_hangs(
    visitor: Visitor, app: Messenger, postgres: Postgres
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    ids = [str(uuid.uuid4()) for _ in range(20)]  # more than the pool has connections
    async with jane.stream() as stream:
        with postgres.frozen():
            async with asyncio.TaskGroup() as tasks:
                for client_id in ids:
                    tasks.create_task(refused(john, conversation, client_id))
                tasks.create_task(pinged(stream))
            assert (await jane.get("/api/conversations")).status == 503
        messages = [await again(john, conversation, client_id) for client_id in ids]
        seen = [(await stream.event()).data["id"] for _ in ids]
        assert sorted(seen) == sorted(message["id"] for message in messages)
        assert seen == sorted(seen, key=int)
        assert await stream.silent()
    assert len(await jane.history(conversation)) == len(ids)
    await eventually(lambda: app.services.db._permits._value == pool.POOL_SIZE)


@pytest.mark.gen_test(timeout=60)
async def test_a_commit_whose_answer_was_lost_reaches_streams(
    visitor: Visitor, app: Messenger, postgres: Postgres
) -> None:
    """The server sees a failure, but PostgreSQL continues the statement and commits it."""
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    client_id = str(uuid.uuid4())
    async with jane.stream() as stream:
        with postgres.frozen():
            await refused(john, conversation, client_id)
        event = await stream.event()  # nothing has been repeated yet
        assert event.data["content"] == "while away"
        assert await stream.silent()
        assert (await again(john, conversation, client_id))["id"] == event.data["id"]


@pytest.mark.gen_test(timeout=60)
async def test_a_stream_that_is_reading_waits_for_the_database(
    visitor: Visitor, app: Messenger, postgres: Postgres
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with jane.stream() as stream:
        position = stream.hello.id
    sent = [await john.send(conversation, f"{n}") for n in range(3)]
    read, away = app.services.feed_reader.read, True

    async def read_when_back(user_id: int, after: int, limit: int) -> Any:
        if away:
            raise errors.Unavailable("it is away")
        return await read(user_id, after, limit)

    app.services.feed_reader.read = read_when_back  # type: ignore[assignment,method-assign]
    async with jane.stream(position) as stream:
        await pinged(stream)
        away = False
        assert [event.data["id"] for event in await stream.events(3)] == [m["id"] for m in sent]


def is_held(dsn: str) -> bool:
    return bool(ask(dsn, "SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))


@pytest.mark.gen_test(timeout=60)
async def test_the_servers_lock_is_taken_again_after_a_crash(dsn: str, postgres: Postgres) -> None:
    said: list[str] = []
    lock = await ServerLock.take(dsn, said.append)
    lost = asyncio.create_task(lock.lost())
    session = lock._conn
    await in_thread(postgres.crash)
    await in_thread(postgres.revive)
    await eventually(lambda: lock._conn is not session and is_held(dsn), 10)
    with pytest.raises(errors.InUse):
        await ServerLock.take(dsn, said.append, patience=0.3)
    assert not lost.done()
    lost.cancel()
    lock.release()


@pytest.mark.gen_test(timeout=60)
async def test_a_server_notices_that_another_one_took_its_lock(
    dsn: str, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ServerLock, "PATIENCE_SECONDS", 1.0)
    first = await ServerLock.take(dsn, lambda line: None)
    lost = asyncio.create_task(first.lost())
    first._conn.close()  # as if the network had ended it
    second = await ServerLock.take(dsn, lambda line: None, patience=5)
    async with asyncio.timeout(10):
        await lost
    first.release()
    second.release()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGQUIT])
def test_an_embedded_database_that_died_is_started_again(
    tmp_path: Path, how: signal.Signals
) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        died = server.postgres_pid
        assert died is not None
        os.kill(died, how)
        server.wait_for("the embedded database has died")
        server.wait_for("the embedded database is running again")
        until_ready(server.url)
        assert server.postgres_pid != died
        assert contents(john, path) == ["hello"]
        john.ask(path, {"content": "again"})
        assert server.end() == 0


def test_a_server_stops_in_time_though_its_database_hangs(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        hung = Postgres(tmp_path)
        hung._embedded._data = tmp_path / "postgres"
        with hung.frozen():
            began = time.monotonic()
            assert server.end() == 0
            assert time.monotonic() - began < 30
        server.wait_for("will have to recover")
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert contents(Caller(server.url, token=john.token), path) == ["hello"]
