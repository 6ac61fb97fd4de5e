"""A sent message is kept, whenever the page ends and whatever happens to its storage."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.outbox import (
    at_the_conversation,
    cut_sends,
    expect_sending,
    expect_sent,
    forget_refusals,
    stored,
)
from tests.support.people import Visitor, two

SENDS = "**/api/conversations/*/messages"
FULL = """
    for (let size = 2 ** 20; size >= 1; size /= 2) {
        try {
            for (let n = 0; ; n += 1) localStorage.setItem(`${size} ${n}`, "x".repeat(size));
        } catch {}
    }
"""


async def slowed(page: Page, rate: int) -> None:
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})


async def send_and_leave(page: Page, content: str, milliseconds: int) -> None:
    """Sends by keys and Enter, and leaves after that many milliseconds of the page's clock."""
    await page.get_by_role("textbox", name="Message").fill(content)
    await page.evaluate(
        "(ms) => document.addEventListener('keyup', () => {"
        " const end = performance.now() + ms;"
        " if (ms === 0) location.reload(); else setTimeout(() => location.reload(), ms); })",
        milliseconds,
    )
    async with page.expect_navigation():
        await page.keyboard.press("Enter")


@pytest.mark.gen_test(timeout=600)
@pytest.mark.parametrize(
    ("rate", "count"),
    [
        (1, 12),
        (4, 8),
        pytest.param(1, 60, marks=pytest.mark.prove),
        pytest.param(6, 60, marks=pytest.mark.prove),
    ],
)
async def test_a_message_sent_just_before_the_page_closes_is_neither_lost_nor_doubled(
    base_url: str, visitor: Visitor, rate: int, count: int
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await slowed(page, rate)
        contents = [f"number {n}" for n in range(count)]
        for n, content in enumerate(contents):
            await send_and_leave(page, content, n % 5 * 10)
        await expect(page.locator(".message.mine .content").last).to_have_text(
            contents[-1], timeout=40_000
        )
        await expect(page.locator(".message.sending")).to_have_count(0, timeout=40_000)
        assert await stored(john, conversation) == contents
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_reload_with_full_synchronous_storage_loses_nothing(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await page.evaluate(FULL)
        await cut_sends(page.context)
        for content in ("one", "two"):
            await write(page, content)
        other = await page.context.new_page()  # reads it from the disk
        await other.goto(page.url)
        await expect_sending(other, ["one", "two"])
        await page.reload()
        await expect_sending(page, ["one", "two"])
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("")
        await page.context.unroute(SENDS)
        await expect_sent(page, ["one", "two"])
        assert await stored(john, conversation) == ["one", "two"]
        forget_refusals(tabs)


BREAKAGES = {
    "old connections fail": """() => {
        const { transaction } = IDBDatabase.prototype;
        const { open } = IDBFactory.prototype;
        const opened = new WeakSet();
        IDBFactory.prototype.open = function (...given) {
            const request = open.apply(this, given);
            request.addEventListener("success", () => opened.add(request.result));
            return request;
        };
        IDBDatabase.prototype.transaction = function (...given) {
            if (!opened.has(this)) throw new DOMException("It is gone.", "UnknownError");
            return transaction.apply(this, given);
        };
    }""",
    "all connections fail": """() => {
        IDBDatabase.prototype.transaction = () => {
            throw new DOMException("It is gone.", "UnknownError");
        };
    }""",
    "nothing answers": "() => { IDBFactory.prototype.open = () => new EventTarget(); }",
    "all is deleted": """async () => {
        for (const { name } of await indexedDB.databases()) indexedDB.deleteDatabase(name);
    }""",
}


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("breakage", BREAKAGES.values(), ids=BREAKAGES)
async def test_messages_are_sent_in_order_though_the_storage_breaks(
    base_url: str, visitor: Visitor, breakage: str
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await page.context.set_offline(True)
        await write(page, "before")
        await expect_sending(page, ["before"])
        other = await page.context.new_page()  # which never has its own turn
        await other.close()
        await page.evaluate(breakage)
        await write(page, "after")
        await page.context.set_offline(False)
        await expect_sent(page, ["before", "after"])
        assert await stored(john, conversation) == ["before", "after"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_the_remaining_tab_sends_what_a_closed_tab_could_not_store(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        other = await page.context.new_page()
        await other.goto(page.url)
        await expect(other.locator("conversation-view h1")).to_have_text("john")
        await other.evaluate("() => { IDBFactory.prototype.open = () => new EventTarget(); }")
        await other.reload()
        await other.evaluate(
            "() => { IDBDatabase.prototype.transaction = () => { throw new Error(); }; }"
        )
        await other.route(SENDS, lambda route: None)  # it is never answered
        await write(other, "and gone")
        await other.close()
        await expect_sent(page, ["and gone"])
        assert await stored(john, conversation) == ["and gone"]
        forget_refusals(tabs)
