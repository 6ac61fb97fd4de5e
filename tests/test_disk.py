"""A full disk: messages are refused in time, everything else works, and sending recovers."""

from pathlib import Path

import pytest
from psycopg2.extensions import make_dsn
from tornado.httpclient import AsyncHTTPClient

from db.server import disk
from db.server.disk import Disk
from handlers.application import Messenger
from tests.support.people import Person, Visitor, eventually_equal
from tests.support.postgres import ask
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.small_disks import small_disk

MEGA = 1024**2
GIGA = 1024**3
CLIENT_ID = "0192f0c1-2345-4678-9abc-def012345678"
BEYOND_ANY_DISK = 2**60


async def sent(
    person: Person, conversation: str, content: str, client_id: str | None = CLIENT_ID
) -> int:
    fields = {"content": content, "clientId": client_id}
    answer = await person.post(f"/api/conversations/{conversation}/messages", fields)
    return answer.status


async def is_ready(visitor: Visitor) -> bool:
    return (await visitor.get("/health/ready")).status == 200


@pytest.mark.parametrize(
    ("size", "reserve"),
    [
        (10 * MEGA, 64 * MEGA),
        (1280 * MEGA, 64 * MEGA),
        (10 * GIGA, 512 * MEGA),
        (20 * GIGA, GIGA),
        (1000 * GIGA, GIGA),
    ],
)
def test_the_reserve_depends_on_the_size_of_the_disk(size: int, reserve: int) -> None:
    assert disk.usual_reserve(size) == reserve


def test_a_disk_is_low_below_its_reserve_unless_that_is_off(tmp_path: Path) -> None:
    assert Disk([tmp_path], BEYOND_ANY_DISK).look()
    assert not Disk([tmp_path], 1).look()
    assert not Disk([tmp_path], 0).look()
    assert not Disk([tmp_path / "missing"], BEYOND_ANY_DISK).look()
    assert not Disk([], BEYOND_ANY_DISK).look()


@rule("api#retry-after", "api#stored-before", "api#disk-reserve")
@pytest.mark.gen_test
async def test_only_sends_are_refused_while_the_disk_is_almost_full(
    visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    mallory = await visitor.sign_in("mallory")
    conversation = await john.talk_to(jane)
    stored = await john.send(conversation, "before", CLIENT_ID)
    app.services.disk = Disk([tmp_path], BEYOND_ANY_DISK)
    app.services.disk.look()
    path = f"/api/conversations/{conversation}/messages"
    refused = await john.post(path, {"content": "hello"})
    assert (refused.status, refused.json["code"]) == (507, "storage_full")
    assert int(refused.headers["Retry-After"]) > 0
    assert (await john.send(conversation, "before", CLIENT_ID)) == stored
    assert await sent(john, conversation, "something else") == 409
    assert await sent(john, conversation, "") == 422
    assert await sent(mallory, conversation, "hello") == 404
    async with john.stream() as stream:
        read = {"lastReadMessageId": stored["id"]}
        answer = await jane.post(f"/api/conversations/{conversation}/read_messages", read)
        assert answer.status == 204
        assert (await stream.event()).name == "read"
    assert len(await jane.history(conversation)) == 1
    assert await is_ready(visitor)
    assert (await (await visitor.sign_in("jane")).post("/api/logout")).status == 204
    app.services.disk = Disk([tmp_path], 0)
    app.services.disk.look()
    await john.send(conversation, "hello")


@pytest.mark.gen_test(timeout=120)
async def test_the_disk_is_checked_while_the_server_runs(
    tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with small_disk(tmp_path / "disk", 300) as small, ServerProcess(small.path / "data") as server:
        visitor = Visitor(http_client, server.url)
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        conversation = await john.talk_to(jane)
        assert small.free > 64 * MEGA, "there must be room for this to mean anything"
        assert await sent(john, conversation, "before") == 201
        small.fill(left=40 * MEGA)
        await eventually_equal(507, lambda: sent(john, conversation, "new", None))
        assert await is_ready(visitor)
        assert await sent(john, conversation, "before") == 200
        assert len([line for line in server.output if "almost full" in line]) == 1
        small.make_room()
        await eventually_equal(201, lambda: sent(john, conversation, "new", None))


@pytest.mark.gen_test(timeout=120)
async def test_a_database_without_any_room_refuses_at_once_and_never_panics(
    tmp_path: Path, http_client: AsyncHTTPClient
) -> None:
    with (
        small_disk(tmp_path / "disk", 300) as small,
        ServerProcess(small.path / "data", "--disk-reserve=0", RATE_LIMITS="off") as server,
    ):
        visitor = Visitor(http_client, server.url)
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        conversation = await john.talk_to(jane)
        async with jane.stream() as stream:
            small.fill()
            await send_until_refused(john, conversation)
            assert not await is_ready(visitor)
            for _ in range(20):
                answer = await john.post(
                    f"/api/conversations/{conversation}/messages", {"content": "x" * 4000}
                )
                assert answer.status == 503
            ask(embedded_dsn(server), "CHECKPOINT")
            small.make_room()
            await eventually_equal(True, lambda: is_ready(visitor))
            last = await john.send(conversation, "after")
            while (await stream.event()).data["id"] != last["id"]:
                pass
        assert "PANIC" not in (small.path / "data" / "postgres" / "log").read_text()
        assert len([line for line in server.output if "is unavailable" in line]) == 1


def embedded_dsn(server: ServerProcess) -> str:
    lines = (server.data_dir / "postgres" / "postmaster.pid").read_text().split("\n")
    return make_dsn(host=lines[4], user="postgres", dbname="postgres")


async def send_until_refused(person: Person, conversation: str) -> None:
    """Sends messages of 4,000 bytes until PostgreSQL has no page for another one."""
    path = f"/api/conversations/{conversation}/messages"
    for _ in range(3000):
        answer = await person.post(path, {"content": "x" * 4000})
        if answer.status == 503:
            return
        assert answer.status == 201
    raise AssertionError("it has taken 12 MB on a disk without any room")
