"""Acts on messages, on the page: by keyboard alone, by touch, and while offline."""

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.changes import path_of
from tests.support.conversation_page import at
from tests.support.history import fill
from tests.support.live_page import expect_live
from tests.support.people import Person, Visitor, eventually_equal, three, two

# Whether the browser has stored a message as seen.
KEPT = """async (content) => {
    const { readLastSeen } = await import("/last-seen.js");
    const seen = await readLastSeen();
    return Object.values(seen?.threads ?? {}).flat().some((one) => one.content === content);
}"""


async def contents(person: Person, conversation: str) -> list[str]:
    """The texts of a conversation, oldest first."""
    return [message["content"] for message in reversed(await person.history(conversation))]


async def seq(person: Person) -> int:
    """The number of the latest event in a person's feed."""
    position = (await person.get("/api/conversations")).headers["Last-Event-ID"]
    return int(position.rpartition("-")[2])


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


@pytest.mark.gen_test(timeout=90)
async def test_everything_is_done_to_messages_by_keyboard_alone(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    first = await john.send(conversation, "first")
    await jane.send(conversation, "mine")
    await john.send(conversation, "last")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        line = {text: page.locator(".message", has_text=text) for text in ("first", "mine", "last")}
        await page.locator(".scroller").focus()
        await press(page, "Tab")
        await expect(line["last"]).to_be_focused()
        await press(page, "ArrowUp", "ArrowUp")
        await expect(line["first"]).to_be_focused()

        await press(page, "r")  # reply
        await expect(page.locator(".strip")).to_contain_text("Reply to john first")
        field = page.get_by_role("textbox", name="Message")
        await expect(field).to_be_focused()
        await page.keyboard.type("an answer")
        await press(page, "Enter")
        await expect(page.locator(".strip")).to_be_hidden()
        answer = page.locator(".message", has_text="an answer")
        await expect(answer.locator(".quote")).to_contain_text("john first")
        await expect(page.locator(".message.sending")).to_have_count(0)
        assert (await jane.history(conversation))[0]["replyToId"] == first["id"]

        await press(page, "Shift+Tab", "Shift+Tab")  # react: past the quote, to the message
        await expect(answer).to_be_focused()
        await press(page, "ArrowUp", "+")
        await expect(page.get_by_role("searchbox", name="Search emoji")).to_be_focused()
        await page.keyboard.type("thumbs up")
        await press(page, "Enter")
        chip = line["last"].get_by_role("button", name="👍 1, you", exact=True)
        await expect(chip).to_have_attribute("aria-pressed", "true")
        await expect(line["last"]).to_be_focused()
        await press(page, "Tab")  # and take it back
        await expect(chip).to_be_focused()
        await press(page, "Space")
        await expect(line["last"].locator(".reactions")).to_have_count(0)

        await line["mine"].focus()  # edit
        await press(page, "e")
        await expect(field).to_have_value("mine")
        await page.keyboard.type(" and better")
        await press(page, "Enter")
        await expect(line["mine"].locator(".content")).to_have_text("mine and better")
        await expect(line["mine"].locator(".state")).to_contain_text("edited")
        await press(page, "ArrowUp")  # of the latest message
        await expect(field).to_have_value("an answer")
        await press(page, "Escape")
        await expect(field).to_have_value("")
        await eventually_equal(
            ["first", "mine and better", "last", "an answer"], lambda: contents(john, conversation)
        )

        await line["mine"].focus()  # delete, from the menu
        await press(page, "Enter")
        menu = page.get_by_role("menu", name="Message options")
        await expect(menu.get_by_role("menuitem", name="Reply")).to_be_focused()
        await press(page, "d", "d")
        await expect(menu.get_by_role("menuitem", name="Delete")).to_be_focused()
        await press(page, "Enter")
        await expect(page.get_by_text("Delete this message for everyone?")).to_be_visible()
        await press(page, "Escape")
        await expect(line["mine"]).to_be_focused()
        await press(page, "Delete", "Tab", "Enter")
        await expect(page.locator(".message", has_text="Message deleted")).to_be_focused()
        await eventually_equal(
            ["first", "", "last", "an answer"], lambda: contents(john, conversation)
        )


@pytest.mark.gen_test(timeout=90)
async def test_a_long_press_opens_a_sheet_with_all_acts(base_url: str, visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "see https://example.org for more")
    await jane.send(conversation, "mine")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}", width=390)
        line = page.locator(".message", has_text="for more")
        await expect(line).to_be_visible()
        finger = await page.context.new_cdp_session(page)
        await finger.send("Emulation.setTouchEmulationEnabled", {"enabled": True})

        async def hold(text: str) -> None:
            box = await page.locator(".message", has_text=text).locator(".content").bounding_box()
            assert box is not None
            point = {"x": box["x"] + 8, "y": box["y"] + box["height"] / 2}
            touch = {"type": "touchStart", "touchPoints": [point]}
            await finger.send("Input.dispatchTouchEvent", touch)
            await expect(page.get_by_role("menu")).to_be_visible()
            await finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})

        await hold("for more")
        menu = page.get_by_role("menu")
        labels = ["Reply", "Copy text", "Copy link", "Details"]
        await expect(menu.locator("[role=menuitem] span")).to_have_text(labels)
        box = await page.locator(".acts .panel:visible").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] == 800
        assert box["width"] == 390
        await menu.get_by_role("menuitemcheckbox", name="❤️").click()
        await expect(menu).to_have_count(0)
        await expect(line.get_by_role("button", name="❤️ 1, you")).to_be_visible()
        await hold("mine")
        await page.mouse.click(195, 60)  # beside it
        await expect(menu).to_have_count(0)
        await hold("mine")
        await menu.get_by_role("menuitem", name="Edit").click()
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("mine")
        await line.get_by_role("button", name="❤️ 1, you").click()
        await expect(line.locator(".reactions")).to_have_count(0)


