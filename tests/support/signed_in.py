"""A browser that has a session, and no page yet."""

from playwright.async_api import BrowserContext

from tests.support.browser import Tabs


async def signed_in(tabs: Tabs, name: str, width: int = 1280) -> BrowserContext:
    """Signs in. Closes the page that it needed, since its stream takes one of six connections."""
    page = await tabs.sign_in(name, width=width)
    await page.close()
    return page.context
