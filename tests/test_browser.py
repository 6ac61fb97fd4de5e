"""Two people talk, each in their own browser: a real Chromium and a real server."""

import pytest
from playwright.async_api import Route, expect

from handlers.application import Messenger
from tests.support.browser import Tabs, browser, browser_here, sign_out, talk, write  # noqa: F401
from tests.support.people import Visitor, eventually_equal, two


@pytest.mark.gen_test(timeout=60)
async def test_two_people_find_each_other_and_see_each_others_messages_arrive(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        john, jane = await tabs.sign_in("john"), await tabs.sign_in("jane", width=390)
        await john.get_by_role("combobox").fill("JA")
        await john.get_by_role("option", name="jane").click()
        await write(john, "Hello Jane")
        await expect(jane.locator(".badge")).to_have_text("1")
        await expect(jane.locator(".preview")).to_have_text("Hello Jane")
        await jane.get_by_role("link", name="john").click()
        await expect(jane.locator(".message.theirs .content")).to_have_text("Hello Jane")
        await write(jane, "Hello John")
        await expect(john.locator(".message.theirs .content")).to_have_text("Hello John")
        await expect(john.locator(".message.mine .state")).to_contain_text("Seen")
        await expect(jane.locator(".message.mine.sending")).to_have_count(0)
        await expect(jane.locator(".message.mine")).to_have_count(1)


@pytest.mark.gen_test(timeout=60)
async def test_the_page_shows_messages_from_before_it_was_loaded(
    base_url: str, visitor: Visitor
) -> None:
    john, reader, conversation = await two(visitor)
    for n in range(60):
        await john.send(conversation, f"number {n}")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await expect(page.locator(".badge")).to_have_text("60")
        await page.get_by_role("link", name="john").click()
        await expect(page.get_by_text("number 0", exact=True)).to_be_in_viewport()
        await page.get_by_role("button", name="new ↓").click()
        await expect(page.locator(".message").last).to_contain_text("number 59")
        await expect(page.locator(".badge")).to_have_count(0)  # she looks at it, so it is read
        await eventually_equal(0, lambda: reader.unread(conversation))
        await page.reload()
        await expect(page.locator(".message").last).to_contain_text("number 59")
        await expect(page.locator(".message")).to_have_count(25)
        await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
        await expect(page.locator(".message")).to_have_count(60)
        await expect(page.locator(".message").first).to_contain_text("number 0")
        await expect(page.get_by_role("button", name="Load older messages")).to_be_hidden()


@pytest.mark.gen_test(timeout=60)
async def test_a_message_between_two_fetches_of_the_page_is_not_missed(
    base_url: str, visitor: Visitor
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")

        async def send_before_the_list(route: Route) -> None:
            """Sends a message after the page fetched the thread, and before its stream begins."""
            await expect(page.get_by_text("No messages yet. Say hello!")).to_be_visible()
            await john.send(conversation, "in between")
            await route.continue_()

        await page.route("**/api/conversations", send_before_the_list)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect(page.locator(".message .content")).to_have_text(["in between"])


@pytest.mark.gen_test(timeout=60)
async def test_the_stream_reconnects_by_itself_and_nothing_is_lost(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}")
        await john.send(conversation, "before")
        await expect(page.locator(".message")).to_have_count(1)
        for stream in app.services.bus.streams_of(int(jane.id)):
            stream.abort()
        await john.send(conversation, "while it was away")
        await expect(page.locator(".message")).to_have_count(2)
        await john.send(conversation, "after")
        await expect(page.locator(".message").last).to_contain_text("after")
        await expect(page.locator(".message")).to_have_count(3)
        tabs.complaints = [line for line in tabs.complaints if "INCOMPLETE_CHUNKED" not in line]


@pytest.mark.gen_test(timeout=60)
async def test_signing_out_leads_to_the_access_page_and_an_unknown_path_says_so(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", "/no/such/place")
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
        await page.goto(f"{base_url}/conversations/999")
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
        await page.goto(f"{base_url}/")
        async with page.expect_navigation():  # signing out loads the page anew
            await sign_out(page)
        await expect(page.get_by_label("Username")).to_be_visible()
        await page.reload()
        await expect(page.get_by_label("Username")).to_be_visible()


@pytest.mark.gen_test(timeout=60)
async def test_a_sentence_explains_a_refused_name(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await page.get_by_label("Username").fill("-not a name-")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("alert")).to_contain_text("letters, numbers and hyphens")
        page = await tabs.sign_in("jane")
        await page.get_by_role("combobox").fill("nobody")
        await page.keyboard.press("Enter")
        await expect(page.locator("new-conversation .error")).to_have_text(
            "There's no one called nobody here."
        )
        tabs.complaints = [line for line in tabs.complaints if "422" not in line]
