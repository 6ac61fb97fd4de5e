"""Light and dark: as in the system, or as chosen in this browser."""

import re

import pytest
from playwright.async_api import Page, expect

from config import STATIC_DIR
from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor

LIGHT, DARK = "rgb(253, 252, 250)", "rgb(22, 24, 26)"
# Taken when the first frame can be drawn: a wrong colour would be visible from then on.
NOTE_FIRST = """
  requestAnimationFrame(function look() {
    if (!document.body || document.readyState === "loading") return requestAnimationFrame(look);
    window.first = getComputedStyle(document.documentElement).backgroundColor;
  });
"""


async def expect_theme(page: Page, colour: str) -> None:
    await expect(page.locator("html")).to_have_css("background-color", colour)


async def settings(tabs: Tabs) -> Page:
    page = await tabs.sign_in("jane")
    await page.locator(".account a").click()
    return page


async def choose(page: Page, name: str) -> None:
    await page.get_by_text(name, exact=True).click()
    await expect_chosen(page, name)


async def expect_chosen(page: Page, name: str) -> None:
    await expect(page.get_by_role("radio", name=name)).to_be_checked()


@pytest.mark.gen_test(timeout=60)
async def test_the_theme_follows_the_system(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await settings(tabs)
        await expect_chosen(page, "System")
        await expect_theme(page, LIGHT)
        await page.emulate_media(color_scheme="dark")
        await expect_theme(page, DARK)


@pytest.mark.gen_test(timeout=60)
async def test_a_chosen_theme_overrides_the_systems_in_all_tabs_and_after_a_reload(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await settings(tabs)
        other = await page.context.new_page()
        await other.goto(page.url)
        await choose(page, "Dark")
        for tab in (page, other):
            await expect_theme(tab, DARK)
            await expect_chosen(tab, "Dark")
        await page.add_init_script(NOTE_FIRST)
        await page.reload()
        await expect_chosen(page, "Dark")
        assert await page.evaluate("window.first") == DARK, "it flashed"
        await page.emulate_media(color_scheme="dark")
        await choose(page, "Light")
        await expect_theme(page, LIGHT)
        await choose(page, "System")
        await expect_theme(page, DARK)
        await expect_theme(other, LIGHT)


@pytest.mark.gen_test(timeout=60)
async def test_the_theme_is_chosen_by_keyboard(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url) as tabs:
        page = await settings(tabs)
        await page.get_by_role("radio", name="System").focus()
        for name, colour in (("Light", LIGHT), ("Dark", DARK), ("System", LIGHT)):
            await page.keyboard.press("ArrowRight")
            await expect_theme(page, colour)
            await expect(page.get_by_role("radio", name=name)).to_be_focused()


@pytest.mark.gen_test(timeout=60)
async def test_a_phones_browser_bars_have_the_colour_of_the_list(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await settings(tabs)
        for choice in ("Light", "Dark"):
            await choose(page, choice)
            bars = page.locator("meta[name=theme-color]")
            colours = await bars.evaluate_all("metas => metas.map((meta) => meta.content)")
            assert len(set(colours)) == 1
            red, green, blue = (int(colours[0][at : at + 2], 16) for at in (1, 3, 5))
            await expect(page.locator(".sidebar")).to_have_css(
                "background-color", f"rgb({red}, {green}, {blue})"
            )


def test_each_colour_is_written_for_both_themes_at_once() -> None:
    tokens = (STATIC_DIR / "styles" / "tokens.css").read_text()
    assert "prefers-color-scheme" not in tokens
    for line in re.findall(r"^  --(?!avatar|on-avatar)[a-z-]+: .*#.*;$", tokens, re.MULTILINE):
        assert "light-dark(" in line, line
