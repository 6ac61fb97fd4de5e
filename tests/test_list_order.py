"""The list of conversations under a pointer: no row moves, and a press on one opens it."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Person, Visitor

NAMES = ".conversations .name"


async def three(visitor: Visitor) -> tuple[Person, list[tuple[Person, str]]]:
    """Returns Jane, and her partners, each with the id of the conversation: the first is on top."""
    jane = await visitor.sign_in("jane")
    talks = []
    for name in ("jim", "jack", "john"):
        other = await visitor.sign_in(name)
        conversation = await other.talk_to(jane)
        await other.send(conversation, f"hello from {name}")
        talks.append((other, conversation))
    return jane, talks[::-1]


def row(page: Page, name: str) -> Locator:
    return page.locator(".conversations a", has=page.get_by_text(name, exact=True))


async def middle(element: Locator) -> tuple[float, float]:
    box = await element.bounding_box()
    assert box is not None
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("part", [".name", ".preview", ".badge", ".avatar", "time"])
@pytest.mark.gen_test(timeout=60)
async def test_a_pressed_row_opens_although_a_message_arrives_before_the_release(
    base_url: str, visitor: Visitor, part: str
) -> None:
    _, talks = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.mouse.move(*await middle(row(page, "jim").locator(part)))
        await page.mouse.down()
        jim, conversation = talks[2]
        await jim.send(conversation, "and another")
        await expect(row(page, "jim").locator(".preview")).to_have_text("and another")
        await page.mouse.up()
        await expect(page.locator("conversation-view h1")).to_have_text("jim")


@pytest.mark.gen_test(timeout=60)
async def test_a_pressed_row_opens_although_its_count_disappears(
    base_url: str, visitor: Visitor
) -> None:
    jane, talks = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.mouse.move(*await middle(row(page, "jim").locator(".badge")))
        await page.mouse.down()
        await jane.read(talks[2][1])  # on another device
        await expect(row(page, "jim").locator(".badge")).to_have_count(0)
        await page.mouse.up()
        await expect(page.locator("conversation-view h1")).to_have_text("jim")


@pytest.mark.gen_test(timeout=60)
async def test_the_order_rests_while_a_pointer_is_over_the_list_and_is_right_afterwards(
    base_url: str, visitor: Visitor
) -> None:
    jane, talks = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.mouse.move(*await middle(row(page, "john")))
        jim, conversation = talks[2]
        await jim.send(conversation, "me first")
        jill = await visitor.sign_in("jill")
        await jill.send(await jill.talk_to(jane), "a new one")
        await expect(page.locator(NAMES)).to_have_text(["john", "jack", "jim", "jill"])
        await page.mouse.down()
        await page.mouse.up()
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        await page.mouse.move(1000, 400)
        await expect(page.locator(NAMES)).to_have_text(["jill", "jim", "john", "jack"])


@pytest.mark.gen_test(timeout=60)
async def test_under_a_finger_the_order_rests_until_the_tap_is_done(
    base_url: str, visitor: Visitor
) -> None:
    _, talks = await three(visitor)
    async with browser(base_url) as tabs:
        desk = await tabs.sign_in("jane")
        assert desk.context.browser is not None
        phone = await desk.context.browser.new_context(
            viewport={"width": 390, "height": 700},
            has_touch=True,
            is_mobile=True,
            storage_state=await desk.context.storage_state(),
        )
        page = await phone.new_page()
        await page.goto(base_url)
        x, y = await middle(row(page, "john"))
        devtools = await phone.new_cdp_session(page)
        point = {"x": x, "y": y}
        await devtools.send(
            "Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]}
        )
        jim, conversation = talks[2]
        await jim.send(conversation, "me first")
        await expect(row(page, "jim").locator(".preview")).to_have_text("me first")
        await expect(page.locator(NAMES)).to_have_text(["john", "jack", "jim"])
        await devtools.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        await page.get_by_role("link", name="Back").click()
        await expect(page.locator(NAMES)).to_have_text(["jim", "john", "jack"])


@pytest.mark.gen_test(timeout=60)
async def test_a_row_that_has_the_focus_keeps_it_as_it_moves(
    base_url: str, visitor: Visitor
) -> None:
    _, talks = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await row(page, "jack").focus()
        for index in (1, 2, 1):  # it moves up, is pushed down, and moves up again
            sender, conversation = talks[index]
            await sender.send(conversation, "first")
            await expect(page.locator(NAMES).first).to_have_text(sender.username)
            await expect(row(page, "jack")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("jack")
