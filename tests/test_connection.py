"""A client's connection, whatever bytes arrive in whatever pieces, and however it ends."""

import asyncio
import dataclasses
import socket
import time
from collections.abc import Callable

import pytest
import uvloop

from bus.connection import StreamConnection
from bus.event import PING
from config import Config
from handlers.application import Messenger
from handlers.requests.fair_queue import Budget
from http1.connection import Connection
from http1.listener import Listener
from tests.support.listeners import small_listener
from tests.support.rules import rule
from tests.support.sockets import LIVE, NOTHING, SCRIPT, client, shrink


async def accepted(server: Listener) -> Connection:
    """Returns the only open connection."""
    async with asyncio.timeout(10):
        while not server._open:
            await asyncio.sleep(0.01)
    (connection,) = server._open
    return connection


def bytes_kept(connection: Connection) -> int:
    return connection._parser.buffered + connection.transport.get_write_buffer_size()


@pytest.mark.parametrize("request_", [LIVE, SCRIPT], ids=["short answers", "long answers"])
@pytest.mark.gen_test
async def test_a_client_that_sends_requests_and_reads_no_answer_fills_no_memory(
    http_server: Listener, http_port: int, request_: bytes
) -> None:
    async with client(http_port, buffer_bytes=16 * 1024) as greedy:
        connection = await accepted(http_server)
        most = 0
        for _ in range(200):
            greedy.writer.write(request_ * 2_000)
            for _ in range(5):
                await asyncio.sleep(0)
                most = max(most, bytes_kept(connection))
        assert most < 1024 * 1024


@pytest.mark.gen_test
async def test_pipelined_requests_are_answered_one_by_one_in_order(
    http_server: Listener, http_port: int
) -> None:
    async with client(http_port, buffer_bytes=16 * 1024) as eager:
        saying = asyncio.create_task(eager.say((LIVE + NOTHING + SCRIPT) * 600))
        connection = await accepted(http_server)
        while not connection.write_paused:
            await asyncio.sleep(0.01)
        statuses = [(await eager.answer())[0] for _ in range(1800)]
        assert statuses == [200, 404, 200] * 600
        await saying


