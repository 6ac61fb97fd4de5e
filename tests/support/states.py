"""Every page and state that a user can reach, in turn, for checks and pictures."""

import json
from collections.abc import AsyncIterator
from datetime import datetime

from playwright.async_api import Page, Route, expect

from tests.support import act_states, group_states
from tests.support.browser import Tabs, talk, write
from tests.support.people import Person, Visitor
from tests.support.postgres import ask

TALK = """
jane: Good morning! Did you see the new harbour bridge?
john: I did, from the ferry. They lit it up last night.
jane: There is a walk across it on Sunday, before the cars may use it:
jane: https://harbour.example/bridge/opening-day?from=jane
john: I am in 🙂
john: Shall I ask Ann and Bob as well?
jane: Please do. If it rains we take the tram:
jane: ```
line 4   09:40   Harbour
line 4   10:00   Harbour
```
john: شكرا، أراكم هناك
jane: See you on Sunday then.
""".strip()
OTHERS = {
    "ann": "I'll bring the coffee",
    "bob": "Which platform was it?",
    "carla": "The keys are under the blue pot, as always. Do not tell the cat.",
    "maximilian-of-the-very-long-user-names": "It fits, somehow",
}

TWO_DAYS = """
    WITH whole AS (
        SELECT coalesce(%(now)s, now()) AS now, max(id) AS newest
        FROM messages
    )
    UPDATE messages
    SET created_at = CASE
        WHEN id < newest - 5
        THEN date_trunc('day', whole.now, 'UTC') - interval '5 hours' + id * interval '3 minutes'
        ELSE whole.now - (newest - id) * interval '1 minute'
    END
    FROM whole
    RETURNING id
"""


class Cast:
    """John's conversations: with Jane one over two days, an unread message of Ann's, a group."""

    def __init__(self, visitor: Visitor, dsn: str) -> None:
        self.visitor = visitor
        self._dsn = dsn
        self.jane: Person
        self.conversation = ""
        self.group = ""

    async def prepare(self, now: datetime | None = None) -> None:
        """Stores all messages, over two days that end at `now`, by default the present."""
        john, self.jane = await self.visitor.sign_in("john"), await self.visitor.sign_in("jane")
        for name in reversed(OTHERS):
            other = await self.visitor.sign_in(name)
            conversation = await john.talk_to(other)
            await john.send(conversation, f"Hello {name}, are you coming on Sunday?")
            await other.send(conversation, OTHERS[name])
            if name != "ann":
                await john.read(conversation)
        self.group = await group_states.prepare(self.visitor, john, self.jane)
        await john.read(self.group)
        self.conversation = await john.talk_to(self.jane)
        people = {"john": john, "jane": self.jane}
        for line in (
            TALK.replace("\njohn: ", "\0john: ").replace("\njane: ", "\0jane: ").split("\0")
        ):
            name, _, content = line.partition(": ")
            await people[name].send(self.conversation, content)
            await people["john" if name == "jane" else "jane"].read(self.conversation)
        ask(self._dsn, TWO_DAYS, {"now": now})


