"""Addresses in a message become links, and nothing moves when the code that finds them arrives."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.people import Visitor, two
from tests.support.signed_in import signed_in
from tests.support.tabs import without


@pytest.mark.gen_test(timeout=60)
async def test_web_and_mail_addresses_lead_where_they_say(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    text = "公式サイトはhttps://example.comです。 www.example.org jane@example.org"
    await john.send(conversation, text)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        links = page.locator(".message .content a")
        await expect(links).to_have_text(
            ["https://example.com", "www.example.org", "jane@example.org"]
        )
        for n, href in enumerate(
            ("https://example.com/", "https://www.example.org/", "mailto:jane@example.org")
        ):
            await expect(links.nth(n)).to_have_attribute("href", href)
            await expect(links.nth(n)).to_have_attribute("rel", "noopener noreferrer nofollow")
        assert await page.locator(".message .content").text_content() == text


@pytest.mark.gen_test(timeout=60)
async def test_nothing_moves_when_the_link_finder_loads_later(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    for n in range(20):
        await john.send(conversation, f"{n}: see https://example.org/{'path/' * 30} and `code`")
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        url = f"{base_url}/conversations/{conversation}"
        page, held = await without(context, url, "lib/text.js")
        await expect(page.locator(".message code").last).to_be_visible()
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        places = (
            "[...document.querySelectorAll('.message')].map((e) => e.getBoundingClientRect().top)"
        )
        before = await page.evaluate(places)
        assert await page.locator(".content a").count() == 0
        held.go.set()
        await expect(page.locator(".content a")).to_have_count(20)
        assert await page.evaluate(places) == before
