"""Over plain http://, browsers have no Web Locks, and tabs share one stream all the same."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import BrowserContext, expect

import config as options
from config import Config
from handlers.application import Messenger
from tests.support.browser import browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.browser_loop import CHROMIUM, FLAGS, browser_loop
from tests.support.outbox import SENDS, cut_sends, expect_sending, expect_sent, stored
from tests.support.people import Person, Visitor, two
from tests.support.shared_stream import expect_shown, only_stream, tabs_at

TABS = 8  # a browser has six connections to a server over HTTP/1.1


@pytest.fixture
def config(http_port: int) -> Config:
    """Configures a home server, with sign-in by name for the test."""
    flags = ["--port", str(http_port), "--origin", f"http://chat.lan:{http_port}"]
    parsed = options.parse([*flags, "--rate-limits", "off"], {})
    return dataclasses.replace(parsed, dev_login=True)


@asynccontextmanager
async def at_home(person: Person, port: int) -> AsyncIterator[tuple[BrowserContext, str]]:
    url = f"http://chat.lan:{port}"
    chromium = await browser_loop().playwright.chromium.launch(
        executable_path=CHROMIUM,
        args=[*FLAGS, "--host-resolver-rules=MAP chat.lan 127.0.0.1"],
    )
    context = await chromium.new_context()
    await context.add_cookies([person.cookie | {"url": url}])
    yield context, url
    await chromium.close()


@pytest.mark.gen_test(timeout=180)
async def test_eight_tabs_are_live_on_one_stream_and_each_can_send(
    http_port: int, visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with at_home(jane, http_port) as (context, url):
        pages = await tabs_at(context, f"{url}/conversations/{conversation}", TABS)
        assert not await pages[0].evaluate("isSecureContext || 'locks' in navigator")
        for page in pages:
            await expect(page.locator("main connection-line")).to_have_attribute(
                "data-status", "live"
            )
        await only_stream(app, jane)
        await john.send(conversation, "to all of them")
        await expect_shown(pages, ["to all of them"])
        contents = ["to all of them"]
        for n in (0, 3, 7):
            await write(pages[n], f"from tab {n}")
            contents.append(f"from tab {n}")
            await expect_shown(pages, contents)
        assert await stored(john, conversation) == contents
        await pages[0].close()  # the former leader
        await john.send(conversation, "still here")
        await expect_shown(pages[1:], [*contents, "still here"])
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_messages_waiting_in_several_tabs_are_sent_once_and_in_order(
    http_port: int, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with at_home(jane, http_port) as (context, url):
        pages = await tabs_at(context, f"{url}/conversations/{conversation}", 3)
        await cut_sends(context)
        contents = [f"number {n}" for n in range(6)]
        for n, content in enumerate(contents):
            await write(pages[n % 3], content)
            await expect_sending(pages[2 - n % 3], contents[: n + 1])
        await context.unroute(SENDS)
        for page in pages:
            await expect_sent(page, contents)
        assert await stored(john, conversation) == contents
