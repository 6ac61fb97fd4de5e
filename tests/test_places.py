"""A user who comes back to a conversation finds it at the same place."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.people import Visitor, two
from tests.support.scrolling import distance_from_the_end, frames, more_than

TOP_LINE = """() => {
    const { top } = document.querySelector(".scroller").getBoundingClientRect();
    const lines = [...document.querySelectorAll(".message")];
    const line = lines.find((line) => line.getBoundingClientRect().bottom > top);
    return [line.dataset.key, Math.round(line.getBoundingClientRect().top)];
}"""


async def to_and_fro(page: Page, other: str) -> None:
    await page.get_by_role("link", name=other).click()
    await expect(page.locator("conversation-view h1")).to_have_text(other)
    await page.get_by_role("link", name="john").click()
    await expect(page.locator(".message").first).to_be_visible()
    await frames(page)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.gen_test(timeout=120)
async def test_the_place_is_kept_when_a_user_leaves_a_conversation_and_comes_back(
    base_url: str, visitor: Visitor, dsn: str, width: int
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 500)
    await (await visitor.sign_in("jack")).talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation, width=width)

        async def leave_and_come_back() -> None:
            if width == 390:
                await page.get_by_role("link", name="Back").click()
                await page.get_by_role("link", name="john").click()
                await expect(page.locator(".message").first).to_be_visible()
                await frames(page)
            else:
                await to_and_fro(page, "jack")

        for pixels in (700, 9000):  # from the first screen, and from far above it
            for _ in range(10):
                await page.locator(".scroller").evaluate(
                    "(e, pixels) => { e.scrollTop -= pixels }", pixels / 10
                )
                await frames(page)
            before = await page.evaluate(TOP_LINE)
            await leave_and_come_back()
            assert await page.evaluate(TOP_LINE) == before
        assert await more_than(page, 50)
        await page.get_by_role("button", name="Jump to the latest messages").click()
        await leave_and_come_back()
        assert await distance_from_the_end(page) < 1
