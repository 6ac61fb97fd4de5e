"""The page of somebody at a conversation."""

from playwright.async_api import Page, expect

from tests.support.browser import Tabs
from tests.support.people import Person


async def at(
    tabs: Tabs, name: str, conversation: str, *, width: int = 1280, scheme: str = "light"
) -> Page:
    """The page of one who has the conversation open."""
    page = await tabs.sign_in(name, width=width, scheme=scheme)
    await page.goto(f"{tabs.base_url}/conversations/{conversation}")
    await expect(page.locator("conversation-view h1")).to_be_visible()
    await expect(page.locator(".message, .empty:visible").first).to_be_visible()
    return page


async def settled(page: Page) -> None:
    """The page has drawn what it knows, and has had the time to say what it read."""
    await page.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")


async def marker(person: Person, conversation: str) -> str | None:
    found: str | None = (await person.conversation(conversation))["lastReadMessageId"]
    return found
