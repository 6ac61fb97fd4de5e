"""The arrow of a conversation goes back, so the history never grows beyond the way there."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor, two


@pytest.mark.gen_test(timeout=60)
async def test_the_arrow_goes_back_in_history_after_the_list(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    await john.send(conversation, "hello")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", width=390)
        before = await page.evaluate("history.length")
        back = page.get_by_role("link", name="Back")
        for _ in range(3):
            await page.get_by_role("link", name="john").click()
            await expect(page.locator("conversation-view h1")).to_be_visible()
            await back.click()
            await expect(page).to_have_url(base_url + "/")
            await expect(page.locator(".conversations a")).to_be_focused()
        assert await page.evaluate("history.length") == before + 1
        await page.get_by_role("link", name="john").click()
        await page.locator(".message").hover()
        await page.locator("a.time").click()  # within the conversation
        await expect(page).not_to_have_url(f"{base_url}/conversations/{conversation}")
        await page.reload()
        await back.click()
        await expect(page).to_have_url(base_url + "/")
        assert await page.evaluate("history.length") == before + 2


@pytest.mark.gen_test(timeout=60)
async def test_the_arrow_leads_to_the_list_after_any_other_page(
    base_url: str, visitor: Visitor
) -> None:
    *_, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}", width=390)
        await page.get_by_role("link", name="Back").click()
        await expect(page).to_have_url(base_url + "/")
        await expect(page.locator(".conversations a")).to_be_visible()
