"""The notifications of a browser."""

import asyncio
from typing import Any

from playwright.async_api import Page, expect

from tests.support.browser import Tabs

# Chromium's own notifications, and a list of those that each page has shown.
LISTEN = """
    window.told = [];
    window.asked = 0;
    const Browsers = Notification;
    window.Notification = class extends Browsers {
        constructor(title, options) {
            super(title, options);
            told.push({ title, ...options, notification: this });
        }
        static async requestPermission() {
            window.asked += 1;
            await window.allow(); // nobody answers Chromium's own question here
            return Browsers.permission;
        }
    };
    const show = ServiceWorkerRegistration.prototype.showNotification;
    ServiceWorkerRegistration.prototype.showNotification = function (title, options) {
        told.push({ title, ...options });
        return show.call(this, title, options);
    };
"""
ON_SCREEN = """navigator.serviceWorker.ready
    .then((worker) => worker.getNotifications())
    .then((all) => all.length === {})"""
TOLD = "told.map(({ title, body, tag }) => ({ title, body, tag }))"


async def somebody(tabs: Tabs, name: str, *, allowed: bool = True) -> Page:
    """Opens a page with real focus: Playwright makes every page believe that it has the focus."""
    page = await tabs.signed_in(name)
    context = page.context
    await context.add_init_script(LISTEN)
    await context.expose_function("allow", lambda: context.grant_permissions(["notifications"]))
    if allowed:
        await context.grant_permissions(["notifications"])
    await at(page, tabs.base_url)
    return page


async def focus_as_it_is(page: Page) -> None:
    """Turns off the emulated focus. Call it again after each navigation."""
    devtools = await page.context.new_cdp_session(page)
    await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})


async def elsewhere(page: Page) -> Page:
    """Moves the focus to another window."""
    tab = await page.context.new_page()
    await focus_as_it_is(tab)
    await tab.bring_to_front()
    await until(page, "!document.hasFocus()")
    return tab


async def until(page: Page, true: str) -> None:
    async with asyncio.timeout(10):
        while not await page.evaluate(true):
            await asyncio.sleep(0.02)


async def told(*pages: Page) -> list[Any]:
    return [one for page in pages for one in await page.evaluate(TOLD)]


async def expect_told(count: int, *pages: Page) -> list[Any]:
    async with asyncio.timeout(10):
        while len(found := await told(*pages)) < count:
            await asyncio.sleep(0.02)
    return found


async def at(page: Page, url: str) -> None:
    await page.goto(url)
    await focus_as_it_is(page)
    await page.evaluate("navigator.serviceWorker.ready.then(() => {})")
    await expect(page.locator("connection-line").first).to_have_attribute("data-status", "live")
