"""A link to a message: from its time, and in a new tab, however old the message is."""

import re

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.people import Visitor, two
from tests.support.postgres import ask


@pytest.mark.gen_test(timeout=120)
async def test_the_time_of_a_message_is_a_link_to_it(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    sent = [await john.send(conversation, f"number {n}") for n in range(3)]
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        line = page.locator(".message", has_text="number 1")
        await line.hover()
        await expect(line.locator("time")).to_be_visible()
        await line.locator("a.time").click()
        path = f"/conversations/{conversation}/messages/{sent[1]['id']}"
        await expect(page).to_have_url(base_url + path)
        await expect(line).to_have_attribute("aria-current", "true")
        await expect(page.locator(".message[aria-current]")).to_have_count(1)
        await expect(page.locator(".conversations a[aria-current=page]")).to_have_count(1)
        await write(page, "one may answer there")
        await expect(page.locator(".message.mine")).to_have_count(1)
        await page.go_back()
        await expect(page.locator(".message[aria-current]")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_a_link_opens_an_old_message_in_a_new_tab(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 1200)
    [(wanted,)] = ask(dsn, "SELECT id FROM messages ORDER BY id OFFSET 100 LIMIT 1")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}/messages/{wanted}")
        line = page.locator(".message[aria-current=true]")
        await expect(line.locator(".content")).to_have_text("number 100", timeout=20_000)
        await expect(line).to_be_in_viewport(ratio=1)
        await expect(page.locator(".seeking")).to_be_empty()
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        await page.get_by_role("button", name="Jump to the latest messages").click()
        await expect(page.locator(".message").last).to_contain_text("number 1199")
        await expect(page.locator(".message").last).to_be_in_viewport()


@pytest.mark.gen_test(timeout=120)
async def test_a_linked_message_can_be_scrolled_from_in_both_directions(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 400)
    [(wanted,)] = ask(dsn, "SELECT id FROM messages ORDER BY id OFFSET 200 LIMIT 1")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}/messages/{wanted}")
        await expect(page.locator(".message[aria-current=true]")).to_be_in_viewport()
        drawn = await page.locator(".message .content").all_text_contents()
        numbers = [int(found[1]) for text in drawn if (found := re.match(r"number (\d+)", text))]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] < 200 < numbers[-1] < 399
        for edge, number in (("scrollHeight", 399), ("top", 0)):
            for _ in range(12):
                await page.locator(".scroller").evaluate(
                    "(e, edge) => { e.scrollTop = e[edge] ?? 0 }", edge
                )
                await page.evaluate("new Promise(requestAnimationFrame)")
            await expect(
                page.get_by_text(re.compile(rf"^number {number}( and so on)*$")).last
            ).to_be_in_viewport()


@pytest.mark.gen_test(timeout=120)
async def test_a_link_to_a_missing_message_says_so_and_shows_the_conversation(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    elsewhere = await jane.send(await jane.talk_to(await visitor.sign_in("jack")), "elsewhere")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        for wrong in (elsewhere["id"], "999999999999999999999"):
            await page.goto(f"{base_url}/conversations/{conversation}/messages/{wrong}")
            await expect(page.locator(".seeking")).to_have_text(
                "That message isn't in this conversation."
            )
            await expect(page.locator(".message").last).to_be_in_viewport()
            await expect(page.get_by_text("elsewhere", exact=True)).to_have_count(1)  # in the list


@pytest.mark.gen_test(timeout=120)
async def test_one_tab_stop_reaches_the_messages_and_arrows_move_between_them(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    for n in range(3):
        await john.send(conversation, f"number {n}")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect(page.locator(".message[tabindex='0']")).to_have_count(1)
        await page.locator(".scroller").focus()
        await page.keyboard.press("Tab")
        for n in (2, 1, 0):
            line = page.locator(".message", has_text=f"number {n}")
            await expect(line).to_be_focused()
            await page.keyboard.press("ArrowUp")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
