"""A message is sent once, and in order, whatever happens to the tab or the network."""

import signal
from pathlib import Path

import pytest
from playwright.async_api import Page, Route, expect

from tests.support.browser import Tabs, browser, browser_here, sign_out, write  # noqa: F401  # autouse
from tests.support.chromium import Chromium
from tests.support.outbox import (
    SENDS,
    at_an_unsent_message,
    at_the_conversation,
    cut_sends,
    expect_sending,
    expect_sent,
    forget_refusals,
    spoil_sends,
    stored,
)
from tests.support.people import Visitor, two
from tests.support.tabs import asleep, crash, hanging, without


async def kept_unsent(page: Page) -> list[object]:
    """Returns what the browser holds on its disk."""
    kept: list[object] = await page.evaluate("""async () => {
        const names = (await indexedDB.databases()).map(({ name }) => name);
        const open = indexedDB.open(names.find((name) => name.includes("outbox")));
        await new Promise((resolve) => { open.onsuccess = resolve; });
        const all = open.result.transaction("drafts").objectStore("drafts").getAll();
        await new Promise((resolve) => { all.onsuccess = resolve; });
        const unsent = Object.keys(localStorage).filter((key) => key.includes("unsent"));
        return [...all.result, ...unsent];
    }""")
    return kept


