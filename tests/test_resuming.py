"""A stream resumes where its client left off, or says why it cannot."""

import asyncio
import uuid
from typing import Any
from urllib.parse import quote

import pytest

from bus.heartbeat import Heartbeat
from db import errors
from handlers.application import Messenger
from tests.support.people import Visitor, two
from tests.support.postgres import ask
from tests.support.rules import rule
from tests.support.sse import EventStream


@rule("api#resume")
@pytest.mark.gen_test
async def test_a_stream_resumes_with_exactly_what_was_missed_as_it_was_first_sent(
    visitor: Visitor,
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as live:
        cursor = live.hello.id
        for n in range(5):
            await (john, jane)[n % 2].send(conversation, f"{n}")
            await jane.read(conversation)
        seen = await live.events(10)
    async with jane.stream(cursor) as resumed:
        assert resumed.hello.id == cursor
        assert await resumed.events(10) == seen
        assert await resumed.silent()
    async with jane.stream(seen[6].id) as resumed:
        assert await resumed.events(3) == seen[7:]


@rule("api#resume-without")
@pytest.mark.gen_test
async def test_the_header_wins_over_the_query_and_an_empty_one_counts_as_absent(
    visitor: Visitor, base_url: str
) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "one")
    epoch, _, last = (await jane.get("/api/conversations")).headers["Last-Event-ID"].partition("-")
    cases = [
        ({}, "", last),
        ({}, "0", "0"),
        ({"Last-Event-ID": f"{epoch}-1"}, "0", "1"),
        ({"Last-Event-ID": ""}, "0", "0"),
        ({"Last-Event-ID": ""}, "", last),
    ]
    for header, query, start in cases:
        value = f"{epoch}-{query}" if query else ""
        target = f"/api/messages?last_event_id={value}"
        stream = await EventStream.open(base_url, jane.headers() | header, target=target)
        assert (await stream.event()).id == f"{epoch}-{start}"
        stream.close()


@rule("api#hello", "api#reset")
@pytest.mark.parametrize(
    ("event_id", "reason"),
    [
        ("garbage", "unknown"),
        ("EPOCH", "unknown"),
        ("EPOCH-", "unknown"),
        ("-1", "unknown"),
        ("EPOCH--1", "unknown"),
        ("EPOCH-01", "unknown"),
        ("EPOCH-1-1", "unknown"),
        ("EPOCH-1x", "unknown"),
        ("EPOCH-٣", "unknown"),
        ("EPOCH-1\0", "unknown"),
        ("EPO\x01CH-1", "unknown"),
        ("\u00e9-1", "unknown"),
        (" ", "unknown"),
        ("EPOCH-1\r\nX: y", "unknown"),
        ("other-1", "epoch"),
        ("other-99999999999999999999999", "epoch"),
        ("EPOCH-4", "future"),
        ("EPOCH-9223372036854775807", "future"),
        ("EPOCH-9223372036854775808", "future"),
        ("EPOCH-" + "9" * 1500, "future"),
    ],
    ids=lambda value: ascii(value)[:40],
)
@pytest.mark.gen_test
async def test_a_position_that_cannot_be_resumed_from_is_reset(
    visitor: Visitor, base_url: str, event_id: str, reason: str
) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "one")
    await john.send(conversation, "two")
    newest = (await jane.get("/api/conversations")).headers["Last-Event-ID"]
    given = quote(event_id.replace("EPOCH", newest.partition("-")[0]), safe="")
    stream = await EventStream.open(
        base_url, jane.headers(), target=f"/api/messages?last_event_id={given}"
    )
    assert stream.status == 200
    hello, reset = await stream.events(2)
    assert (hello.name, hello.id) == ("hello", None)
    assert (reset.name, reset.data, reset.id) == ("reset", {"reason": reason}, newest)
    await john.send(conversation, "three")
    assert (await stream.event()).data["content"] == "three"
    stream.close()


