"""The page is for everyone: by keyboard, by ear, in any size, light or dark, without motion."""

from typing import Any, Literal

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # autouse
from tests.support.people import Visitor, two
from tests.support.processes import ROOT
from tests.support.states import Cast, states

AXE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
CHECK = """
  (only) => axe.run(document, { resultTypes: ["violations"], ...(only && { runOnly: only }) })
    .then(({ violations }) => violations)
"""
ALL_RULES, COLORS = None, ["color-contrast", "link-in-text-block"]  # a theme changes only colors
THEMES: list[tuple[Literal["light", "dark"], list[str] | None]] = [
    ("light", ALL_RULES),
    ("dark", COLORS),
]
WIDTHS = [320, 390, 600, 768, 1024, 1280, 1920, 2560]
# Elements that extend beyond the window, and are not clipped or scrolled inside it.
OUTSIDE = """
  [...document.body.querySelectorAll("*")].filter((element) => {
    const isOut = (element) => {
      const { left, right, width } = element.getBoundingClientRect();
      return width > 1 && (left < -0.5 || right > innerWidth + 0.5);
    };
    const cuts = (element) => getComputedStyle(element).overflowX !== "visible";
    for (let box = element.parentElement; box !== document.body; box = box.parentElement) {
      if (cuts(box) && !isOut(box)) return false;
    }
    return isOut(element);
  }).map((element) => element.outerHTML.slice(0, 120))
"""
# Finds what can be pressed or read, and cannot be scrolled into the window.
UNREACHABLE = """
  [...document.querySelectorAll("a[href], button, input, textarea, h1, p, [role=option]")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }))
    .filter((element) => !element.closest("[aria-hidden=true], .visually-hidden"))
    .filter((element) => element.textContent || element.matches("input, textarea, [aria-label]"))
    .filter((element) => {
      element.scrollIntoView({ block: "center" });
      const { top, bottom, height, width } = element.getBoundingClientRect();
      const middle = height > innerHeight ? Math.max(top, 0) : (top + bottom) / 2;
      return width > 1 && (middle < 0 || middle > innerHeight);
    }).map((element) => element.outerHTML.slice(0, 100))
"""
ZOOMED: ViewportSize = {"width": 320, "height": 256}  # 1280 by 1024 pixels at 400 %
PRESSED = ["access", "home", "conversation", "failed", "devices", "group", "group-details"]
FOCUSABLE = """
  [...document.querySelectorAll(
    "a[href], button, input, textarea, select, summary, [tabindex='0']")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && !element.disabled)
    .filter((element) => element.tabIndex >= 0).length
"""
FOCUSED = """
  (() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    window.visited ??= [];
    if (window.visited.includes(element)) return null;
    window.visited.push(element);
    const { outlineStyle, outlineWidth, outlineColor } = getComputedStyle(element);
    return [outlineStyle, parseFloat(outlineWidth), outlineColor, element.outerHTML.slice(0, 100)];
  })()
"""


# What a screen reader announces: text that enters a live region.
LISTEN = """
  window.told = [];
  new MutationObserver((mutations) => {
    for (const { addedNodes, target } of mutations) {
      const log = target.parentElement?.closest("[role=log]") ?? null;
      if (!log || log.getAttribute("aria-live") === "off") continue;
      for (const node of addedNodes) if (node.textContent) window.told.push(node.textContent);
    }
  }).observe(document, { childList: true, subtree: true });
"""


