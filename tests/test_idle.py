"""Idle connections are limited for each address, and no address locks out the others."""

import socket
import time
from pathlib import Path

from http1.idle import AGAIN_SECONDS, GRACE_SECONDS, MOST_IDLE, IdleConnections
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.sockets import LIVE


class Clock:
    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        return self.time


class Idle:
    """A connection of `remote_ip` that does nothing."""

    def __init__(self, remote_ip: str, opened_at: float, *, is_idle: bool = True) -> None:
        self.remote_ip = remote_ip
        self.opened_at = opened_at
        self.is_idle = is_idle
        self.is_closed = False

    def abort(self) -> None:
        self.is_closed = True
        self.is_idle = False


def closed(connections: list[Idle]) -> list[int]:
    return [n for n, connection in enumerate(connections) if connection.is_closed]


@rule("api#idle-connections")
def test_beyond_the_limit_the_oldest_of_an_address_are_closed() -> None:
    clock = Clock()
    idle = IdleConnections(lambda ip: None if ip == "proxy" else ip, clock)
    before = clock.time - GRACE_SECONDS - 1
    many = [Idle("mallory", before) for _ in range(MOST_IDLE + 3)]
    busy = [Idle("mallory", before, is_idle=False) for _ in range(300)]
    few = [Idle("john", before) for _ in range(MOST_IDLE)]
    behind = [Idle("proxy", before) for _ in range(1000)]
    new = [Idle("jane", clock.time) for _ in range(1000)]
    idle.enforce([*many, *busy, *few, *behind, *new])
    assert closed(many) == [0, 1, 2]
    assert closed([*busy, *few, *behind, *new]) == []
    clock.time += GRACE_SECONDS + 1
    idle.enforce([*many, *busy, *few, *behind, *new])
    assert closed(new) == list(range(1000 - MOST_IDLE))


def test_without_room_the_address_with_most_loses_its_oldest() -> None:
    clock = Clock()
    idle = IdleConnections(lambda ip: None if ip == "proxy" else ip, clock)
    mallory = [Idle("mallory", clock.time) for _ in range(5)]
    john = [Idle("john", clock.time - 100) for _ in range(3)]
    others = [
        Idle("jane", 0),
        *(Idle("eve", 0, is_idle=False) for _ in range(9)),
        *(Idle("proxy", 0) for _ in range(9)),
    ]
    given_way = []
    for _ in range(20):
        given_way.append(idle.give_way([*mallory, *john, *others]))
        clock.time += AGAIN_SECONDS
    assert given_way[:2] == mallory[:2]
    assert sorted(map(id, given_way[:9])) == sorted(map(id, [*mallory, *john, others[0]]))
    assert given_way[9:] == [None] * 11


def test_an_address_with_idle_connections_locks_nobody_out(tmp_path: Path) -> None:
    """This holds even if all its connections are too young to count as idle."""
    with ServerProcess(tmp_path, descriptors=256) as server:
        port = int(server.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(450)]
        try:
            began = time.monotonic()
            for n in range(20):
                other = socket.create_connection(("127.0.0.1", port), 30, ("127.0.0.2", 0))
                with other:
                    other.sendall(LIVE.replace(b"localhost", b"localhost:%d" % port))
                    assert b" 200 " in other.recv(4096), n
            assert time.monotonic() - began < 60
        finally:
            for sock in idle:
                sock.close()
        assert server.end() == 0
