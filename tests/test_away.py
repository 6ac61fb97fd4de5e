"""The page shows what it saw last while the server is away, and keeps what it shows."""

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.bad_gateway import BadGateway, Mood
from tests.support.browser import Tabs, browser, browser_here, sign_out, write  # noqa: F401  # an autouse fixture
from tests.support.live_page import open_conversation
from tests.support.outbox import expect_sending, expect_sent, stored
from tests.support.people import Visitor, eventually, eventually_equal, two
from tests.support.seen import SEEN

HOLDS = """async (content) => {
    const { readLastSeen } = await import("/last-seen.js");
    return JSON.stringify(await readLastSeen() ?? "").includes(content);
}"""
AWAY = "Can't reach the server. This is what you saw last. Retrying…"


async def until_kept(page: Page, content: str) -> None:
    """Waits until the service worker and the store of what was seen last are ready."""
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await eventually_equal(True, lambda: page.evaluate(HOLDS, content))


@pytest.mark.gen_test(timeout=120)
async def test_the_page_shows_what_it_saw_last_and_unsent_messages_until_the_server_is_back(
    base_url: str, http_port: int, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with (
        browser(base_url, service_workers=True) as tabs,
        BadGateway(http_port).open() as proxy,
    ):
        page = await open_conversation(tabs, proxy.url, jane, conversation)
        await john.send(conversation, "seen by jane")
        await until_kept(page, "seen by jane")
        await proxy.become(Mood.REFUSING)
        await page.reload()
        await expect(page.locator(".message.theirs .content")).to_have_text("seen by jane")
        await expect(page.locator("conversation-list .name")).to_have_text("john")
        await expect(page.locator(".sidebar connection-line")).to_contain_text(AWAY)
        await write(page, "while it is away")
        await expect_sending(page, ["while it is away"])
        await page.reload()
        await expect_sending(page, ["while it is away"])
        await john.send(conversation, "meanwhile")
        refused = proxy.refused
        await page.get_by_role("button", name="Retry now").first.click()
        await eventually(lambda: proxy.refused > refused)
        await proxy.become(Mood.PASSING)
        await expect_sent(page, ["while it is away"])
        await expect(page.locator(".message.theirs .content")).to_have_text(
            ["seen by jane", "meanwhile"]
        )
        await expect(page.locator(".sidebar connection-line")).to_have_text("")
        assert (await stored(john, conversation))[-1] == "while it is away"
        await sign_out(page)
        await expect(page.get_by_label("Username", exact=True)).to_be_visible()
        assert await page.evaluate(SEEN) == []
        await page.close()
        tabs.complaints.clear()  # Chromium's own lines about the outage


@pytest.mark.gen_test(timeout=120)
async def test_a_conversation_that_cannot_be_refetched_stays_with_its_draft(
    base_url: str, http_port: int, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with (
        browser(base_url, service_workers=True) as tabs,
        BadGateway(http_port).open() as proxy,
    ):
        page = await open_conversation(tabs, proxy.url, jane, conversation)
        await john.send(conversation, "seen by jane")
        await until_kept(page, "seen by jane")
        await proxy.become(Mood.REFUSING)
        await page.reload()
        content = page.locator(".message.theirs .content")
        await expect(content).to_have_text("seen by jane")
        text = page.get_by_role("textbox", name="Message")
        await text.press_sequentially("half a thought")

        async def refuse(route: Route) -> None:
            await route.fulfill(status=502, body="<h1>Bad Gateway</h1>")

        await page.route("**/api/conversations/*/messages", refuse)
        await john.send(conversation, "meanwhile")
        await proxy.become(Mood.PASSING)
        stale = page.locator("conversation-view .stale")
        await expect(stale).to_contain_text("Couldn't refresh this conversation.", timeout=20_000)
        await expect(text).to_have_value("half a thought")
        await expect(text).to_be_focused()
        await expect(content.first).to_have_text("seen by jane")
        await stale.get_by_role("button", name="Retry now").click()  # or it retries itself
        await page.unroute("**/api/conversations/*/messages")
        await expect(content).to_have_text(["seen by jane", "meanwhile"])
        await expect(stale).to_have_text("")
        await expect(text).to_have_value("half a thought")
        await page.close()
        tabs.complaints.clear()  # Chromium's own lines about the outage


@pytest.mark.gen_test(timeout=90)
async def test_the_page_polls_where_a_proxy_holds_back_the_stream(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open("/no-such-file.txt")
        await page.context.add_cookies([jane.cookie])
        held: list[Route] = []

        async def hold(route: Route) -> None:
            held.append(route)

        await page.route("**/api/messages?*", hold)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        await john.send(conversation, "behind the proxy")
        content = page.locator(".message.theirs .content")
        await expect(content).to_have_text("behind the proxy", timeout=30_000)
        line = page.locator(".sidebar connection-line")
        await expect(line).to_contain_text("Live updates aren't getting through.")
        assert held, "the stream must have been asked for"
        await page.close()
        tabs.complaints.clear()  # Chromium's own lines about the outage
