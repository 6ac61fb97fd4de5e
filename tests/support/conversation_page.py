"""The page of a user who has a conversation open."""

from playwright.async_api import Page, expect

from tests.support.browser import Tabs
from tests.support.people import Person


async def at(
    tabs: Tabs, name: str, conversation: str, *, width: int = 1280, scheme: str = "light"
) -> Page:
    """Opens the page at the conversation."""
    page = await tabs.sign_in(name, f"/conversations/{conversation}", width=width, scheme=scheme)
    await expect(page.locator("conversation-view h1")).to_be_visible()
    await expect(page.locator(".message, .notices, .empty:visible").first).to_be_visible()
    return page


async def settled(page: Page) -> None:
    """Waits until the page has drawn all that it knows, and could tell what was read."""
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")


async def marker(person: Person, conversation: str) -> str | None:
    found: str | None = (await person.conversation(conversation))["lastReadMessageId"]
    return found
