"""The states of groups on the page."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

from playwright.async_api import Page, expect

from tests.support.browser import Tabs
from tests.support.changes import delete, edit, path_of
from tests.support.people import Person, Visitor

NAME = "Sunday by the harbour"


async def prepare(visitor: Visitor, john: Person, jane: Person) -> str:
    """Makes a group with all that a message in it can have, and returns its id."""
    ann, bob = await visitor.sign_in("ann"), await visitor.sign_in("bob")
    group = await john.group(NAME, jane, ann)
    await jane.send(group, "There is a walk across the bridge on Sunday, before the cars may.")
    walk = await jane.send(group, "Who comes along?")
    reply = {"content": "I do, with the dog", "replyToId": walk["id"]}
    await ann.post(f"/api/conversations/{group}/messages", reply)
    await john.add(group, bob)
    await john.change(group, history="all")
    slip = await bob.send(group, "Which bridge?")
    await delete(bob, slip)
    time = await bob.send(group, "Is it at nine? @john, you know.")
    await edit(bob, time, "Is it at ten? @john, you know.")
    for person in (john, jane, ann):
        await _react(person, walk, "👍")
    await _react(ann, walk, "🎉")
    return group


async def _react(person: Person, message: Any, emoji: str) -> None:
    answer = await person.ask("PUT", f"{path_of(message)}/reactions/{quote(emoji)}")
    assert answer.status == 204, answer


async def group_states(
    tabs: Tabs, visitor: Visitor, group: str, width: int
) -> AsyncIterator[tuple[str, Page]]:
    """Yields the names of states, and pages that are in them until the next step."""
    page = await tabs.sign_in("john", width=width)
    await page.get_by_role("link", name=NAME).click()
    await expect(page.locator(".reactions [aria-pressed=true]")).to_be_visible()
    yield "group", page
    await page.locator(".notices summary").click()
    yield "group-notices", page
    home = page.url.rpartition("/conversations")[0]

    await page.goto(f"{home}/groups/new")
    people = page.get_by_role("combobox", name="Add people")
    await expect(people).to_be_focused()
    yield "new-group", page
    for name in ("maximilian-of-the-very-long-user-names", "ann"):
        await people.fill(name)
        await page.keyboard.press("Enter")
        await expect(page.locator(".chips bdi").last).to_have_text(name)
    await people.press_sequentially("b")
    await expect(page.get_by_role("option").first).to_be_visible()
    yield "new-group-suggestions", page
    await page.keyboard.press("Escape")
    await people.fill("")
    await page.get_by_role("button", name="Create group").click()
    await expect(page.get_by_text("A group needs a name.")).to_be_visible()
    yield "new-group-refused", page

    await page.goto(f"{home}/conversations/{group}/details")
    await expect(page.locator(".members li").first).to_be_visible()
    yield "group-details", page
    await page.get_by_role("button", name="Options for jane").click()
    await page.get_by_role("button", name="Remove from group").click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    yield "group-removing", page
    await page.get_by_role("button", name="Rename").press("Enter")
    await expect(page.get_by_label("Name of the group")).to_be_focused()
    yield "group-renaming", page
    await page.context.set_offline(True)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("group-profile .error")).not_to_be_empty()
    yield "group-details-offline", page
    await page.close()

    page = await tabs.sign_in("jane", f"/conversations/{group}/details", width=width)
    await expect(page.locator(".members li").first).to_be_visible()
    yield "group-details-of-a-member", page
    await page.goto(f"{home}/conversations/{group}")
    await page.get_by_role("textbox", name="Message").fill("I could bring the")
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    await john.remove(group, jane)
    await expect(page.locator("unsent-texts .content")).to_be_visible()
    yield "group-left", page
    await john.add(group, jane)
    await page.close()
