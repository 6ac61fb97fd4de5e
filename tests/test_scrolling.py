"""Scrolling through a conversation: the visible messages keep their place, whatever arrives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at, settled
from tests.support.history import fill
from tests.support.people import Visitor, eventually_equal, two
from tests.support.scrolling import (
    distance_from_the_end,
    frames,
    more_than,
    to_the_beginning,
)

# Records the position of the line in the middle of the screen, in each frame.
WATCH = """() => {
    const frame = document.querySelector(".scroller").getBoundingClientRect();
    const middle = frame.top + frame.height / 2;
    const lines = [...document.querySelectorAll(".message")];
    const found = lines.find((line) => line.getBoundingClientRect().bottom > middle);
    const { key } = found.dataset;
    const places = (window.places = []);
    (function look() {
        if (places !== window.places) return; // it is watched anew
        const line = document.querySelector(`.message[data-key="${key}"]`);
        places.push(line ? line.getBoundingClientRect().top : null);
        requestAnimationFrame(look);
    })();
}"""


async def jumps(page: Page) -> list[float]:
    """Returns all moves of a pixel and more between frames, and -1 where the line was gone."""
    jumps: list[float] = await page.evaluate("""
        places.map((place, n) => (place === null ? -1 : n && Math.abs(place - places[n - 1])))
            .filter((jump) => jump < 0 || jump >= 1)
    """)
    return jumps


@asynccontextmanager
async def holding(page: Page) -> AsyncIterator[list[asyncio.Event]]:
    """Holds requests for older messages; each continues when its event is set, or at the end."""
    held: list[asyncio.Event] = []
    over = False

    async def hold(route: Route) -> None:
        if not over:
            held.append(asyncio.Event())
            await held[-1].wait()
        await route.continue_()

    await page.route("**/messages?*", hold)
    yield held
    over = True
    for going_on in held:
        going_on.set()
    await page.unroute_all(behavior="wait")


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.gen_test(timeout=120)
async def test_older_messages_load_during_scrolling_and_nothing_jumps(
    base_url: str, visitor: Visitor, dsn: str, width: int
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 400)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation, width=width)
        async with holding(page) as held:
            grown = 0
            for _ in range(4):
                while not held:
                    await page.locator(".scroller").evaluate("e => { e.scrollTop -= 300 }")
                    await frames(page)
                await page.locator(".scroller").evaluate("e => { e.scrollTop -= 3000 }")
                await frames(page)
                await page.evaluate(WATCH)
                known = await page.locator(".message").count()
                async with page.expect_response("**/messages?*"):
                    held.pop().set()
                await settled(page)
                assert await jumps(page) == []
                grown += await page.locator(".message").count() > known
            assert grown > 0, "else nothing came while it was watched"
        await to_the_beginning(page)


@pytest.mark.gen_test(timeout=120)
async def test_at_the_very_top_older_messages_push_nothing_down(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 200)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        async with holding(page) as held:
            await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
            await frames(page)
            assert await page.locator(".scroller").evaluate("e => e.scrollTop") == 0
            await page.evaluate(WATCH)
            held.pop().set()
            await eventually_equal(True, partial(more_than, page, 25))
            await frames(page)
            assert await jumps(page) == []


@pytest.mark.gen_test(timeout=120)
async def test_nothing_jumps_when_distant_lines_are_replaced(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 2000)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        # Each step is as long as the test asks for, so that the page's own moves would show.
        odd = await page.locator(".scroller").evaluate("""async (scroller) => {
            const odd = [];
            const frame = () => new Promise(requestAnimationFrame);
            const middle = scroller.getBoundingClientRect().top + scroller.clientHeight / 2;
            for (let n = 0; n < 450; n += 1) {
                const step = n < 300 ? -330 : 370;
                const lines = [...document.querySelectorAll(".message")];
                const line = lines.find((line) => line.getBoundingClientRect().bottom > middle);
                const [top, place] = [line.getBoundingClientRect().top, scroller.scrollTop];
                scroller.scrollTop += step;
                const moved = scroller.scrollTop - place;
                await frame();
                await frame();
                const off = line.getBoundingClientRect().top - (top - moved);
                if (!line.isConnected || Math.abs(off) >= 1) odd.push([n, off]);
            }
            return odd;
        }""")
        assert odd == []
        assert await page.locator(".message").count() <= 400
        assert await page.get_by_text("number 1999").count() <= 1  # in the list alone


@pytest.mark.gen_test(timeout=120)
async def test_new_messages_are_followed_only_if_the_end_was_in_view(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        for n in range(3):
            await john.send(conversation, f"followed {n}")
            await expect(page.get_by_text(f"followed {n}").last).to_be_in_viewport()
        assert await distance_from_the_end(page) < 1
        await page.mouse.move(800, 400)
        await page.mouse.wheel(0, -200)
        await eventually_equal(200, partial(distance_from_the_end, page))
        await frames(page)
        await page.evaluate(WATCH)
        for n in (1, 2):
            await john.send(conversation, f"not followed {n}\nof three\nlines")
            await expect(page.get_by_role("button", name=f"{n} new ↓")).to_be_visible()
        await frames(page)
        assert await jumps(page) == []
        await page.get_by_role("button", name="2 new ↓").click()
        await expect(page.locator(".message").last).to_be_in_viewport()
        await expect(page.get_by_role("button", name="new ↓")).to_be_hidden()
        await expect(page.locator(".badge")).to_have_count(0)
        await john.send(conversation, "followed again")
        await expect(page.get_by_text("followed again").last).to_be_in_viewport()


@pytest.mark.gen_test(timeout=120)
async def test_the_count_of_new_messages_falls_as_they_come_into_view(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.locator(".scroller").evaluate("e => { e.scrollTop -= 400 }")
        for n in range(3):
            await john.send(conversation, f"fresh {n}" + "\n" * 20 + "end")
        await jane.send(conversation, "one's own is not new")
        await expect(page.get_by_role("button", name="3 new ↓")).to_be_visible()
        fresh = page.locator(".message", has_text="fresh 0")
        await fresh.evaluate("e => e.scrollIntoView({ block: 'end' })")
        await expect(page.get_by_role("button", name="2 new ↓")).to_be_visible()
        await page.locator(".scroller").evaluate("e => { e.scrollTop = e.scrollHeight }")
        await expect(page.get_by_role("button", name="↓")).to_be_hidden()


@pytest.mark.gen_test(timeout=120)
async def test_a_sender_sees_their_message_wherever_they_were_reading(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 600)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        for _ in range(6):
            await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
            await frames(page, 10)
        await write(page, "here I am")
        await expect(page.get_by_text("here I am").last).to_be_in_viewport()
        assert await distance_from_the_end(page) < 1


@pytest.mark.gen_test(timeout=120)
async def test_the_end_stays_in_view_and_the_place_is_kept_when_the_window_changes(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 100)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        for width, height in ((1280, 400), (600, 700), (390, 800)):  # as when a keyboard opens
            await page.set_viewport_size({"width": width, "height": height})
            await frames(page)
            assert await distance_from_the_end(page) < 1
        await page.locator(".scroller").evaluate("e => { e.scrollTop -= 500 }")
        await frames(page)
        first = """() => {
            const { top } = document.querySelector(".scroller").getBoundingClientRect();
            const lines = [...document.querySelectorAll(".message")];
            const line = lines.find((line) => line.getBoundingClientRect().bottom > top);
            return [line.dataset.key, line.getBoundingClientRect().top];
        }"""
        key, place = await page.evaluate(first)
        await page.set_viewport_size({"width": 1000, "height": 700})
        await frames(page)
        assert [key, pytest.approx(place, abs=1)] == await page.evaluate(first)


@pytest.mark.gen_test(timeout=120)
async def test_older_messages_that_failed_to_load_are_requested_again(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    fill(dsn, conversation, john, jane, 60)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.route("**/messages?*", lambda route: route.abort())
        await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
        again = page.get_by_role("button", name="Couldn't load older messages. Try again")
        await expect(again).to_be_visible()
        await page.unroute("**/messages?*")
        await again.click()
        await expect(page.locator(".message")).to_have_count(60)
        tabs.complaints = [line for line in tabs.complaints if "ERR_FAILED" not in line]
