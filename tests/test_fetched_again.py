"""The page fetches again what it could not fetch, and shows it in whatever order it arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # an autouse fixture
from tests.support.people import Visitor, eventually, two
from tests.support.tabs import Held

TRIES = 2  # one of them may be the browser's own, before the page's
SECONDS = 20  # the page pauses at most 5 s between two tries
FAILED = "This can't be loaded right now"


class Refused:
    """Answers with an error page, as a proxy does, until it is told to let requests pass."""

    def __init__(self, status: int = 502) -> None:
        self.status = status
        self.times = 0
        self.passing = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        if self.passing.is_set():
            await route.continue_()
        else:
            self.times += 1
            await route.fulfill(status=self.status, body="<h1>Not now</h1>")


@asynccontextmanager
async def opened(url: str, visitor: Visitor, **routes: Refused | Held) -> AsyncIterator[Page]:
    """Opens Jane's page at a conversation with one message."""
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "there all the time")
    async with browser(url) as tabs:
        page = await tabs.open("/no-such-file.txt")
        await page.context.add_cookies([jane.cookie])
        paths = {
            "user": "**/api/auth_user",
            "conversations": "**/api/conversations",
            "conversation": f"**/api/conversations/{conversation}",
            "messages": f"**/api/conversations/{conversation}/messages",
        }
        for name, route in routes.items():
            await page.route(paths[name], route)
        await page.goto(f"{url}/conversations/{conversation}", wait_until="commit")
        yield page
        await page.close()
        tabs.complaints.clear()  # Chromium's own lines about the refusals


async def expect_shown(page: Page) -> None:
    await expect(page.locator(".message .content")).to_have_text(
        "there all the time", timeout=SECONDS * 1000
    )
    await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
    await expect(page.get_by_text(FAILED)).to_have_count(0)


@pytest.mark.gen_test(timeout=60)
async def test_messages_that_arrive_once_the_stream_is_open_replace_the_notice(
    base_url: str, visitor: Visitor
) -> None:
    messages = Refused()
    async with opened(base_url, visitor, messages=messages) as page:
        await expect(page.get_by_role("heading", name=FAILED)).to_be_visible()
        live = page.locator(".sidebar connection-line")
        await expect(live).to_have_attribute("data-status", "live", timeout=SECONDS * 1000)
        messages.passing.set()
        await expect_shown(page)


@pytest.mark.gen_test(timeout=60)
async def test_a_conversation_that_comes_with_the_list_replaces_the_notice(
    base_url: str, visitor: Visitor
) -> None:
    listed, alone = Held(), Refused()
    async with opened(base_url, visitor, conversations=listed, conversation=alone) as page:
        await expect(page.get_by_role("heading", name=FAILED)).to_be_visible()
        listed.go.set()
        await expect_shown(page)


@pytest.mark.gen_test(timeout=60)
@pytest.mark.parametrize("part", ["user", "conversation", "messages"])
async def test_the_page_asks_again_after_a_404_of_a_proxy(
    base_url: str, visitor: Visitor, part: str
) -> None:
    refused = Refused(status=404)
    listed = Held()  # it has the conversation, too
    routes: dict[str, Refused | Held] = {"conversations": listed, part: refused}
    async with opened(base_url, visitor, **routes) as page:
        await eventually(lambda: refused.times > TRIES, SECONDS)
        refused.passing.set()
        listed.go.set()
        await expect_shown(page)
        line = page.locator("main connection-line")
        await expect(line).to_have_attribute("data-status", "live", timeout=SECONDS * 1000)
