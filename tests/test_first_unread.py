"""A conversation opens at the first unread message, and only visible messages are read."""

import asyncio

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.attention import Gaze
from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.conversation_page import at, marker, settled
from tests.support.history import fill
from tests.support.live_page import OFFLINE, expect_line, expect_live, forget_trouble
from tests.support.people import Person, Visitor, eventually_equal, two
from tests.support.scrolling import distance_from_the_end
from tests.support.tabs import Held

LAST_SEEN = """() => {
    const { bottom } = document.querySelector(".scroller").getBoundingClientRect();
    const seen = [...document.querySelectorAll(".message.theirs .content")].filter((item) => {
        const { top, height } = item.closest(".message").getBoundingClientRect();
        return top + height / 2 <= bottom;
    });
    return seen.at(-1).textContent;
}"""


async def send(john: Person, conversation: str, count: int, begin: int = 0) -> None:
    for n in range(begin, begin + count):
        await john.send(conversation, f"unread {n}")


async def expect_at_the_first(page: Page, first: str = "unread 0") -> None:
    await expect(page.locator(".messages > .unread")).to_be_in_viewport()
    await expect(page.locator(".messages").get_by_text(first, exact=True)).to_be_in_viewport()
    top = await page.evaluate("""() => {
        const { top } = document.querySelector(".scroller").getBoundingClientRect();
        return document.querySelector(".messages > .unread").getBoundingClientRect().top - top;
    }""")
    assert 0 <= top < 100


async def expect_read_as_seen(page: Page, jane: Person, conversation: str, count: int) -> int:
    """Checks that the server knows what is on the screen, and returns how many are unread."""
    await settled(page)
    last = int((await page.evaluate(LAST_SEEN)).removeprefix("unread "))
    left = count - last - 1
    assert 0 < left < count
    await eventually_equal(left, lambda: jane.unread(conversation))
    await settled(page)
    assert await jane.unread(conversation) == left
    await expect(page.get_by_role("button", name=f"{left} new ↓")).to_be_visible()
    return left