async def found_by_axe(page: Page, rules: list[str] | None) -> list[Any]:
    """Returns what axe finds, in short form. Restores the scroll position."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE.read_text())
    return [
        (found["impact"], found["id"], [node["html"][:200] for node in found["nodes"]])
        for found in await page.evaluate(CHECK, rules)
    ]


class Found:
    """Faults by state."""

    def __init__(self) -> None:
        self.by_axe: dict[str, list[Any]] = {}
        self.outside: dict[str, list[str]] = {}
        self.unreachable: dict[str, list[str]] = {}

    async def run_axe(self, name: str, page: Page) -> None:
        for scheme, rules in THEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            self.by_axe[f"{name}, {scheme}"] = await found_by_axe(page, rules)
        # The colours are back before motion is, or the next state would begin amid a transition.
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
        await page.evaluate("getComputedStyle(document.body).color")
        await page.emulate_media(color_scheme="light", reduced_motion="no-preference")

    async def find_outside(self, name: str, page: Page) -> None:
        for width in WIDTHS:
            await page.set_viewport_size({"width": width, "height": 700})
            if there := await page.evaluate(OUTSIDE):
                self.outside[f"{name} at {width}"] = there

    async def find_unreachable(self, name: str, page: Page) -> None:
        await page.set_viewport_size(ZOOMED)
        if there := await page.evaluate(UNREACHABLE):
            self.unreachable[name] = there


# All checks share one walk, because reaching a state takes longer than checking it.
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.gen_test(timeout=300)
async def test_in_each_state_axe_finds_nothing_and_everything_is_visible_and_reachable(
    base_url: str, visitor: Visitor, dsn: str, width: int
) -> None:
    """Checks both themes, widths from 320 to 2560 pixels, 400 % zoom, and the Tab key."""
    cast = Cast(visitor, dsn)
    await cast.prepare()
    found = Found()
    pressed = []
    async with browser(base_url) as tabs:
        async for name, page in states(tabs, cast, width):
            await found.run_axe(name, page)
            before = page.viewport_size
            assert before is not None
            if width == 1280:
                await found.find_outside(name, page)
            else:
                await found.find_unreachable(name, page)
            await page.set_viewport_size(before)
            if width == 1280 and name in PRESSED:
                await reached_by_tab(page, name)
                pressed.append(name)
        tabs.complaints.clear()
    assert len(found.by_axe) > 20, "it has looked"
    assert {state: what for state, what in found.by_axe.items() if what} == {}
    assert found.outside == {}
    assert found.unreachable == {}
    assert pressed == (PRESSED if width == 1280 else [])


async def reached_by_tab(page: Page, name: str) -> None:
    await page.evaluate("document.activeElement.blur(); window.visited = []")
    there = await page.evaluate(FOCUSABLE)
    assert there > 3, name
    seen = []
    for _ in range(there + 3):  # the browser itself has a stop
        await page.keyboard.press("Tab")
        if (focused := await page.evaluate(FOCUSED)) is not None:
            seen.append(focused)
    assert len(seen) == there, (name, seen)
    for style, pixels, colour, html in seen:
        assert style != "none", (name, html)
        assert pixels >= 1, (name, html)
        assert "rgba(0, 0, 0, 0)" not in colour, (name, html)


@pytest.mark.gen_test(timeout=60)
async def test_two_people_can_talk_by_keyboard_alone(base_url: str, visitor: Visitor) -> None:
    await visitor.sign_in("jane")
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await expect(page.get_by_label("Username")).to_be_focused()
        await page.keyboard.type("john")
        await page.keyboard.press("Enter")
        combobox = page.get_by_role("combobox")
        await expect(combobox).to_be_visible()
        while not await combobox.evaluate("e => e === document.activeElement"):
            await page.keyboard.press("Tab")
        await page.keyboard.type("ja")
        await expect(page.get_by_role("option", name="jane")).to_be_visible()
        await page.keyboard.press("ArrowDown")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await page.keyboard.type("Hello")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message.mine .content")).to_have_text("Hello")
        await page.go_back()
        await expect(page.get_by_role("link", name="jane")).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.locator("conversation-view h1")).to_have_text("jane")


MOVED = """async ({ before, after }) => {
  const { reconcile } = await import("/lib/dom.js");
  const list = document.createElement("ul");
  const write = (key, item) => { item.textContent = key; };
  const draw = (keys) => reconcile(list, keys, (key) => key, write);
  draw(before);
  const observer = new MutationObserver(() => {});
  observer.observe(list, { childList: true });
  draw(after);
  const moved = observer.takeRecords().flatMap(({ addedNodes }) => [...addedNodes]);
  const texts = (items) => Array.from(items, (item) => item.textContent);
  return { is: texts(list.children), moved: texts(moved) };
}"""


@pytest.mark.gen_test(timeout=60)
async def test_only_the_items_of_a_list_that_change_places_are_moved(base_url: str) -> None:
    """Moving every message above the unread line would have all of them read out again."""
    old = [str(n) for n in range(9)]
    async with browser(base_url) as tabs:
        page = await tabs.open()
        for before, after, moved in [
            (["unread", *old], [*old, "unread", "new"], {"unread", "new"}),
            ([*old, "unread"], ["unread", *old], {"unread"}),
            (["day", "unread", *old], ["day", *old, "unread"], {"unread"}),
            (["unread", *old], ["older", *old], {"older"}),
            (old, ["a", *old[:4], "b", *old[5:]], {"a", "b"}),
            (old, old[::-1], set(old)),
        ]:
            found = await page.evaluate(MOVED, {"before": before, "after": after})
            assert found["is"] == after
            assert set(found["moved"]) <= moved, (before, after)


@pytest.mark.gen_test(timeout=60)
async def test_only_new_messages_are_read_out(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    for n in range(60):
        await john.send(conversation, f"old {n}")
    async with browser(base_url) as tabs:
        page = await tabs.signed_in("jane")
        await page.add_init_script(LISTEN)
        await page.goto(f"{base_url}/conversations/{conversation}")
        log = page.get_by_role("log")
        await expect(page.locator(".message").last).to_contain_text("old 59")
        await expect(log).to_have_attribute("aria-live", "polite")
        await page.locator(".scroller").evaluate("e => { e.scrollTop = 0 }")
        await expect(page.locator(".message").first).to_contain_text("old 0")
        await expect(log).to_have_attribute("aria-live", "polite")
        assert await page.evaluate("window.told") == []
        await page.locator(".scroller").evaluate("e => { e.scrollTop = e.scrollHeight }")
        await expect(page.locator(".message").last).to_contain_text("old 59")
        await john.send(conversation, "something new")
        await expect(page.locator(".message").last).to_contain_text("something new")
        await write(page, "an answer")
        await expect(page.locator(".message.mine")).to_contain_text("an answer")
        await expect(page.locator(".message.sending")).to_have_count(0)
        told = await page.evaluate("window.told")
        assert [text for text in told if "old" in text] == [], (
            "what was there is not read out again"
        )
        assert len([text for text in told if "something new" in text]) == 1
        assert "john: " in next(text for text in told if "something new" in text)
        await john.read(conversation)
        await expect(page.locator(".message.mine .state")).to_contain_text("Seen")
        told = await page.evaluate("window.told")
        assert len([text for text in told if "an answer" in text]) == 1, (
            "not when it was sent or seen"
        )


@pytest.mark.gen_test(timeout=60)
async def test_nothing_moves_for_users_who_prefer_reduced_motion(
    base_url: str, visitor: Visitor
) -> None:
    moving = """
      [...document.querySelectorAll("*")].filter((element) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(element);
        const still = transitionDuration.split(",").every((duration) => parseFloat(duration) === 0);
        return !still || animationName !== "none" || scrollBehavior === "smooth";
      }).length
    """
    john, _, conversation = await two(visitor)
    await john.send(conversation, "hello")
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.get_by_role("link", name="john").click()
        await expect(page.locator(".message")).to_have_count(1)
        assert await page.evaluate(moving) > 0, "there is something to keep still"
        await page.emulate_media(reduced_motion="reduce")
        assert await page.evaluate(moving) == 0


@pytest.mark.parametrize("laid_over", [False, True])
@pytest.mark.gen_test(timeout=60)
async def test_an_on_screen_keyboard_covers_neither_the_field_nor_the_messages(
    base_url: str, visitor: Visitor, laid_over: bool
) -> None:
    john, jane, conversation = await two(visitor)
    for n in range(30):
        await john.send(conversation, f"number {n}")
    await jane.read(conversation)
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane", f"/conversations/{conversation}", width=390)
        await expect(page.locator(".message").last).to_contain_text("number 29")
        if laid_over:  # as in Safari; Chromium has no such keyboard
            await page.evaluate("""
              Object.defineProperty(visualViewport, "height", { value: 420 });
              visualViewport.dispatchEvent(new Event("resize"));
            """)
        else:
            await page.set_viewport_size({"width": 390, "height": 420})
        for part in (page.locator(".message").last, page.get_by_role("button", name="Send")):
            await expect(part).to_be_in_viewport()
            await expect_above(part, 420)


async def expect_above(part: Any, pixels: int) -> None:
    async def bottom() -> float:
        return float(await part.evaluate("e => e.getBoundingClientRect().bottom"))

    for _ in range(100):
        if await bottom() <= pixels:
            return
        await part.page.wait_for_timeout(20)
    raise AssertionError(await bottom())
