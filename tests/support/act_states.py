"""The states of the page while someone does something to messages of a group."""

from collections.abc import AsyncIterator

from playwright.async_api import Page, expect

from tests.support.browser import Tabs
from tests.support.people import Person


async def act_states(
    tabs: Tabs, jane: Person, group: str, width: int
) -> AsyncIterator[tuple[str, Page]]:
    """Yields the names of states, and pages that are in them until the next step."""
    page = await tabs.sign_in("john", f"/conversations/{group}", width=width)
    theirs = page.locator(".message", has_text="Who comes along?").first
    await expect(theirs).to_be_visible()
    menu = page.get_by_role("menu")
    await theirs.focus()
    await page.keyboard.press("Enter")
    await expect(menu).to_be_visible()
    yield "message-menu", page
    await page.keyboard.press("Escape")
    await page.keyboard.press("+")
    await expect(page.get_by_role("searchbox")).to_be_focused()
    yield "message-emoji", page
    await page.keyboard.press("Escape")
    await theirs.hover()
    await expect(page.get_by_role("toolbar")).to_be_visible()
    yield "message-bar", page
    await theirs.focus()
    await page.keyboard.press("r")
    await page.keyboard.type("With pleasure, @")
    await expect(page.get_by_role("option").first).to_be_visible()
    await jane.post(f"/api/conversations/{group}/typing")
    await expect(page.locator("typing-line")).to_have_text("jane is typing…")
    yield "reply", page
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    mine = page.locator(".message.mine:not(.sending)", has_text="With pleasure")
    await expect(mine).to_be_visible()
    await mine.focus()
    await page.keyboard.press("Delete")
    await expect(page.get_by_role("button", name="Delete")).to_be_visible()
    yield "message-deleting", page
    await page.keyboard.press("Escape")
    await page.keyboard.press("Enter")
    await menu.get_by_role("menuitem", name="Details").click()
    await expect(page.get_by_text("Nobody yet")).to_be_visible()
    yield "message-details", page
    await page.get_by_role("button", name="Close").click()
    await page.keyboard.press("e")
    yield "edit", page
    await page.close()