@pytest.mark.gen_test(timeout=120)
async def test_an_edit_and_a_reaction_made_offline_arrive_once_after_a_reload(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    theirs = await john.send(conversation, "theirs")
    await jane.send(conversation, "mine")
    async with browser(base_url, service_workers=True) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await eventually_equal(True, lambda: page.evaluate(KEPT, "theirs"))
        await page.context.set_offline(True)
        await expect(page.locator("connection-line:visible").first).to_contain_text("offline")
        line = page.locator(".message", has_text="theirs")
        await line.focus()
        await press(page, "Enter", "ArrowUp", "Enter")
        await expect(line.get_by_role("button", name="👍 1, you")).to_be_visible()
        await page.locator(".message.mine").focus()
        await press(page, "e", "End")
        await page.keyboard.type(" anew")
        await press(page, "Enter")
        changed = page.locator(".message.mine")
        await expect(changed.locator(".content")).to_have_text("mine anew")
        await expect(changed.locator(".pending")).to_be_visible()
        await page.reload()
        await expect(changed.locator(".content")).to_have_text("mine anew")
        await expect(line.get_by_role("button", name="👍 1, you")).to_be_visible()
        assert await contents(john, conversation) == ["theirs", "mine"]
        before = await seq(john)
        await page.context.set_offline(False)
        await expect(page.locator(".pending")).to_have_count(0, timeout=40_000)
        await expect(changed.locator(".content")).to_have_text("mine anew")
        assert await contents(john, conversation) == ["theirs", "mine anew"]
        path = f"/api/conversations/{conversation}/messages/{theirs['id']}/reactions"
        assert [found["emoji"] for found in (await john.get(path)).json] == ["👍"]
        assert await seq(john) == before + 2
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=90)
async def test_a_refused_edit_is_undone_and_says_why(base_url: str, visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    mine = await jane.send(conversation, "mine")
    path = f"/api/conversations/{conversation}/messages/{mine['id']}"
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.locator(".message").focus()
        await press(page, "e")
        await page.keyboard.type(" from here")
        assert (await jane.ask("PATCH", path, {"content": "from elsewhere"})).status == 200
        text = page.locator(".message .content")
        await expect(text).to_have_text("from elsewhere")
        await press(page, "Enter")
        alert = page.get_by_role("alert").filter(has_text="changed on another device")
        await expect(alert).to_be_visible()
        await expect(text).to_have_text("from elsewhere")
        await alert.get_by_role("button", name="Dismiss").click()
        await expect(alert).to_have_count(0)
        tabs.complaints = [line for line in tabs.complaints if "409" not in line]


@pytest.mark.gen_test(timeout=90)
async def test_a_quote_leads_to_its_message_without_loading_all_in_between(
    base_url: str, visitor: Visitor, dsn: str
) -> None:
    john, jane, conversation = await two(visitor)
    old = await john.send(conversation, "the very first")
    fill(dsn, conversation, john, jane, 1200)
    reply = {"content": "about that", "replyToId": old["id"]}
    await john.post(f"/api/conversations/{conversation}/messages", reply)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        quote = page.locator(".message", has_text="about that").locator(".quote")
        await expect(quote).to_have_text("In reply to john the very first")
        await quote.click()
        target = page.locator(".message[aria-current=true]")
        await expect(target.locator(".content")).to_have_text("the very first")
        await expect(target).to_be_in_viewport(ratio=1)
        await expect(target).to_be_focused()
        assert len([url for url in asked if "/messages?" in url]) < 4, asked
        await john.ask("PATCH", path_of(old), {"content": "the very first, I think"})
        await expect(target.locator(".content")).to_have_text("the very first, I think")
        await page.get_by_role("button", name="Jump to the latest messages").click()
        await expect(quote).to_have_text("In reply to john the very first, I think")
        await expect(page.locator(".message").last).to_be_in_viewport()


@pytest.mark.gen_test(timeout=90)
async def test_a_reply_to_a_hidden_message_says_so_and_a_draft_keeps_its_reply(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Sunday", jane)
    before = await john.send(group, "before mary came")
    await john.add(group, mary)
    reply = {"content": "as I said", "replyToId": before["id"]}
    await john.post(f"/api/conversations/{group}/messages", reply)
    async with browser(base_url) as tabs:
        page = await at(tabs, "mary", group)
        line = page.locator(".message", has_text="as I said")
        await expect(line.locator(".quote")).to_contain_text("A message that you can't see")
        await line.focus()
        await press(page, "r")
        await page.keyboard.type("What did you say, @jo")
        await expect(page.get_by_role("option", name="john")).to_be_visible()
        await press(page, "Enter")
        field = page.get_by_role("textbox", name="Message")
        await expect(field).to_have_value("What did you say, @john ")
        await page.reload()
        await expect(field).to_have_value("What did you say, @john ")
        await expect(page.locator(".strip")).to_contain_text("Reply to john as I said")
        theirs = await at(tabs, "john", group)
        for open_page in (page, theirs):
            await expect_live(open_page)
        await field.press("End")

        async def shown_while_typing() -> str:
            await page.keyboard.type("?")
            return await theirs.locator("typing-line").inner_text()

        await eventually_equal("mary is typing…", shown_while_typing)
        await press(page, "Enter")
        heard = theirs.locator(".message", has_text="What did you say")
        await expect(heard.locator("mark")).to_have_text("@john")
        await expect(theirs.locator("typing-line")).to_be_empty()


@pytest.mark.gen_test(timeout=90)
async def test_settings_say_what_others_see_and_a_conversation_which_notifications_come(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", "/settings")
        receipts = page.get_by_role("switch", name="Show others when I've read their messages")
        await expect(receipts).to_be_checked()
        await receipts.click()
        await expect(receipts).not_to_be_checked()
        await eventually_equal({"receipts": False, "typing": True}, lambda: settings_of(jane))
        name = page.get_by_label("Displayed name")
        await name.fill("Jane \N{RIGHT-TO-LEFT OVERRIDE}")
        await press(page, "Enter")
        await expect(page.locator("#display-name-error")).not_to_be_empty()
        await name.fill("ג׳יין")
        await press(page, "Enter")
        await expect(page.locator(".account .name")).to_have_text("ג׳יין")
        await page.goto(f"{base_url}/conversations/{conversation}")
        await page.get_by_role("button", name="Conversation options").click()
        choice = page.get_by_role("menuitemradio", name="All messages")
        await expect(choice).to_be_focused()
        await press(page, "ArrowDown", "Enter")
        await eventually_equal("mentions", lambda: notify_of(jane, conversation))
        await page.get_by_role("button", name="Conversation options").click()
        chosen = page.get_by_role("menuitemradio", name="Only when you're mentioned")
        await expect(chosen).to_have_attribute("aria-checked", "true")
        tabs.complaints = [line for line in tabs.complaints if "422" not in line]


async def settings_of(person: Person) -> object:
    return (await person.get("/api/settings")).json


async def notify_of(person: Person, conversation: str) -> object:
    return (await person.conversation(conversation)).get("notify")