@pytest.mark.parametrize("way", ["from the list", "by its address"])
@pytest.mark.parametrize("count", [60, 250])
@pytest.mark.gen_test(timeout=120)
async def test_it_opens_at_the_first_unread_and_off_screen_messages_stay_unread(
    base_url: str, visitor: Visitor, dsn: str, count: int, way: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    await send(john, conversation, count)
    async with browser(base_url) as tabs:
        if way == "from the list":
            page = await tabs.sign_in("jane")
            await page.get_by_role("link", name="john").click()
        else:
            page = await at(tabs, "jane", conversation)
        await expect_at_the_first(page)
        left = await expect_read_as_seen(page, jane, conversation, count)
        await page.get_by_role("button", name=f"{left} new ↓").click()
        await expect(page.get_by_text(f"unread {count - 1}").last).to_be_in_viewport()
        await eventually_equal(0, lambda: jane.unread(conversation))


@pytest.mark.gen_test(timeout=120)
async def test_if_all_unread_fit_on_the_screen_the_end_is_shown_and_followed(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    await send(john, conversation, 4)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect(page.locator(".messages > .unread")).to_be_in_viewport()
        assert await distance_from_the_end(page) < 1
        await eventually_equal(0, lambda: jane.unread(conversation))
        for n in range(30):
            await john.send(conversation, f"followed {n}")
        await expect(page.get_by_text("followed 29").last).to_be_in_viewport()
        await eventually_equal(0, lambda: jane.unread(conversation))


@pytest.mark.gen_test(timeout=120)
async def test_opening_from_the_list_asks_for_the_messages_once(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 10)
    await send(john, conversation, 60)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        asked: list[str] = []
        page.on("request", lambda r: asked.append(r.url) if "/messages" in r.url else None)
        await page.get_by_role("link", name="john").click()
        await expect_at_the_first(page)
        assert len([url for url in asked if f"{conversation}/messages" in url]) == 1, asked


@pytest.mark.gen_test(timeout=120)
async def test_reading_is_reported_line_by_line_and_the_unread_line_stays(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    await send(john, conversation, 80)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect_at_the_first(page)
        before = await expect_read_as_seen(page, jane, conversation, 80)
        await page.mouse.move(800, 400)
        await page.mouse.wheel(0, 900)
        left = before
        async with asyncio.timeout(20):
            while left == before:
                left = await jane.unread(conversation)
        assert await expect_read_as_seen(page, jane, conversation, 80) <= left < before
        line = page.locator(".messages > .unread")
        assert await line.evaluate("e => e.nextElementSibling.innerText.includes('unread 0')")
        await john.send(conversation, "unread 80")
        await expect_read_as_seen(page, jane, conversation, 81)
        assert await line.evaluate("e => e.nextElementSibling.innerText.includes('unread 0')")


async def looking_away(
    tabs: Tabs, john: Person, jane: Person, conversation: str
) -> tuple[Page, Gaze]:
    """Jane has read all of the conversation, and looks at another window."""
    read = await john.send(conversation, "read")
    page = await at(tabs, "jane", conversation)
    await eventually_equal(read["id"], lambda: marker(jane, conversation))
    gaze = Gaze(page)
    await gaze.elsewhere()
    return page, gaze


@pytest.mark.gen_test(timeout=120)
async def test_messages_during_an_absence_are_read_from_the_first_on(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, windows=True) as tabs:
        page, gaze = await looking_away(tabs, john, jane, conversation)
        await send(john, conversation, 60)
        await expect(page.locator(".badge")).to_have_text("60")
        await settled(page)
        await gaze.back()
        await expect_at_the_first(page)
        await expect_read_as_seen(page, jane, conversation, 60)


@pytest.mark.gen_test(timeout=120)
async def test_messages_on_an_unwatched_screen_count_as_unseen(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, windows=True) as tabs:
        page, gaze = await looking_away(tabs, john, jane, conversation)
        for n in range(24):  # each is drawn separately, the last of them below the first unread one
            await send(john, conversation, 1, n)
            await expect(page.locator(".message").get_by_text(f"unread {n}")).to_have_count(1)
        await gaze.back()
        await expect_at_the_first(page)
        await expect_read_as_seen(page, jane, conversation, 24)


@pytest.mark.gen_test(timeout=120)
async def test_messages_missed_offline_are_read_from_the_first_on(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    read = await john.send(conversation, "read")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect_live(page)
        await eventually_equal(read["id"], lambda: marker(jane, conversation))
        await page.context.set_offline(True)
        await expect_line(page, OFFLINE)
        await send(john, conversation, 60)
        await page.context.set_offline(False)
        await expect(page.locator(".message").get_by_text("unread 59")).to_have_count(1)
        await expect_at_the_first(page)
        await expect_read_as_seen(page, jane, conversation, 60)
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_messages_counted_before_they_loaded_are_read_from_the_first_on(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    read = await john.send(conversation, "read")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect_live(page)
        await eventually_equal(read["id"], lambda: marker(jane, conversation))
        stream, messages = Held(), Held()
        await page.route("**/api/messages?*", stream)
        await page.route(f"**/{conversation}/messages", messages)
        await page.context.set_offline(True)
        await expect_line(page, OFFLINE)
        await send(john, conversation, 60)
        await page.context.set_offline(False)
        await expect(page.locator(".badge")).to_have_text("60")
        await settled(page)
        messages.go.set()
        await expect_at_the_first(page)
        await expect_read_as_seen(page, jane, conversation, 60)
        stream.go.set()
        await expect_live(page)
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_reload_after_an_absence_opens_at_the_first_unread(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 30)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect_live(page)
        address = page.url
        await page.goto("about:blank")
        await send(john, conversation, 60)
        await page.goto(address)
        await expect_at_the_first(page)
        await expect_read_as_seen(page, jane, conversation, 60)


@pytest.mark.gen_test(timeout=120)
async def test_an_answer_marks_all_as_read(base_url: str, visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await send(john, conversation, 60)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect_at_the_first(page)
        await write(page, "I know")
        await expect(page.get_by_text("I know").last).to_be_in_viewport()
        await eventually_equal(0, lambda: jane.unread(conversation))


@pytest.mark.gen_test(timeout=120)
async def test_if_the_first_unread_cannot_load_the_newest_are_shown_with_a_retry(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    await send(john, conversation, 60)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        refused: list[str] = []

        async def refuse(route: Route) -> None:
            refused.append(route.request.url)
            await route.fulfill(status=502, body="<h1>Bad Gateway</h1>")

        await page.route("**/messages?*cursor=*", refuse)
        await page.goto(f"{base_url}/conversations/{conversation}")
        again = page.locator(".seeking").get_by_role("button", name="Try again")
        await expect(again).to_be_visible()
        await expect(page.get_by_text("unread 59", exact=True).last).to_be_in_viewport()
        await settled(page)
        assert len(refused) == 1
        assert await jane.unread(conversation) == 60
        await page.unroute("**/messages?*cursor=*")
        await again.click()
        await expect_at_the_first(page)
        await expect(page.locator(".seeking")).to_be_empty()
        await expect_read_as_seen(page, jane, conversation, 60)
        forget_trouble(tabs)
