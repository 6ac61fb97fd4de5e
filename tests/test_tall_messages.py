"""A message of thousands of lines is folded, and costs only as much as its visible part."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.people import Visitor, two
from tests.support.postgres import ask
from tests.support.scrolling import frames

TALL = "a" + "\n" * 3998 + "b"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.gen_test(timeout=60)
async def test_a_message_of_four_thousand_lines_is_folded_until_it_is_expanded(
    base_url: str, visitor: Visitor, width: int
) -> None:
    john, _, conversation = await two(visitor)
    await john.send(conversation, TALL)
    await john.send(conversation, "```\n" + "let a = `b`;\n" * 200 + "```")
    await john.send(conversation, "\n".join(f"line {n}" for n in range(60)))
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation, width=width)
        await expect(page.get_by_role("button", name="Show all")).to_have_count(2)
        content = page.locator(".message .content").first
        box = await content.bounding_box()
        assert box is not None
        assert box["height"] < 1600  # two screens
        assert await content.text_content() == TALL
        more = page.get_by_role("button", name="Show all").first
        await more.focus()
        await page.keyboard.press("Enter")
        less = page.get_by_role("button", name="Show less")
        await expect(less).to_be_focused()
        box = await content.bounding_box()
        assert box is not None
        assert box["height"] > 50_000
        await page.keyboard.press("Enter")
        await expect(less).to_have_count(0)
        assert await content.text_content() == TALL


@pytest.mark.gen_test(timeout=120)
async def test_four_hundred_tall_messages_scroll(base_url: str, visitor: Visitor, dsn: str) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 450)
    ask(dsn, "UPDATE messages SET content = %s", (TALL,))
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        lines = page.locator(".message")
        scroller = page.locator(".scroller")
        for _ in range(60):
            await scroller.evaluate("e => { e.scrollTop = 0 }")
            await frames(page)
            if await lines.count() == 400:
                break
        await expect(lines).to_have_count(400)
        # Folded text takes no part in the layout: otherwise it would have 1.6 million lines.
        height = await scroller.evaluate("e => e.scrollHeight")
        assert height < 400 * 1200
        await page.mouse.move(800, 400)
        before = await scroller.evaluate("e => e.scrollTop")
        await page.mouse.wheel(0, 2000)
        await frames(page, 30)
        assert await scroller.evaluate("e => e.scrollTop") > before