class TestPatience:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, header_timeout=1, body_timeout=1)

    @pytest.mark.parametrize("close", [b"", b"Connection: close\r\n"], ids=["kept alive", "closed"])
    @pytest.mark.gen_test
    async def test_a_client_that_does_not_take_its_answer_is_dropped(
        self, http_server: Listener, http_port: int, close: bytes
    ) -> None:
        async with client(http_port, buffer_bytes=2 * 1024) as idle:
            shrink((await accepted(http_server)).transport)
            idle.reader._transport.pause_reading()  # type: ignore[attr-defined]
            await idle.say(SCRIPT.replace(b"\r\n\r\n", b"\r\n" + close + b"\r\n"))
            connection = await accepted(http_server)
            async with asyncio.timeout(10):
                while not connection.write_paused:
                    await asyncio.sleep(0.01)
                while http_server._open:
                    await asyncio.sleep(0.1)
            assert connection.disconnected

    @pytest.mark.gen_test
    async def test_a_client_that_waits_to_be_read_among_many_is_not_dropped(
        self, http_server: Listener, http_port: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        waiting: list[Callable[[], None]] = []
        monkeypatch.setattr(http_server.scheduler, "submit_new", waiting.append)
        async with client(http_port) as patient:
            await patient.say(SCRIPT)
            began = time.monotonic()
            while time.monotonic() < began + 2.5:  # longer than a head may take, twice
                await asyncio.sleep(0.1)
                assert http_server._open
            for read in waiting:
                read()
            status, _ = await patient.head()
            assert status == 200

    @pytest.mark.gen_test
    async def test_a_client_that_takes_its_answer_slowly_gets_all_of_it(
        self, http_server: Listener, http_port: int
    ) -> None:
        async with client(http_port, buffer_bytes=2 * 1024, limit=1024) as slow:
            connection = await accepted(http_server)
            shrink(connection.transport)
            await slow.say(SCRIPT)
            _, headers = await slow.head()
            left = int(headers["content-length"])
            began = time.monotonic()
            waited = 0.0  # for this client, by the server
            while left:
                left -= len(await slow.reader.readexactly(min(left, 512)))
                await asyncio.sleep(0.2 if waited < 3 else 0)
                waited = time.monotonic() - began if connection.write_paused else waited
            assert waited > 2  # longer than a head may take, twice


@pytest.mark.gen_test
async def test_a_refusal_reaches_a_client_that_is_still_sending(
    http_server: Listener, http_port: int
) -> None:
    async with client(http_port) as talker:
        size = 512 * 1024
        head = b"POST /api/login HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % size
        await talker.say(head + b" " * size)
        status, headers, body = await talker.answer()
        assert (status, headers["connection"]) == (413, "close")
        assert b"content_too_large" in body
        assert await talker.rest() == b""


class Owner:
    """The handler of a stream; notes that its client has disconnected."""

    def __init__(self) -> None:
        self.told = 0

    def abort(self, reason: str) -> None: ...

    def on_connection_close(self) -> None:
        self.told += 1


def test_nothing_is_written_to_a_disconnected_client_before_its_stream_is_notified() -> None:
    """Runs on the server's own loop, whose transports raise in that case."""

    async def leave() -> None:
        listener, owner = small_listener(), Owner()
        with socket.create_server(("127.0.0.1", 0)) as listening:
            listener.add_sockets([listening])
            async with client(listening.getsockname()[1]):
                transport = (await accepted(listener)).detach()
                stream = StreamConnection(transport, listener, owner, chunked=True)
            while not stream.disconnected:
                await asyncio.sleep(0.01)
            stream.write(PING)
            with pytest.raises(ConnectionResetError):
                await stream.write_and_drain(b"data: x\n\n")
            stream.close()
            while listener._streams:
                await asyncio.sleep(0.01)
            assert owner.told == 1
            listener.stop()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(leave())


HOST = b"Host: localhost\r\n"
CHUNKED = b"POST /api/login HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET /health/live HTTP/1.1\r\n" + HOST + b" folded\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: localhost\r\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\r\n" + HOST + b"\r\n", 400),
        (b"GET  /health/live HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (LIVE.replace(b"\r\n", b"\n"), 400),
        (b"GET /health/live HTTP/2.0\r\n" + HOST + b"\r\n", 400),
        (b"GET /health/live\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\n" + HOST + b"X: a\x00b\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\n" + HOST + b"X:\r\n" * 200 + b"\r\n", 431),
        (b"GET /" + b"x" * 20_000, 431),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1,\xa01\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: +1\r\n\r\nx", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length:\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 99 + b"\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: \x0bchunked\r\n\r\n", 400),
        (CHUNKED.replace(b"1.1", b"1.0") + b"0\r\n\r\n", 400),
        (CHUNKED.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), 400),
        (CHUNKED + b"-1\r\nx\r\n0\r\n\r\n", 400),
        (CHUNKED + b"0x1\r\nx\r\n0\r\n\r\n", 400),
        (CHUNKED + b"1 \r\nx\r\n0\r\n\r\n", 400),
        (CHUNKED + b"1;a=b\x00\r\nx\r\n0\r\n\r\n", 400),
        (CHUNKED + b"1\nx\n0\n\n\r\n\r\n", 400),
        (CHUNKED + b"1\r\nxy0\r\n\r\n", 400),
        (CHUNKED + b"0\r\nno trailer\r\n\r\n", 400),
        (b"GET /health/live HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        (b"GET http://u:p@localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET ftp://localhost/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
        (b"GET http://localhost/ HTTP/1.1\r\n\r\n", 400),
        (b"GET http://localhost/ HTTP/1.1\r\n" + HOST * 2 + b"\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: " + b"x" * 301 + b"\r\n\r\n", 400),
        (b"GET /?" + b"x" * 2049 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET /?" + b"&" * 20 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
        (b"GET / HTTP/1.1\n", 400),
        (b"GET / HTTP/1.1\r\nX: y\n", 400),
        (CHUNKED + b"1;x\n", 400),
        (CHUNKED + b"100000001\r\n", 400),
        (CHUNKED + b"ffffffff\r\n", 413),
    ],
    ids=lambda value: ascii(value)[-50:],
)
@pytest.mark.parametrize("piece", [1, 10_000_000], ids=["in bytes", "at once"])
@pytest.mark.gen_test
async def test_an_ambiguous_request_is_refused_and_nothing_after_it_is_read(
    http_server: Listener, http_port: int, sent: bytes, status: int, piece: int
) -> None:
    async with client(http_port) as rude:
        for at in range(0, len(sent), piece):
            await rude.say(sent[at : at + piece])
            await asyncio.sleep(0)
        await rude.say(LIVE)
        answer = await rude.answer()
        assert (answer[0], answer[1]["connection"]) == (status, "close")
        assert await rude.rest() == b""


