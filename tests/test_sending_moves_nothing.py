"""Nothing in a conversation moves when a message changes from drawn to sent."""

import asyncio

import pytest
from playwright.async_api import Route, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.outbox import SENDS, at_the_conversation, forget_refusals
from tests.support.people import Visitor, two


@pytest.mark.gen_test(timeout=60)
async def test_a_message_keeps_its_height_from_drawn_to_sent(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    await jane.send(conversation, "before")
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        gate = asyncio.Event()

        async def wait(route: Route) -> None:
            if route.request.method == "POST":
                await gate.wait()
            await route.continue_()

        await page.route(SENDS, wait)
        for n in range(5):
            await write(page, f"quick {n}")
        await expect(page.locator(".message.sending")).to_have_count(5)
        boxes = """() => [...document.querySelectorAll(".messages > li")].map((item) => {
            const { top, height } = item.getBoundingClientRect();
            return [Math.round(top), Math.round(height)];
        })"""
        drawn = await page.evaluate(boxes)
        gate.set()
        await expect(page.locator(".message.sending")).to_have_count(0)
        await expect(page.locator(".message.mine")).to_have_count(6)
        assert await page.evaluate(boxes) == drawn
        forget_refusals(tabs)
