"""The unread total includes conversations beyond the list; an unsent message counts as the last."""

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.outbox import cut_sends, forget_refusals
from tests.support.people import Person, Visitor

WRITERS = 30  # the first page of the list has 25 of them


async def many(visitor: Visitor, jane: Person) -> list[tuple[Person, str]]:
    """Returns many users; each has sent one message, the last one latest."""
    found = []
    for n in range(WRITERS):
        person = await visitor.sign_in(f"writer-{n}")
        conversation = await person.talk_to(jane)
        await person.send(conversation, f"from {n}")
        found.append((person, conversation))
    return found


@pytest.mark.gen_test(timeout=90)
async def test_the_title_counts_unread_conversations_beyond_the_list(
    base_url: str, visitor: Visitor
) -> None:
    jane = await visitor.sign_in("jane")
    writers = await many(visitor, jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await expect(page).to_have_title(f"({WRITERS}) Messenger")
        first, conversation = writers[0]  # beyond the list
        await jane.read(conversation)
        await expect(page).to_have_title(f"({WRITERS - 1}) Messenger", timeout=15_000)
        await first.send(conversation, "again")
        await expect(page).to_have_title(f"({WRITERS}) Messenger", timeout=15_000)
        await page.get_by_role("button", name="Show more").click()
        await expect(page.locator("conversation-list li")).to_have_count(WRITERS)
        await expect(page).to_have_title(f"({WRITERS}) Messenger")


@pytest.mark.gen_test(timeout=60)
async def test_an_unsent_message_moves_its_conversation_and_is_its_preview(
    base_url: str, visitor: Visitor
) -> None:
    jane = await visitor.sign_in("jane")
    for name in ("john", "mary"):
        person = await visitor.sign_in(name)
        await person.send(await person.talk_to(jane), f"from {name}")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        names = page.locator("conversation-list .name")
        await expect(names).to_have_text(["mary", "john"])
        await page.get_by_role("link", name="john").click()
        await cut_sends(page.context)
        await page.get_by_role("textbox", name="Message").hover()
        await write(page, "on its way")
        await expect(names).to_have_text(["john", "mary"])
        await expect(page.locator(".preview").first).to_have_text("You: on its way")
        forget_refusals(tabs)
