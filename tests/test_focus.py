"""The focus is never lost: a pressed element may disappear, and keys still work."""

import asyncio
from functools import partial

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.people import Visitor, eventually_equal, two

# From now on: whether a frame had no focused element after a frame that had one.
WATCH_FOCUS = """() => {
    window.fell = 0;
    (function frame() {
        fell += Number(document.activeElement === document.body || !document.activeElement);
        requestAnimationFrame(frame);
    })();
}"""


async def expect_focus(page: Page) -> None:
    """Checks that the focus was not lost in the last frames."""
    await page.evaluate("new Promise((r) => requestAnimationFrame(() => setTimeout(r, 60)))")
    assert await page.evaluate("fell") == 0


@pytest.mark.gen_test(timeout=60)
async def test_show_more_keeps_the_focus_or_passes_it_to_the_first_new_item(
    base_url: str, visitor: Visitor
) -> None:
    jane = await visitor.sign_in("jane")
    for n in range(30):
        await (await visitor.sign_in(f"friend-{n}")).talk_to(jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        go = asyncio.Event()

        async def hold(route: Route) -> None:
            await go.wait()
            await route.continue_()

        await page.route("**/api/conversations?*", hold)
        await page.get_by_role("button", name="Show more").focus()
        await page.evaluate(WATCH_FOCUS)
        await page.keyboard.press("Enter")
        await expect_focus(page)  # while the page requests it
        go.set()
        await expect(page.locator(".conversations li")).to_have_count(30)
        await expect(page.locator(".conversations a").nth(25)).to_be_focused()
        await expect_focus(page)


@pytest.mark.gen_test(timeout=60)
async def test_load_older_keeps_the_focus_until_there_is_no_more(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 90)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        older = page.get_by_role("button", name="Load older messages")
        await older.focus()
        await page.evaluate(WATCH_FOCUS)
        while await older.is_visible():
            await page.keyboard.press("Enter")
            await expect_focus(page)
        await expect(page.locator(".scroller")).to_be_focused()


@pytest.mark.gen_test(timeout=60)
async def test_the_buttons_over_the_list_pass_the_focus_to_it(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    for n in range(40):
        await john.send(conversation, f"unread {n}")
    last = (await john.history(conversation))[0]
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", f"{conversation}/messages/{last['id']}")
        await page.evaluate(WATCH_FOCUS)
        for name in ("unread ↑", "new ↓"):
            button = page.get_by_role("button", name=name)
            await button.focus()
            await page.keyboard.press("Enter")
            await expect(button).to_be_hidden()
            await expect(page.locator(".scroller")).to_be_focused()
        await page.locator(".scroller").evaluate("e => { e.scrollTop -= 2000 }")
        await page.get_by_role("button", name="Jump to the latest messages").focus()
        await page.locator(".scroller").evaluate("e => { e.scrollTop = e.scrollHeight }")
        await expect(page.get_by_role("button", name="Jump to the latest messages")).to_be_hidden()
        await expect_focus(page)


@pytest.mark.parametrize("action", ["Try again", "Discard"])
@pytest.mark.gen_test(timeout=60)
async def test_an_unsent_message_that_changes_leaves_the_focus_in_the_conversation(
    base_url: str, visitor: Visitor, action: str
) -> None:
    *_, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        refusal = {"status": 422, "code": "invalid_field", "detail": "No.", "errors": {}}
        await page.route(
            "**/messages",
            lambda route: (
                route.fulfill(status=422, json=refusal, content_type="application/problem+json")
                if route.request.method == "POST"
                else route.continue_()
            ),
        )
        await write(page, "refused")
        button = page.get_by_role("button", name=action)
        await button.focus()
        await page.unroute("**/messages")
        await page.evaluate(WATCH_FOCUS)
        await page.keyboard.press("Enter")
        await expect(button).to_have_count(0)
        await expect_focus(page)
        inside = "document.querySelector('conversation-view').contains(document.activeElement)"
        await eventually_equal(True, partial(page.evaluate, inside))
        tabs.complaints = [line for line in tabs.complaints if "422" not in line]


@pytest.mark.gen_test(timeout=60)
async def test_a_pane_that_a_narrow_window_hides_passes_the_focus_to_the_visible_one(
    base_url: str, visitor: Visitor
) -> None:
    *_, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.locator(".conversations a").focus()
        await page.set_viewport_size({"width": 390, "height": 700})
        await expect(page.locator("conversation-view h1")).to_be_focused()


@pytest.mark.gen_test(timeout=60)
async def test_a_device_that_is_signed_out_leaves_the_focus_on_the_page(
    base_url: str, visitor: Visitor
) -> None:
    await visitor.sign_in("jane")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", "/sessions")
        await page.get_by_role("button", name="Sign out all other devices").focus()
        await page.evaluate(WATCH_FOCUS)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("button", name="Sign out all other devices")).to_be_hidden()
        await expect_focus(page)


@pytest.mark.gen_test(timeout=60)
async def test_a_refused_sign_out_leaves_the_focus_where_it_was(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.route("**/api/logout", lambda route: route.abort())
        await page.goto(f"{base_url}/settings")
        out = page.get_by_role("button", name="Sign out", exact=True)
        await out.focus()
        await page.evaluate(WATCH_FOCUS)
        await page.keyboard.press("Enter")
        await expect(page.locator("sign-out .error")).not_to_be_empty()
        await expect(out).to_be_focused()
        await expect_focus(page)
        tabs.complaints = [line for line in tabs.complaints if "ERR_FAILED" not in line]


@pytest.mark.gen_test(timeout=60)
async def test_signing_in_keeps_the_focus_on_the_pressed_button_until_it_is_done(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await page.get_by_label("Username").fill("-no name-")
        await page.get_by_role("button", name="Sign in").focus()
        await page.evaluate(WATCH_FOCUS)
        await page.keyboard.press("Enter")
        await expect(page.locator("#username-error")).not_to_be_empty()
        await expect(page.get_by_label("Username")).to_be_focused()
        await expect_focus(page)
        tabs.complaints = [line for line in tabs.complaints if "422" not in line]