async def states(tabs: Tabs, cast: Cast, width: int) -> AsyncIterator[tuple[str, Page]]:
    """Yields a name, and a page that stays in the state of that name until the next step."""
    page = await tabs.open(width=width)
    await expect(page.get_by_label("Username")).to_be_visible()
    yield "access", page
    await page.get_by_label("Username").fill("-jane-")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("letters, numbers and hyphens")
    yield "access-refused", page
    await page.close()

    page = await tabs.sign_in("nina", width=width)
    yield "home-empty", page
    await page.close()

    page = await tabs.sign_in("john", width=width)
    await expect(page.get_by_role("link", name="jane")).to_be_visible()
    yield "home", page
    name = page.get_by_role("combobox")
    await name.fill("a")
    await expect(page.get_by_role("option").first).to_be_visible()
    await page.keyboard.press("ArrowDown")
    yield "suggestions", page
    await name.fill("nobody-of-that-name")
    await page.keyboard.press("Enter")
    await expect(page.locator("new-conversation .error")).not_to_be_empty()
    yield "nobody-of-that-name", page
    await name.fill("")

    await page.get_by_role("link", name="jane").click()
    await expect(page.locator(".message").last).to_contain_text("See you on Sunday")
    yield "conversation", page
    text = page.get_by_role("textbox", name="Message")
    if width > 700:  # smaller screens have on-screen keyboards, with their own emoji
        await page.get_by_role("button", name="Emoji").click()
        await expect(page.locator("emoji-picker button").first).to_be_visible()
        yield "emoji", page
        await page.keyboard.press("Escape")
    await text.fill("a line that is one of many\n" * 12)
    yield "writing", page
    await text.fill("so many words " * 300)
    await expect(page.locator(".counter")).to_contain_text("too many")
    yield "too-long", page
    await text.fill("")

    await page.route("**/api/conversations/*/messages", refuse)
    await write(page, "This one will be refused")
    await expect(page.locator(".message.failed")).to_be_visible()
    yield "failed", page
    await page.get_by_role("button", name="Discard").click()
    await page.unroute("**/api/conversations/*/messages")
    await page.context.set_offline(True)
    await expect(page.locator("connection-line:visible").first).to_contain_text("You're offline")
    await write(page, "This one waits for the network")
    await expect(page.locator(".message.sending")).to_be_visible()
    yield "offline", page
    await page.context.set_offline(False)
    await expect(page.locator(".message.sending")).to_have_count(0, timeout=40_000)

    await further_up(page)
    for content in ("Are you still there?", "We could meet at the ferry."):
        await cast.jane.send(cast.conversation, content)
    await expect(page.get_by_role("button", name="2 new ↓")).to_be_visible()
    yield "new-below", page
    await page.set_viewport_size({"width": width, "height": 800})
    home = page.url.rpartition("/conversations")[0]
    await text.fill("half a sentence that")
    await page.goto(home)
    await page.locator(".account a").click()
    await expect(page.get_by_role("radio", name="System")).to_be_checked()
    yield "settings", page
    await page.get_by_role("button", name="Sign out", exact=True).click()
    await expect(page.get_by_role("alertdialog")).to_be_visible()
    yield "signing-out", page
    await page.get_by_role("button", name="Stay").click()
    await page.goto(home)
    await expect(page.locator("notification-offer")).to_be_attached()
    # Chromium answers the question itself if its windows are invisible.
    await page.evaluate("document.querySelector('notification-offer').hidden = false")
    yield "notification-offer", page
    await page.get_by_role("link", name="ann").click()
    await expect(page.locator(".messages .unread")).to_be_visible()
    yield "unread", page

    await page.goto(home + "/sessions")
    await expect(page.get_by_role("button", name="Sign out all other devices")).to_be_visible()
    yield "devices", page
    await page.goto(page.url.replace("/sessions", "/no/such/place"))
    await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    yield "not-found", page
    await page.goto(page.url.replace("/no/such/place", "/conversations/999999"))
    await expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    yield "no-such-conversation", page
    await page.goto(page.url.replace("/conversations/999999", ""))
    if width <= 700:
        await expect(page.get_by_role("combobox")).to_be_visible()
    await talk(page, "nina")
    await expect(page.get_by_text("No messages yet. Say hello!")).to_be_visible()
    yield "conversation-empty", page

    await page.route("**/api/auth_user", lambda route: route.abort())
    await page.reload()
    seen = page.get_by_text("This is what you saw last.").filter(visible=True)
    await expect(seen).to_be_visible()
    yield "last-seen", page
    await page.evaluate(FORGET_WHAT_WAS_SEEN)
    await page.reload()
    await expect(page.get_by_role("heading", name="Can't reach the server")).to_be_visible()
    yield "unreachable", page
    await page.unroute_all(behavior="ignoreErrors")  # the page goes on asking
    await page.close()

    async for state in act_states.act_states(tabs, cast.jane, cast.group, width):
        yield state
    async for state in group_states.group_states(tabs, cast.visitor, cast.group, width):
        yield state


# As in a browser on its first visit.
FORGET_WHAT_WAS_SEEN = """indexedDB.databases().then((all) => Promise.all(all
    .filter(({ name }) => name.startsWith("messenger.seen."))
    .map(({ name }) => new Promise((resolve, reject) => {
        const request = indexedDB.deleteDatabase(name);
        request.onsuccess = resolve;
        request.onerror = reject;
    }))))"""


async def further_up(page: Page) -> None:
    """Makes the window so low that some messages are above it."""
    assert page.viewport_size is not None
    await page.set_viewport_size({"width": page.viewport_size["width"], "height": 480})
    await page.get_by_role("region", name="Conversation").evaluate("(e) => e.scrollTo(0, 0)")


async def refuse(route: Route) -> None:
    """Refuses as the server does where a repeat would not help."""
    if route.request.method != "POST":
        return await route.continue_()
    problem = {
        "title": "Forbidden",
        "status": 403,
        "detail": "You may not write here.",
        "code": "x",
    }
    return await route.fulfill(
        status=403, content_type="application/problem+json", body=json.dumps(problem)
    )
