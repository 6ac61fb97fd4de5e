"""A tab whose server has another version reloads by itself, once and unseen, and loses nothing."""

import shutil
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from config import STATIC_DIR
from handlers.application import Messenger
from handlers.assets import StaticAssets
from tests.support.browser import Tabs, browser, browser_here  # noqa: F401  # autouse
from tests.support.people import Visitor, eventually, two

READY = "A new version of Messenger is ready."
# Hides the tab until it is shown again, also after a reload.
SIGHT = """
  Object.defineProperty(document, "visibilityState", {
    get: () => sessionStorage.getItem("sight") ?? "visible",
  });
  window.see = (sight) => {
    sessionStorage.setItem("sight", sight);
    document.dispatchEvent(new Event("visibilitychange"));
  };
  const clock = Date.now;
  Date.now = () => clock() + 60_000 * Number(sessionStorage.getItem("minutes"));
"""


class Tab:
    """Jane's tab, which counts its reloads, and a server whose version changes."""

    def __init__(self, page: Page, app: Messenger, directory: Path) -> None:
        self.page, self.app, self._directory = page, app, directory
        self.loads: list[str] = []
        page.on("load", lambda it: self.loads.append(it.url))
        self.versions = {"old": app.services.assets}

    async def meet(self, version: str) -> str:
        """Lets the tab meet a server of this version. Returns the version's word."""
        if version not in self.versions:
            static = shutil.copytree(STATIC_DIR, self._directory / version)
            with (static / "lib" / "emoji.js").open("a") as module:
                module.write(f"export const release = '{version}';")
            self.versions[version] = StaticAssets(static)
        self.app.services.assets = self.versions[version]
        for stream in list(self.app.services.bus):
            stream.end("slow")
        await self.page.evaluate("dispatchEvent(new Event('retry'))")
        await eventually(lambda: len(self.app.services.bus) > 0)
        return self.app.services.assets.release()

    async def see(self, sight: str) -> None:
        await self.page.evaluate(f"see('{sight}')")

    async def has_in_full(self, word: str) -> None:
        """Waits until the worker has a release in full."""
        await self.page.wait_for_function(
            """async (word) => {
              const name = (await caches.keys()).find((name) => name.endsWith(word));
              return name && (await (await caches.open(name)).match("/"));
            }""",
            arg=word,
        )

    async def is_live_after(self, loads: int) -> None:
        await eventually(lambda: len(self.loads) >= loads)
        await expect(self.page.locator("connection-line").first).to_have_attribute(
            "data-status", "live"
        )

    async def stays(self, loads: int) -> None:
        """Asserts that the tab, hidden, has had its chance to reload, and has not."""
        await self.see("hidden")
        await self.page.evaluate("new Promise((done) => setTimeout(done, 600))")
        assert len(self.loads) == loads


async def opened(tabs: Tabs, app: Messenger, directory: Path, path: str = "/") -> Tab:
    page = await tabs.signed_in("jane")
    await page.add_init_script(SIGHT)
    tab = Tab(page, app, directory)
    await page.goto(tabs.base_url + path)
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    await tab.has_in_full(app.services.assets.release())
    await page.reload()  # from the worker
    await tab.is_live_after(2)
    tab.loads.clear()
    return tab


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_of_another_version_reloads_when_it_is_hidden_and_a_visible_one_offers_to(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        tab = await opened(tabs, app, tmp_path)
        await tab.see("hidden")
        await tab.meet("old")  # of its own version
        await tab.stays(0)
        await tab.see("visible")
        await tab.has_in_full(await tab.meet("new"))
        await expect(tab.page.get_by_text(READY)).to_be_visible()
        assert tab.loads == []
        await tab.see("hidden")
        await tab.is_live_after(1)
        await expect(tab.page.get_by_text(READY)).to_be_hidden()
        source = await tab.page.evaluate("fetch('/lib/emoji.js').then((it) => it.text())")
        assert source.endswith("release = 'new';")


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_reloads_once_for_each_version_and_once_in_ten_minutes(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    """As with several servers during a restart, one after the other."""
    async with browser(base_url, service_workers=True) as tabs:
        tab = await opened(tabs, app, tmp_path)
        await tab.see("hidden")
        await tab.meet("new")
        await tab.is_live_after(1)
        await tab.has_in_full(await tab.meet("old"))
        await expect(tab.page.get_by_text(READY)).to_be_attached()
        await tab.stays(1)  # within ten minutes
        await tab.page.evaluate("sessionStorage.setItem('minutes', '11')")
        await tab.see("hidden")
        await tab.is_live_after(2)
        await tab.page.evaluate("sessionStorage.setItem('minutes', '22')")
        for version in ("new", "old", "new"):
            await tab.has_in_full(await tab.meet(version))
            await tab.stays(2)


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_does_not_reload_while_something_is_unsent_or_half_written(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    _, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True) as tabs:
        tab = await opened(tabs, app, tmp_path, f"/conversations/{conversation}")
        box = tab.page.get_by_role("textbox", name="Message")
        await box.fill("half a thought")
        await tab.see("hidden")
        await tab.has_in_full(await tab.meet("new"))
        await expect(tab.page.get_by_text(READY)).to_be_visible()
        await tab.stays(0)
        await tab.page.route("**/messages", lambda route: route.abort())
        await box.press("Enter")
        await expect(tab.page.locator(".message.sending")).to_have_count(1)
        await tab.stays(0)
        await tab.page.unroute("**/messages")
        await tab.page.evaluate("dispatchEvent(new Event('retry'))")
        await tab.is_live_after(1)  # it has been sent
        await expect(tab.page.locator(".message.mine:not(.sending)")).to_have_count(1)
        tabs.complaints = [line for line in tabs.complaints if "net::ERR" not in line]


@pytest.mark.gen_test(timeout=120)
async def test_a_tab_reloads_only_when_its_worker_has_the_version_in_full(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        tab = await opened(tabs, app, tmp_path)
        await tab.see("hidden")
        await tab.page.context.route("**/lib/emoji.js", lambda route: route.fulfill(status=503))
        word = await tab.meet("new")
        await tab.stays(0)
        assert not [n for n in await tab.page.evaluate("caches.keys()") if n.endswith(word)]
        await tab.page.context.unroute("**/lib/emoji.js")
        await tab.see("hidden")
        await tab.is_live_after(1)
        tabs.complaints = [line for line in tabs.complaints if "503" not in line]
