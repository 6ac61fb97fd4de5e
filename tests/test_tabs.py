"""All tabs of a browser share one stream, and lose nothing when its leader goes."""

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Page, expect

from handlers.application import Messenger
from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.chromium import Chromium
from tests.support.people import Visitor, two
from tests.support.shared_stream import expect_shown, only_stream, tabs_at
from tests.support.tabs import asleep, crash, hanging

TABS = 12  # a browser has six connections to a server over HTTP/1.1


async def shown(page: Page) -> list[str]:
    return await page.locator(".message .content").all_text_contents()


async def signed_in(tabs: Tabs, name: str) -> BrowserContext:
    return (await tabs.signed_in(name)).context


@pytest.mark.gen_test(timeout=120)
async def test_twelve_tabs_are_live_on_one_stream(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        pages = await tabs_at(context, f"{base_url}/conversations/{conversation}", TABS)
        await only_stream(app, jane)
        await john.send(conversation, "to all of them")
        await expect_shown(pages, ["to all of them"])
        for n, page in enumerate(pages):
            await write(page, f"from tab {n}")
        for page in pages:
            await expect(page.locator(".message")).to_have_count(1 + TABS, timeout=20_000)
            await expect(page.locator(".message.sending")).to_have_count(0)
        [first, *others] = [await shown(page) for page in pages]
        assert all(other == first for other in others)
        assert sorted(first[1:]) == sorted(f"from tab {n}" for n in range(TABS))
        for page in pages:
            await expect(page.locator("connection-line").first).to_have_attribute(
                "data-status", "live"
            )
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_a_leader_that_is_closed_is_replaced_within_two_seconds_and_nothing_is_lost(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        pages = await tabs_at(context, f"{base_url}/conversations/{conversation}", 4)
        sent: list[str] = []

        async def go_on_sending() -> None:
            for n in range(60):
                sent.append((await john.send(conversation, f"number {n}"))["content"])
                await asyncio.sleep(0.03)

        sending = asyncio.create_task(go_on_sending())
        for _ in range(3):
            kept = await only_stream(app, jane)
            await asyncio.sleep(0.3)  # messages are sent during these
            await pages.pop(0).close()
            await only_stream(app, jane, but=kept, within=2)
        await sending
        await expect_shown(pages, sent)


@pytest.mark.gen_test(timeout=120)
async def test_a_leader_that_crashes_is_replaced_within_two_seconds_and_nothing_is_lost(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        leader, *others = await tabs_at(context, f"{base_url}/conversations/{conversation}", 3)
        kept = await only_stream(app, jane)
        await john.send(conversation, "before")
        await crash(leader)
        await john.send(conversation, "between")
        await only_stream(app, jane, but=kept, within=2)
        await john.send(conversation, "after")
        await expect_shown(others, ["before", "between", "after"])


@pytest.mark.gen_test(timeout=120)
async def test_a_leader_that_hangs_is_replaced_and_catches_up_when_it_goes_on(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        leader, *others = await tabs_at(context, f"{base_url}/conversations/{conversation}", 3)
        async with hanging(leader):
            await john.send(conversation, "while it hangs")
            for page in others:
                await expect(page.locator(".message .content")).to_have_text(
                    ["while it hangs"], timeout=20_000
                )
        await john.send(conversation, "when it goes on")
        await expect_shown([leader, *others], ["while it hangs", "when it goes on"])
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_a_frozen_leader_is_replaced_and_catches_up_when_it_wakes(
    base_url: str, visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    async with Chromium(tmp_path).open() as context:
        await context.add_cookies([jane.cookie])
        leader, *others = await tabs_at(context, f"{base_url}/conversations/{conversation}", 3)
        kept = await only_stream(app, jane)
        async with asleep(leader):
            await only_stream(app, jane, but=kept, within=2)
            await john.send(conversation, "while it sleeps")
            await expect_shown(others, ["while it sleeps"])
            assert await shown(leader) == []
        await john.send(conversation, "when it has woken")
        await expect_shown([leader, *others], ["while it sleeps", "when it has woken"])
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_that_missed_an_event_of_the_leader_gets_it_again(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        context = await signed_in(tabs, "jane")
        url = f"{base_url}/conversations/{conversation}"
        [leader] = await tabs_at(context, url, 1)
        await context.add_init_script("""
            const listen = BroadcastChannel.prototype.addEventListener;
            BroadcastChannel.prototype.addEventListener = function (type, hear, ...more) {
                let missed = 0;
                return listen.call(this, type, (event) => {
                    if (event.data.type === "event" && missed < 2) missed += 1;
                    else hear(event);
                }, ...more);
            };
        """)
        [deaf] = await tabs_at(context, url, 1)
        for content in ("one", "two", "three"):
            await john.send(conversation, content)
        await expect_shown([leader, deaf], ["one", "two", "three"])
