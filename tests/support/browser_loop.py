"""The event loop, Playwright and Chromium that a worker keeps for all its browser tests.

Starting the two takes a second of CPU; a new context takes a tenth.
"""

import asyncio
import shutil
from typing import Any

from playwright.async_api import Browser, Playwright, async_playwright
from tornado.platform.asyncio import AsyncIOLoop

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
# The same engine without windows: each page has the focus, and costs half the CPU.
SHELL = shutil.which("chromium-headless-shell") or CHROMIUM
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-partial-raster",  # else the edges of letters depend on what was drawn before
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class BrowserLoop(asyncio.SelectorEventLoop):
    """A loop that browser tests share: Playwright stays with the loop that it was started on."""

    def __init__(self) -> None:
        super().__init__()
        self.io_loop = AsyncIOLoop(asyncio_loop=self, make_current=False)
        self._timers: list[asyncio.TimerHandle] = []
        self._playwright: Playwright | None = None
        self._browsers: dict[str | None, Browser] = {}
        self.own_tasks: set[asyncio.Task[Any]] = set()

    def call_at(self, *args: Any, **options: Any) -> asyncio.TimerHandle:  # type: ignore[override]
        timer = super().call_at(*args, **options)
        self._timers.append(timer)
        return timer

    def open(self) -> None:
        """Starts Playwright."""
        self.run_until_complete(self._start())
        self.own_tasks = asyncio.all_tasks(self)

    async def _start(self) -> None:
        self._playwright = await async_playwright().start()

    @property
    def playwright(self) -> Playwright:
        assert self._playwright is not None
        return self._playwright

    async def chromium(self, *, windows: bool = False) -> Browser:
        """Returns the worker's headless shell, or its Chromium, and starts it if necessary."""
        program = CHROMIUM if windows else SHELL
        running = self._browsers.get(program)
        if running is None or not running.is_connected():
            running = await self.playwright.chromium.launch(executable_path=program, args=FLAGS)
            self._browsers[program] = running
        return running

    def end_test(self) -> None:
        """Ends the contexts, tasks and timers that a test has left."""
        self.run_until_complete(self._end_test())

    async def _end_test(self) -> None:
        for browser in self._browsers.values():
            for context in browser.contexts:
                await context.close()
        left = asyncio.all_tasks() - self.own_tasks - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()

    def close_all(self) -> None:
        self.run_until_complete(self._stop())
        self.io_loop.close()

    async def _stop(self) -> None:
        for browser in self._browsers.values():
            await browser.close()
        await self.playwright.stop()


def browser_loop() -> BrowserLoop:
    """Returns the loop of the running test."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, BrowserLoop), "the test's file must import browser_here"
    return loop