@pytest.mark.parametrize(
    ("sent", "statuses"),
    [
        (b"\r\n" + LIVE, [200]),
        (LIVE.replace(b"1.1", b"1.7"), [200]),
        (b"HEAD" + LIVE[3:], [200]),
        (LIVE.replace(b"\r\n\r\n", b"\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n"), [200]),
        (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 1, 1\r\n\r\nx", [405]),
        (CHUNKED + b"1\r\n{\r\n01\r\n}\r\n0\r\n\r\n", [415]),
        (CHUNKED + b"0\r\n\r\n" + LIVE, [415, 200]),
        (CHUNKED + b"1;a=b\r\nx\r\n0;c\r\nTrailer: x\r\nHost: evil\r\n\r\n" + LIVE, [415, 200]),
        (b"GET /health/live HTTP/1.1\r\n\r\n", [200]),
        (b"GET /health/live HTTP/1.1\r\nHost:\r\n\r\n", [200]),
        (b"GET /health/live HTTP/1.1\r\nHost: any.example\r\n\r\n", [200]),
        (b"GET http://localhost:1/health/live HTTP/1.1\r\n\r\n", [200]),
        (b"GET http://LOCALHOST HTTP/1.1\r\nHost: evil.test\r\n\r\n", [200]),
        (b"GET https://localhost?a=b HTTP/1.1\r\nHost: a b\r\n\r\n", [200]),
        (b"GET http://evil.test/ HTTP/1.1\r\n" + HOST + b"\r\n", [421]),
        (b"GET /health/live HTTP/1.1\r\n" + HOST + b"X:\r\n" * 127 + b"\r\n", [200]),
        (b"GET /?" + b"&" * 19 + b" HTTP/1.1\r\n" + HOST + b"\r\n", [200]),
    ],
    ids=lambda value: ascii(value)[-50:],
)
@pytest.mark.parametrize("piece", [1, 10_000_000], ids=["in bytes", "at once"])
@pytest.mark.gen_test
async def test_an_unambiguous_request_is_answered_and_so_is_the_next_one(
    http_server: Listener, http_port: int, sent: bytes, statuses: list[int], piece: int
) -> None:
    async with client(http_port) as person:
        for at in range(0, len(sent), piece):
            await person.say(sent[at : at + piece])
            await asyncio.sleep(0)
        await person.say(NOTHING)
        for status in [*statuses, 404]:
            answered, headers = await person.head()
            assert answered == status
            if not (sent.startswith(b"HEAD") and status == 200):
                await person.reader.readexactly(int(headers["content-length"]))


@pytest.mark.gen_test
async def test_a_client_that_expects_100_continue_gets_it_from_http_1_1_on(
    http_server: Listener, http_port: int
) -> None:
    head = (
        b"POST /api/login HTTP/1.%d\r\n"
        + HOST
        + b"Content-Length: 1\r\nExpect: 100-continue\r\n\r\n"
    )
    async with client(http_port) as modern, client(http_port) as old:
        await modern.say(head % 1)
        assert await modern.head() == (100, {})
        await modern.say(b"{")
        assert (await modern.answer())[0] == 415
        await old.say(head % 0)
        await asyncio.sleep(0.1)
        await old.say(b"{")
        assert (await old.answer())[0] == 415


@rule("api#end-of-input")
@pytest.mark.gen_test
async def test_requests_before_the_end_of_the_input_are_answered_and_then_it_closes(
    http_port: int, http_server: Listener
) -> None:
    for sent, statuses in (
        (LIVE, [200]),
        (LIVE + NOTHING + LIVE, [200, 404, 200]),
        (NOTHING + LIVE[:-1], [404]),
        (SCRIPT + CHUNKED + b"1\r\nx", [200]),
        (LIVE[:20], []),
        (b"", []),
    ):
        async with client(http_port) as brief:
            brief.writer.write(sent)
            brief.writer.write_eof()
            assert [(await brief.answer())[0] for _ in statuses] == statuses
            assert await brief.rest() == b""
    async with asyncio.timeout(10):
        while http_server._open:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "path", [b"/health/live", b"/health/ready", b"http://localhost/health/live"]
)
@pytest.mark.gen_test
async def test_the_plainest_health_check_needs_no_host(
    http_server: Listener, http_port: int, path: bytes
) -> None:
    async with client(http_port) as proxy:
        await proxy.say(b"GET " + path + b" HTTP/1.0\r\n\r\n")
        assert (await proxy.answer())[0] == 200
        assert await proxy.rest() == b""
    async with client(http_port) as old:
        await old.say(b"GET / HTTP/1.0\r\n\r\n")
        assert (await old.answer())[0] == 400


