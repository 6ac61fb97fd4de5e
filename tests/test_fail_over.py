"""PostgreSQL fails over, while the server runs, to a stand-by that lacks the last commits."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient

from tests.support.people import Visitor, eventually_equal
from tests.support.postgres import ask
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.sse import Ended
from tests.support.standalone import StandalonePostgres


@pytest.fixture
def fragile() -> Iterator[StandalonePostgres]:
    server = StandalonePostgres()
    server.start()
    yield server
    server.stop()


async def in_thread(act: Any) -> None:
    await asyncio.get_running_loop().run_in_executor(None, act)


@rule("api#new-history")
@pytest.mark.gen_test(timeout=120)
async def test_streams_of_a_lost_history_end_and_their_clients_start_over(
    fragile: StandalonePostgres, tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with fragile.database() as dsn, ServerProcess(tmp_path, DATABASE_URL=dsn) as server:
        visitor = Visitor(http_client, server.url)
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        conversation = await john.talk_to(jane)
        await in_thread(fragile.back_up)
        async with jane.stream() as stream:
            for n in range(5):
                await john.send(conversation, f"gone {n}")
            known = [event.id for event in await stream.events(5)]
            await in_thread(fragile.fail_over)
            with pytest.raises(Ended):
                await stream.event()

        async def ready() -> int:
            return (await visitor.get("/health/ready")).status

        await eventually_equal(200, ready)
        for position in known:
            async with jane.stream(position) as again:
                assert again.hello.id is None
                assert (await again.event()).data == {"reason": "epoch"}
        async with jane.stream() as again:
            new = await john.send(conversation, "new")
            event = await again.event()
            assert event.data["id"] == new["id"]
            assert str(event.id).partition("-")[0] != str(known[0]).partition("-")[0]
        assert [m["content"] for m in await jane.history(conversation)] == ["new"]
        assert server.process.poll() is None
        assert ask(dsn, "SELECT timeline FROM meta") == [(2,)]


@pytest.mark.gen_test(timeout=120)
async def test_a_new_epoch_that_was_begun_behind_the_servers_back_is_noticed(
    dsn: str, tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with ServerProcess(tmp_path, DATABASE_URL=dsn) as server:
        jane = await Visitor(http_client, server.url).sign_in("jane")
        async with jane.stream() as stream:
            ask(dsn, "UPDATE meta SET epoch = 'another'")
            with pytest.raises(Ended):
                await stream.event()
        async with jane.stream() as again:
            assert str(again.hello.id).startswith("another-")


@pytest.mark.gen_test(timeout=120)
async def test_a_crash_that_loses_nothing_ends_no_stream(
    fragile: StandalonePostgres, tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with fragile.database() as dsn, ServerProcess(tmp_path, DATABASE_URL=dsn) as server:
        jane = await Visitor(http_client, server.url).sign_in("jane")
        john = await Visitor(http_client, server.url).sign_in("john")
        conversation = await john.talk_to(jane)
        async with jane.stream() as stream:
            await in_thread(fragile.crash)
            await in_thread(fragile.revive)
            server.wait_for("the database is back|is ready")
            await eventually_equal(True, lambda: stored(john, conversation))
            assert (await stream.event()).data["content"] == "hello"


async def stored(person: Any, conversation: str) -> bool:
    answer = await person.post(f"/api/conversations/{conversation}/messages", {"content": "hello"})
    return bool(answer.status == 201)
