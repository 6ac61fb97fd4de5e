"""A request leaves no cycles: the garbage collector would hold the loop to free them."""

import contextlib
import dataclasses
import gc
from typing import Any

import pytest
from tornado.web import RequestHandler

from config import Config
from handlers.requests.fair_queue import MOST_QUEUED
from http1.listener import Listener
from tests.support.people import Person, Visitor, eventually, two
from tests.support.sockets import client


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, rate_limits=True)


def request(person: Person, method: str, path: str, headers: str = "", body: str = "") -> bytes:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {person.token}\r\n"
        f"Content-Length: {len(body)}\r\n{headers}\r\n{body}"
    ).encode()


JSON = "Content-Type: application/json\r\n"
KINDS = {
    200: ("GET", "{}/messages"),
    201: ("POST", "{}/messages", JSON, '{"content": "hello"}'),
    400: ("POST", "{}/messages", JSON, "{"),
    401: ("GET", "{}/messages", "Cookie: messenger-session=a.b.c\r\n"),
    404: ("GET", "/api/conversations/999/messages"),
    405: ("PUT", "{}/messages"),
    415: ("POST", "{}/messages", "Content-Type: text/plain\r\n", "hello"),
    422: ("POST", "{}/messages", JSON, '{"content": ""}'),
}


def handlers_among(garbage: list[Any]) -> list[str]:
    return [type(found).__name__ for found in garbage if isinstance(found, RequestHandler)]


@pytest.mark.parametrize("status", KINDS)
@pytest.mark.gen_test
async def test_an_answer_leaves_no_garbage(visitor: Visitor, http_port: int, status: int) -> None:
    john, _, conversation = await two(visitor)
    method, path, *more = KINDS[status]
    sent = request(john, method, path.format(f"/api/conversations/{conversation}"), *more)
    if status == 401:
        sent = sent.replace(john.token.encode(), b"a.b.c")
    async with client(http_port) as one:
        with Collected() as garbage:
            for _ in range(3):
                await one.say(sent)
                assert (await one.answer())[0] == status
    assert handlers_among(garbage.found) == []


@pytest.mark.gen_test
async def test_a_request_that_was_refused_in_the_queue_leaves_no_garbage(
    visitor: Visitor, http_port: int, http_server: Listener
) -> None:
    john, _, conversation = await two(visitor)
    sent = request(john, "GET", f"/api/conversations/{conversation}/messages")
    with Collected() as garbage:
        async with contextlib.AsyncExitStack() as stack:
            clients = [
                await stack.enter_async_context(client(http_port)) for _ in range(4 * MOST_QUEUED)
            ]
            for one in clients:
                one.writer.write(sent)
            statuses = [(await one.answer())[0] for one in clients]
        await eventually(lambda: not http_server._open)
    assert set(statuses) == {200, 429}
    assert handlers_among(garbage.found) == []


class Collected:
    """Counts what the collector would free of the objects made inside a `with`."""

    def __enter__(self) -> "Collected":
        gc.collect()
        gc.disable()
        return self

    def __exit__(self, *_: object) -> None:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        self.found = list(gc.garbage)
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
