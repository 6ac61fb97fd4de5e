"""The page is live again within 35 seconds of any failure: nothing lost, nothing doubled."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from handlers.application import Messenger
from handlers.requests.tokens import LIFETIME_SECONDS, Tokens
from tests.conftest import SECRET
from tests.support.bad_gateway import BadGateway, Mood
from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.callers import Caller
from tests.support.chromium import Chromium
from tests.support.live_page import (
    OFFLINE,
    RECOVERY_SECONDS,
    expect_line,
    expect_live,
    forget_trouble,
    open_conversation,
)
from tests.support.people import Person, Visitor, eventually, eventually_equal, two
from tests.support.processes import ServerProcess
from tests.support.rules import rule
from tests.support.shared_stream import only_stream
from tests.support.tabs import asleep

REFUSING_SECONDS = 8  # a whole minute ends in the same way; that was tried by hand


async def expect_shown(pages: Iterable[Page], contents: list[str], seconds: float) -> None:
    """Expects all of these and nothing else, in this order, and no message in flight."""
    until = time.monotonic() + seconds
    for page in pages:
        left = max(0.1, until - time.monotonic()) * 1000
        await expect(page.locator(".message .content")).to_have_text(contents, timeout=left)
        await expect(page.locator(".message.sending")).to_have_count(0, timeout=left)


async def stored(john: Person, conversation: str) -> list[str]:
    return [message["content"] for message in reversed(await john.history(conversation))]


@asynccontextmanager
async def behind_a_bad_gateway(
    tabs: Tabs, port: int, person: Person, conversation: str
) -> AsyncIterator[tuple[BadGateway, Page]]:
    async with BadGateway(port).open() as proxy:
        page = await tabs.open("/no-such-file.txt")
        await page.clock.install()
        await page.context.add_cookies([person.cookie])
        await page.goto(f"{proxy.url}/conversations/{conversation}")
        await expect_live(page)
        yield proxy, page
        await page.goto("about:blank")


@pytest.mark.gen_test(timeout=120)
async def test_messages_written_and_missed_offline_are_sent_and_shown(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        leader = await open_conversation(tabs, base_url, jane, conversation)
        follower = await leader.context.new_page()
        await follower.goto(leader.url)
        await expect_live(follower)
        await john.send(conversation, "before")
        await leader.context.set_offline(True)
        for page in (leader, follower):
            await expect_line(page, OFFLINE)
        await john.send(conversation, "to nobody")
        await write(leader, "on the train")
        await write(follower, "in the tunnel")
        await expect(follower.locator(".message.sending")).to_have_count(2)
        await leader.context.set_offline(False)
        contents = ["before", "to nobody", "on the train", "in the tunnel"]
        await expect_shown((leader, follower), contents, RECOVERY_SECONDS)
        await expect_line(leader, "")
        assert await stored(john, conversation) == contents
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=180)
async def test_ten_minutes_offline_lose_and_double_nothing(base_url: str, visitor: Visitor) -> None:
    """Each try really fails; the test moves the page's clock forward to the next one."""
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        await page.clock.install()
        await page.reload()
        await expect_live(page)
        await page.context.set_offline(True)
        contents = ["one", "two", "three"]
        for content in contents:
            await write(page, content)
        await expect(page.locator(".message.sending")).to_have_count(3)
        for _ in range(20):
            async with page.expect_event("requestfailed"):
                await page.clock.fast_forward(30_000)
        await john.send(conversation, "meanwhile")
        await expect_line(page, OFFLINE)
        await page.context.set_offline(False)
        await expect_shown([page], ["meanwhile", *contents], RECOVERY_SECONDS)
        assert await stored(john, conversation) == ["meanwhile", *contents]
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=180)
async def test_the_page_recovers_after_a_proxy_answered_502(
    base_url: str, http_port: int, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs, BadGateway(http_port).open() as proxy:
        page = await open_conversation(tabs, proxy.url, jane, conversation)
        await john.send(conversation, "before")
        await proxy.become(Mood.REFUSING)
        begun = time.monotonic()
        await john.send(conversation, "behind the proxy")
        await write(page, "through the proxy")
        await expect_line(page, "Connecting…")
        while time.monotonic() < begun + REFUSING_SECONDS or proxy.refused < 3:
            await asyncio.sleep(0.1)
        await proxy.become(Mood.PASSING)
        contents = ["before", "behind the proxy", "through the proxy"]
        await expect_shown([page], contents, RECOVERY_SECONDS)
        await expect_live(page)
        await john.send(conversation, "after")
        await expect_shown([page], [*contents, "after"], 5)
        assert await stored(john, conversation) == [*contents, "after"]
        await page.goto("about:blank")
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=240)
@pytest.mark.parametrize(
    ("end", "flags"),
    [
        pytest.param(signal.SIGKILL, (), id="killed"),
        pytest.param(signal.SIGTERM, (), id="drained"),
        pytest.param(signal.SIGKILL, ("--new-epoch",), id="restored"),
    ],
)
async def test_the_page_finds_a_restarted_server(
    tmp_path: Path, end: signal.Signals, flags: tuple[str, ...]
) -> None:
    with ServerProcess(tmp_path) as server:
        john, jane = Caller(server.url, "john"), Caller(server.url, "jane")
        conversation = john.ask("/api/conversations", {"username": "jane"})["id"]
        path = f"/api/conversations/{conversation}/messages"
        async with browser(server.url) as tabs:
            page = await tabs.sign_in("jane")
            pages = [page, *[await page.context.new_page() for _ in range(2)]]
            for page in pages:
                await page.goto(f"{server.url}/conversations/{conversation}")
                await expect_live(page)
            john.ask(path, {"content": "before"})
            await expect_shown(pages, ["before"], 5)
            await asyncio.to_thread(server.end, end)
            for n, page in enumerate(pages):
                await write(page, f"from tab {n}")
            await expect_line(pages[0], "Connecting…")
            server.output.clear()
            server.flags += flags
            server.start()
            await asyncio.to_thread(server.wait_until_ready)
            await asyncio.to_thread(john.ask, path, {"content": "after"})
            locator = pages[0].locator(".message:not(.sending)")
            await expect(locator).to_have_count(5, timeout=RECOVERY_SECONDS * 1000)
            kept = [m["content"] for m in reversed(jane.ask(path))]
            assert sorted(kept[1:]) == ["after", "from tab 0", "from tab 1", "from tab 2"]
            await expect_shown(pages, kept, 5)
            forget_trouble(tabs)


