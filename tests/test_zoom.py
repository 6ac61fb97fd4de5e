"""At 400 % zoom, a window of 320 by 256 pixels still shows everything that can be used or read.

That is a window of 1280 by 1024 without zoom.
"""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # autouse
from tests.support.people import Visitor


async def in_window(part: Locator) -> None:
    await expect(part).to_be_in_viewport(ratio=0.9)


async def low(page: Page) -> None:
    await page.set_viewport_size({"width": 320, "height": 256})


@pytest.mark.gen_test(timeout=60)
async def test_keys_reach_suggestions_and_the_header_makes_room_for_messages(
    base_url: str, visitor: Visitor
) -> None:
    for name in ("ann", "ada", "alf", "amy", "abe"):
        await visitor.sign_in(name)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await low(page)
        await page.get_by_role("combobox").fill("a")
        options = page.get_by_role("option")
        await expect(options).to_have_count(5)
        for n in range(5):
            await page.keyboard.press("ArrowDown")
            await in_window(options.nth(n))
        await page.keyboard.press("Enter")
        text = page.get_by_role("textbox", name="Message")
        await expect(text).to_be_focused()
        await in_window(text)
        await expect(page.locator("header.with")).not_to_be_in_viewport(ratio=0.3)
        await page.get_by_role("link", name="Back to conversations").focus()
        await in_window(page.locator("header.with h1"))
