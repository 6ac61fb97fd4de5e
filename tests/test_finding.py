"""Finding people: suggestions while a user types, one step to a conversation, help when empty."""

import asyncio
import dataclasses

import pytest
from playwright.async_api import Locator, Page, Request, Route, expect

from config import Config
from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor

NAMES = ["jack", "jane", "john", "mary"]


# Two keys in one iteration of the page's loop: a busy machine cannot come between them.
TYPE_AN = """() => {
    document.execCommand("insertText", false, "a");
    document.execCommand("insertText", false, "n");
}"""


async def somebody(tabs: Tabs, visitor: Visitor) -> Page:
    """Opens Bob's page; all others can be found there."""
    for name in NAMES:
        await visitor.sign_in(name)
    return await tabs.sign_in("bob")


def field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Search people")


def options(page: Page) -> Locator:
    return page.get_by_role("listbox", name="Suggestions").get_by_role("option")


async def active(page: Page) -> str | None:
    """Returns the option that a screen reader announces."""
    text: str | None = await field(page).evaluate(
        "(e) => document.getElementById(e.getAttribute('aria-activedescendant'))?.textContent"
    )
    return text


@pytest.mark.gen_test(timeout=60)
async def test_names_are_suggested_during_typing_and_a_click_starts_the_conversation(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        await field(page).press_sequentially("ja", delay=20)
        await expect(options(page)).to_have_text(["jack", "jane"])
        await expect(field(page)).to_have_attribute("aria-expanded", "true")
        await options(page).nth(1).click()
        await expect(page.locator("conversation-view h1")).to_have_text("jane")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await expect(field(page)).to_have_value("")


@pytest.mark.gen_test(timeout=60)
async def test_suggestions_are_chosen_by_keys_alone_as_in_a_combobox(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        await field(page).press_sequentially("j")
        await expect(options(page)).to_have_text(["jack", "jane", "john"])
        await expect(page.locator("new-conversation [role=status]")).to_have_text("3 people found")
        assert await active(page) is None
        for key, name in (
            ("ArrowDown", "jack"),
            ("ArrowUp", "john"),
            ("ArrowUp", "jane"),
            ("ArrowDown", "john"),
            ("ArrowDown", "jack"),
        ):
            await page.keyboard.press(key)
            assert await active(page) == name
            chosen = page.locator("[role=option][aria-selected=true]")
            await expect(chosen).to_have_text([name])
        await page.keyboard.press("Escape")
        await expect(options(page)).to_have_count(0)
        await expect(field(page)).to_have_value("j")
        await page.keyboard.type("o")
        await expect(options(page)).to_have_text(["john"])
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("john")


@pytest.mark.gen_test(timeout=60)
async def test_a_name_typed_out_starts_the_conversation_by_enter_without_a_suggestion(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        await page.route("**/api/users*", lambda route: route.abort())
        await field(page).fill("MARY")
        await page.keyboard.press("Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("mary")
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_quick_typing_asks_once_and_a_late_answer_is_dropped(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        asked: list[str] = []
        held = asyncio.Event()

        def note(request: Request) -> None:
            if "/api/users" in request.url:
                asked.append(request.url.partition("search=")[2])

        async def first_last(route: Route) -> None:
            if route.request.url.endswith("=j"):
                await held.wait()
            await route.continue_()

        page.on("request", note)
        await page.route("**/api/users*", first_last)
        await field(page).press_sequentially("m")
        await expect(options(page)).to_have_text(["mary"])
        await field(page).fill("j")
        async with page.expect_request("**/api/users?search=j"):
            pass
        await field(page).focus()
        await page.evaluate(TYPE_AN)
        await expect(options(page)).to_have_text(["jane"])
        held.set()
        await page.evaluate("fetch('/api/users?search=j').then((answer) => answer.text())")
        await expect(options(page)).to_have_text(["jane"])
        assert "ja" not in asked  # the user typed past it
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_the_search_is_exactly_what_was_typed(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        for typed in ("%", "_", "j&search=m", "j#", "<b>", "\u00e9"):
            await field(page).fill(typed)
            nobody = page.get_by_text(f"No one found for \u201c{typed}\u201d.")
            await expect(nobody).to_be_visible()
            await expect(options(page)).to_have_count(0)
        await field(page).fill("")
        await expect(page.locator("new-conversation [role=status]")).to_be_empty()


@pytest.mark.gen_test(timeout=60)
async def test_a_sentence_explains_an_unknown_name_and_ones_own(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        error = page.locator("new-conversation .error")
        for typed, sentence in (
            ("nobody", "There's no one called nobody here."),
            ("-no name-", "Usernames can use letters, numbers and hyphens."),
            ("bob", "You can't start a conversation with yourself."),
        ):
            await field(page).fill(typed)
            await page.keyboard.press("Enter")
            await expect(error).to_contain_text(sentence)
        await field(page).fill("j")
        await expect(error).to_be_empty()
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_a_name_is_found_with_an_at_sign_in_wide_letters_and_by_its_middle(
    base_url: str, visitor: Visitor
) -> None:
    long = await visitor.sign_in("maximilian-of-the-long-names")
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        bob = await visitor.sign_in("bob")
        conversation = await bob.talk_to(long)
        await expect(page.locator(".conversations .name")).to_have_text(long.username)
        for typed in ("@jack", "\uff20\uff4a\uff41\uff43\uff4b", "\u2066@jack\u2069"):
            await field(page).fill(typed)
            await expect(options(page)).to_have_text(["jack"])
        await expect(options(page).locator(".avatar")).to_have_attribute("data-letters", "JA")
        await field(page).fill("LONG")
        await expect(options(page)).to_have_text([long.username])
        await options(page).click()
        await expect(page).to_have_url(f"{base_url}/conversations/{conversation}")
        await field(page).fill(" @jane ")
        await page.keyboard.press("Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("jane")


@pytest.mark.gen_test(timeout=60)
async def test_empty_lists_say_what_to_do(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await somebody(tabs, visitor)
        await expect(page.get_by_text("No conversations yet.")).to_be_visible()
        await page.get_by_role("main").get_by_role("button", name="Start a conversation").click()
        await expect(field(page)).to_be_focused()
        await page.keyboard.type("jane")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Say hello!")).to_be_visible()


@pytest.mark.gen_test(timeout=60)
async def test_the_access_page_offers_names_and_one_click_signs_in(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        for name in ("john", "jane"):
            page = await tabs.open()
            await page.get_by_role("button", name=name, exact=True).click()
            await expect(page.locator(".account .name")).to_have_text(name)


class TestWithFewSearches:
    """The server answers the second search with 429."""

    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(
            config,
            rate_limits=True,
            searches_at_once=1,
            searches_per_second=0.25,  # type: ignore[arg-type]  # so that a slow machine meets it
        )

    @pytest.mark.gen_test(timeout=60)
    async def test_a_search_beyond_the_limit_is_repeated_without_an_error(
        self, base_url: str, visitor: Visitor
    ) -> None:
        async with browser(base_url) as tabs:
            page = await somebody(tabs, visitor)
            await field(page).fill("m")
            await expect(options(page)).to_have_text(["mary"])
            async with page.expect_response(lambda answer: answer.status == 429):
                await field(page).fill("jan")
            await expect(options(page)).to_have_text(["jane"])
            await expect(page.locator("new-conversation .error")).to_be_empty()
            assert all("429" in complaint for complaint in tabs.complaints)
            tabs.complaints.clear()
