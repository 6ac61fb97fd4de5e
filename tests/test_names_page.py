"""The page shows the display name of people wherever it shows a name."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor, two


@pytest.mark.gen_test(timeout=60)
async def test_a_display_name_stands_in_the_list_the_title_and_the_conversation(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, talk = await two(visitor)
    await jane.ask("PATCH", "/api/auth_user", {"displayName": "جين Doe"})
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("john")
        await john.ask("PATCH", "/api/auth_user", {"displayName": "John Q."})
        await page.goto(f"{base_url}/conversations/{talk}")
        title = page.locator("conversation-view h1")
        await expect(title).to_have_text("جين Doe")
        await expect(page.locator(".conversations .name")).to_have_text("جين Doe")
        await expect(page.locator(".account .name")).to_have_text("John Q.")
        await jane.ask("PATCH", "/api/auth_user", {"displayName": "Jane the Second"})
        await expect(title).to_have_text("Jane the Second")
        await expect(page).to_have_title("Jane the Second · Messenger")
        letters = page.locator(".conversations .avatar")
        await expect(letters).to_have_text("JT")
