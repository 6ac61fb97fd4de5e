"""A page that is connected to its server."""

from playwright.async_api import Page, expect

from tests.support.browser import Tabs
from tests.support.people import Person

RECOVERY_SECONDS = 35
NETWORK = ("net::ERR_", "status of 502", "INCOMPLETE_CHUNKED", "preloaded", "MIME")
OFFLINE = "You're offline. Messages will send when you're back."


async def open_conversation(tabs: Tabs, url: str, person: Person, conversation: str) -> Page:
    page = await tabs.open("/no-such-file.txt")
    await page.context.add_cookies([person.cookie])
    await page.goto(f"{url}/conversations/{conversation}")
    await expect_live(page)
    return page


async def expect_live(page: Page, seconds: float = RECOVERY_SECONDS) -> None:
    line = page.locator("main connection-line")
    await expect(line).to_have_attribute("data-status", "live", timeout=seconds * 1000)


async def expect_line(page: Page, sentence: str) -> None:
    await expect(page.locator("main connection-line")).to_have_text(sentence)


def forget_trouble(tabs: Tabs) -> None:
    tabs.complaints = [c for c in tabs.complaints if not any(word in c for word in NETWORK)]
