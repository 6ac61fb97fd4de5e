"""A half-written text belongs to the tab in which it was typed."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.outbox import at_the_conversation, expect_sent, stored
from tests.support.people import Visitor, two


async def two_tabs(tabs: Tabs, url: str) -> tuple[Page, Page]:
    page = await at_the_conversation(tabs, url)
    other = await page.context.new_page()
    await other.goto(url)
    await expect(other.locator("conversation-view h1")).to_have_text("john")
    return page, other


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


@pytest.mark.gen_test(timeout=60)
async def test_an_untouched_field_follows_the_other_tab_and_sends_nothing_twice(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page, other = await two_tabs(tabs, f"{base_url}/conversations/{conversation}")
        await field(page).fill("a thought")
        await expect(field(other)).to_have_value("a thought")
        await write(page, "a thought")
        await expect(field(other)).to_have_value("")
        await field(page).fill("later words")
        await field(other).press("Enter")  # whether it has received them by then or not
        await write(other, "of its own")
        await expect_sent(page, ["a thought", "of its own"])
        await expect(field(page)).to_have_value("later words")
        await page.reload()
        await expect(field(page)).to_have_value("later words")
        assert await stored(john, conversation) == ["a thought", "of its own"]


@pytest.mark.gen_test(timeout=60)
async def test_a_text_typed_in_one_tab_is_neither_replaced_nor_lost_by_another(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page, other = await two_tabs(tabs, f"{base_url}/conversations/{conversation}")
        await field(page).fill("typed in one")
        await expect(field(other)).to_have_value("typed in one")
        await field(other).fill("typed in two")
        await expect(field(page)).to_have_value("typed in one")
        await page.reload()
        await expect(field(page)).to_have_value("typed in one")
        await field(other).press("Enter")
        await expect_sent(page, ["typed in two"])
        await expect(field(page)).to_have_value("typed in one")
        third = await page.context.new_page()
        await third.goto(page.url)
        await expect(field(third)).to_have_value("typed in one")
        assert await stored(john, conversation) == ["typed in two"]


@pytest.mark.gen_test(timeout=60)
async def test_a_draft_shown_in_two_tabs_is_gone_from_both_once_sent(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page, other = await two_tabs(tabs, f"{base_url}/conversations/{conversation}")
        await field(page).fill("sent from the other")
        await expect(field(other)).to_have_value("sent from the other")
        for _ in range(2):  # the first one may select something else
            await field(other).press("Enter")
        await expect(field(page)).to_have_value("")
        await expect_sent(page, ["sent from the other"])
        assert await stored(john, conversation) == ["sent from the other"]


@pytest.mark.gen_test(timeout=60)
async def test_a_text_deleted_in_one_tab_stays_in_the_tab_where_it_was_typed(
    base_url: str, visitor: Visitor
) -> None:
    _, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page, other = await two_tabs(tabs, f"{base_url}/conversations/{conversation}")
        await field(page).fill("to be kept")
        await expect(field(other)).to_have_value("to be kept")
        await field(other).fill("")
        await page.reload()
        await expect(field(page)).to_have_value("to be kept")