@rule("api#resume")
@pytest.mark.gen_test
async def test_of_several_positions_the_first_that_is_not_empty_counts(
    visitor: Visitor, base_url: str
) -> None:
    john, jane, conversation = await two(visitor)
    for n in range(5):
        await john.send(conversation, f"{n}")
    epoch, _, last = (await jane.get("/api/conversations")).headers["Last-Event-ID"].partition("-")

    async def start(query: str, *header: str) -> str:
        target = f"/api/messages?{query.replace('E-', f'{epoch}-')}"
        lines = "\r\nLast-Event-ID: ".join(["x", *header]).replace("E-", f"{epoch}-")
        headers = jane.headers() | {"X-Nothing": lines}
        stream = await EventStream.open(base_url, headers, target=target)
        event_id = (await stream.event()).id
        stream.close()
        return str(event_id).removeprefix(f"{epoch}-")

    assert await start("lastEventId=E-1") == "1"
    assert await start("Last-Event-ID=E-2") == "2"
    assert await start("last_event_id=E-3&Last-Event-ID=E-2&lastEventId=E-1") == "1"
    assert await start("last_event_id=E-3&Last-Event-ID=E-2&lastEventId=") == "2"
    assert await start("last_event_id=E-3&Last-Event-ID=&lastEventId=") == "3"
    assert await start("lastEventId=E-1&lastEventId=E-4") == "4"
    assert await start("lastEventId=E-1&lastEventId=&last_event_id=E-3") == "3"
    assert await start("lastEventId=E-1&last_event_id=x", "E-2") == "2"
    assert await start("lastEventId=E-1", "") == "1"
    assert await start("lastEventId=E-1", "E-2", "E-3") == "3"
    assert await start("lastEventId=E-0") == "0"
    assert await start("last-event-id=E-1&LastEventId=E-1") == last


@pytest.mark.parametrize("given", ["%ff", "%f0%9f", "%00", "%0d%0a", "x" * 1500])
@pytest.mark.gen_test
async def test_bytes_that_are_no_text_are_no_position(
    visitor: Visitor, base_url: str, given: str
) -> None:
    jane = await visitor.sign_in("jane")
    target = f"/api/messages?last_event_id={given}"
    stream = await EventStream.open(base_url, jane.headers(), target=target)
    _, reset = await stream.events(2)
    assert reset.data == {"reason": "unknown"}
    stream.close()


@pytest.mark.gen_test
async def test_a_header_that_is_too_long_is_refused(visitor: Visitor, base_url: str) -> None:
    jane = await visitor.sign_in("jane")
    for length, status in ((15_000, 200), (64 * 1024, 431)):
        headers = jane.headers() | {"Last-Event-ID": "x" * length}
        stream = await EventStream.open(base_url, headers)
        assert stream.status == status
        stream.close()


@rule("api#reset")
@pytest.mark.gen_test
async def test_only_a_client_beyond_the_replay_limit_is_reset(visitor: Visitor, dsn: str) -> None:
    _, jane, _ = await two(visitor)
    epoch = (await jane.get("/api/conversations")).headers["Last-Event-ID"].partition("-")[0]
    ask(
        dsn,
        """
        INSERT INTO feed_events (user_id, seq, kind, conversation_id, payload)
        SELECT %(id)s, seq, 'read', 1,
            jsonb_build_object('user_id', %(id)s::text, 'last_read_message_id', seq::text)
        FROM generate_series(2, 1001) AS seq;
        UPDATE feeds SET last_seq = 1001 WHERE user_id = %(id)s
        """,
        {"id": jane.id},
    )
    async with jane.stream(f"{epoch}-0") as behind:
        assert (await behind.event()).data == {"reason": "backlog"}
        assert await behind.silent()
    ask(dsn, "DELETE FROM feed_events WHERE user_id = %s AND seq <= 1", (jane.id,))
    async with jane.stream(f"{epoch}-0") as behind:  # and what it missed is deleted, too
        assert (await behind.event()).data == {"reason": "backlog"}
    async with jane.stream(f"{epoch}-1") as stream:
        events = await stream.events(1000)
        assert [event.seq for event in events] == list(range(2, 1002))
        assert await stream.silent()


