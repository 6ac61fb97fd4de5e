"""Writing a message: lines, composed letters, a limit that is told in time, emoji."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.people import Person, Visitor, two
from tests.test_browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse


async def at_the_conversation(tabs: Tabs, visitor: Visitor) -> tuple[Page, Person]:
    """Jane's page, and John, who reads what she writes."""
    john, _, conversation = await two(visitor)
    page = await tabs.sign_in("jane")
    await page.goto(f"{visitor.base_url}/conversations/{conversation}")
    await expect(field(page)).to_be_visible()
    return page, john


def field(page: Page) -> Locator:
    return page.get_by_role("textbox", name="Message")


async def expect_sent(page: Page, john: Person, *contents: str) -> None:
    await expect(page.locator(".message.mine:not(.sending)")).to_have_count(len(contents))
    [conversation] = (await john.get("/api/conversations")).json
    history = await john.history(conversation["id"])
    assert [message["content"] for message in reversed(history)] == list(contents)


async def height(element: Locator) -> float:
    box = await element.bounding_box()
    assert box is not None
    return box["height"]


@pytest.mark.gen_test(timeout=60)
async def test_shift_and_enter_begin_a_line_and_enter_alone_sends_all_of_them(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await field(page).press_sequentially("one")
        low = await height(field(page))
        for line in ("", "\ttwo", "  three"):
            await page.keyboard.press("Shift+Enter")
            await page.keyboard.insert_text(line)
        assert await height(field(page)) > 2 * low  # it has grown with them
        await page.keyboard.press("Enter")
        await expect(field(page)).to_have_value("")
        assert await height(field(page)) == low
        await expect_sent(page, john, "one\n\n\ttwo\n  three")


@pytest.mark.gen_test(timeout=60)
async def test_the_field_grows_up_to_a_part_of_the_window_and_then_scrolls(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        await field(page).fill("line\n" * 100)
        assert 200 < await height(field(page)) <= 0.4 * 800
        assert await field(page).evaluate("(e) => e.scrollHeight > e.clientHeight")
        await expect(page.locator("conversation-view h1")).to_be_in_viewport()


@pytest.mark.gen_test(timeout=60)
async def test_enter_that_ends_the_composing_of_letters_does_not_send(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await page.evaluate("""() => {
            window.enters = [];
            document.addEventListener(
                "keydown", (e) => e.key === "Enter" && enters.push(e.isComposing), true);
        }""")
        devtools = await page.context.new_cdp_session(page)
        composed = {"selectionStart": 2, "selectionEnd": 2}
        await devtools.send("Input.imeSetComposition", {"text": "\u306b\u307b", **composed})
        enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        await devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **enter})
        assert await page.evaluate("enters") == [True]
        await expect(field(page)).to_have_value("\u306b\u307b")
        await devtools.send("Input.insertText", {"text": "\u65e5\u672c"})
        await page.keyboard.press("Enter")
        assert await page.evaluate("enters") == [True, False]
        await expect_sent(page, john, "\u65e5\u672c")


@pytest.mark.gen_test(timeout=60)
async def test_on_a_touch_screen_enter_begins_a_line_and_the_button_sends(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        at_a_desk, john = await at_the_conversation(tabs, visitor)
        assert at_a_desk.context.browser is not None
        phone = await at_a_desk.context.browser.new_context(
            viewport={"width": 390, "height": 700},
            has_touch=True,
            is_mobile=True,
            storage_state=await at_a_desk.context.storage_state(),
        )
        page = await phone.new_page()
        await page.goto(at_a_desk.url)
        await field(page).fill("one")
        await field(page).press("Enter")
        await page.keyboard.insert_text("two")
        await page.get_by_role("button", name="Send").click()
        await expect_sent(page, john, "one\ntwo")


@pytest.mark.gen_test(timeout=60)
async def test_near_the_limit_it_counts_code_points_and_beyond_it_nothing_is_sent_or_lost(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        counter, send = page.locator(".counter"), page.get_by_role("button", name="Send")
        await field(page).fill("\U0001f600" * 3599)
        await expect(counter).to_have_text("")
        await field(page).fill("\U0001f600" * 3600)
        await expect(counter).to_have_text("400 left")
        await expect(page.locator("message-composer [role=status]")).to_have_text("400 left")
        await field(page).fill("  " + "\U0001f600" * 4001 + "  ")
        await expect(counter).to_have_text("1 too many")
        await expect(send).to_be_disabled()
        await field(page).press("Enter")
        await expect(page.locator(".message")).to_have_count(0)
        await expect(field(page)).not_to_have_value("")
        await field(page).fill("\U0001f600" * 4000)
        await expect(counter).to_have_text("0 left")
        await field(page).press("Enter")
        await expect_sent(page, john, "\U0001f600" * 4000)


@pytest.mark.gen_test(timeout=60)
async def test_what_no_server_takes_is_replaced_and_sent_all_the_same(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await field(page).evaluate("""(e) => {
            e.value = "a\\0b\\ud83d \\u001c";
            e.dispatchEvent(new InputEvent("input"));
        }""")
        await field(page).press("Enter")
        await expect_sent(page, john, "a\ufffdb\ufffd")
        await field(page).evaluate("""(e) => {
            e.value = "\\u0085\\u001f";
            e.dispatchEvent(new InputEvent("input"));
        }""")
        await expect(page.get_by_role("button", name="Send")).to_be_disabled()


@pytest.mark.gen_test(timeout=60)
async def test_what_is_written_from_right_to_left_begins_at_the_right(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        for text, direction in (("\u0645\u0631\u062d\u0628\u0627", "rtl"), ("hello", "ltr")):
            await field(page).fill(text)
            assert await field(page).evaluate("(e) => getComputedStyle(e).direction") == direction


@pytest.mark.gen_test(timeout=60)
async def test_an_emoji_is_found_by_a_word_and_put_where_the_cursor_was_by_keys_alone(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await field(page).fill("so  it is")
        for _ in "it is ":
            await page.keyboard.press("ArrowLeft")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Emoji")).to_be_visible()
        await page.keyboard.type("rocket")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Emoji")).to_have_count(0)
        await expect(field(page)).to_be_focused()
        await page.keyboard.press("Enter")
        await expect_sent(page, john, "so \U0001f680 it is")


@pytest.mark.gen_test(timeout=60)
async def test_arrow_keys_move_among_the_emoji_and_escape_leads_back_to_the_text(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        picker = page.get_by_role("dialog", name="Emoji")
        await page.get_by_role("button", name="Emoji").click()
        buttons = picker.locator(".grid button")
        at = 0
        await page.keyboard.press("ArrowDown")
        for key, step in (("ArrowRight", 1), ("ArrowDown", 8), ("ArrowLeft", -1), ("ArrowUp", -8)):
            await expect(buttons.nth(at)).to_be_focused()
            await page.keyboard.press(key)
            at += step
        await expect(buttons.nth(0)).to_be_focused()
        await page.keyboard.press("ArrowUp")
        await expect(picker.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(picker).to_have_count(0)
        await expect(field(page)).to_be_focused()
        await expect(page.get_by_role("button", name="Emoji")).to_have_attribute(
            "aria-expanded", "false"
        )


@pytest.mark.gen_test(timeout=60)
async def test_an_emoji_is_picked_by_pointer_and_a_click_elsewhere_closes_the_picker(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        opener = page.get_by_role("button", name="Emoji")
        picker = page.get_by_role("dialog", name="Emoji")
        await opener.click()
        await picker.get_by_role("button", name="thumbs up").click()
        await expect(field(page)).to_have_value("\U0001f44d")
        await opener.click()
        await opener.click()
        await expect(picker).to_have_count(0)
        await opener.click()
        await page.locator("message-list").click()
        await expect(picker).to_have_count(0)
