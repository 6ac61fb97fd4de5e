"""Whether somebody looks at a page, as its browser tells it."""

from playwright.async_api import Page

from tests.support.people import eventually_equal


class Gaze:
    """Of one who may turn to something else. Playwright lets every page think it has the focus."""

    def __init__(self, page: Page) -> None:
        self._page = page

    async def elsewhere(self) -> None:
        """To another window: the page is still to be seen, and has not the focus."""
        other = await self._page.context.new_page()
        for page in (self._page, other):
            devtools = await page.context.new_cdp_session(page)
            await devtools.send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        await other.bring_to_front()
        await eventually_equal(False, self._has_focus)
        self._other = other

    async def back(self) -> None:
        await self._other.close()
        await self._page.bring_to_front()
        await eventually_equal(True, self._has_focus)

    async def _has_focus(self) -> bool:
        has_focus: bool = await self._page.evaluate("document.hasFocus()")
        return has_focus