@rule("api#never-expires")
@pytest.mark.gen_test
async def test_a_pruned_feed_resets_clients_except_those_up_to_date(
    visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    for n in range(3):
        await john.send(conversation, f"{n}")
    epoch, _, last = (await jane.get("/api/conversations")).headers["Last-Event-ID"].partition("-")
    ask(dsn, "DELETE FROM feed_events WHERE user_id = %s AND seq <= 3", (jane.id,))
    async with jane.stream(f"{epoch}-2") as stream:
        assert (await stream.event()).data == {"reason": "expired"}
    async with jane.stream(f"{epoch}-3") as stream:
        assert (await stream.event()).seq == 4
    ask(dsn, "DELETE FROM feed_events")
    async with jane.stream(f"{epoch}-{last}") as stream:
        assert await stream.silent()


@pytest.mark.gen_test
async def test_a_strangers_position_yields_nothing_of_others(visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    async with jane.stream() as hers:
        await john.send(conversation, "secret")
        stolen = (await hers.event()).id
        assert stolen is not None
    async with mallory.stream(stolen) as stream:
        assert (await stream.event()).data == {"reason": "future"}
        assert await stream.silent()
    async with mallory.stream(f"{stolen.partition('-')[0]}-0") as stream:
        assert await stream.silent()


@rule("api#promise")
@pytest.mark.gen_test
async def test_streams_opened_while_messages_flow_miss_nothing_and_repeat_nothing(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    total = 60
    async with jane.stream() as stream:
        start = stream.hello

    async def resume() -> list[int]:
        seqs: list[int] = []
        cursor = start.id
        while len(seqs) < total:
            async with jane.stream(cursor) as stream:
                for _ in range(min(7, total - len(seqs))):
                    event = await stream.event()
                    seqs.append(event.seq)
                    cursor = event.id
        return seqs

    readers = [asyncio.create_task(resume()) for _ in range(5)]
    for n in range(total):
        await john.send(conversation, f"{n}")
    expected = list(range(start.seq + 1, start.seq + total + 1))
    for reader in readers:
        assert await reader == expected


@pytest.mark.parametrize("resuming", [True, False])
@pytest.mark.parametrize("moment", ["before its position", "before its page", "after its page"])
@pytest.mark.gen_test
async def test_an_event_during_the_opening_of_a_stream_arrives_once(
    visitor: Visitor, app: Messenger, moment: str, resuming: bool
) -> None:
    """The stream is subscribed by then, so that both the feed and the bus have the event."""
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        cursor = stream.hello.id
    await john.send(conversation, "before")
    look_up, read = app.services.positions.look_up, app.services.feed_reader.read

    async def send(at: str) -> None:
        if at == moment:
            await john.send(conversation, "meanwhile")

    async def position(wanted: Any) -> Any:
        await send("before its position")
        return await look_up(wanted)

    async def page(user_id: int, after: int, limit: int) -> Any:
        await send("before its page")
        found = await read(user_id, after, limit)
        await send("after its page")
        return found

    app.services.positions.look_up = position  # type: ignore[method-assign]
    app.services.feed_reader.read = page  # type: ignore[assignment,method-assign]
    async with jane.stream(cursor if resuming else None) as stream:
        expected = ["before", "meanwhile"] if resuming else []
        events = [await stream.event() for _ in expected]
        await john.send(conversation, "after")
        events.append(await stream.event())
        assert [event.data["content"] for event in events] == [*expected, "after"]
        assert [event.seq for event in events] == [
            stream.hello.seq + n for n in range(1, 1 + len(events))
        ]
        assert await stream.silent()


@pytest.mark.gen_test
async def test_a_live_stream_that_misses_an_event_reads_it_from_the_feed(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        publish = app.services.bus.publish
        app.services.bus.publish = lambda *args: None  # type: ignore[method-assign]
        await john.send(conversation, "never published")
        app.services.bus.publish = publish  # type: ignore[method-assign]
        await john.send(conversation, "published")
        contents = [event.data["content"] for event in await stream.events(2)]
        assert contents == ["never published", "published"]
        assert await stream.silent()


@rule("api#at-most-a-heartbeat")
@pytest.mark.gen_test
async def test_an_event_that_was_never_published_reaches_live_streams_with_the_heartbeat(
    visitor: Visitor, app: Messenger
) -> None:
    app.services.heartbeat = Heartbeat(lambda: 0, app.services.gaps.check)
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        app.services.bus.publish = lambda *args: None  # type: ignore[method-assign]
        await john.send(conversation, "its publisher died")
        assert (await stream.event()).data["content"] == "its publisher died"


@rule("api#at-most-a-heartbeat")
@pytest.mark.gen_test
async def test_a_send_whose_answer_was_lost_reaches_live_streams_at_once(
    visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    answer = app.services.db._ask
    lost: list[Any] = []

    async def lose_the_first(sql: str, params: Any, until: float) -> list[Any]:
        rows = await answer(sql, params, until)
        if "INSERT INTO messages" in sql and not lost:
            lost.append(rows)
            raise errors.Unavailable("the connection broke after the commit")
        return rows

    app.services.db._ask = lose_the_first  # type: ignore[method-assign]
    async with jane.stream() as stream:
        message = await john.send(conversation, "told once", str(uuid.uuid4()))
        assert len(lost) == 1
        event = await stream.event(10)
        assert event.data == message | {"mine": False, "clientId": None}
        assert await stream.silent()
    assert len(await jane.history(conversation)) == 1
