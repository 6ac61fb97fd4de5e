"""Browsers of different people, in the one Chromium that a worker keeps for all its tests."""

import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    expect,
)

from tests.support.browser_loop import CHROMIUM, browser_loop

EXPECT_SECONDS = 20  # Playwright's 5 is too little for a machine that runs four tests at once
# Chromium's own lines about refused requests, and about requests that the page makes in vain
# after its session has ended. Playwright's own about a service worker that it blocks.
EXPECTED_NOISE = re.compile(
    r"status of (401|404)|preloaded using link preload but not used|blocked by Playwright"
)

expect.set_options(timeout=EXPECT_SECONDS * 1000)


@pytest.fixture(autouse=True)
def browser_here() -> None:
    """Gives a test file the worker's browser. Import it where tests need one."""
    if CHROMIUM is None:
        assert os.environ.get("CI") != "true", "CI needs a Chromium"
        pytest.skip("no Chromium on this machine")


class Tabs:
    """Pages of different people, and all that their consoles complained about."""

    def __init__(self, browser: Browser, base_url: str, *, service_workers: bool) -> None:
        self._browser = browser
        self._service_workers = service_workers
        self.base_url = base_url
        self.now: datetime | None = None  # the time at which the browsers' clocks begin, if not now
        self.zone: str | None = None
        self.complaints: list[str] = []
        self._contexts: list[BrowserContext] = []

    async def open(self, path: str = "/", *, width: int = 1280, scheme: str = "light") -> Page:
        page = await self._new_page(width, scheme)
        await page.goto(self.base_url + path)
        return page

    async def sign_in(
        self, username: str, path: str = "/", *, width: int = 1280, scheme: str = "light"
    ) -> Page:
        """Signs in, and opens the page at `path`."""
        page = await self.signed_in(username, width=width, scheme=scheme)
        await page.goto(self.base_url + path)
        await expect(page.locator(".account .name")).to_have_text(username)
        return page

    async def signed_in(self, username: str, *, width: int = 1280, scheme: str = "light") -> Page:
        """Signs in as the page does, without loading the page."""
        page = await self._new_page(width, scheme)
        answer = await page.context.request.post(
            f"{self.base_url}/api/login",
            data={"username": username},
            headers={"Origin": self.base_url},
        )
        assert answer.ok, await answer.text()
        return page

    async def _new_page(self, width: int, scheme: str) -> Page:
        context = await self._browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if scheme == "dark" else "light",
            timezone_id=self.zone,
            service_workers="allow" if self._service_workers else "block",
        )
        self._contexts.append(context)
        if self.now is not None:
            await context.clock.install(time=self.now)
        page = await context.new_page()
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", self._close)
        return page

    async def close(self) -> None:
        for context in self._contexts:
            await context.close()

    async def _close(self, dialog: Dialog) -> None:
        """Closes the contexts, and checks that no console had an error or a refusal."""
        self.complaints.append(f"{dialog.type}: {dialog.message}")
        await dialog.dismiss()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not EXPECTED_NOISE.search(message.text):
            self.complaints.append(message.text)


@asynccontextmanager
async def browser(
    base_url: str, *, service_workers: bool = False, windows: bool = False
) -> AsyncIterator[Tabs]:
    """Makes contexts of the worker's Chromium, and closes them at the end.

    With `service_workers`, the page stores itself, which doubles the cost of a load. With
    `windows`, a page can lose the focus to another page, at twice the CPU.
    """
    chromium = await browser_loop().chromium(windows=windows)
    tabs = Tabs(chromium, base_url, service_workers=service_workers)
    try:
        yield tabs
    finally:
        await tabs.close()
    assert not tabs.complaints, tabs.complaints


async def sign_out(page: Page) -> None:
    """Signs out in the settings, and confirms the question about unsent messages."""
    await page.locator(".account a").click()
    await page.get_by_role("button", name="Sign out").click()


async def talk(page: Page, username: str) -> None:
    await page.get_by_role("combobox").fill(username)
    await page.keyboard.press("Enter")
    await expect(page.locator("conversation-view h1")).to_have_text(username)


async def write(page: Page, content: str) -> None:
    await page.get_by_role("textbox", name="Message").fill(content)
    await page.keyboard.press("Enter")
