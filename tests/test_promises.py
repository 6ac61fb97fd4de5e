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

MILLISECONDS = 20_000  # pauses between tries are of 5 s at most
LONGEST_BACKOFF_MILLISECONDS = 5000
BACKOFF = 'import("/lib/backoff.js").then(({ backoff }) => backoff(60, () => 1))'


@pytest.mark.gen_test(timeout=60)
async def test_devices_that_were_asked_for_offline_come_by_themselves_when_the_network_is_back(
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
async def test_ways_to_sign_in_that_could_not_be_asked_for_come_by_themselves(
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
async def test_a_refusal_that_seems_final_is_asked_again_where_the_page_says_so(
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
async def test_while_somebody_looks_the_next_try_is_five_seconds_away_at_most(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        assert await page.evaluate(BACKOFF) == LONGEST_BACKOFF_MILLISECONDS


@pytest.mark.gen_test(timeout=120)
async def test_each_try_of_a_long_outage_follows_within_five_seconds_or_at_once_when_asked_for(
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
        for _ in range(10):  # by then pauses of 30 s would be due
            async with page.expect_event("requestfailed"):
                await page.clock.fast_forward(LONGEST_BACKOFF_MILLISECONDS)
        await page.context.set_offline(False)
        await expect_live(page)
        forget_trouble(tabs)
