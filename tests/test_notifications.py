"""Notifications: asked for at a sensible moment, one a message, none for a visible message."""

import asyncio

import pytest
from playwright.async_api import Page, expect

from handlers.application import Messenger
from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.changes import delete
from tests.support.notifications import (
    ON_SCREEN,
    at,
    elsewhere,
    expect_told,
    somebody,
    told,
    until,
)
from tests.support.people import Visitor, three, two


async def another_tab(page: Page, url: str) -> Page:
    """Opens another tab, which takes the focus from the first."""
    tab = await page.context.new_page()
    await at(tab, url)
    await tab.bring_to_front()
    return tab


@pytest.mark.gen_test(timeout=60)
async def test_the_question_waits_for_a_message_that_the_user_did_not_see(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane", allowed=False)
        offer = page.get_by_role("button", name="Turn on notifications")
        await john.send(conversation, "while she looks")
        await expect(page.locator(".preview")).to_have_text("while she looks")
        await expect(offer).to_be_hidden()
        await elsewhere(page)
        await john.send(conversation, "while she does not")
        await expect(offer).to_be_visible()
        assert await page.evaluate("asked") == 0
        await page.bring_to_front()
        await offer.click()
        await expect(offer).to_be_hidden()
        bell = page.get_by_role("button", name="Notifications", exact=True)
        await expect(bell).to_have_attribute("aria-pressed", "true")
        await elsewhere(page)
        await john.send(conversation, "and now?")
        [one] = await expect_told(1, page)
        assert (one["title"], one["body"]) == ("john", "and now?")


@pytest.mark.gen_test(timeout=60)
async def test_not_now_ends_the_question_and_the_bell_turns_notifications_on_and_off(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane", allowed=False)
        offer = page.get_by_role("button", name="Turn on notifications")
        await elsewhere(page)
        await john.send(conversation, "hello?")
        await expect(offer).to_be_visible()
        await page.bring_to_front()
        await page.get_by_role("button", name="Not now").click()
        await expect(offer).to_be_hidden()
        await at(page, base_url)
        await elsewhere(page)
        await john.send(conversation, "hello??")
        await expect(page.locator(".preview")).to_have_text("hello??")
        await expect(offer).to_be_hidden()
        assert await page.evaluate("asked") == 0
        bell = page.get_by_role("button", name="Notifications", exact=True)
        await page.bring_to_front()
        for pressed in ("true", "false"):
            await bell.click()
            await expect(bell).to_have_attribute("aria-pressed", pressed)
        await elsewhere(page)
        await john.send(conversation, "hello???")
        await expect(page.locator(".preview")).to_have_text("hello???")
        await page.bring_to_front()
        await bell.click()
        await elsewhere(page)
        await john.send(conversation, "hello!")
        assert [one["body"] for one in await expect_told(1, page)] == ["hello!"]


@pytest.mark.gen_test(timeout=60)
async def test_a_message_makes_one_notification_however_many_tabs_there_are(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        pages = [page, *[await another_tab(page, base_url) for _ in range(4)]]
        await elsewhere(page)
        bodies = [f"number {n}" for n in range(3)]
        for body in bodies:
            await john.send(conversation, body)
        await expect_told(3, *pages)
        await asyncio.sleep(2)  # until the other tabs check whether it was done
        found = await told(*pages)
        assert [one["body"] for one in found] == bodies
        assert len({one["tag"] for one in found}) == 3


@pytest.mark.gen_test(timeout=60)
async def test_another_tab_notifies_if_the_leader_fails_to(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        other = await another_tab(page, base_url)
        await elsewhere(page)
        # The leader passes the message on, and then fails.
        await page.evaluate("void (IDBObjectStore.prototype.get = () => { throw new Error() })")
        await john.send(conversation, "all the same")
        assert [one["body"] for one in await expect_told(1, other)] == ["all the same"]
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_a_message_notifies_unless_its_conversation_is_seen_in_any_tab(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    mary = await visitor.sign_in("mary")
    with_mary = await mary.talk_to(jane)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        reading = await another_tab(page, f"{base_url}/conversations/{conversation}")
        await john.send(conversation, "she reads this")
        await expect(reading.locator(".message .content")).to_have_text(["she reads this"])
        await mary.send(with_mary, "and not this")
        [one] = await expect_told(1, page, reading)
        assert (one["title"], one["body"]) == ("mary", "and not this")
        await elsewhere(page)
        await john.send(conversation, "gone for a moment")
        found = await expect_told(2, page, reading)
        assert {one["body"] for one in found} == {"and not this", "gone for a moment"}


@pytest.mark.gen_test(timeout=60)
async def test_many_messages_are_summed_up_in_a_notification(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        # At once: notifications are summed up by time, and a busy machine sends one by one slowly.
        await asyncio.gather(*(john.send(conversation, f"number {n}") for n in range(39)))
        await john.send(conversation, "the last one")
        await until(page, "told.at(-1)?.body === 'the last one'")
        found = await told(page)
        assert len(found) <= 12
        assert any("new messages" in one["title"] for one in found)


# Records a click in the worker: only a real one may focus or open a window.
CLICK = """async () => {
    const done = [];
    WindowClient.prototype.focus = async function () { done.push("focused " + this.url); };
    clients.openWindow = async (path) => { done.push("opened " + path); };
    const [notification] = await registration.getNotifications();
    try {
        dispatchEvent(new NotificationEvent("notificationclick", { notification }));
    } catch {}
    while (done.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    return [...done, (await registration.getNotifications()).length];
}"""


@pytest.mark.gen_test(timeout=60)
async def test_a_click_focuses_a_tab_and_opens_the_conversation_there(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        await john.send(conversation, "look here")
        await expect_told(1, page)
        [worker] = page.context.service_workers
        assert await worker.evaluate(CLICK) == [f"focused {base_url}/", 0]
        await expect(page.locator(".message .content")).to_have_text(["look here"])
        assert page.url == f"{base_url}/conversations/{conversation}"


@pytest.mark.gen_test(timeout=60)
async def test_a_click_when_no_tab_is_left_opens_one_at_the_conversation(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        await john.send(conversation, "look here")
        await expect_told(1, page)
        [worker] = page.context.service_workers
        await page.close()
        assert await worker.evaluate(CLICK) == [f"opened /conversations/{conversation}", 0]


@pytest.mark.gen_test(timeout=60)
async def test_without_a_worker_the_tab_itself_notifies_and_is_focused(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await page.evaluate(
            "navigator.serviceWorker.getRegistration = async () => undefined; void 0"
        )
        await elsewhere(page)
        await john.send(conversation, "look here")
        await expect_told(1, page)
        await page.evaluate("""() => {
            window.focus = () => told.push({ title: "focused" });
            told[0].notification.dispatchEvent(new Event("click"));
        }""")
        await expect(page.locator(".message .content")).to_have_text(["look here"])
        assert (await told(page))[-1]["title"] == "focused"


@pytest.mark.gen_test(timeout=60)
async def test_a_notification_closes_when_its_message_is_read_on_another_device(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        await john.send(conversation, "never mind")
        await until(page, ON_SCREEN.format(1))
        await jane.read(conversation)
        await until(page, ON_SCREEN.format(0))


@pytest.mark.gen_test(timeout=60)
async def test_a_late_message_that_was_read_elsewhere_makes_no_notification(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        await page.context.set_offline(True)
        for stream in app.services.bus.streams_of(int(jane.id)):
            stream.abort()
        await john.send(conversation, "read on a phone")
        await jane.read(conversation)
        await john.send(conversation, "not read anywhere")
        await page.context.set_offline(False)
        found = await expect_told(1, page)
        await asyncio.sleep(1)  # time for another one to arrive
        assert [one["body"] for one in await told(page)] == ["not read anywhere"], found
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_a_group_tells_of_messages_alone_and_as_its_setting_says(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, mary = await three(visitor)
    async with browser(base_url, service_workers=True, windows=True) as tabs:
        page = await somebody(tabs, "jane")
        await elsewhere(page)
        group = await john.group("Sunday", jane)
        await john.add(group, mary)
        hello = await john.send(group, "Who comes along?")
        [one] = await expect_told(1, page)  # and no notice
        assert (one["title"], one["body"]) == ("Sunday", "john: Who comes along?")
        await delete(john, hello)
        await page.wait_for_function(ON_SCREEN.format(0))
        path = f"/api/conversations/{group}/notify"
        await jane.ask("PUT", path, {"notify": "mentions"})
        await john.send(group, "I do")
        await mary.send(group, "And you, @jane?")
        _, other = await expect_told(2, page)
        assert (other["title"], other["body"]) == ("Sunday", "mary: And you, @jane?")
        await john.remove(group, jane)
        await page.wait_for_function(ON_SCREEN.format(0))
