"""Tabs of one browser, which share one stream."""

import asyncio
import time

from playwright.async_api import BrowserContext, Page, expect

from handlers.application import Messenger
from tests.support.people import Person


async def tabs_at(context: BrowserContext, url: str, count: int) -> list[Page]:
    """Opens tabs, of which the first leads."""
    pages = []
    for _ in range(count):
        page = await context.new_page()
        await page.goto(url)
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        pages.append(page)
    return pages


async def expect_shown(pages: list[Page], contents: list[str]) -> None:
    for page in pages:
        await expect(page.locator(".message .content")).to_have_text(contents)


async def only_stream(
    app: Messenger, person: Person, *, but: object = None, within: float = 5
) -> object:
    """Waits for a single open stream other than `but`, and returns it."""
    until = time.monotonic() + within
    while True:
        streams = list(app.services.bus.streams_of(int(person.id)))
        if len(streams) == 1 and streams[0] is not but:
            return streams[0]
        assert time.monotonic() < until, f"{len(streams)} streams are open"
        await asyncio.sleep(0.02)
