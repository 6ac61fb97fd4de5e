"""Other people's clients of Server-Sent Events read the same stream, with the same result."""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import sseclient
from httpx_sse import connect_sse

from db.events import KINDS
from handlers.application import Messenger
from tests.support.browser import browser_here
from tests.support.browser_loop import browser_loop
from tests.support.people import Person, Visitor
from tests.support.processes import ROOT
from tests.support.proxy import Cut, Proxy

DURABLE = (*KINDS, "reset")
CUT_AFTER = 1300  # bytes: in the middle of the events below
HOSTILE = "a\nb\rc\u2028d\u2029e\u0085f\x0b\x0c\x1c: €, 😀 \ufeff data: x\n\nid: 7\nevent: bye"

Seen = list[tuple[str, Any, str]]


async def things_happen(visitor: Visitor) -> tuple[Person, str, Seen]:
    """Yields Jane, a position of hers, and the events after it."""
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    async with jane.stream() as stream:
        position = str(stream.hello.id)
        conversation = await john.talk_to(jane)
        for content in ("hello", HOSTILE, "x" * 500, "{}"):
            await john.send(conversation, content)
        await jane.read(conversation)
        await jane.send(conversation, "bye")
        events = await stream.events(7)
        return jane, position, [(e.name, e.data, str(e.id)) for e in events]


def target(person: Person, position: str) -> str:
    return f"/api/messages?token={person.token}&last_event_id={position}"


@pytest.fixture
def node_modules() -> None:
    if (
        shutil.which("node") is None
        or not (ROOT / "node_modules" / "event-source-polyfill").exists()
    ):
        assert os.environ.get("CI") != "true", "CI needs Node and node_modules"
        pytest.skip("no Node here, or not its modules: make test sees to both")


@pytest.mark.usefixtures("node_modules")
@pytest.mark.parametrize("kind", ["eventsource", "undici", "polyfill"])
@pytest.mark.gen_test(timeout=60)
async def test_an_eventsource_of_node_misses_nothing_across_a_cut(
    visitor: Visitor, http_port: int, kind: str
) -> None:
    jane, position, expected = await things_happen(visitor)
    async with Proxy(http_port, Cut(downwards=CUT_AFTER)).open() as proxy:
        url = proxy.url + target(jane, position)
        script = str(ROOT / "tests" / "clients" / "eventsource.js")
        process = await asyncio.create_subprocess_exec(
            "node", script, kind, url, str(len(expected)), *DURABLE, stdout=asyncio.subprocess.PIPE
        )
        try:
            printed, _ = await asyncio.wait_for(process.communicate(), 30)
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert [tuple(json.loads(line)) for line in printed.splitlines()] == expected
    assert proxy.connections == 2


def by_httpx_sse(response_to: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[Any]:
    with connect_sse(response_to, "GET", url, headers=headers) as source:
        for event in source.iter_sse():
            yield event.event, event.data, event.id


def by_sseclient(response_to: httpx.Client, url: str, headers: dict[str, str]) -> Iterator[Any]:
    with response_to.stream("GET", url, headers=headers) as response:
        for event in sseclient.SSEClient(response.iter_bytes()).events():
            yield event.event, event.data, event.id


def read_by(kind: Any, url: str, number: int) -> tuple[Seen, int]:
    """Reads with a client that leaves reconnecting to its user."""
    seen: Seen = []
    last_id, connections = "", 0
    with httpx.Client(timeout=20) as client:
        while len(seen) < number:
            connections += 1
            headers = {"Accept": "text/event-stream"}
            if last_id:
                headers["Last-Event-ID"] = last_id
            try:
                for name, data, event_id in kind(client, url, headers):
                    last_id = event_id or last_id
                    if name in DURABLE:
                        seen.append((name, json.loads(data), event_id))
                    if len(seen) == number:
                        break
            except httpx.RemoteProtocolError:
                pass
    return seen, connections


@pytest.mark.parametrize("kind", [by_httpx_sse, by_sseclient])
@pytest.mark.gen_test(timeout=60)
async def test_a_client_of_python_misses_nothing_across_a_cut(
    visitor: Visitor, http_port: int, kind: Any
) -> None:
    jane, position, expected = await things_happen(visitor)
    async with Proxy(http_port, Cut(downwards=CUT_AFTER)).open() as proxy:
        url = proxy.url + target(jane, position)
        loop = asyncio.get_running_loop()
        seen, connections = await loop.run_in_executor(None, read_by, kind, url, len(expected))
    assert seen == expected
    assert connections == 2


LISTEN = """
    ([url, ...names]) => {
        window.seen = []
        const source = new EventSource(url)
        for (const name of names)
            source.addEventListener(name, (event) => window.seen.push(
                [name, JSON.parse(event.data), event.lastEventId]))
    }
"""


@pytest.mark.usefixtures(browser_here.__name__)
@pytest.mark.gen_test(timeout=60)
async def test_chromiums_own_eventsource_misses_nothing_across_a_cut(
    visitor: Visitor, app: Messenger
) -> None:
    jane, position, expected = await things_happen(visitor)
    chromium = await browser_loop().chromium()
    page = await chromium.new_page()
    await page.goto(f"{visitor.base_url}/favicon.svg")
    await page.evaluate(LISTEN, [target(jane, position), *DURABLE])

    async def seen(number: int) -> Seen:
        while len(found := await page.evaluate("window.seen")) < number:
            await asyncio.sleep(0.02)
        return [tuple(event) for event in found]

    assert await seen(len(expected)) == expected
    for stream in app.services.bus.streams_of(int(jane.id)):
        stream.abort()
    john = await visitor.sign_in("john")
    await john.send(expected[1][1]["conversationId"], "while it was away")
    *before, (name, message, _) = await seen(len(expected) + 1)
    assert before == expected
    assert (name, message["content"]) == ("message", "while it was away")
