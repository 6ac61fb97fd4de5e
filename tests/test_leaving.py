"""Draining: no answered message is lost, every client is told, and it does not take long."""

import asyncio
import contextlib
import signal
import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.callers import Caller, contents, someone_talks
from tests.support.in_flight import held_up
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.sse import EventStream

PEOPLE = 10


def connected(url: str, sent: bytes) -> socket.socket:
    parts = urlsplit(url)
    sock = socket.create_connection((parts.hostname, parts.port), timeout=10)
    sock.sendall(sent)
    return sock


def answered(sock: socket.socket) -> bytes:
    """Returns all bytes until the connection ends."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(65536):
            got += piece
    return got


def read_answer(sock: socket.socket) -> bytes:
    got = b""
    while b'"live"}' not in got:
        got += sock.recv(65536)
    return got


@rule("api#bye", "api#drain")
@pytest.mark.parametrize(
    ("streams_open", "within"), [(200, 60), pytest.param(2000, 10, marks=pytest.mark.measure)]
)
@pytest.mark.gen_test(timeout=120)
async def test_all_streams_end_with_bye_within_ten_seconds(
    tmp_path: Path, streams_open: int, within: float
) -> None:
    loop = asyncio.get_running_loop()
    flags = ("--max-streams-per-user", str(streams_open // PEOPLE))
    with ServerProcess(tmp_path, *flags) as server:
        streams: list[EventStream] = []
        for n in range(PEOPLE):
            headers = {"Authorization": f"Bearer {Caller(server.url, f'person{n}').token}"}
            for _ in range(streams_open // PEOPLE // 10):
                opening = [EventStream.open(server.url, headers) for _ in range(10)]
                streams += await asyncio.gather(*opening)
        for stream in streams:
            assert (await stream.event()).name == "hello"
        address = server.url.replace("localhost", "127.0.0.1")
        began = loop.time()
        ended = loop.run_in_executor(None, server.end)
        ends: list[float] = []

        async def farewell(stream: EventStream) -> Any:
            events = await stream.rest()
            ends.append(loop.time())
            return events[-1]

        farewells = [asyncio.create_task(farewell(stream)) for stream in streams]
        await asyncio.wait(farewells, return_when=asyncio.FIRST_COMPLETED)
        with pytest.raises(ConnectionRefusedError):
            await EventStream.open(address, headers)
        byes = await asyncio.gather(*farewells)
        assert {(bye.name, bye.data["reason"]) for bye in byes} == {("bye", "draining")}
        assert all(500 <= bye.retry <= 5000 for bye in byes)
        assert len({bye.retry for bye in byes}) > streams_open / 4
        assert max(ends) - min(ends) > 0.8  # spread, and not all at once
        assert await ended == 0
        assert loop.time() - began < within
        assert server.postgres_pid is None
        for stream in streams:
            stream.close()


def test_idle_and_half_sent_requests_are_ended_while_others_finish(tmp_path: Path) -> None:
    live = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ServerProcess(tmp_path) as server, ExitStack() as opened:
        john, path = someone_talks(server.url)

        def connect(sent: bytes) -> socket.socket:
            return opened.enter_context(connected(server.url, sent))

        idle, silent, half_headers = connect(live), connect(b""), connect(live[:30])
        half_body = connect(
            b"POST /api/conversations HTTP/1.1\r\nHost: localhost\r\n"
            b"Content-Type: application/json\r\nContent-Length: 100\r\n"
            b"Authorization: Bearer " + john.token.encode() + b'\r\n\r\n{"user',
        )
        read_answer(idle)
        read_answer(connect(live))  # the server has read the earlier bytes
        sent, let_go = opened.enter_context(held_up(tmp_path, john, path))
        server.process.terminate()
        for sock in (idle, silent, half_headers, half_body):
            assert answered(sock) == b""
        assert not sent.done()
        let_go()
        assert sent.result()["content"] == "in flight"
        assert server.process.wait(10) == 0


def test_answered_messages_are_there_after_the_restart(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        answered_to = 0
        server.process.terminate()
        with contextlib.suppress(OSError):  # 503 during the drain, refused after it
            for n in range(1000):
                john.ask(path, {"content": f"{n}"})
                answered_to = n + 1
        assert server.process.wait(10) == 0
        server.output.clear()
        server.start()
        server.wait_until_ready()
        newest = contents(Caller(server.url, token=john.token), f"{path}?limit=100")
        expected = [f"{n}" for n in reversed(range(answered_to))] + ["hello"]
        assert newest[: len(expected)] == expected[:100]


@rule("api#drain")
def test_requests_in_flight_are_finished_before_a_server_leaves(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        with held_up(tmp_path, john, path) as (sent, let_go):
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("draining")
            let_go()
            assert sent.result()["content"] == "in flight"
            assert server.process.wait(10) == 0


def test_a_second_signal_ends_the_drain_at_once(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        john, path = someone_talks(server.url)
        with held_up(tmp_path, john, path) as (sent, _):
            server.process.send_signal(signal.SIGTERM)
            server.wait_for("draining")
            assert server.end(signal.SIGTERM, seconds=2) == 1
            assert isinstance(sent.exception(), OSError)
