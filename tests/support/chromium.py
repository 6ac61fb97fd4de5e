"""A Chromium as people have it: one window of tabs, of which the one in front is visible."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import BrowserContext

from tests.support.browser_loop import CHROMIUM, FLAGS, browser_loop

START_SECONDS = 60


class Chromium:
    """A browser process of its own; its profile in `directory` outlives it.

    In Playwright's own browser, every page is visible and focused, and there is no back/forward
    cache.
    """

    def __init__(self, directory: Path) -> None:
        self._command = (
            CHROMIUM or "chromium",
            *FLAGS,
            "--headless=new",
            "--remote-debugging-port=0",
            f"--user-data-dir={directory}",
            "about:blank",
        )
        self._port_file = directory / "DevToolsActivePort"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[BrowserContext]:
        self._port_file.unlink(missing_ok=True)
        nowhere = asyncio.subprocess.DEVNULL
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdout=nowhere, stderr=nowhere
        )
        try:
            browser = await browser_loop().playwright.chromium.connect_over_cdp(
                f"http://127.0.0.1:{await self._port()}", no_defaults=True
            )
            yield browser.contexts[0]
        finally:
            await self.end(signal.SIGTERM)

    async def end(self, number: signal.Signals) -> None:
        """Ends it by SIGKILL: what it had not written to the disk is lost."""
        if self._process.returncode is None:
            self._process.send_signal(number)
            await asyncio.wait_for(self._process.wait(), START_SECONDS)

    async def _port(self) -> int:
        async with asyncio.timeout(START_SECONDS):
            while not (self._port_file.exists() and (text := self._port_file.read_text())):
                assert self._process.returncode is None, "it did not start"
                await asyncio.sleep(0.05)
        return int(text.split()[0])
