"""Writing a message: lines, composed letters, a limit that is shown in time, emoji."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Person, Visitor, two


async def at_the_conversation(tabs: Tabs, visitor: Visitor) -> tuple[Page, Person]:
    """Returns Jane's page, and John, who reads what she writes."""
    john, _, conversation = await two(visitor)
    page = await tabs.sign_in("jane", f"/conversations/{conversation}")
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
async def test_shift_enter_begins_a_line_and_enter_sends_all_lines(
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
async def test_the_field_grows_to_a_part_of_the_window_and_then_scrolls(
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
async def test_the_field_counts_code_points_near_the_limit_and_sends_nothing_beyond_it(
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
        await field(page).fill("\n" + "\U0001f600" * 4001 + "  ")
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
async def test_characters_that_no_server_accepts_are_replaced_before_sending(
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
async def test_right_to_left_text_begins_at_the_right(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        for text, direction in (("\u0645\u0631\u062d\u0628\u0627", "rtl"), ("hello", "ltr")):
            await field(page).fill(text)
            assert await field(page).evaluate("(e) => getComputedStyle(e).direction") == direction


@pytest.mark.gen_test(timeout=60)
async def test_an_emoji_is_found_by_a_word_and_inserted_at_the_cursor_by_keys_alone(
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
async def test_arrow_keys_move_among_the_emoji_and_escape_returns_to_the_text(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        picker = page.get_by_role("dialog", name="Emoji")
        await page.get_by_role("button", name="Emoji").click()
        buttons = picker.locator(".grid button")
        at = 0
        await expect(picker.get_by_role("searchbox")).to_be_focused()
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


@pytest.mark.gen_test(timeout=60)
async def test_undo_and_redo_include_a_picked_emoji(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await field(page).press_sequentially("hello world")
        for _ in "world":
            await page.keyboard.press("ArrowLeft")
        await page.get_by_role("button", name="Emoji").click()
        await page.get_by_role("button", name="thumbs up").click()
        await page.keyboard.type(" new ")
        steps = [await field(page).input_value()]
        assert steps == ["hello \U0001f44d new world"]
        while steps[-1]:
            await page.keyboard.press("Control+z")
            steps.append(await field(page).input_value())
            assert steps[-1] != steps[-2], steps
        assert "hello world" in steps
        for step in reversed(steps[:-1]):
            await page.keyboard.press("Control+Shift+z")
            await expect(field(page)).to_have_value(step)
        await page.keyboard.press("Enter")
        await expect_sent(page, john, "hello \U0001f44d new world")


@pytest.mark.gen_test(timeout=60)
async def test_undo_after_sending_restores_nothing_that_was_sent(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, john = await at_the_conversation(tabs, visitor)
        await field(page).press_sequentially("first")
        await page.keyboard.press("Enter")
        await field(page).press_sequentially("second")
        for _ in range(4):
            await page.keyboard.press("Control+z")
        await expect(field(page)).to_have_value("")
        for _ in range(4):
            await page.keyboard.press("Control+Shift+z")
        await expect(field(page)).to_have_value("second")
        await page.keyboard.press("Enter")
        await expect_sent(page, john, "first", "second")


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter", "Control+NumpadEnter"])
@pytest.mark.gen_test(timeout=60)
async def test_a_hardware_keyboard_beside_a_touch_screen_sends(
    base_url: str, visitor: Visitor, keys: str
) -> None:
    async with browser(base_url) as tabs:
        desk, john = await at_the_conversation(tabs, visitor)
        assert desk.context.browser is not None
        touched = await desk.context.browser.new_context(
            viewport={"width": 800, "height": 1100},
            has_touch=True,
            is_mobile=True,
            storage_state=await desk.context.storage_state(),
        )
        for page, content in (
            (await touched.new_page(), "on a screen that is touched"),
            (desk, "at a desk"),
        ):
            await page.goto(desk.url)
            await field(page).fill(content)
            await field(page).press(keys)
            await expect(field(page)).to_have_value("")
        await expect_sent(desk, john, "on a screen that is touched", "at a desk")


ESCAPE = {"key": "Escape", "code": "Escape", "windowsVirtualKeyCode": 27}


@pytest.mark.gen_test(timeout=60)
async def test_keys_of_a_composition_trigger_no_shortcut(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        devtools = await page.context.new_cdp_session(page)
        composed = {"text": "\u304b", "selectionStart": 1, "selectionEnd": 1}
        start = page.get_by_role("combobox")
        await start.focus()
        await devtools.send("Input.imeSetComposition", composed)
        for key in (ESCAPE, {"key": "ArrowDown", "code": "ArrowDown", "windowsVirtualKeyCode": 40}):
            await devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **key})
            await expect(start).to_have_value("\u304b")
        await page.get_by_role("button", name="Emoji").click()
        search = page.get_by_role("searchbox")
        await search.focus()
        await devtools.send("Input.imeSetComposition", composed)
        await devtools.send("Input.dispatchKeyEvent", {"type": "rawKeyDown", **ESCAPE})
        await expect(search).to_have_value("\u304b")
        # Safari marks the key that ends a composition only by its code.
        for place in (start, search, field(page)):
            await place.evaluate("""(e) => {
                for (const key of ["Escape", "Enter", "ArrowDown"]) e.dispatchEvent(
                    new KeyboardEvent("keydown", { key, keyCode: 229, bubbles: true }));
            }""")
        await expect(page.get_by_role("dialog", name="Emoji")).to_be_visible()
        await expect(start).to_have_value("\u304b")


@pytest.mark.gen_test(timeout=60)
async def test_escape_empties_the_field_for_a_name_and_undo_fills_it_again(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page, _ = await at_the_conversation(tabs, visitor)
        start = page.get_by_role("combobox")
        await start.press_sequentially("nobody")
        await expect(page.locator("new-conversation .hint")).not_to_be_empty()
        await page.keyboard.press("Escape")
        await expect(start).to_have_value("")
        await page.keyboard.press("Control+z")
        await expect(start).to_have_value("nobody")
