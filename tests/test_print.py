"""A conversation on paper: all loaded messages, over several pages, and no buttons."""

import re

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.people import Visitor, two
from tests.support.scrolling import distance_from_the_end, more_than, to_the_beginning

PAGE_OF_PDF = re.compile(rb"/Type\s*/Page\b")


async def printed_lines(page: Page) -> int:
    """Returns how many messages there are while it is printed."""
    await page.evaluate("""addEventListener("beforeprint", () => {
        window.printed = document.querySelectorAll(".message").length;
    })""")
    pdf = await page.pdf(format="A4")
    assert len(PAGE_OF_PDF.findall(pdf)) > 3
    lines: int = await page.evaluate("printed")
    return lines


@pytest.mark.gen_test(timeout=120)
async def test_all_loaded_messages_are_printed_and_the_page_is_unchanged(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 600)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await to_the_beginning(page)
        assert not await more_than(page, 400)  # of 600 that are loaded
        top = page.locator(".message").first
        before = await top.bounding_box()
        assert await printed_lines(page) == 600
        await expect(page.locator(".message")).to_have_count(400)
        assert await top.bounding_box() == before


@pytest.mark.gen_test(timeout=60)
async def test_paper_has_neither_list_nor_buttons_and_tall_messages_in_full(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    await john.send(conversation, "a" + "\n" * 100 + "b")
    await jane.read(conversation)  # so that the page opens at its end
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation, scheme="dark")
        await page.emulate_media(media="print")
        for hidden in (".sidebar", "message-composer", "jump-button", ".unfold", ".older"):
            await expect(page.locator(hidden).first).to_be_hidden()
        await expect(page.locator("conversation-view h1")).to_be_visible()
        shown = await page.evaluate("[document.body.scrollHeight, innerHeight]")
        assert shown[0] > 2 * shown[1]
        tall = await page.locator(".message .content").last.bounding_box()
        assert tall is not None
        assert tall["height"] > 2000  # not folded
        assert await page.evaluate("getComputedStyle(document.documentElement).colorScheme") == (
            "light"
        )
        await page.emulate_media(media="screen")
        await expect(page.locator(".sidebar")).to_be_visible()
        assert await distance_from_the_end(page) < 1