@pytest.mark.gen_test
async def test_refused_input_is_counted_and_logged_once_a_second(
    http_server: Listener, http_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    for sent, status in ((b"GET / HTTP/1.1\n", 400), (b"GET /?" + b"x" * 17_000, 414)) * 3:
        async with client(http_port) as rude:
            await rude.say(sent)
            assert (await rude.answer())[0] == status
    async with client(http_port) as operator:
        await operator.say(b"GET /metrics HTTP/1.1\r\n" + HOST + b"\r\n")
        _, _, text = await operator.answer()
    for status in (400, 414):
        assert b'messenger_refused_total{status="%d"} 3.0\n' % status in text
    told = [r.getMessage() for r in caplog.records if "no request" in r.getMessage()]
    assert 1 <= len(told) < 6


@pytest.mark.parametrize("more", [b"", b" " * 60_000])
@pytest.mark.gen_test
async def test_an_unread_body_leaves_the_refusal_readable(
    http_server: Listener, http_port: int, app: Messenger, more: bytes
) -> None:
    """A client that exceeds all limits is refused by its head alone."""
    app.services.fair_queue.drain()
    app.services.fair_queue.budget = Budget(1, 0.1)
    head = b"POST /api/login HTTP/1.1\r\n" + HOST + b"Content-Length: 60000\r\n\r\n"
    async with client(http_port) as first, client(http_port) as second:
        await first.say(head + b" " * 60_000)
        assert (await first.answer())[0] == 415
        await second.say(head + more)
        status, headers, _ = await second.answer()
        assert (status, headers.get("connection")) == (503, None if more else "close")
        await second.say(b" " * 1000)


@pytest.mark.gen_test
async def test_a_connection_is_idle_unless_a_request_has_arrived_in_full(
    http_server: Listener, http_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with client(http_port) as one:
        connection = await accepted(http_server)

        def is_idle() -> bool:
            return connection.is_idle

        assert is_idle()
        await one.say(LIVE[:20])
        while not connection._parser.buffered or connection.has_unread_input:
            await asyncio.sleep(0.001)
        assert is_idle()
        waiting: list[Callable[[], None]] = []
        monkeypatch.setattr(http_server.scheduler, "submit_new", waiting.append)
        await one.say(LIVE[20:])
        while not waiting:
            await asyncio.sleep(0.001)
        assert not is_idle()  # it waits for the server, among many others
        waiting[0]()
        assert not is_idle()
        await one.answer()
        assert connection.is_idle
