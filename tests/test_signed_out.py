"""However a session ends, nothing of it remains outside the page."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here, sign_out, write  # noqa: F401  # an autouse fixture
from tests.support.notifications import ON_SCREEN, at, elsewhere, expect_told, somebody, until
from tests.support.outbox import at_an_unsent_message, expect_sent, stored
from tests.support.people import Visitor, two
from tests.support.seen import SEEN


@pytest.mark.gen_test(timeout=60)
async def test_a_session_ended_by_another_device_closes_its_notifications(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        counts: list[int] = []

        def note(count: int) -> None:
            counts.append(count)

        await page.context.expose_function("badge", note)
        await page.context.add_init_script(
            "navigator.setAppBadge = async (count) => { await badge(count); }"
        )
        await at(page, page.url)
        other = await elsewhere(page)
        await john.send(conversation, "for jane alone")
        await expect_told(1, page)
        await until(page, ON_SCREEN.format(1))
        assert (await jane.delete("/api/sessions")).status == 204
        await expect(page.get_by_label("Username", exact=True)).to_be_visible(timeout=20_000)
        await until(page, ON_SCREEN.format(0))
        await until(page, f"({SEEN}).then((names) => names.length === 0)")
        assert counts[-1] == 0
        assert await page.title() == "Messenger"
        await other.close()
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_sign_out_works_although_storage_never_answers(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.context.add_init_script("IDBFactory.prototype.open = () => new EventTarget()")
        await page.goto(f"{base_url}/conversations/{conversation}")
        await write(page, "all the same")
        await expect_sent(page, ["all the same"])
        await sign_out(page)
        await expect(page.get_by_label("Username", exact=True)).to_be_visible(timeout=4000)
        assert await stored(john, conversation) == ["all the same"]


@pytest.mark.gen_test(timeout=60)
async def test_notifications_appear_although_storage_never_answers(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await page.context.add_init_script("IDBFactory.prototype.open = () => new EventTarget()")
        await at(page, page.url)
        other = await elsewhere(page)
        await john.send(conversation, "told all the same")
        [one] = await expect_told(1, page)
        assert one["body"] == "told all the same"
        await other.close()


@pytest.mark.gen_test(timeout=60)
async def test_waiting_messages_are_not_sent_with_another_users_cookie(
    base_url: str, visitor: Visitor
) -> None:
    """Before any page of the new user has said so."""
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(
            tabs, f"{base_url}/conversations/{conversation}", "jane's"
        )
        cookies = await page.context.cookies()
        await page.context.add_cookies([john.cookie])
        async with page.expect_navigation():
            await page.context.unroute("**/api/conversations/*/messages")
        await expect(page.locator(".account .name")).to_have_text("john")
        await expect(page.locator(".message")).to_have_count(0)
        assert await stored(john, conversation) == []
        await page.context.add_cookies(cookies)  # type: ignore[arg-type]
        await page.reload()
        await expect_sent(page, ["jane's"])
        [message] = await jane.history(conversation)
        assert message["mine"]
        tabs.complaints.clear()
