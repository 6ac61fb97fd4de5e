"""What is unread, where the page shows it, and when it is read: only once a user has seen it."""

import time
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.attention import Gaze
from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.chromium import Chromium
from tests.support.conversation_page import at, marker, settled
from tests.support.people import Visitor, eventually_equal, two

TALL = "\n".join(f"line {n}" for n in range(60))  # taller than any screen


@pytest.mark.gen_test(timeout=120)
async def test_unread_counts_are_in_the_list_the_title_and_on_the_icon(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    jack = await visitor.sign_in("jack")
    other = await jack.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.evaluate("""
            window.badges = [];
            navigator.setAppBadge = async (count) => { badges.push(count); };
        """)
        icon = page.locator("link[rel=icon][type='image/svg+xml']")
        await expect(page).to_have_title("Messenger")
        await expect(icon).to_have_attribute("href", "/favicon.svg")
        for n in (1, 2, 3):
            await john.send(conversation, f"number {n}")
        await jack.send(other, "hello")
        await expect(page.locator(".badge")).to_have_text(["1", "3"])
        await expect(page).to_have_title("(4) Messenger")
        await expect(icon).to_have_attribute("href", "/icons/unread-4.svg")
        drawn = await icon.evaluate(
            """async ({ href }) => {
                const image = Object.assign(new Image(), { src: href });
                await image.decode();
                return image.width;
            }"""
        )
        assert drawn > 0
        await page.get_by_role("link", name="john").click()
        await expect(page).to_have_title("(1) john · Messenger")
        await expect(icon).to_have_attribute("href", "/icons/unread-1.svg")
        await page.get_by_role("link", name="jack").click()
        await expect(page).to_have_title("jack · Messenger")
        await expect(icon).to_have_attribute("href", "/favicon.svg")
        await expect(page.locator(".badge")).to_have_count(0)
        badges = await page.evaluate("badges")
        assert badges[-1] == 0
        assert {4, 1} <= set(badges)


@pytest.mark.gen_test(timeout=120)
async def test_a_message_is_not_read_before_the_page_has_the_focus(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, windows=True) as tabs:
        page = await at(tabs, "jane", conversation)
        gaze = Gaze(page)
        await gaze.elsewhere()
        sent = await john.send(conversation, "are you there?")
        await expect(page.locator(".message .content")).to_have_text(["are you there?"])
        await expect(page.locator(".badge")).to_have_text("1")
        await settled(page)
        assert await marker(jane, conversation) is None
        await gaze.back()
        await expect(page.locator(".badge")).to_have_count(0)
        await eventually_equal(sent["id"], lambda: marker(jane, conversation))


@pytest.mark.gen_test(timeout=120)
async def test_a_message_is_not_read_while_another_tab_hides_the_page(
    base_url: str, visitor: Visitor, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    async with Chromium(tmp_path).open() as context:
        await context.add_cookies([jane.cookie])
        page, other = await context.new_page(), await context.new_page()
        await page.goto(f"{base_url}/conversations/{conversation}")
        await page.bring_to_front()
        await expect(page.locator(".empty:visible").first).to_be_visible()
        await other.bring_to_front()
        assert await page.evaluate("document.visibilityState") == "hidden"
        sent = await john.send(conversation, "are you there?")
        await expect(page.locator(".message .content")).to_have_text(["are you there?"])
        await expect(page).to_have_title("(1) john · Messenger")
        await settled(page)
        assert await marker(jane, conversation) is None
        await page.bring_to_front()
        await expect(page).to_have_title("john · Messenger")
        await eventually_equal(sent["id"], lambda: marker(jane, conversation))


@pytest.mark.gen_test(timeout=120)
async def test_a_message_is_not_read_before_it_is_on_the_screen(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    read = [await john.send(conversation, TALL) for _ in range(2)]
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await eventually_equal(read[0]["id"], lambda: marker(jane, conversation))
        await settled(page)
        assert await marker(jane, conversation) == read[0]["id"]
        await page.get_by_role("button", name="1 new ↓").click()
        await eventually_equal(read[-1]["id"], lambda: marker(jane, conversation))
        scroller = page.locator(".scroller")
        await scroller.evaluate("e => { e.scrollTop = 0 }")
        first, second = [await john.send(conversation, f"{n}\n{TALL}") for n in (1, 2)]
        await expect(page.locator(".message")).to_have_count(4)
        await expect(page.locator(".badge")).to_have_text("2")
        await settled(page)
        assert await marker(jane, conversation) == read[-1]["id"]
        await page.locator(".message").nth(2).evaluate("e => e.scrollIntoView({ block: 'end' })")
        await eventually_equal(first["id"], lambda: marker(jane, conversation))
        await expect(page.locator(".badge")).to_have_text("1")
        await settled(page)
        assert await marker(jane, conversation) == first["id"]
        await scroller.evaluate("e => { e.scrollTop = e.scrollHeight }")
        await eventually_equal(second["id"], lambda: marker(jane, conversation))
        await expect(page.locator(".badge")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_a_line_marks_the_first_unread_message_and_stays_during_reading(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    for n in (1, 2):
        await john.send(conversation, f"read {n}")
    await jane.read(conversation)
    for n in (1, 2):
        await john.send(conversation, f"unread {n}")
    async with browser(base_url, windows=True) as tabs:
        page = await at(tabs, "jane", conversation)
        lines = page.locator(".messages > :not(.day)")
        line = page.locator(".messages > .unread")
        drawn = ["read 1", "read 2", "New messages", "unread 1", "unread 2"]
        await expect(lines).to_contain_text(drawn)
        await expect(page.locator(".badge")).to_have_count(0)
        await john.send(conversation, "seen as it comes")
        await expect(lines.last).to_contain_text("seen as it comes")
        await expect(lines.nth(2)).to_have_text("New messages")
        await expect(line).to_have_count(1)
        gaze = Gaze(page)
        await gaze.elsewhere()
        await john.send(conversation, "missed")
        await expect(lines.nth(5)).to_have_text("New messages")
        await expect(lines.nth(6)).to_contain_text("missed")
        await expect(line).to_have_count(1)
        await gaze.back()
        await expect(line).to_have_count(1)
        await write(page, "I am back")
        await expect(line).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_a_button_leads_to_unread_messages_above_the_screen(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "read")
    await jane.read(conversation)
    for n in range(150):  # more than the first page holds, and the second
        await john.send(conversation, f"unread {n}")
    last = (await john.history(conversation))[0]
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", f"{conversation}/messages/{last['id']}")
        await expect(page.locator(".message").last).to_be_in_viewport()
        await settled(page)
        assert (await jane.conversation(conversation))["unreadCount"] == 150
        await page.get_by_role("button", name="150 unread ↑").click()
        line = page.locator(".messages > .unread")
        await expect(line).to_be_in_viewport()
        await expect(page.get_by_text("unread 0", exact=True)).to_be_in_viewport()
        await expect(page.get_by_role("button", name="unread ↑")).to_be_hidden()
        await page.get_by_role("button", name="new ↓").click()
        await expect(page.locator(".message").last).to_be_in_viewport()
        await expect(page.locator(".badge")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_the_other_user_sees_which_messages_were_seen(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "john", conversation)
        for content in ("one", "two"):
            await write(page, content)
        mine = page.locator(".message.mine")
        await expect(mine).to_have_count(2)
        await expect(page.locator(".message.sending")).to_have_count(0)
        await expect(page.get_by_text("Seen")).to_have_count(0)
        first, second = reversed(await john.history(conversation))
        await jane.read(conversation, first["id"])
        await expect(mine.nth(0)).to_contain_text("Seen")
        await expect(mine.nth(1)).not_to_contain_text("Seen")
        await jane.read(conversation, second["id"])
        await expect(mine.nth(1)).to_contain_text("Seen")
        await expect(mine.nth(0)).not_to_contain_text("Seen")


@pytest.mark.gen_test(timeout=120)
async def test_a_message_read_in_one_tab_is_read_on_all_devices_within_a_second(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, windows=True) as tabs:
        page = await at(tabs, "jane", conversation)
        tab = await page.context.new_page()
        await tab.goto(base_url)
        device = await tabs.sign_in("jane", width=390)
        took = []
        for n in range(3):  # the machine may be busy with something else once
            gaze = Gaze(page)
            await gaze.elsewhere()
            await john.send(conversation, f"number {n}")
            for other in (page, tab, device):
                await expect(other.locator(".badge")).to_have_text("1")
            await gaze.back()
            begun = time.monotonic()
            for other in (tab, device):
                await expect(other.locator(".badge")).to_have_count(0)
                await expect(other).to_have_title("Messenger")
            took.append(time.monotonic() - begun)
        assert min(took) < 5, took  # before the next heartbeat


@pytest.mark.gen_test(timeout=120)
async def test_reading_along_is_reported_a_few_times_a_second_and_completely(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        told: list[str] = []
        page.on("request", lambda r: told.append(r.url) if "read_messages" in r.url else None)
        begun = time.monotonic()
        for n in range(40):
            last = await john.send(conversation, f"number {n}")
        await eventually_equal(last["id"], lambda: marker(jane, conversation))
        assert 1 <= len(told) <= 3 + (time.monotonic() - begun) / 0.3
        await expect(page.locator(".badge")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_a_read_that_failed_to_send_is_sent_later(base_url: str, visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.route("**/read_messages", lambda route: route.abort())
        sent = await john.send(conversation, "hello")
        await expect(page.locator(".message")).to_have_count(1)
        async with page.expect_request("**/read_messages"):
            pass
        assert await marker(jane, conversation) is None
        await page.unroute("**/read_messages")
        await eventually_equal(sent["id"], lambda: marker(jane, conversation), seconds=10)
        tabs.complaints = [line for line in tabs.complaints if "ERR_FAILED" not in line]
