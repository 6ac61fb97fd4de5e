"""Days and times are right for the user's zone, and stay right when a day or the zone changes."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import CDPSession, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.people import Person, Visitor, two
from tests.support.postgres import ask


async def lived(dsn: str, john: Person, conversation: str, times: list[datetime]) -> None:
    """Stores a message of john's at each of `times`."""
    for time in times:
        message = await john.send(conversation, f"at {time:%d %H:%M}")
        ask(dsn, "UPDATE messages SET created_at = %s WHERE id = %s", (time, message["id"]))


async def zone(devtools: CDPSession, name: str) -> None:
    await devtools.send("Emulation.setTimezoneOverride", {"timezoneId": name})


@pytest.mark.gen_test(timeout=120)
async def test_each_day_has_its_name_and_each_message_its_full_time_on_hover(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, _, conversation = await two(visitor)
    noon = datetime.now(UTC).replace(hour=12, minute=5, second=30, microsecond=0)
    await lived(
        dsn, john, conversation, [noon - timedelta(days=400), noon - timedelta(days=1), noon]
    )
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        long_ago = re.compile(rf"\w+day, \w+ \d+, {(noon - timedelta(days=400)).year}")
        await expect(page.locator(".messages .day")).to_have_text([long_ago, "Yesterday", "Today"])
        time = page.locator(".message time").first
        at_length = re.compile(r"\w+day, \w+ \d+, \d{4} at \d+:05:30.[AP]M")
        await expect(time).to_have_attribute("title", at_length)
        await expect(time).to_have_attribute("datetime", re.compile(r"T12:05:30\.000Z$"))
        await expect(page.locator(".message .content").first).to_have_attribute("title", at_length)


@pytest.mark.gen_test(timeout=120)
async def test_messages_of_one_user_within_minutes_form_a_group(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    noon = datetime.now(UTC).replace(hour=12, minute=0)
    await lived(dsn, john, conversation, [noon + timedelta(minutes=n) for n in (0, 1, 2, 30)])
    await jane.send(conversation, "mine")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        groups = await page.locator(".message").evaluate_all(
            """lines => lines.map(({ classList }) =>
                ["first", "last"].map((name) => classList.contains(name)))"""
        )
        assert groups == [[True, False], [False, False], [False, True], [True, True], [True, True]]
        await expect(page.locator(".message .state time")).to_have_count(5)


@pytest.mark.gen_test(timeout=120)
async def test_days_are_renamed_at_midnight(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    await john.send(conversation, "hello")
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.clock.install(time=datetime.now(UTC).astimezone().replace(hour=23, minute=50))
        await page.goto(f"{base_url}/conversations/{conversation}")
        time = page.locator(".conversations time")
        await expect(page.locator(".messages .day")).to_have_text("Today")
        await expect(time).to_have_text(re.compile(r"^\d+:\d\d.[AP]M$"))
        until_midnight = await page.evaluate("new Date().setHours(24, 0, 0, 0) - Date.now()")
        await page.clock.run_for(until_midnight - 60_000)
        await expect(page.locator(".messages .day")).to_have_text("Today")
        await page.clock.run_for(61_000)
        await expect(page.locator(".messages .day")).to_have_text("Yesterday")
        await expect(time).to_have_text(re.compile(r"^\w{3}$"))
        # The clock skips minutes of silence, which opens more streams than a user may have.
        tabs.complaints = [line for line in tabs.complaints if "429" not in line]


@pytest.mark.gen_test(timeout=120)
async def test_times_are_redrawn_when_the_zone_changes(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, _, conversation = await two(visitor)
    noon = (datetime.now(UTC) - timedelta(days=2)).replace(hour=12, minute=5)
    await lived(dsn, john, conversation, [noon])
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        devtools = await page.context.new_cdp_session(page)
        await zone(devtools, "Europe/London")
        await page.goto(f"{base_url}/conversations/{conversation}")
        hours = 12 if await page.evaluate("new Date().getTimezoneOffset()") == 0 else 13
        time = page.locator(".message time")
        await expect(time).to_have_text(f"{hours % 12 or 12}:05\u202fPM")
        await zone(devtools, "Asia/Tokyo")
        await page.evaluate("dispatchEvent(new Event('focus'))")  # as on the user's return
        await expect(time).to_have_text("9:05\u202fPM")
        await expect(time).to_have_attribute("title", re.compile("9:05:"))


def day_of(day: datetime, now: datetime) -> str:
    """With the year, unless it is the present one."""
    return f"{day:%A, %B} {day.day}" + (f", {day.year}" if day.year != now.year else "")


@pytest.mark.gen_test(timeout=120)
async def test_today_appears_once_if_the_clock_is_days_behind(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, _, conversation = await two(visitor)
    noon = datetime.now(UTC).replace(hour=12)
    await lived(dsn, john, conversation, [noon - timedelta(days=n) for n in (3, 2, 1, 0)])
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.clock.set_fixed_time(noon - timedelta(days=3))
        await page.goto(f"{base_url}/conversations/{conversation}")
        days = page.locator(".messages .day")
        await expect(days).to_have_count(4)
        assert await days.all_text_contents() == [
            *[day_of(noon - timedelta(days=n), noon) for n in (3, 2)],
            "Yesterday",
            "Today",
        ]
        await expect(page.locator(".conversations time")).to_have_text(re.compile(r"^\d+:\d\d"))


@pytest.mark.gen_test(timeout=120)
async def test_dates_are_in_the_pages_language_whatever_the_browsers(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, _, conversation = await two(visitor)
    long_ago = datetime(2025, 3, 2, 17, 5, tzinfo=UTC)
    await lived(dsn, john, conversation, [long_ago, datetime.now(UTC)])
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        assert page.context.browser is not None
        context = await page.context.browser.new_context(
            locale="de-DE",
            timezone_id="Europe/Berlin",
            storage_state=await page.context.storage_state(),
        )
        german = await context.new_page()
        await german.goto(page.url.rstrip("/") + f"/conversations/{conversation}")
        await expect(german.locator(".messages .day")).to_have_text(
            [re.compile(r"^Sunday.* March 2025$"), "Today"]
        )
        time = german.locator(".message time").first
        await expect(time).to_have_text("18:05")  # in the hours of that language
        await expect(time).to_have_attribute("title", re.compile("Sunday.* March 2025"))
