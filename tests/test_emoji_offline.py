"""The emoji picker works without a network, even if it was never opened before."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # an autouse fixture
from tests.support.live_page import OFFLINE, expect_line, forget_trouble, open_conversation
from tests.support.people import Visitor, two


@pytest.mark.gen_test(timeout=60)
async def test_an_emoji_is_picked_offline(base_url: str, visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url, service_workers=True) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        await page.context.set_offline(True)
        await expect_line(page, OFFLINE)
        await page.get_by_role("button", name="Emoji").click()
        await page.get_by_role("button", name="rocket launch").click()
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("🚀")
        forget_trouble(tabs)
