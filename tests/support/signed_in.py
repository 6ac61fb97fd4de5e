"""A browser with a session, and no page yet."""

from playwright.async_api import BrowserContext

from tests.support.browser import Tabs


async def signed_in(tabs: Tabs, name: str, width: int = 1280) -> BrowserContext:
    """The page it took is closed again, and with it a stream: one of six connections."""
    page = await tabs.sign_in(name, width=width)
    await page.close()
    return page.context
