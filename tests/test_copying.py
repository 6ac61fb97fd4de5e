"""What a selection of several messages copies, and how a screen reader names their authors."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.people import Visitor, two


@pytest.mark.gen_test(timeout=60)
async def test_several_messages_are_copied_as_their_texts_alone(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "See https://example.org for `more`")
    await jane.send(conversation, "I will.\nPromised.")
    await john.send(conversation, "Fine")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('.messages'))")
        await page.keyboard.press("Control+c")
        copied = await page.evaluate("navigator.clipboard.readText()")
        lines = [line for line in copied.splitlines() if line]
        assert lines == ["See https://example.org for `more`", "I will.", "Promised.", "Fine"]


@pytest.mark.gen_test(timeout=60)
async def test_a_folded_message_is_copied_in_full(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    tall = "\n".join(f"row {n}" for n in range(400))
    await john.send(conversation, "before")
    await john.send(conversation, tall)
    await john.send(conversation, "after")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect(page.get_by_role("button", name="Show all")).to_be_visible()
        await page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('.messages'))")
        await page.keyboard.press("Control+c")
        copied = await page.evaluate("navigator.clipboard.readText()")
        lines = [line for line in copied.splitlines() if line]
        assert lines == ["before", *tall.splitlines(), "after"]


@pytest.mark.gen_test(timeout=60)
async def test_a_screen_reader_announces_the_author_of_a_message(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "Hello")
    await jane.send(conversation, "Hi")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        messages = page.get_by_role("log").get_by_role("listitem")
        await expect(messages.filter(has_text="Hello")).to_contain_text("john: Hello")
        await expect(messages.filter(has_text="Hi")).to_contain_text("You: Hi")
        await john.send(conversation, "Live, too")
        await expect(messages.filter(has_text="Live")).to_contain_text("john: Live, too")
