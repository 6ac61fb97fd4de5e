"""Any text that a user writes, and any name, is text on the page, and later messages arrive."""

import dataclasses
import json
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from config import Config
from tests.support import hostile
from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor, two

AT_ONCE = 20
IN_A_HISTORY = 300  # the page holds no more than 400 at once
SENDABLE = hostile.sendable()
ALL = [*SENDABLE, *hostile.of_answers()]

# Records, in the page, each thing that it must never do.
WATCH = """
    window.seen = [];
    const see = (kind, what) =>
        addEventListener(kind, (event) => seen.push(`${kind}: ${what(event)}`));
    see("securitypolicyviolation", (event) => event.blockedURI);
    see("error", (event) => event.message);
    see("unhandledrejection", (event) => event.reason);
    window.pwned = () => seen.push("a script of somebody else's ran");
"""

# Elements of a new kind, attributes that run code, addresses that mislead.
STRANGE = """
    (before) => {
        const all = (selector) => [...document.querySelectorAll(selector)];
        const drawn = "A BDI BUTTON CODE DIV H1 IMG LI OL P SPAN TIME UL".split(" ");
        const inText = all(".content *, .name *, .preview *, h1 *, [role=option] *");
        const running = (element) =>
            element.getAttributeNames().some((name) => name.startsWith("on"));
        const astray = ({ href, rel }) =>
            !/^https?:[/][/]/.test(href) || rel !== "noopener noreferrer nofollow";
        return [
            ...all("*").filter(({ tagName }) => ![...before, ...drawn].includes(tagName)),
            ...inText.filter(({ tagName }) => !["A", "BDI", "CODE", "SPAN"].includes(tagName)),
            ...all("*").filter(running),
            ...all(".content a").filter(astray),
            ...all("img").filter(({ src }) => !src.startsWith(location.origin + "/")),
        ].map((element) => element.outerHTML).concat(seen);
    }
"""
KINDS = "() => Array.from(document.querySelectorAll('*'), (element) => element.tagName)"


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, rate_limits=False)


async def watched(page: Page, url: str) -> list[str]:
    """Opens the page under watch, and returns the kinds of elements that it has by itself."""
    await page.add_init_script(WATCH)
    page.on("dialog", lambda dialog: pytest.fail(f"a dialog: {dialog.message}"))
    await page.goto(url)
    await expect(page.locator(".conversations a").first).to_be_visible()
    kinds: list[str] = await page.evaluate(KINDS)
    return kinds


async def expect_nothing_strange(page: Page, kinds: list[str]) -> None:
    assert await page.evaluate(STRANGE, kinds) == []


async def texts_of(page: Page, selector: str) -> list[str]:
    """Returns the texts, including those that UTF-8 cannot hold."""
    script = "(s) => JSON.stringify([...document.querySelectorAll(s)].map((e) => e.textContent))"
    return list(json.loads(await page.evaluate(script, selector)))


async def answer(route: Route, change: Any) -> None:
    """Answers as the server does, headers included, with a changed body."""
    response = await route.fetch()
    body = json.dumps(change(await response.json()))
    await route.fulfill(response=response, body=body)


def test_there_are_hundreds_of_hostile_strings() -> None:
    assert len(set(ALL)) == len(ALL) > 800


@pytest.mark.gen_test
async def test_the_api_accepts_all_that_an_honest_answer_could_contain(
    visitor: Visitor,
) -> None:
    john, _, conversation = await two(visitor)
    for text in hostile.of_answers():
        content = {"content": text}
        refusal = await john.post(f"/api/conversations/{conversation}/messages", content)
        assert refusal.status == 422, text


@pytest.mark.gen_test(timeout=240)
async def test_as_messages_that_arrive_they_are_text_and_the_next_one_comes(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        kinds = await watched(page, f"{base_url}/conversations/{conversation}")
        for n in range(0, len(SENDABLE), AT_ONCE):
            texts = SENDABLE[n : n + AT_ONCE]
            stored = [(await john.send(conversation, text))["content"] for text in texts]
            await john.send(conversation, f"next one {n}")
            last = page.locator(".message .content").last
            await expect(last).to_have_text(f"next one {n}")
            shown = await texts_of(page, ".message .content")
            assert shown[-len(stored) - 1 : -1] == stored
            await expect_nothing_strange(page, kinds)


@pytest.mark.gen_test(timeout=120)
async def test_in_a_history_they_are_text_even_if_the_server_should_have_refused_them(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    await john.send(conversation, "the one that was before")
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")

        texts: list[str] = []

        def history(messages: list[Any]) -> list[Any]:
            [message] = messages
            first = int(message["id"])
            told = [
                message | {"id": str(first + n), "content": text} for n, text in enumerate(texts, 1)
            ]
            return [*reversed(told), message]

        kinds = await watched(page, f"{base_url}/conversations/{conversation}")
        await page.route("**/messages", lambda route: answer(route, history))
        await page.route("**/read_messages", lambda route: route.fulfill(status=204))
        for n in range(0, len(ALL), IN_A_HISTORY):
            texts = ALL[n : n + IN_A_HISTORY]
            await page.reload()
            await expect(page.locator(".message")).to_have_count(len(texts) + 1)
            assert (await texts_of(page, ".message .content"))[1:] == texts
            await expect_nothing_strange(page, kinds)


@pytest.mark.gen_test(timeout=120)
async def test_as_names_and_avatars_they_are_text_in_every_place(
    base_url: str, visitor: Visitor
) -> None:
    *_, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")

        def people(conversations: list[Any]) -> list[Any]:
            [conversation] = conversations
            other = conversation["otherParticipant"]
            return [
                conversation
                | {"id": str(n), "otherParticipant": other | {"username": text, "avatarURL": text}}
                for n, text in enumerate(ALL, 1)
            ]

        kinds = await watched(page, f"{base_url}/conversations/{conversation}")
        await page.route("**/api/conversations", lambda route: answer(route, people))
        await page.route("**/messages", lambda route: route.fulfill(json=[]))
        named = [
            {"id": str(n), "username": text, "avatarURL": None} for n, text in enumerate(ALL, 1)
        ]
        await page.route("**/api/users*", lambda route: route.fulfill(body=json.dumps(named)))
        await page.goto(base_url)
        await expect(page.locator(".conversations a")).to_have_count(len(ALL))
        assert await texts_of(page, ".conversations .name") == ALL
        await expect_nothing_strange(page, kinds)
        # Opens one after another, and checks the name above it.
        titles = await page.evaluate("""async () => {
            const titles = [];
            for (const link of [...document.querySelectorAll(".conversations a")]) {
                link.click();
                titles.push(document.querySelector("conversation-view h1").textContent);
                await new Promise((resolve) => setTimeout(resolve));
            }
            return JSON.stringify(titles);
        }""")
        assert json.loads(titles) == ALL
        await expect_nothing_strange(page, kinds)
        await page.get_by_role("combobox").fill("x")
        await expect(page.get_by_role("option")).to_have_count(len(ALL))
        assert await texts_of(page, "[role=option] .name") == ALL
        await expect_nothing_strange(page, kinds)
