"""The scroll position of a conversation, frame by frame."""

import asyncio

from playwright.async_api import Page

FIRST = "number 0" + " and so on" * 40


async def distance_from_the_end(page: Page) -> float:
    pixels: float = await page.locator(".scroller").evaluate(
        "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    )
    return pixels


async def more_than(page: Page, messages: int) -> bool:
    return await page.locator(".message").count() > messages


async def to_the_beginning(page: Page) -> None:
    first = page.locator(".message .content").first
    async with asyncio.timeout(30):
        while await first.text_content() != FIRST:
            await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
            await frames(page)


async def frames(page: Page, count: int = 5) -> None:
    await page.evaluate(
        """(count) => new Promise((resolve) => {
            const next = () => (count-- > 0 ? requestAnimationFrame(next) : resolve());
            next();
        })""",
        count,
    )