@pytest.mark.gen_test(timeout=120)
@pytest.mark.parametrize("silence", ["00:46", "10:00"], ids=["a dead connection", "a sleep"])
async def test_the_page_notices_a_dead_connection_by_its_silence(
    base_url: str, http_port: int, visitor: Visitor, silence: str
) -> None:
    john, jane, conversation = await two(visitor)
    async with (
        browser(base_url) as tabs,
        behind_a_bad_gateway(tabs, http_port, jane, conversation) as (proxy, page),
    ):
        await proxy.become(Mood.SILENT)
        await john.send(conversation, "to a dead connection")
        await page.clock.fast_forward("00:30")
        await proxy.become(Mood.PASSING)
        await expect_live(page)  # according to its state
        await expect_shown([page], [], 1)
        await page.clock.fast_forward(silence)
        await expect_shown([page], ["to a dead connection"], RECOVERY_SECONDS)


@pytest.mark.gen_test(timeout=120)
async def test_the_page_does_not_wait_for_a_silent_server(
    base_url: str, http_port: int, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with (
        browser(base_url) as tabs,
        behind_a_bad_gateway(tabs, http_port, jane, conversation) as (proxy, page),
    ):
        await proxy.become(Mood.SILENT)
        await john.send(conversation, "nobody hears")
        async with page.expect_request("**/api/messages?*"):
            await page.clock.fast_forward("00:46")
        await proxy.become(Mood.PASSING)  # the state that was opened meanwhile is lost
        await page.clock.fast_forward("00:02")
        await expect_line(page, "Connecting…")
        async with page.expect_request("**/api/messages?*"):
            await page.clock.fast_forward("00:18")
        await expect_shown([page], ["nobody hears"], RECOVERY_SECONDS)


@pytest.mark.gen_test(timeout=120)
async def test_tabs_that_all_slept_catch_up_when_they_wake(
    base_url: str, visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    async with Chromium(tmp_path).open() as context:
        await context.add_cookies([jane.cookie])
        pages = [await context.new_page() for _ in range(3)]
        for page in pages:
            await page.goto(f"{base_url}/conversations/{conversation}")
            await expect_live(page)
        await write(pages[0], "before")
        await expect_shown(pages, ["before"], 10)
        async with asleep(*pages):
            await john.send(conversation, "while they sleep")
            for page in pages:
                assert await page.locator(".message .content").all_text_contents() == ["before"]
        await expect_shown(pages, ["before", "while they sleep"], RECOVERY_SECONDS)
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_going_back_to_the_page_restores_it_live(
    base_url: str, visitor: Visitor, app: Messenger, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    async with Chromium(tmp_path).open() as context:
        await context.add_cookies([jane.cookie])
        page = await context.new_page()
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect_live(page)
        contents: list[str] = []
        before = None
        # Chromium's back/forward cache takes only pages that leave within three seconds.
        while before != "kept" and len(contents) < 10:
            await page.evaluate("() => { window.before = 'kept' }")
            await page.goto(f"{base_url}/health/live")
            await eventually(lambda: not list(app.services.bus.streams_of(int(jane.id))))
            contents.append(f"while it was away, {len(contents)}")
            await john.send(conversation, contents[-1])
            await page.evaluate("() => history.back()")
            await page.wait_for_url("**/conversations/*", wait_until="commit")
            before = await page.evaluate("() => window.before")
            await expect_shown([page], contents, RECOVERY_SECONDS)
        assert before == "kept"
        await write(page, "back again")
        await expect_shown([page], [*contents, "back again"], RECOVERY_SECONDS)
        await only_stream(app, jane)


@pytest.mark.gen_test(timeout=120)
async def test_a_token_is_refreshed_before_it_expires_and_the_stream_goes_on(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    john, jane, conversation = await two(visitor)
    claims = app.services.tokens.read(jane.token)
    async with browser(base_url) as tabs:
        old = Tokens(SECRET, lambda: time.time() - LIFETIME_SECONDS + 10)
        jane.token, _ = old.issue(claims.user_id, claims.session_id)
        page = await open_conversation(tabs, base_url, jane, conversation)
        [cookie] = await page.context.cookies(base_url)
        assert cookie["value"] != jane.token
        async with asyncio.timeout(30):
            while (await jane.get("/api/auth_user")).status != 401:
                await asyncio.sleep(0.2)
        await john.send(conversation, "after the old one's end")
        await expect_shown([page], ["after the old one's end"], RECOVERY_SECONDS)


@pytest.mark.gen_test(timeout=120)
async def test_a_token_is_refreshed_once_a_day(base_url: str, visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        await page.clock.install()
        await page.reload()
        await expect_live(page)
        refreshed: list[str] = []
        page.on("request", lambda r: refreshed.append(r.url) if "refresh_token" in r.url else None)
        for hours, times in (("23:00:00", 0), ("02:00:00", 1), ("02:00:00", 1)):
            await page.clock.fast_forward(hours)
            await page.evaluate("navigator.locks.request('messenger.refreshed', () => {})")
            assert len(refreshed) == times
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_an_ended_session_leads_to_the_access_page_and_back_to_the_same_place(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        other = await page.context.new_page()
        await other.goto(f"{base_url}/")
        await expect(other.locator(".account .name")).to_have_text("jane")
        assert (await jane.post("/api/logout")).status == 204
        for tab in (page, other):
            await expect(tab.get_by_label("Username", exact=True)).to_be_visible(timeout=10_000)
        assert page.url.endswith(f"/conversations/{conversation}")
        await page.get_by_label("Username", exact=True).fill("jane")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("conversation-view h1")).to_have_text("john")
        await expect_live(page)
        await john.send(conversation, "welcome back")
        await expect_shown([page], ["welcome back"], 5)
        forget_trouble(tabs)


@rule("api#after-reset")
@pytest.mark.gen_test(timeout=120)
async def test_a_page_that_was_away_longer_than_the_feed_keeps_fetches_all_again(
    base_url: str, visitor: Visitor
) -> None:
    john, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await open_conversation(tabs, base_url, jane, conversation)
        await john.send(conversation, "before")
        await expect_shown([page], ["before"], 5)
        await page.context.set_offline(True)
        sends = (john.send(conversation, f"number {n}") for n in range(1001))
        await asyncio.gather(*sends)
        newest = (await stored(john, conversation))[-25:]
        async with page.expect_response(f"**/api/conversations/{conversation}/messages"):
            await page.context.set_offline(False)
        shown = page.locator(".message .content")

        async def latest() -> list[str]:  # there may be more, if the screen has room
            return (await shown.all_text_contents())[-25:]

        await eventually_equal(newest, latest, RECOVERY_SECONDS)
        await john.send(conversation, "after")
        await expect(page.locator(".message .content").last).to_have_text("after")
        await expect(page.locator(".preview")).to_have_text("after")
        forget_trouble(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_failed_fetch_is_repeated_automatically(base_url: str, visitor: Visitor) -> None:
    john, jane, conversation = await two(visitor)
    await john.send(conversation, "there all the time")
    async with browser(base_url) as tabs:
        page = await tabs.open("/no-such-file.txt")
        await page.context.add_cookies([jane.cookie])
        asked = dict.fromkeys(["auth_user", "conversations", "messages", "shared-stream.js"], 0)

        async def be_away(route: Route) -> None:
            name = route.request.url.rpartition("/")[2]
            asked[name] += 1
            if asked[name] > 2:
                await route.continue_()
            else:
                await route.fulfill(status=502, body="<h1>Bad Gateway</h1>")

        for name in asked:
            await page.route(f"**/{name}", be_away)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect_shown([page], ["there all the time"], RECOVERY_SECONDS)
        await expect_live(page, RECOVERY_SECONDS)
        assert all(times > 2 for times in asked.values()), asked
        forget_trouble(tabs)
