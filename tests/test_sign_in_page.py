"""The page's sign-in with GitHub, its failures, and the list of devices, in a real Chromium."""

from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from handlers.application import Messenger
from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.github import PNG, FakeGitHub
from tests.support.people import Visitor
from tests.test_github import answers, config, github  # noqa: F401  # fixtures

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15"
    " (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)
PICTURE = (Path(__file__).parent.parent / "docs" / "figures.png").read_bytes()


@pytest.mark.gen_test(timeout=60)
async def test_the_button_leads_through_github_and_back_to_the_requested_page(
    base_url: str,
    visitor: Visitor,
    github: FakeGitHub,  # noqa: F811
) -> None:
    github.picture = PICTURE
    assert len(PICTURE) < 256 * 1024
    async with browser(base_url) as tabs:
        page = await tabs.open("/sessions")
        await page.get_by_role("link", name="Sign in with GitHub").click()
        await expect(page.get_by_role("heading", name="Signed-in devices")).to_be_visible()
        assert page.url == f"{base_url}/sessions"
        await expect(page.locator(".account .name")).to_have_text("octo-jane")
        avatar = page.locator(".account img.avatar")
        await expect(avatar).to_be_visible()
        assert await avatar.evaluate("e => e.complete && e.naturalWidth > 1")
        cookies = {cookie["name"]: cookie for cookie in await page.context.cookies()}
        assert set(cookies) == {"messenger-session"}
        assert cookies["messenger-session"]["sameSite"] == "Lax"
        assert cookies["messenger-session"]["httpOnly"]


@pytest.mark.gen_test(timeout=60)
async def test_the_access_page_explains_a_failure_and_the_next_try_returns_to_the_same_page(
    base_url: str,
    visitor: Visitor,
    github: FakeGitHub,  # noqa: F811
) -> None:
    github.instead["user"] = answers("<html>Unicorn!</html>", 503)
    async with browser(base_url) as tabs:
        page = await tabs.open("/sessions")
        button = page.get_by_role("link", name="Sign in with GitHub")
        await button.click()
        await expect(page.get_by_role("alert").first).to_have_text(
            "Can't reach GitHub. Please try again in a moment."
        )
        assert page.url.endswith("/access?error=unreachable&return_to=%2Fsessions")
        assert await page.context.cookies() == []
        github.instead.clear()
        await button.click()
        await page.wait_for_url(f"{base_url}/sessions")
        await expect(page.locator(".account .name")).to_have_text("octo-jane")


@pytest.mark.gen_test(timeout=60)
async def test_after_a_failure_another_sign_in_leads_to_the_requested_page(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.open("/access?error=denied&return_to=%2Fsessions")
        await expect(page.get_by_text("You cancelled the sign-in at GitHub.")).to_be_visible()
        await page.get_by_label("Username").fill("jane")
        await page.get_by_role("button", name="Sign in").click()
        await page.wait_for_url(f"{base_url}/sessions")
        await expect(page.get_by_role("heading", name="Signed-in devices")).to_be_visible()
        await page.goto(f"{base_url}/access?error=expired")  # signed in already
        await expect(page.get_by_role("heading", name="Couldn't sign you in")).to_be_visible()
        await page.get_by_role("link", name="Go to your conversations").click()
        assert page.url == f"{base_url}/"


@pytest.mark.gen_test(timeout=60)
async def test_a_new_name_and_picture_show_at_once_in_open_pages(
    base_url: str,
    visitor: Visitor,
    github: FakeGitHub,  # noqa: F811
) -> None:
    john = await visitor.sign_in("john")
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await page.get_by_role("link", name="Sign in with GitHub").click()
        await expect(page.locator(".account .name")).to_have_text("octo-jane")
        await john.post("/api/conversations", {"username": "octo-jane"})
        other = await tabs.sign_in("john")
        await expect(other.locator(".conversations .name")).to_have_text("octo-jane")
        github.sign_in(583231, "jane")
        github.picture = PICTURE
        again = await tabs.open()  # in another browser
        await again.get_by_role("link", name="Sign in with GitHub").click()
        await expect(page.locator(".account .name")).to_have_text("jane")
        await expect(other.locator(".conversations .name")).to_have_text("jane")
        await expect(other.locator(".conversations img.avatar")).to_be_visible()


async def to_devices(page: Page) -> None:
    await page.locator(".account a").click()
    await page.get_by_role("link", name="Signed-in devices").click()


async def at_devices(tabs: Tabs, *, width: int = 1280) -> Page:
    page = await tabs.sign_in("jane", width=width)
    await to_devices(page)
    await expect(page.get_by_role("heading", name="Signed-in devices")).to_be_focused()
    return page


@pytest.mark.gen_test(timeout=60)
async def test_devices_are_listed_and_signed_out_singly_and_all_at_once(
    base_url: str, visitor: Visitor, app: Messenger
) -> None:
    for agent in (PHONE, "curl/8.5.0", "<b>\u00ab", ""):
        await visitor.post("/api/login", {"username": "jane"}, headers={"User-Agent": agent})
    mallory = await visitor.sign_in("mallory")
    async with browser(base_url) as tabs:
        page = await at_devices(tabs)
        devices = page.locator(".sessions .device")
        await expect(devices).to_have_text(
            [
                *("Chrome on Linux", "Unknown device"),
                *("<b>\u00ab", "curl/8.5.0", "Safari on iPhone"),
            ]
        )
        await expect(page.locator(".sessions li").first).to_contain_text("This browser")
        await page.get_by_role("button", name="Sign out Safari on iPhone").click()
        await expect(devices).to_have_count(4)
        await expect(page.get_by_text("Safari on iPhone is signed out.")).to_be_visible()
        await expect(page.get_by_role("heading", name="Signed-in devices")).to_be_focused()
        await page.get_by_role("button", name="Sign out all other devices").click()
        await expect(devices).to_have_count(1)
        await expect(page.get_by_role("button", name="Sign out all other devices")).to_be_hidden()
        await expect(page.locator(".account .name")).to_have_text("jane")  # still here
    assert len((await mallory.get("/api/sessions")).json) == 1


@pytest.mark.gen_test(timeout=60)
async def test_a_browser_signed_out_elsewhere_shows_the_access_page_at_once(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        there = await tabs.sign_in("jane")
        here = await at_devices(tabs, width=390)
        await here.get_by_role("button", name="Sign out all other devices").click()
        await expect(there.get_by_label("Username")).to_be_visible()
        await here.get_by_role("link", name="Back to settings").click()
        await here.get_by_role("link", name="Back to conversations").click()
        await expect(here.locator(".account .name")).to_be_visible()


@pytest.mark.gen_test(timeout=60)
async def test_devices_that_failed_to_load_are_requested_again(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.route("**/api/sessions", lambda route: route.abort())
        await to_devices(page)
        await expect(page.get_by_text("Can't reach the server.")).to_be_visible()
        await page.get_by_role("button", name="Retry now").click()  # else it disappears by itself
        await page.unroute("**/api/sessions")
        await expect(page.locator(".sessions .device")).to_have_count(1)
        tabs.complaints = [line for line in tabs.complaints if "ERR_FAILED" not in line]


def test_the_picture_of_these_tests_is_valid() -> None:
    assert PICTURE.startswith(PNG[:8])
