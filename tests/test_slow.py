"""Slow, dead, rude and numerous clients: each costs little, and harms no other client."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest

from bus import connection as stream_connection
from bus.heartbeat import Heartbeat
from db.feed import LARGEST_BATCH, FeedReader
from db.pool import POOL_SIZE, Database
from handlers import replays
from handlers.application import Messenger
from handlers.stream import StreamHandler
from http1 import backpressure
from http1.connection import Timeouts
from http1.listener import Listener
from tests.support.callers import contents, someone_talks
from tests.support.people import Person, Visitor, eventually, two
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.unread import LONG, Unread, connection_of, is_open, number


@pytest.fixture
def fast_heartbeat(app: Messenger) -> None:
    """Pings once a second."""
    app.services.heartbeat = Heartbeat(lambda: 1, app.services.gaps.check)


def ended(app: Messenger, reason: str) -> float:
    name, labels = "messenger_streams_ended_total", {"reason": reason}
    return app.services.metrics._registry.get_sample_value(name, labels) or 0


async def only_stream(app: Messenger, person: Person) -> StreamHandler:
    await eventually(lambda: app.services.bus.count_of(int(person.id)) == 1)
    (stream,) = app.services.bus.streams_of(int(person.id))
    assert isinstance(stream, StreamHandler)
    return stream


@rule("api#slow-clients")
@pytest.mark.gen_test(timeout=60)
async def test_a_client_that_does_not_read_is_ended_and_resumes_without_a_gap(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    slow = Unread(jane)
    await only_stream(app, jane)
    async with john.stream() as other:
        sent = 0
        while app.services.bus.count_of(int(jane.id)):
            await john.send(conversation, f"{sent} {LONG}")
            assert number(await other.event()) == sent  # the others do not wait
            sent += 1
            assert sent * len(LONG.encode()) < 2_000_000, "nothing bounds what waits for a client"
    assert ended(app, "slow") == 1
    reader = await slow.read()
    came = [event for event in await reader.rest() if event.id is not None]
    reader.close()
    numbers = [number(event) for event in came if event.name == "message"]
    async with jane.stream(came[-1].id) as resumed:
        while len(numbers) < sent:
            numbers.append(number(await resumed.event()))
        assert await resumed.silent()
    assert numbers == list(range(sent))


async def send_until(john: Person, conversation: str, enough: Callable[[], bool]) -> None:
    for n in range(200):
        if enough():
            return
        await john.send(conversation, f"{n} {LONG}")
    raise AssertionError("nothing bounds what waits for a client")


@rule("api#bye")
@pytest.mark.gen_test(timeout=60)
async def test_a_stream_whose_client_takes_too_little_ends_as_slow(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "WINDOW_SECONDS", 2)
    john, jane, conversation = await two(visitor)
    slow = Unread(jane)
    await only_stream(app, jane)
    await send_until(john, conversation, lambda: app.services.backpressure.total > 0)
    assert (
        app.services.backpressure.write_buffer_size(int(jane.id)) == app.services.backpressure.total
    )
    await eventually(lambda: not app.services.bus.count_of(int(jane.id)), 12)
    assert (ended(app, "slow"), app.services.backpressure.total) == (1, 0)
    slow.close()


@rule("api#unread-answers")
@pytest.mark.gen_test(timeout=60)
async def test_beyond_a_users_bound_its_stream_with_most_unread_bytes_ends_as_slow(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backpressure, "MAX_CLIENT_BYTES", 200 * 1024)
    john, jane, conversation = await two(visitor)
    slow = [Unread(jane) for _ in range(2)]
    await eventually(lambda: app.services.bus.count_of(int(jane.id)) == 2)
    streams = app.services.bus.streams_of(int(jane.id))
    await eventually(lambda: all(is_open(stream) for stream in streams))
    await send_until(
        john,
        conversation,
        lambda: sum(connection_of(s).write_buffer_size for s in streams) > 200 * 1024,
    )
    await eventually(lambda: app.services.bus.count_of(int(jane.id)) == 1)
    assert ended(app, "slow") == 1
    assert app.services.backpressure.total <= 200 * 1024
    for one in slow:
        one.close()
    await eventually(lambda: not app.services.bus.count_of(int(jane.id)))
    assert app.services.backpressure.total == 0


@pytest.mark.gen_test(timeout=60)
async def test_a_replay_is_longer_than_any_buffer_and_waits_for_its_reader(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        position = stream.hello.id
    for n in range(100):  # 1.2 MB
        await john.send(conversation, f"{n} {LONG}")
    slow = Unread(jane, str(position))
    connection = (await only_stream(app, jane)).connection
    await eventually(lambda: connection.write_paused)
    for n in range(100, 110):
        await john.send(conversation, f"{n} {LONG}")
        waiting = connection.write_buffer_size
        assert waiting < replays.PIECE_BYTES + 2 * len(LONG.encode())
    reader = await slow.read()
    assert (await reader.event()).name == "hello"
    assert [number(event) for event in await reader.events(110)] == list(range(110))
    assert await reader.silent()
    reader.close()


@rule("api#dead-clients")
@pytest.mark.usefixtures("fast_heartbeat")
@pytest.mark.gen_test(timeout=60)
async def test_a_client_with_a_cut_cable_is_noticed(
    visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel treats a client that takes nothing more like one that acknowledges nothing."""
    monkeypatch.setattr(stream_connection, "DEAD_AFTER_MILLISECONDS", 1500)
    john, jane, conversation = await two(visitor)
    dead = Unread(jane)
    await only_stream(app, jane)
    for n in range(12):  # more than the kernel takes, far less than the server would keep
        await john.send(conversation, f"{n} {LONG}")
    await eventually(lambda: not app.services.bus.count_of(int(jane.id)), 20)
    assert (ended(app, "gone"), ended(app, "slow")) == (1, 0)
    dead.close()


