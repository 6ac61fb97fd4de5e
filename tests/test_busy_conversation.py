"""Fifty messages a second take so little of the page that it answers each key at once."""

import asyncio
import json
import time
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.measures import Figures
from tests.support.people import Person, Visitor, two
from tests.support.scrolling import distance_from_the_end, frames
from tests.support.smoothness import MEASURE, measured

A_SECOND = 50
TRACED = ["devtools.timeline", "disabled-by-default-devtools.timeline.stack"]
COUNT = """
    window.asked = 0;
    const { get } = Object.getOwnPropertyDescriptor(Notification, "permission");
    Object.defineProperty(Notification, "permission", { get() { asked += 1; return get(); } });
"""
COUNT_STOPS = """() => {
    window.stops = 0;
    new MutationObserver((records) => { stops += records.length; })
        .observe(document, { subtree: true, attributes: true, attributeFilter: ["tabindex"] });
}"""


async def send_steadily(john: Person, conversation: str, count: int) -> None:
    begun = time.monotonic()
    async with asyncio.TaskGroup() as sending:
        for n in range(count):
            await asyncio.sleep(max(0, begun + n / A_SECOND - time.monotonic()))
            sending.create_task(john.send(conversation, f"busy {n}"))


async def forced_layouts(page: Page, watched: Any) -> list[Any]:
    """Counts the layouts that the page's scripts forced while `watched` went on."""
    assert page.context.browser is not None
    await page.context.browser.start_tracing(page=page, categories=TRACED)
    await watched
    trace = json.loads(await page.context.browser.stop_tracing())
    layouts = [event for event in trace["traceEvents"] if event["name"] == "Layout"]
    assert layouts, "else nothing was watched"
    forced = [event["args"]["beginData"].get("stackTrace") for event in layouts]
    return [stack[0] for stack in forced if stack]


@pytest.mark.parametrize("reading", ["along", "further up"])
@pytest.mark.gen_test(timeout=120)
async def test_a_hundred_messages_force_no_layout_and_hardly_ask_the_browser(
    base_url: str, visitor: Visitor, dsn: str, reading: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 300)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.add_init_script(COUNT)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect(page.locator("connection-line").first).to_have_attribute("data-status", "live")
        for _ in range(12):
            await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
            await frames(page)
        if reading == "along":
            await page.get_by_role("button", name="Jump to the latest messages").click()
        await page.evaluate(COUNT_STOPS)
        asked = await page.evaluate("asked")

        async def watched() -> None:
            await send_steadily(john, conversation, 100)
            if reading == "along":
                await expect(page.get_by_text("busy 99", exact=True).last).to_be_visible()
            else:
                await expect(page.get_by_role("button", name="100 new ↓")).to_be_visible()

        forced = await forced_layouts(page, watched())
        assert len(forced) <= 5, forced
        assert await page.evaluate("asked") - asked <= 2
        assert await page.evaluate("stops") <= 2 * 100
        if reading == "along":
            assert await distance_from_the_end(page) < 1


@pytest.mark.measure
@pytest.mark.gen_test(timeout=400)
async def test_fifty_messages_a_second_leave_no_task_over_50_milliseconds(
    base_url: str, visitor: Visitor, dsn: str, figures: Figures
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 10_000)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.evaluate(MEASURE)
        await send_steadily(john, conversation, 10 * A_SECOND)
        last = page.locator(".message", has_text=f"busy {10 * A_SECOND - 1}")
        await expect(last).to_be_visible()
        found = await measured(page)
        # The browser does not report tasks below 50.
        figures.seconds("the longest task at fifty messages a second, ms", found.task, 50)
