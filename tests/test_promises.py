"""Where the page says that it tries again, it does."""

import asyncio
import json

import pytest
from playwright.async_api import Route, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # an autouse fixture
from tests.support.live_page import (
    OFFLINE,
    expect_line,
    expect_live,
    forget_trouble,
    open_conversation,
)
from tests.support.people import Visitor, eventually, two

MILLISECONDS = 20_000  # the page pauses at most 5 s between two tries
LONGEST_BACKOFF_MILLISECONDS = 5000
BACKOFF = 'import("/lib/backoff.js").then(({ backoff }) => backoff(60, () => 1))'


@pytest.mark.gen_test(timeout=60)
async def test_devices_requested_offline_load_when_the_network_is_back(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        await page.context.set_offline(True)
        await expect_line(page, OFFLINE)
        await page.get_by_role("link", name="Settings").click()
        await page.get_by_role("link", name="Signed-in devices").click()
        await expect(page.get_by_role("button", name="Retry now")).to_be_visible()
        search = page.get_by_role("combobox", name="Search people")
        await search.focus()
        await page.context.set_offline(False)
        await expect(page.get_by_text("This browser", exact=True)).to_be_visible(
            timeout=MILLISECONDS
        )
        await expect(search).to_be_focused()
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_sign_in_methods_that_failed_to_load_are_requested_again(
    base_url: str,
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.open("/no-such-file.txt")
        passing = asyncio.Event()

        async def refuse(route: Route) -> None:
            if passing.is_set():
                await route.continue_()
            else:
                await route.fulfill(status=502, body="<h1>Bad Gateway</h1>")

        await page.route("**/api/sign_in_methods", refuse)
        await page.goto(base_url)
        await expect(page.get_by_role("button", name="Retry now")).to_be_visible()
        passing.set()
        name = page.get_by_label("Username", exact=True)
        await expect(name).to_be_visible(timeout=MILLISECONDS)
        forget_trouble(tabs)


@pytest.mark.parametrize("path", ["auth_user", "conversations"])
@pytest.mark.gen_test(timeout=60)
async def test_a_refusal_that_seems_final_is_retried_if_the_page_says_so(
    base_url: str, visitor: Visitor, path: str
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.open("/no-such-file.txt")
        await page.context.add_cookies([jane.cookie])
        problem = {"title": "Misdirected Request", "status": 421, "code": "misdirected"}
        refused: list[str] = []

        async def refuse(route: Route) -> None:
            refused.append(route.request.url)
            await route.fulfill(
                status=421, content_type="application/problem+json", body=json.dumps(problem)
            )

        await page.route(f"**/api/{path}", refuse)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await eventually(lambda: len(refused) > 2, MILLISECONDS / 1000)
        await page.unroute(f"**/api/{path}")
        await expect_live(page, MILLISECONDS / 1000)
        tabs.complaints = [line for line in tabs.complaints if "421" not in line]


@pytest.mark.gen_test(timeout=60)
async def test_a_visible_page_retries_within_five_seconds(base_url: str, visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        assert await page.evaluate(BACKOFF) == LONGEST_BACKOFF_MILLISECONDS


@pytest.mark.gen_test(timeout=120)
async def test_a_long_outage_is_retried_every_five_seconds_or_on_request(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.open("/no-such-file.txt")
        await page.context.add_cookies([jane.cookie])
        await page.clock.install()
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect_live(page)
        await page.context.set_offline(True)
        await expect_line(page, OFFLINE)
        for _ in range(10):  # pauses of 30 s would be due by then
            async with page.expect_event("requestfailed"):
                await page.clock.fast_forward(LONGEST_BACKOFF_MILLISECONDS)
        await page.context.set_offline(False)
        await expect_live(page)
        forget_trouble(tabs)