@pytest.mark.usefixtures("fast_heartbeat")
@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.gen_test
async def test_a_client_that_sent_junk_behind_its_request_is_noticed_when_it_leaves(
    visitor: Visitor, app: Messenger, reset: bool
) -> None:
    jane = await visitor.sign_in("jane")
    rude = await Unread(jane, more=b"\x00junk").read()
    assert (await rude.event()).name == "hello"
    await only_stream(app, jane)
    rude.reset() if reset else rude.close()
    await eventually(lambda: not app.services.bus.count_of(int(jane.id)))


@pytest.mark.gen_test
async def test_bytes_after_a_streams_request_are_discarded_up_to_a_limit(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        open_stream = await only_stream(app, jane)
        stream.writer.write(b"x" * stream_connection.MAX_DISCARDED_BYTES)
        await eventually(
            lambda: connection_of(open_stream)._discarded == stream_connection.MAX_DISCARDED_BYTES
        )
        await john.send(conversation, "still there")
        assert (await stream.event()).data["content"] == "still there"
        stream.writer.write(b"x")
        await eventually(lambda: app.services.bus.count_of(int(jane.id)) == 0)


@pytest.mark.gen_test
async def test_an_ended_stream_waits_for_its_reader_until_a_deadline(
    visitor: Visitor, app: Messenger, http_server: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_server, "timeouts", Timeouts(header_seconds=1.5, body_seconds=1.5))
    john, jane, conversation = await two(visitor)
    slow = Unread(jane)
    stream = await only_stream(app, jane)
    while not stream.connection.write_paused:
        await john.send(conversation, LONG)
    stream.end("draining")
    assert app.services.bus.count_of(int(jane.id)) == 0
    assert len(http_server._streams) == 1
    await eventually(lambda: not http_server._streams, 10)
    slow.close()


@pytest.mark.gen_test
async def test_socket_options_bound_buffers_and_detect_dead_peers(
    visitor: Visitor, app: Messenger
) -> None:
    jane = await visitor.sign_in("jane")
    async with jane.stream():
        sock = connection_of(await only_stream(app, jane))._transport.get_extra_info("socket")
        for level, option, value in [
            (socket.SOL_SOCKET, socket.SO_SNDBUF, 2 * stream_connection.SEND_BUFFER_BYTES),
            (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 15_000),
        ]:
            assert sock.getsockopt(level, option) == value


@pytest.mark.gen_test
async def test_the_replays_of_many_streams_share_a_few_statements(db: Database) -> None:
    asked: list[int] = []
    rows = db.rows

    async def counted(sql: str, params: Any = None, **options: Any) -> Any:
        asked.append(len(params["user_ids"]))
        assert db._permits._value == POOL_SIZE  # one at a time: the pool is for sends
        return await rows(sql, params, **options)

    db.rows = counted  # type: ignore[method-assign]
    feeds = FeedReader(db)
    number = 2 * LARGEST_BATCH + 1
    await asyncio.gather(*(feeds.read(user_id, 0) for user_id in range(number)))
    assert asked == [LARGEST_BATCH, LARGEST_BATCH, 1]


@pytest.mark.gen_test(timeout=60)
async def test_many_clients_that_return_at_once_get_what_they_missed(
    visitor: Visitor, app: Messenger
) -> None:
    hub = await visitor.sign_in("hub")
    people = [await visitor.sign_in(f"person{n}") for n in range(20)]
    cursors = {}
    for person in people:
        async with person.stream() as stream:
            cursors[person] = stream.hello.id
    talks = {person: await hub.talk_to(person) for person in people}
    for person, talk in talks.items():
        await hub.send(talk, f"for {person.username}")

    async def resume(person: Person) -> None:
        async with person.stream(cursors[person]) as stream:
            opened, message = await stream.events(2)
            assert opened.name == "conversation"
            assert message.data["content"] == f"for {person.username}"
            all_here.append(person)
            while len(all_here) < 10 * len(people):
                await asyncio.sleep(0.01)

    all_here: list[Person] = []
    resuming = [asyncio.create_task(resume(person)) for person in people for _ in range(10)]
    for _ in range(10):
        await hub.send(talks[people[0]], "meanwhile")
        assert (await hub.get("/health/ready")).status == 200
    await asyncio.gather(*resuming)
    assert len(app.services.db._idle) <= POOL_SIZE


def test_a_server_without_descriptors_pauses_accepting_and_recovers(tmp_path: Path) -> None:
    with ServerProcess(tmp_path, descriptors=256) as server:
        john, path = someone_talks(server.url)
        port = int(server.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        process = psutil.Process(server.process.pid)
        process.cpu_percent()
        lines = len(server.output)
        assert process.cpu_percent(interval=2) < 50  # of one core
        assert len(server.output) == lines
        assert process.num_fds() <= 256 - 40  # the database has what it needs
        for sock in idle:
            sock.close()
        assert contents(john, path) == ["hello"]
        assert server.end() == 0
