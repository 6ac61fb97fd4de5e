"""A message is shown exactly as written: links, code, white space, emoji, and directions."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor, two


async def shown(tabs: Tabs, visitor: Visitor, *contents: str) -> Page:
    """Opens Jane's page at what John has written."""
    john, _, conversation = await two(visitor)
    for content in contents:
        await john.send(conversation, content)
    page = await tabs.sign_in("jane", f"/conversations/{conversation}")
    await expect(page.locator(".message")).to_have_count(len(contents))
    return page


async def style(element: Locator, name: str) -> str:
    return str(await element.evaluate("(e, name) => getComputedStyle(e)[name]", name))


@pytest.mark.gen_test(timeout=60)
async def test_addresses_are_links_that_open_a_new_tab_without_a_referrer(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, "Look (https://there.example/a_(b)?c=%20d), now.")
        link = page.locator(".content a")
        await expect(link).to_have_text("https://there.example/a_(b)?c=%20d")
        await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        await page.context.route(
            "https://there.example/**",
            lambda route: route.fulfill(body="there", content_type="text/html"),
        )
        async with page.context.expect_page() as opened:
            await link.click()
        there = await opened.value
        await there.wait_for_load_state()
        assert there.url == "https://there.example/a_(b)?c=%20d"
        assert await there.evaluate("[opener, document.referrer]") == [None, ""]


@pytest.mark.gen_test(timeout=60)
async def test_a_link_with_lookalike_letters_shows_where_it_leads(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, "https://\u0430pple.example/ https://apple.example/")
        links = page.locator(".content a")
        await expect(links.nth(0)).to_have_attribute("title", "https://xn--pple-43d.example/")
        await expect(links.nth(1)).not_to_have_attribute("title", "https://apple.example/")


@pytest.mark.gen_test(timeout=60)
async def test_code_is_monospaced_and_copied_as_it_was_written(
    base_url: str, visitor: Visitor
) -> None:
    block = "So:\n```sh\nif true; then\n\techo  `hi`\n\nfi\n```\nand `make  run` it."
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, block)
        code = page.locator(".content code")
        await expect(code).to_have_count(2)
        for n in range(2):
            assert "monospace" in await style(code.nth(n), "fontFamily")
        copied = await page.locator(".content").evaluate(
            "(e) => (getSelection().selectAllChildren(e), getSelection().toString())"
        )
        assert copied == block


@pytest.mark.gen_test(timeout=60)
async def test_white_space_is_kept_and_a_long_word_is_broken(
    base_url: str, visitor: Visitor
) -> None:
    drawing = "|\\_/|   cat\n( o.o )\n\n\t> ^ <"
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, drawing, "a" * 1000)
        content = page.locator(".content").first
        assert await content.evaluate("(e) => e.innerText") == drawing
        assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        wide = page.locator(".scroller")
        assert await wide.evaluate("(e) => e.scrollWidth <= e.clientWidth")


@pytest.mark.gen_test(timeout=60)
async def test_each_line_runs_in_its_own_direction(base_url: str, visitor: Visitor) -> None:
    lines = "\u0645\u0631\u062d\u0628\u0627 (1)\nhello (2)\n"
    edges = """(e) => Array.from({ length: 2 }, (_, n) => {
        const range = document.createRange();
        const [text] = [e.firstChild];
        const begin = text.data.split("\\n").slice(0, n).join("\\n").length + n;
        range.setStart(text, begin);
        range.setEnd(text, begin + 1);
        const [letter, box] = [range.getBoundingClientRect(), e.getBoundingClientRect()];
        return letter.right - box.left > box.right - letter.left;
    })"""
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, lines + "x" * 60)
        content = page.locator(".content")
        await expect(content).to_have_attribute("dir", "auto")
        assert await content.evaluate(edges) == [True, False]  # begins at the right, at the left


@pytest.mark.gen_test(timeout=60)
async def test_a_few_emoji_alone_are_drawn_larger(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, "\U0001f389 \u2764\ufe0f", "yes \U0001f389")
        sizes = [await style(page.locator(".content").nth(n), "fontSize") for n in range(2)]
        assert float(sizes[0].removesuffix("px")) > 2 * float(sizes[1].removesuffix("px"))


@pytest.mark.gen_test(timeout=60)
async def test_emoji_alone_have_no_bubble_whoever_sent_them(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await shown(tabs, visitor, "\U0001f389")
        await write(page, "\U0001f389")
        await expect(page.locator(".message")).to_have_count(2)
        for n in range(2):
            background = await style(page.locator(".content").nth(n), "backgroundColor")
            assert background == "rgba(0, 0, 0, 0)", n
