"""This page loses nothing that an earlier page has kept in a browser."""

from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # an autouse fixture
from tests.support.outbox import expect_sent, stored
from tests.support.people import Visitor, two

EARLIER = Path(__file__).parent / "data" / "page-642c66f"  # modules as they were at that commit

KEEP = """async ([user, conversation]) => {
    const { KeptDrafts } = await import("/earlier/kept-drafts.js");
    const { Unsent } = await import("/earlier/unsent.js");
    const drafts = new KeptDrafts(user);
    const createdAt = new Date().toISOString();
    for (const content of ["one", "two", "three"]) {
        const clientId = crypto.randomUUID();
        const failure = content === "two" ? "It was refused." : null;
        await drafts.add({ conversationId: conversation, clientId, content, createdAt, failure });
    }
    new Unsent(user).set(conversation, "half a thought");
}"""


# As early.js, session.js and notifications.js wrote them at that commit.
CHOOSE = """(user) => {
    localStorage.setItem("messenger.user", user);
    localStorage.setItem("messenger.theme", "dark");
    localStorage.setItem(`messenger.notifications.${user}`, "off");
}"""


async def earlier(route: Route) -> None:
    name = route.request.url.rpartition("/")[2]
    await route.fulfill(path=EARLIER / name, content_type="text/javascript")


@pytest.mark.gen_test(timeout=90)
async def test_unsent_messages_and_drafts_of_an_earlier_page_are_kept_and_sent(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await page.route("**/earlier/*", earlier)
        await page.evaluate(KEEP, [jane.id, conversation])
        await page.context.add_cookies([jane.cookie])
        await page.goto(f"{base_url}/conversations/{conversation}")
        failed = page.locator(".message.failed")
        await expect(failed.locator(".content")).to_have_text("two")
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("half a thought")
        await failed.get_by_role("button", name="Try again").click()
        await expect_sent(page, ["one", "three", "two"])
        assert await stored(john, conversation) == ["one", "three", "two"]


@pytest.mark.gen_test(timeout=60)
async def test_the_theme_and_notification_choice_of_an_earlier_page_remain(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url, windows=True) as tabs:
        page = await tabs.open()
        await page.context.grant_permissions(["notifications"], origin=base_url)
        await page.evaluate(CHOOSE, jane.id)
        await page.context.add_cookies([jane.cookie])
        await page.goto(f"{base_url}/conversations/{conversation}")
        bell = page.get_by_role("button", name="Notifications")
        await expect(bell).to_have_attribute("title", "Notifications are off")
        scheme = page.locator("meta[name='color-scheme']")
        await expect(scheme).to_have_attribute("content", "dark")
        await page.goto(f"{base_url}/settings")
        await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
