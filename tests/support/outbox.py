"""Messages that wait in a page to be sent, and ways to stop them."""

from urllib.parse import urlsplit

from playwright.async_api import BrowserContext, Page, Route, expect

from tests.support.browser import Tabs, write
from tests.support.people import Person

SENDS = "**/api/conversations/*/messages"


async def refuse_sends(route: Route) -> None:
    if route.request.method == "POST":
        await route.abort()
    else:
        await route.continue_()


async def cut_sends(context: BrowserContext) -> None:
    await context.route(SENDS, refuse_sends)


async def spoil_sends(context: BrowserContext, *, but: str = "") -> None:
    """Has the server refuse all messages but one, which no repeat mends."""

    async def spoil(route: Route) -> None:
        """Adds what the composer would not let through."""
        fields = route.request.post_data_json
        if fields and fields["content"] != but:
            fields["content"] += "\0"
        await route.continue_(post_data=fields)

    await context.route(SENDS, spoil)


async def at_the_conversation(tabs: Tabs, url: str) -> Page:
    page = await tabs.sign_in("jane", urlsplit(url).path)
    await expect(page.locator("conversation-view h1")).to_have_text("john")
    return page


async def expect_sending(page: Page, contents: list[str]) -> None:
    await expect(page.locator(".message.sending .content")).to_have_text(contents)


async def expect_sent(page: Page, contents: list[str]) -> None:
    await expect(page.locator(".message.mine .content")).to_have_text(contents, timeout=40_000)
    await expect(page.locator(".message.sending")).to_have_count(0, timeout=40_000)


async def at_an_unsent_message(tabs: Tabs, url: str, content: str) -> Page:
    page = await at_the_conversation(tabs, url)
    await cut_sends(page.context)
    await write(page, content)
    await expect_sending(page, [content])
    return page


async def stored(john: Person, conversation: str) -> list[str]:
    return [message["content"] for message in reversed(await john.history(conversation))]


def forget_refusals(tabs: Tabs) -> None:
    tabs.complaints = [line for line in tabs.complaints if "net::ERR_" not in line]
