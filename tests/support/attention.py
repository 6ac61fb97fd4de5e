"""Whether a user looks at a page, as the browser tells the page."""

from playwright.async_api import Page

from tests.support.people import eventually_equal


class Gaze:
    """The attention of a user, who may look at another window.

    Playwright makes every page believe that it has the focus.
    """

    def __init__(self, page: Page) -> None:
        self._page = page

    async def elsewhere(self) -> None:
        """Looks at another window: the page stays visible, and loses the focus."""
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
