"""The event stream: its first bytes, its heartbeat, and how it ends."""

import asyncio
import dataclasses
import socket
import time
from pathlib import Path
from typing import Any, cast

import jwt
import pytest

from bus.heartbeat import Heartbeat
from config import Config
from db import errors
from handlers.application import Messenger
from handlers.assets import StaticAssets
from handlers.stream import StreamHandler
from http1.listener import Listener
from tests.conftest import SECRET
from tests.support.people import Visitor, eventually, eventually_equal, two
from tests.support.rules import rule
from tests.support.sse import EventStream


@rule("api#stream-head", "api#stream-begins")
@pytest.mark.gen_test
async def test_a_stream_begins_at_once_with_its_headers_and_hello(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    snapshot = await jane.get("/api/conversations")
    async with jane.stream() as stream:
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store, no-transform"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.hello.data.keys() == {"heartbeatSeconds", "version"}
        assert stream.hello.data["heartbeatSeconds"] == 20
        assert stream.hello.id == snapshot.headers["Last-Event-ID"]
        assert stream.hello.retry is not None


@rule("api#version")
@pytest.mark.gen_test
async def test_hello_has_a_word_that_changes_only_with_the_files_of_the_page(
    visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    (tmp_path / "index.html").write_text("the page " * 40)
    (tmp_path / "app.js").write_text("as(it, was);")
    app.services.assets = StaticAssets(tmp_path)
    jane = await visitor.sign_in("jane")

    async def version() -> str:
        async with jane.stream() as stream:
            return str(stream.hello.data["version"])

    before = await version()
    page = await visitor.get("/", headers={"Accept-Encoding": "gzip"})
    assert page.headers["ETag"] == f'"{before}-gzip"'
    assert await version() == before
    (tmp_path / "app.js").write_text("as(it, is);")
    app.services.assets = StaticAssets(tmp_path)  # another server
    after = await version()
    assert after != before
    (tmp_path / "app.js").write_text("as(it, was);")
    await eventually_equal(before, version)


def test_streams_that_open_at_once_do_not_check_all_files_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.html").write_text("the page")
    assets, checks = StaticAssets(tmp_path), list[float]()
    release, begun = assets.release, time.monotonic()

    def check() -> str:
        checks.append(time.monotonic())
        return release()

    monkeypatch.setattr(assets, "release", check)
    assert {assets.recent_release() for _ in range(1000)} == {release()}
    assert 1 <= len(checks) <= 1 + (time.monotonic() - begun) / 0.1


@rule("api#event-form")
@pytest.mark.gen_test
async def test_every_event_with_an_id_has_data_of_one_line(visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with jane.stream() as stream:
        conversation = await john.talk_to(jane)
        await john.send(conversation, "a\nb\rc\u2028d\u0085e\x0b\x0c\x1c!")
        await jane.read(conversation)
        assert [event.name for event in await stream.events(3)] == [
            "conversation",
            "message",
            "read",
        ]
        text = stream.raw.decode("utf-8")
        assert len(text.splitlines()) == text.count("\n")  # no other line end of any kind
        for block in text.strip("\n").split("\n\n"):
            assert sum(line.startswith("data: {") for line in block.split("\n")) == 1


@rule("api#stream-head")
@pytest.mark.parametrize("accept", [None, "*/*", "text/html", "text/*", "text/event-stream;q=0"])
@pytest.mark.gen_test
async def test_only_a_client_that_accepts_an_event_stream_gets_one(
    visitor: Visitor, accept: str | None
) -> None:
    jane = await visitor.sign_in("jane")
    headers = {} if accept is None else {"Accept": accept}
    answer = await jane.get("/api/messages", headers=headers)
    assert (answer.status, answer.json["code"]) == (406, "not_acceptable")
    assert (await visitor.get("/api/messages", headers=headers)).status == 401  # comes first


@rule("api#stream-by-head")
@pytest.mark.parametrize(
    "accept", ["text/event-stream", "Text/Event-Stream; q=0.5", "text/html, text/event-stream, */*"]
)
@pytest.mark.gen_test
async def test_head_returns_the_headers_and_ends(visitor: Visitor, accept: str) -> None:
    jane = await visitor.sign_in("jane")
    answer = await jane.ask("HEAD", "/api/messages", headers={"Accept": accept})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert answer.headers["X-Accel-Buffering"] == "no"


@pytest.mark.gen_test
async def test_a_stream_of_http_1_0_ends_with_its_connection(
    visitor: Visitor, base_url: str, app: Messenger
) -> None:
    jane = await visitor.sign_in("jane")
    headers = jane.headers() | {"Connection": "keep-alive"}
    stream = await EventStream.open(base_url, headers, version="1.0")
    assert "transfer-encoding" not in stream.headers
    assert stream.headers["connection"] == "close"
    assert (await stream.event()).name == "hello"
    for open_stream in app.services.bus:
        open_stream.end("draining")
    assert [event.name for event in await stream.rest()] == ["bye"]
    stream.close()


@rule("api#ping")
@pytest.mark.gen_test
async def test_pings_come_without_an_id(visitor: Visitor, app: Messenger) -> None:
    app.services.heartbeat = Heartbeat(lambda: 0)
    jane = await visitor.sign_in("jane")
    async with jane.stream() as stream:
        ping = await stream.event(10, pings=True)
        assert (ping.name, ping.data, ping.id) == ("ping", {}, None)


@pytest.mark.gen_test
async def test_a_disconnected_client_leaves_nothing_behind(
    visitor: Visitor, app: Messenger
) -> None:
    jane = await visitor.sign_in("jane")
    for leave in ("close", "reset"):
        async with jane.stream() as stream:
            assert len(app.services.bus) == 1
            getattr(stream, leave)()
            await eventually(lambda: len(app.services.bus) == 0)
            assert not app.services.bus._subscribers
            assert not app.services.heartbeat._due


@pytest.mark.gen_test
async def test_a_client_that_left_before_its_answer_is_not_subscribed(
    visitor: Visitor, base_url: str, app: Messenger, dsn: str
) -> None:
    jane = await visitor.sign_in("jane")
    while app.services.db._idle:  # a new connection gives the client time to leave
        app.services.db._idle.pop().close()
    for _ in range(20):
        head = "GET /api/messages HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        _, writer = await asyncio.open_connection("localhost", int(base_url.rpartition(":")[2]))
        writer.write(f"{head}Authorization: Bearer {jane.token}\r\n\r\n".encode())
        await asyncio.sleep(0)
        writer.transport.abort()
    async with jane.stream():
        await eventually(lambda: len(app.services.bus) == 1)
    await eventually(lambda: len(app.services.bus) == 0)


@pytest.mark.parametrize("moment", ["with the request", "while it opens", "when it is open"])
@pytest.mark.gen_test
async def test_a_client_that_ends_its_input_gets_no_stream_or_one_that_ends_without_bye(
    visitor: Visitor, app: Messenger, moment: str
) -> None:
    jane = await visitor.sign_in("jane")
    sock = socket.create_connection(("localhost", int(visitor.base_url.rpartition(":")[2])))
    sock.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=sock)
    look_up = app.services.positions.look_up

    async def position(wanted: Any) -> Any:
        if moment == "while it opens":
            writer.write_eof()
            (stream,) = app.services.bus
            assert isinstance(stream, StreamHandler)
            await eventually(lambda: stream.closed)  # and no longer counts
        return await look_up(wanted)

    app.services.positions.look_up = position  # type: ignore[method-assign]
    head = "GET /api/messages HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
    writer.write(f"{head}Authorization: Bearer {jane.token}\r\n\r\n".encode())
    if moment == "with the request":
        writer.write_eof()
    elif moment == "when it is open":
        got = await reader.readuntil(b"\n\n")
        assert b"event: hello" in got
        writer.write_eof()
    got = await asyncio.wait_for(reader.read(), 5)
    assert got.strip() == b""
    await eventually(lambda: len(app.services.bus) == 0)
    assert not app.services.heartbeat._due
    writer.close()


@pytest.mark.gen_test
async def test_ending_a_stream_whose_client_just_left_is_no_error(
    visitor: Visitor, app: Messenger
) -> None:
    """A drain or a sign-out may come before the handler is notified, and must not fail."""
    john, jane, conversation = await two(visitor)
    async with jane.stream() as stream:
        position = stream.hello.id
    await john.send(conversation, "to be read")
    reading = asyncio.Event()

    async def read(user_id: int, after: int, limit: int) -> Any:
        await reading.wait()
        raise errors.Unavailable("it is away")

    app.services.feed_reader.read = read  # type: ignore[assignment,method-assign]
    async with jane.stream(position):
        (handler,) = app.services.bus.streams_of(int(jane.id))
        assert isinstance(handler, StreamHandler)
        handler.connection.abort()
        handler.end("draining")
        assert handler.closed
        assert app.services.bus.count_of(int(jane.id)) == 0
        reading.set()


@rule("api#bye", "api#stream-ends")
@pytest.mark.gen_test
async def test_a_stream_ends_when_its_token_does(visitor: Visitor) -> None:
    jane = await visitor.sign_in("jane")
    claims = jwt.decode(jane.token, SECRET, ["HS256"])
    jane.token = jwt.encode(claims | {"exp": int(time.time()) + 2}, SECRET, "HS256")
    async with jane.stream() as stream:
        (bye,) = await stream.rest(5)
        assert (bye.name, bye.data) == ("bye", {"reason": "expired"})
        assert time.time() >= claims["iat"] + 2


@rule("api#session-ends", "api#bye", "api#stream-ends")
@pytest.mark.parametrize("which", ["/api/sessions", "/api/sessions/{id}"])
@pytest.mark.gen_test
async def test_ending_a_session_elsewhere_ends_its_streams(visitor: Visitor, which: str) -> None:
    here, elsewhere = await visitor.sign_in("jane"), await visitor.sign_in("jane")
    sessions = (await here.get("/api/sessions")).json
    (other,) = [session for session in sessions if not session["current"]]
    async with here.stream() as kept, elsewhere.stream() as ended:
        assert (await here.delete(which.format(id=other["id"]))).status == 204
        (bye,) = await ended.rest(1)
        assert bye.data == {"reason": "revoked"}
        assert await kept.silent()
    assert (await elsewhere.get("/api/auth_user")).status == 401
    assert (await here.get("/api/auth_user")).status == 200


class TestLimits:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, max_streams=3, max_streams_per_user=2)

    @rule("api#retry-after", "api#most-streams")
    @pytest.mark.gen_test
    async def test_streams_are_limited_for_each_user_and_in_all(self, visitor: Visitor) -> None:
        john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
        accept = {"Accept": "text/event-stream"}
        async with jane.stream(), jane.stream() as second:
            full = await jane.get("/api/messages", headers=accept)
            assert (full.status, full.json["code"]) == (429, "too_many_streams")
            assert int(full.headers["Retry-After"]) > 0
            async with john.stream():
                none_left = await john.get("/api/messages", headers=accept)
                assert (none_left.status, none_left.json["code"]) == (503, "full")
                assert int(none_left.headers["Retry-After"]) > 0
            second.close()
            async with asyncio.timeout(5):
                while (await jane.ask("GET", "/api/messages", headers={})).status != 406:
                    await asyncio.sleep(0.01)
            async with jane.stream():
                pass

    @rule("api#waiting-for-room")
    @pytest.mark.gen_test
    async def test_a_departing_client_makes_room_for_one_that_arrives_at_the_same_moment(
        self, visitor: Visitor, app: Messenger, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        jane = await visitor.sign_in("jane")
        prepare = StreamHandler.prepare
        async with jane.stream() as first, jane.stream() as second:
            before = cast("list[StreamHandler]", list(app.services.bus))

            async def prepare_while_they_leave(handler: StreamHandler) -> None:
                await prepare(handler)
                for stream in (first, second):
                    stream.writer.get_extra_info("socket").shutdown(socket.SHUT_WR)
                assert not any(stream.connection.disconnected for stream in before)

            monkeypatch.setattr(StreamHandler, "prepare", prepare_while_they_leave)
            async with jane.stream():
                assert all(stream.closed for stream in before)

    @rule("api#waiting-for-room")
    @pytest.mark.gen_test
    async def test_a_stream_without_room_waits_for_departures_but_not_for_long(
        self, visitor: Visitor, http_server: Listener
    ) -> None:
        """Earlier work in the queue takes longer than any stream should wait."""
        jane = await visitor.sign_in("jane")
        asked = asyncio.Event()

        def work() -> None:
            if not asked.is_set():
                http_server.scheduler.defer(work)
                time.sleep(0.01)

        async with jane.stream(), jane.stream() as second:
            departures = http_server.departures

            async def crowded() -> None:
                for _ in range(1000):
                    http_server.scheduler.defer(work)
                second.close()
                await departures()

            http_server.departures = crowded  # type: ignore[method-assign]
            answer = await jane.get("/api/messages", headers={"Accept": "text/event-stream"})
            asked.set()
            assert answer.status == 429


class TestSessions:
    @pytest.mark.gen_test
    async def test_a_user_sees_their_sessions(self, visitor: Visitor) -> None:
        login: Any = {"username": "jane"}
        first = await visitor.post("/api/login", login, headers={"User-Agent": "Phone/1.0"})
        jane = await visitor.sign_in("jane")
        await visitor.sign_in("mallory")
        sessions = (await jane.get("/api/sessions")).json
        assert [set(s) for s in sessions] == [
            {"id", "createdAt", "lastSeenAt", "userAgent", "current"}
        ] * 2
        assert [s["current"] for s in sessions] == [True, False]
        assert sessions[1]["userAgent"] == "Phone/1.0"
        assert first.status == 200

    @pytest.mark.gen_test
    async def test_nobody_ends_the_session_of_another(self, visitor: Visitor) -> None:
        jane, mallory = await visitor.sign_in("jane"), await visitor.sign_in("mallory")
        (session,) = (await jane.get("/api/sessions")).json
        theirs = await mallory.delete(f"/api/sessions/{session['id']}")
        nowhere = await mallory.delete("/api/sessions/999999")
        beyond = await mallory.delete(f"/api/sessions/{'9' * 30}")
        assert theirs.status == 404
        for other in (nowhere, beyond):
            assert (other.status, other.body) == (404, theirs.body)
        assert (await jane.get("/api/auth_user")).status == 200

    @rule("api#session-ends")
    @pytest.mark.gen_test
    async def test_a_session_unused_for_thirty_days_has_ended(
        self, visitor: Visitor, app: Messenger, dsn: str
    ) -> None:
        jane = await visitor.sign_in("jane")
        for days, status in ((29, 200), (31, 401)):
            app.services.sessions._living.clear()
            await app.services.db.rows(
                "UPDATE sessions SET last_seen_at = now() - make_interval(days => %(days)s)",
                {"days": days},
            )
            assert (await jane.get("/api/auth_user")).status == status
