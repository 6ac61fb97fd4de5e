"""What may happen to a tab."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from playwright.async_api import BrowserContext, Page, Route


async def crash(page: Page) -> None:
    """Crashes the tab's process, and closes the page, as people close a crashed tab."""
    devtools = await page.context.new_cdp_session(page)
    async with page.expect_event("crash"):
        crash = asyncio.ensure_future(devtools.send("Page.crash"))  # Chromium never answers it
    crash.cancel()
    await page.close()


@asynccontextmanager
async def hanging(page: Page) -> AsyncIterator[None]:
    """Stops the page's script without any notice to the page."""
    stopped = asyncio.Event()
    devtools = await page.context.new_cdp_session(page)
    devtools.on("Debugger.paused", lambda _: stopped.set())
    await devtools.send("Debugger.enable")
    going_on = asyncio.create_task(page.evaluate("() => { debugger; }"))
    await asyncio.wait_for(stopped.wait(), 10)
    yield
    await devtools.send("Debugger.disable")
    await going_on


@asynccontextmanager
async def asleep(*pages: Page) -> AsyncIterator[None]:
    """Freezes the tabs as browsers freeze hidden ones: they are told, and then stop."""
    sessions = [await page.context.new_cdp_session(page) for page in pages]
    for devtools in sessions:
        await devtools.send("Page.setWebLifecycleState", {"state": "frozen"})
    yield
    for devtools in sessions:
        await devtools.send("Page.setWebLifecycleState", {"state": "active"})


class Held:
    """Requests of a page that are held until `go` is set."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, route: Route) -> None:
        await self.go.wait()
        await route.continue_()


async def without(context: BrowserContext, url: str, *modules: str) -> tuple[Page, Held]:
    """Loads a page at `url`, and holds these modules back."""
    page, held = await context.new_page(), Held()
    devtools = await context.new_cdp_session(page)
    await devtools.send("Network.enable")
    await devtools.send("Network.setBypassServiceWorker", {"bypass": True})
    for module in modules:
        await page.route(f"**/{module}", held)
    await page.goto(url, wait_until="commit")  # other events would wait for the modules
    return page, held
