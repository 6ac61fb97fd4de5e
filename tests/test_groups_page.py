"""Groups on the page: made, talked in, changed and left, by keyboard and while offline."""

import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # autouse
from tests.support.conversation_page import at
from tests.support.live_page import RECOVERY_SECONDS, forget_trouble
from tests.support.people import Person, Visitor, eventually_equal, three

NOTICES = ".notices"
MANY = 30  # members, more than one page of them


async def names_of_groups(person: Person) -> list[str]:
    listed = (await person.get("/api/conversations")).json
    return [found["group"]["name"] for found in listed if found.get("group")]


async def details(tabs: Tabs, name: str, group: str) -> Page:
    page = await tabs.sign_in(name, f"/conversations/{group}/details")
    await expect(page.locator(".members li").first).to_be_visible()
    return page


async def press(page: Page, *keys: str) -> None:
    for key in keys:
        await page.keyboard.press(key)


@pytest.mark.gen_test(timeout=60)
async def test_a_group_is_made_by_keyboard_alone(base_url: str, visitor: Visitor) -> None:
    _, jane, _ = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("john")
        await page.get_by_role("combobox", name="Search people").focus()
        await press(page, "Tab", "Enter")
        people = page.get_by_role("combobox", name="Add people")
        await expect(people).to_be_focused()
        await page.keyboard.type("ja")
        await expect(page.get_by_role("option")).to_have_text(["jane"])
        await press(page, "ArrowDown", "Enter")
        await page.keyboard.type("MARY")
        await press(page, "Enter")
        chips = page.locator(".chips bdi")
        await expect(chips).to_have_text(["jane", "mary"])
        await press(page, "Backspace")
        await expect(chips).to_have_text(["jane"])
        await expect(people).to_be_focused()
        await page.keyboard.type("nobody")
        await press(page, "Enter")
        await expect(page.get_by_role("alert").filter(has_text="nobody")).to_be_visible()
        await press(page, "Escape", "Tab")
        await expect(page.get_by_label("Name of the group")).to_be_focused()
        await press(page, "Enter")
        await expect(page.get_by_text("A group needs a name.")).to_be_visible()
        await page.keyboard.type("Sunday")
        await press(page, "Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("Sunday")
        await expect(page.locator(NOTICES)).to_have_text("You created the group with jane")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        assert await names_of_groups(jane) == ["Sunday"]
        await page.goto(f"{base_url}/groups/new")
        await expect(people).to_be_focused()
        await press(page, "Escape")
        await expect(page).to_have_url(f"{base_url}/")


@pytest.mark.gen_test(timeout=60)
async def test_three_people_talk_and_each_sees_who_says_what(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, mary = await three(visitor)
    await mary.ask("PATCH", "/api/auth_user", {"displayName": "Mary Ann"})
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "john", group)
        hers = await tabs.sign_in("jane")
        await write(page, "Who comes along?")
        row = hers.locator(".conversations a")
        await expect(row.locator(".preview")).to_have_text("john: Who comes along?")
        await expect(row.locator(".badge")).to_have_text("1")
        await john.add(group, mary)
        await expect(row.locator(".preview")).to_have_text("john added Mary Ann")
        await expect(row.locator(".badge")).to_have_text("1")  # a notice is never unread
        await row.click()
        await expect(hers.locator(".about")).to_contain_text("3 members")
        await write(hers, "I do")
        await expect(page.locator(".message .content").last).to_have_text("I do")
        for text in ("Me too", "And so does the cat"):
            await mary.send(group, text)
        await expect(page.locator(".message .content")).to_have_text(
            ["Who comes along?", "I do", "Me too", "And so does the cat"]
        )
        await expect(page.locator(".head .name")).to_have_text(["jane", "Mary Ann"])
        await expect(page.locator(NOTICES)).to_have_text(
            ["You created the group with jane", "You added Mary Ann"]
        )
        await expect(page.locator(".conversations .preview")).to_have_text(
            "Mary Ann: And so does the cat"
        )


@pytest.mark.gen_test(timeout=60)
async def test_notices_that_follow_each_other_are_one_line_that_opens(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, mary = await three(visitor)
    group = await john.group("Sunday", jane)
    await john.send(group, "Hello")
    await john.add(group, mary)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", group)
        await expect(page.locator(NOTICES).last).to_have_text("john added mary")
        await mary.remove(group, mary)
        line = page.locator(NOTICES).last
        await expect(line.locator("summary")).to_have_text("1 person joined, 1 left")
        await expect(line.get_by_text("mary left")).to_be_hidden()
        await line.locator("summary").focus()
        await press(page, "Enter")
        await expect(line.get_by_text("mary left")).to_be_visible()
        await john.change(group, name="Monday")
        await expect(line.get_by_text("john renamed the group to “Monday”")).to_be_visible()
        await expect(page.locator("conversation-view h1")).to_have_text("Monday")


@pytest.mark.gen_test(timeout=60)
async def test_who_is_removed_while_the_group_is_open_is_told_and_loses_no_text(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", group)
        await page.get_by_role("textbox", name="Message").fill("half a thought")
        await john.remove(group, jane)
        await expect(page.get_by_role("heading", name="You're no longer")).to_be_focused()
        await expect(page.get_by_text("An admin removed you.")).to_be_visible()
        await expect(page.locator("unsent-texts .content")).to_have_text("half a thought")
        await expect(page.locator(".conversations a")).to_have_count(0)
        await page.reload()
        await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
        await expect(page.locator("unsent-texts .content")).to_have_text("half a thought")
        await page.get_by_role("button", name="Discard").click()
        await expect(page.locator("unsent-texts")).to_be_hidden()
        await john.add(group, jane)
        await page.get_by_role("link", name="Sunday").click()
        await expect(page.locator(NOTICES)).to_have_text("john added you")


@pytest.mark.gen_test(timeout=90)
async def test_what_happened_while_a_page_was_offline_is_caught_up(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, mary = await three(visitor)
    group, other = await john.group("Sunday", jane), await john.group("Monday", jane)
    pair = await mary.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", group)
        await page.context.set_offline(True)
        await write(page, "written in time, sent too late")
        await john.send(group, "before")  # which she may not see any more
        await john.remove(group, jane)
        await john.send(group, "in between")
        await john.add(group, jane)
        await john.send(group, "after")
        await john.remove(other, jane)
        await mary.send(pair, "are you there?")
        await page.context.set_offline(False)
        names = page.locator(".conversations .name")
        await expect(names).to_have_text(["Sunday", "mary"], timeout=RECOVERY_SECONDS * 1000)
        await expect(page.locator(NOTICES)).to_have_text("john added you")
        await expect(page.locator(".message .content")).to_have_text(
            ["after", "written in time, sent too late"]
        )
        await john.send(group, "at last")
        await expect(page.locator(".message .content").last).to_have_text("at last")
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_a_message_to_a_group_that_one_has_left_is_found_in_the_list(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", group)
        await page.context.set_offline(True)
        await write(page, "too late")
        await page.get_by_role("link", name="Messenger").click()
        await john.remove(group, jane)
        await page.context.set_offline(False)
        row = page.get_by_role("link", name="Unsent messages")
        await expect(row).to_contain_text("You: too late", timeout=RECOVERY_SECONDS * 1000)
        await row.click()
        await expect(page.locator("unsent-texts .content")).to_have_text("too late")
        await page.get_by_role("button", name="Discard").click()
        await expect(row).to_have_count(0)
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_a_lost_answer_makes_no_second_group(base_url: str, visitor: Visitor) -> None:
    john, *_ = await three(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("john", "/groups/new")

        async def lose(route: Route) -> None:
            await route.fetch()
            await route.abort()

        await page.route("**/api/conversations", lose)
        await page.get_by_label("Name of the group").fill("Sunday")
        await press(page, "Enter")
        await expect(page.get_by_text("Can't reach the server.")).to_be_visible()
        await eventually_equal(["Sunday"], lambda: names_of_groups(john))
        await page.unroute("**/api/conversations")
        await press(page, "Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("Sunday")
        assert await names_of_groups(john) == ["Sunday"]
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=90)
async def test_an_admin_changes_the_group_by_keyboard(base_url: str, visitor: Visitor) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await at(tabs, "john", group)
        await page.get_by_role("link", name="2 members").focus()
        await press(page, "Enter")
        await expect(page.get_by_role("heading", name="Group details")).to_be_focused()
        members = page.locator(".members .name")
        await expect(members).to_have_text(["jane", "john"])
        people = page.get_by_role("combobox", name="Add people")
        await people.focus()
        await page.keyboard.type("mary")
        await press(page, "Enter")
        await page.get_by_role("button", name="Add", exact=True).press("Enter")
        await expect(page.get_by_text("mary added.")).to_be_visible()
        await expect(members).to_have_text(["mary", "jane", "john"])
        await expect(people).to_be_focused()

        options = page.get_by_role("button", name="Options for jane")
        await options.press("Enter")
        await press(page, "Tab", "Enter")
        await expect(page.get_by_text("jane is an admin now.")).to_be_visible()
        await expect(page.locator(".members li", has_text="jane")).to_contain_text("Admin")
        await expect(options).to_be_focused()

        await page.get_by_role("button", name="Options for mary").press("Enter")
        await page.get_by_role("button", name="Remove from group").press("Enter")
        await expect(page.get_by_role("alertdialog")).to_contain_text("Remove mary?")
        await press(page, "Escape")
        await expect(page.get_by_role("alertdialog")).to_have_count(0)
        await page.get_by_role("button", name="Remove from group").press("Enter")
        await press(page, "Tab", "Enter")
        await expect(members).to_have_text(["jane", "john"])
        await expect(page.get_by_role("heading", name="2 members")).to_be_focused()

        await page.get_by_role("button", name="Rename").press("Enter")
        await page.keyboard.type("Monday")
        await press(page, "Enter")
        await expect(page.locator(".profile .name")).to_have_text("Monday")
        await page.get_by_label("New members see earlier messages").press("Space")
        found = await john.conversation(group)
        assert found["group"] == {
            "name": "Monday", "memberCount": 2, "role": "admin", "history": "all",
        }  # fmt: skip
        await page.get_by_role("button", name="Leave group").press("Enter")
        await press(page, "Tab", "Enter")
        await expect(page).to_have_url(f"{base_url}/")
        await expect(page.locator(".conversations a")).to_have_count(0)


@pytest.mark.gen_test(timeout=60)
async def test_a_member_sees_the_members_and_may_only_leave(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await details(tabs, "jane", group)
        await expect(page.locator(".members .name")).to_have_text(["jane", "john"])
        await expect(page.get_by_role("combobox", name="Add people")).to_be_hidden()
        await expect(page.get_by_role("button", name=re.compile("Options|Rename"))).to_have_count(0)
        await john.turn(group, jane, "admin")
        await expect(page.get_by_role("combobox", name="Add people")).to_be_visible()
        await jane.turn(group, john, "member")
        await page.get_by_role("button", name="Options for jane").click()
        await page.get_by_role("button", name="Step down as admin").click()
        await expect(page.get_by_text("Make someone else an admin first.")).to_be_visible()
        await john.remove(group, john)
        await expect(page.locator(".members .name")).to_have_text(["jane"])
        await page.get_by_role("button", name="Leave group").click()
        await expect(page.get_by_role("alertdialog")).to_contain_text("the last member")
        await page.get_by_role("button", name="Cancel").click()
        forget_trouble(tabs)
        tabs.complaints = [c for c in tabs.complaints if "409" not in c]


@pytest.mark.gen_test(timeout=90)
async def test_many_members_come_page_by_page_and_are_searched(
    base_url: str, visitor: Visitor
) -> None:
    john, *_ = await three(visitor)
    others = [await visitor.sign_in(f"member-{n}") for n in range(MANY)]
    group = await john.group("Sunday", *others)
    async with browser(base_url) as tabs:
        page = await details(tabs, "john", group)
        members = page.locator(".members .name")
        await page.get_by_role("button", name="Show more members").click()
        await expect(members).to_have_count(MANY + 1)
        await expect(page.get_by_role("button", name="Show more members")).to_be_hidden()
        search = page.get_by_label("Search members")
        await search.fill("member-29")
        await expect(members).to_have_text(["member-29"])
        await page.get_by_role("button", name="Options for member-29").click()
        await page.get_by_role("button", name="Make admin").click()
        await expect(page.locator(".members li")).to_contain_text("Admin")
        await search.fill("nobody")
        await expect(page.get_by_text("No member found for “nobody”.")).to_be_visible()
        await search.fill("")
        await expect(members).to_have_count(MANY + 1)


@pytest.mark.gen_test(timeout=60)
async def test_back_leads_from_the_details_to_the_group_and_on_to_the_list(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, _ = await three(visitor)
    group = await john.group("Sunday", jane)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", width=390)
        await page.get_by_role("link", name="Sunday").click()
        await page.get_by_role("link", name="2 members").click()
        await expect(page).to_have_url(f"{base_url}/conversations/{group}/details")
        await page.get_by_role("link", name="Back to the group").click()
        await expect(page.get_by_role("textbox", name="Message")).to_be_visible()
        await page.go_back()
        await expect(page.locator(".conversations a")).to_be_visible()
        await expect(page).to_have_url(f"{base_url}/")