@pytest.mark.gen_test(timeout=120)
async def test_an_unsent_message_survives_a_reload(base_url: str, visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await cut_sends(page.context)
        contents = [f"number {n}" for n in range(5)]
        for content in contents:
            await write(page, content)
        await expect_sending(page, contents)
        await page.reload()
        await expect_sending(page, contents)
        await page.context.unroute(SENDS)
        await expect_sent(page, contents)
        assert await stored(john, conversation) == contents
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_an_unsent_message_survives_a_crash_of_its_tab(
    base_url: str, visitor: Visitor
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    url = f"{base_url}/conversations/{conversation}"
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(tabs, url, "written before the crash")
        context = page.context
        await crash(page)
        again = await context.new_page()
        # The context's own route waits for ever for the requests of the crashed tab.
        await again.route(SENDS, lambda route: route.continue_())
        await again.goto(url)
        await expect_sent(again, ["written before the crash"])
        assert await stored(john, conversation) == ["written before the crash"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_message_written_offline_is_sent_automatically_and_once(
    base_url: str, visitor: Visitor
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await page.context.set_offline(True)
        contents = ["on the train", "in the tunnel"]
        for content in contents:
            await write(page, content)
        await expect_sending(page, contents)
        await expect(page.locator("main connection-line")).to_contain_text("Messages will send")
        await page.context.set_offline(False)
        await expect_sent(page, contents)
        assert await stored(john, conversation) == contents
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_send_whose_answer_is_lost_is_not_doubled(base_url: str, visitor: Visitor) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")

        async def lose_the_answer(route: Route) -> None:
            if route.request.method == "POST":
                await route.fetch()
                await route.abort()
            else:
                await route.continue_()

        await page.context.route(SENDS, lose_the_answer, times=1)
        for content in ("one", "two"):
            await write(page, content)
        await expect_sent(page, ["one", "two"])
        assert await stored(john, conversation) == ["one", "two"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_another_tab_shows_unsent_messages_and_sends_them_when_their_tab_is_gone(
    base_url: str, visitor: Visitor
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    url = f"{base_url}/conversations/{conversation}"
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, url)
        other = await page.context.new_page()
        await other.goto(url)
        await cut_sends(page.context)
        await write(page, "from the first tab")
        await expect_sending(other, ["from the first tab"])
        await page.close()
        await write(other, "from the second tab")
        await other.context.unroute(SENDS)
        await expect_sent(other, ["from the first tab", "from the second tab"])
        assert await stored(john, conversation) == ["from the first tab", "from the second tab"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_signing_out_asks_about_unsent_messages_and_leaves_none(
    base_url: str, visitor: Visitor
) -> None:
    john, jane = await visitor.sign_in("john"), await visitor.sign_in("jane")
    conversation = await john.talk_to(jane)
    url = f"{base_url}/conversations/{conversation}"
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(tabs, url, "never sent")
        await page.get_by_role("textbox", name="Message").fill("half a thought")
        await page.reload()
        text = page.get_by_role("textbox", name="Message")
        await expect(text).to_have_value("half a thought")
        await sign_out(page)
        await expect(page.get_by_role("alertdialog")).to_contain_text("You have 2 unsent messages.")
        await page.get_by_role("button", name="Stay").click()
        await page.goto(url)
        await expect_sending(page, ["never sent"])
        await sign_out(page)
        async with page.expect_navigation():
            await page.get_by_role("button", name="Discard and sign out").click()
        await page.context.unroute(SENDS)
        await page.get_by_label("Username", exact=True).fill("jane")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator(".account .name")).to_have_text("jane")
        await page.goto(url)
        await expect(text).to_have_value("")
        await write(page, "only this")
        await expect_sent(page, ["only this"])
        assert await stored(john, conversation) == ["only this"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_an_unsent_message_survives_a_kill_of_the_browser(
    base_url: str, visitor: Visitor, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    url = f"{base_url}/conversations/{conversation}"
    contents = ["just before", "the lights went out"]
    chromium = Chromium(tmp_path)
    async with chromium.open() as context:
        await context.add_cookies([jane.cookie])
        await cut_sends(context)
        page = await context.new_page()
        await page.goto(url)
        for content in contents:
            await write(page, content)
        other = await context.new_page()  # reads it from the disk
        await other.goto(url)
        await expect_sending(other, contents)
        await chromium.end(signal.SIGKILL)
    assert await stored(john, conversation) == []
    async with chromium.open() as context:
        await context.add_cookies([jane.cookie])  # the browser may not have written it yet
        page = await context.new_page()
        await page.goto(url)
        await expect_sent(page, contents)
        assert await stored(john, conversation) == contents


@pytest.mark.gen_test(timeout=120)
async def test_a_permanently_refused_message_lets_others_pass_and_can_be_retried_or_discarded(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await spoil_sends(page.context, but="three")
        for content in ("one", "two", "three"):
            await write(page, content)
        failed = page.locator(".message.failed")
        await expect(failed).to_have_count(2)
        await expect(failed.first).to_contain_text("Not sent. This message can't be sent as it is.")
        await expect(page.locator(".message.mine:not(.failed) .content")).to_have_text(["three"])
        await page.reload()
        await expect(failed).to_have_count(2)
        await failed.first.get_by_role("button", name="Try again").click()
        await expect(failed.last.locator(".content")).to_have_text("one")  # it was answered last
        for left in (1, 0):
            await failed.first.get_by_role("button", name="Discard").click()
            await expect(failed).to_have_count(left)
        await page.reload()
        await expect_sent(page, ["three"])
        assert await stored(john, conversation) == ["three"]
        tabs.complaints = [line for line in tabs.complaints if "422" not in line]


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_that_hangs_with_its_turn_does_not_keep_the_others_from_sending(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(
            tabs, f"{base_url}/conversations/{conversation}", "from the tab that hangs"
        )
        contents = ["from the tab that hangs", "from another one"]
        async with hanging(page):
            other = await page.context.new_page()
            await other.goto(f"{base_url}/conversations/{conversation}")
            await page.context.unroute(SENDS)
            await write(other, "from another one")
            await expect_sent(other, contents)
        await expect_sent(page, contents)
        assert await stored(john, conversation) == contents
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_a_browser_without_storage_still_sends(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.add_init_script("""
            for (const name of ["indexedDB", "localStorage"]) {
                Object.defineProperty(window, name, {
                    get() { throw new DOMException("It is switched off.", "SecurityError"); },
                });
            }
        """)
        await page.goto(f"{base_url}/conversations/{conversation}")
        await cut_sends(page.context)
        contents = ["one", "two", "three"]
        for content in contents:
            await write(page, content)
        await expect_sending(page, contents)
        await page.context.unroute(SENDS)
        await expect_sent(page, contents)
        assert await stored(john, conversation) == contents
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_one_users_messages_are_never_shown_to_or_sent_by_another(
    base_url: str, visitor: Visitor
) -> None:
    _, jane, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        await cut_sends(page.context)
        await write(page, "by jane")
        await page.get_by_role("textbox", name="Message").fill("half a thought of jane's")
        await expect_sending(page, ["by jane"])
        [cookie] = [c for c in await page.context.cookies() if c["name"] == "messenger-session"]
        ended = await visitor.post(
            "/api/logout", headers={"Cookie": f"messenger-session={cookie['value']}"}
        )
        assert ended.status == 204
        async with page.expect_navigation():  # the end of the stream leads to the access page
            await page.context.unroute(SENDS)

        async def sign_in(name: str) -> None:
            await page.get_by_label("Username", exact=True).fill(name)
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.locator(".account .name")).to_have_text(name)

        await sign_in("john")  # he takes part in the same conversation
        await write(page, "by john")
        await expect_sent(page, ["by john"])
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("")
        async with page.expect_navigation():
            await sign_out(page)
        await sign_in("jane")
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect_sent(page, ["by jane"])
        await expect(page.get_by_role("textbox", name="Message")).to_have_value(
            "half a thought of jane's"
        )
        history = reversed(await jane.history(conversation))
        assert [(m["content"], m["mine"]) for m in history] == [
            ("by john", False),
            ("by jane", True),
        ]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_that_slept_while_somebody_else_signed_in_sends_nothing_under_that_name(
    base_url: str, visitor: Visitor, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    url = f"{base_url}/conversations/{conversation}"
    async with Chromium(tmp_path).open() as context:
        await context.add_cookies([jane.cookie])
        sleeper = await context.new_page()
        await sleeper.goto(url)
        await cut_sends(context)
        await write(sleeper, "by jane")
        await expect_sending(sleeper, ["by jane"])
        async with asleep(sleeper):
            assert (await jane.post("/api/logout")).status == 204
            await context.unroute(SENDS)
            page = await context.new_page()
            await page.goto(url)
            await page.get_by_label("Username", exact=True).fill("john")
            await page.get_by_role("button", name="Sign in").click()
            await expect(page.locator(".account .name")).to_have_text("john")
        await expect(sleeper.locator(".account .name")).to_have_text("john")
        for name in ("by john", "by john again"):
            await write(sleeper, name)
        await expect_sent(page, ["by john", "by john again"])
        assert await stored(john, conversation) == ["by john", "by john again"]


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_that_loads_while_somebody_else_signs_in_sends_nothing_under_that_name(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    url = f"{base_url}/conversations/{conversation}"
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(tabs, url, "by jane")
        context = page.context
        loading, held = await without(context, url, "writing.js")
        await expect(loading.locator(".account .name")).to_have_text("jane")
        await page.close()
        await context.add_cookies([john.cookie])
        other = await context.new_page()
        await other.goto(url)
        await expect(other.locator(".account .name")).to_have_text("john")
        await context.unroute(SENDS)
        held.go.set()
        await expect(loading.locator(".account .name")).to_have_text("john")
        await write(loading, "by john")
        await expect_sent(other, ["by john"])
        assert await stored(john, conversation) == ["by john"]
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_signing_out_of_a_loading_page_asks_first_and_leaves_nothing(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    url = f"{base_url}/conversations/{conversation}"
    async with browser(base_url) as tabs:
        page = await at_an_unsent_message(tabs, url, "never sent")
        loading, held = await without(page.context, url, "writing.js")
        await page.close()
        await sign_out(loading)
        held.go.set()
        question = loading.get_by_role("alertdialog")
        await expect(question).to_contain_text("You have an unsent message. Sign out anyway?")
        assert await kept_unsent(loading) != []
        await question.get_by_role("button", name="Discard and sign out").click()
        await expect(loading.get_by_label("Username", exact=True)).to_be_visible()
        assert await kept_unsent(loading) == []
        assert await stored(john, conversation) == []
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_signing_out_in_one_tab_mentions_unsent_messages_of_another_and_ends_both(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        other = await page.context.new_page()
        await other.goto(page.url)
        await cut_sends(page.context)
        await write(other, "in the other tab")
        await expect_sending(page, ["in the other tab"])
        await sign_out(page)
        question = page.get_by_role("alertdialog")
        await expect(question).to_contain_text("You have an unsent message. Sign out anyway?")
        await question.get_by_role("button", name="Discard and sign out").click()
        for tab in (page, other):
            await expect(tab.get_by_label("Username", exact=True)).to_be_visible()
        assert await kept_unsent(page) == []
        assert await stored(john, conversation) == []
        forget_refusals(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_a_draft_is_kept_for_each_conversation(base_url: str, visitor: Visitor) -> None:
    _, jane, conversation = await two(visitor)
    mallory = await visitor.sign_in("mallory")
    other = await mallory.talk_to(jane)
    async with browser(base_url) as tabs:
        page = await at_the_conversation(tabs, f"{base_url}/conversations/{conversation}")
        text = page.get_by_role("textbox", name="Message")
        thoughts = {"john": "Dear John,\n\n", "mallory": "no"}
        for name, thought in thoughts.items():
            await page.get_by_role("link", name=name).click()
            await expect(page.locator("conversation-view h1")).to_have_text(name)
            await expect(text).to_have_value("")
            await text.fill(thought)
        await page.reload()
        await expect(text).to_have_value(thoughts["mallory"])
        await page.goto(f"{base_url}/conversations/{conversation}")
        await expect(text).to_have_value(thoughts["john"])
        await write(page, "Dear John")
        await expect_sent(page, ["Dear John"])
        await page.reload()
        await expect(text).to_have_value("")
        await page.goto(f"{base_url}/conversations/{other}")
        await expect(text).to_have_value(thoughts["mallory"])


@pytest.mark.gen_test(timeout=60)
async def test_without_web_locks_each_tab_is_live_and_nothing_is_doubled(
    base_url: str, visitor: Visitor
) -> None:
    """Like plain http:// to another machine, where browsers have no Web Locks."""
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.context.add_init_script(
            "Object.defineProperty(navigator, 'locks', { value: undefined })"
        )
        pages = [page, await page.context.new_page()]
        for page in pages:
            await page.goto(f"{base_url}/conversations/{conversation}")
            await expect(page.locator("conversation-view h1")).to_have_text("john")
        await cut_sends(page.context)
        for n, page in enumerate(pages):
            await write(page, f"from tab {n}")
        for page in pages:
            await expect(page.locator(".message.sending")).to_have_count(2)
        await page.context.unroute(SENDS)
        await expect(page.locator(".message.mine")).to_have_count(2)
        for page in pages:
            await expect(page.locator(".message.sending")).to_have_count(0, timeout=40_000)
            await expect(page.locator(".message.mine")).to_have_count(2)
        assert sorted(await stored(john, conversation)) == ["from tab 0", "from tab 1"]
        forget_refusals(tabs)
