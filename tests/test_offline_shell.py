"""The page loads from the browser's own cache, as a whole, and is updated in the background."""

import asyncio
import re
import shutil
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from config import STATIC_DIR
from handlers.application import Messenger
from handlers.assets import StaticAssets
from tests.support.browser import Tabs, browser, browser_here, write  # noqa: F401  # autouse
from tests.support.people import Visitor, two
from tests.support.processes import ServerProcess

KEPT = """
  (async () => {
    const all = await Promise.all((await caches.keys()).map((name) => caches.open(name)));
    const requests = await Promise.all(all.map((cache) => cache.keys()));
    return requests.flat().map(({ url }) => new URL(url).pathname);
  })()
"""

SOURCES = """
  Object.fromEntries(performance.getEntriesByType("resource")
    .map((entry) => [new URL(entry.name).pathname, entry.workerFinalSourceType]))
"""


def named_by_the_page() -> set[str]:
    return set(re.findall(r'(?:href|src)="(/[^"]+)"', (STATIC_DIR / "index.html").read_text()))


async def kept(page: Page) -> set[str]:
    """Returns what the service worker keeps, once it has finished."""
    await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
    return set(await page.evaluate(KEPT))


def without_network_errors(tabs: Tabs) -> None:
    """Removes Chromium's own lines about requests that find no server."""
    tabs.complaints = [line for line in tabs.complaints if "net::ERR" not in line]


@pytest.mark.gen_test(timeout=120)
async def test_the_page_opens_while_its_server_is_away_and_continues_when_it_is_back(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        async with browser(server.url, service_workers=True) as tabs:
            page = await tabs.sign_in("jane")
            await kept(page)
            server.process.kill()
            server.process.wait()
            for path in ("/", "/conversations/1"):
                await page.goto(server.url + path)
                await expect(page.locator("messenger-app *").first).to_be_attached()
                assert await page.title() == "Messenger"
            await page.goto(server.url)
            server.start()
            await asyncio.to_thread(server.wait_until_ready)
            await expect(page.locator(".account .name")).to_have_text("jane", timeout=45_000)
            await page.goto("about:blank")  # it tells of no more failures
            without_network_errors(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_the_page_and_its_files_are_kept_and_no_message(
    base_url: str, visitor: Visitor
) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.sign_in("jane")
        assert await kept(page) == {"/", *named_by_the_page()}
        await page.goto(f"{base_url}/conversations/{conversation}")  # through the worker
        await john.send(conversation, "a secret")
        await expect(page.locator(".message .content")).to_have_text("a secret")
        await write(page, "another")
        await page.evaluate("fetch('/health/live')")
        await page.evaluate("fetch('/nothing.js')")
        await page.reload()
        await expect(page.locator(".message")).to_have_count(2)
        assert await kept(page) == {"/", *named_by_the_page()}
        tabs.complaints = [line for line in tabs.complaints if "404" not in line]


LIGHT, CHANGED = "rgb(253, 252, 250)", "rgb(1, 2, 3)"


def a_release(app: Messenger, directory: Path) -> Path:
    """Makes a copy of static/, which the server serves from now on."""
    static = shutil.copytree(STATIC_DIR, directory / "static")
    app.services.assets = StaticAssets(static)
    return static


def change(static: Path) -> None:
    """Makes a new release: another style, another module, one more file."""
    with (static / "styles" / "utilities.css").open("a") as sheet:
        sheet.write(f"html {{ background: {CHANGED} !important }}")
    with (static / "lib" / "emoji.js").open("a") as module:
        module.write("export const release = 'of the new release';")
    (static / "lib" / "new.js").write_text("// was not there before")
    with (static / "index.html").open("a") as html:
        html.write('<!-- href="/lib/new.js" -->')


async def background(page: Page) -> str:
    value: str = await page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    return value


async def emoji(page: Page) -> str:
    """Returns a module that a window loads late, as this window receives it."""
    text: str = await page.evaluate("fetch('/lib/emoji.js').then((it) => it.text())")
    return text


@pytest.mark.gen_test(timeout=60)
async def test_a_page_from_the_cache_learns_of_a_new_release_and_is_new_at_the_next_load(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    static = a_release(app, tmp_path)
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.sign_in("jane")
        await kept(page)
        await expect(page.locator("html")).to_have_css("background-color", LIGHT)
        change(static)
        await page.reload()
        assert await background(page) == LIGHT, "what is kept comes first"
        await expect(page.get_by_text("A new version of Messenger is ready.")).to_be_visible()
        assert "/lib/new.js" in await page.evaluate(KEPT)
        app.services.assets = StaticAssets(tmp_path / "nowhere")  # it keeps nothing of it any more
        await page.get_by_role("button", name="Reload").click()
        await expect(page.locator("html")).to_have_css("background-color", CHANGED)
        tabs.complaints = [line for line in tabs.complaints if "404" not in line]


@pytest.mark.gen_test(timeout=60)
async def test_no_window_gets_files_of_two_releases(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    static = a_release(app, tmp_path)
    async with browser(base_url, service_workers=True) as tabs:
        old = await tabs.sign_in("jane")
        await kept(old)
        await old.reload()
        change(static)
        new = await old.context.new_page()
        await new.goto(base_url)
        await expect(old.get_by_text("A new version of Messenger is ready.")).to_be_visible()
        await new.reload()
        assert (await background(old), await background(new)) == (LIGHT, CHANGED)
        for _ in range(2):
            assert "of the new release" not in await emoji(old)
            assert "of the new release" in await emoji(new)
            devtools = await new.context.new_cdp_session(new)
            await devtools.send("ServiceWorker.enable")
            await devtools.send("ServiceWorker.stopAllWorkers")  # as after its sleep


@pytest.mark.gen_test(timeout=60)
async def test_an_incomplete_release_is_not_kept(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    static = a_release(app, tmp_path)
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.sign_in("jane")
        before = await kept(page)
        change(static)
        (static / "lib" / "new.js").unlink()  # the page names it
        asked: list[str] = []
        page.context.on("request", lambda it: asked.append(it.url))
        while sum("/lib/new.js" in url for url in asked) < 2:
            await page.reload()  # a check in progress serves two loads
        assert set(await page.evaluate(KEPT)) == before
        assert await background(page) == LIGHT
        assert "of the new release" not in await emoji(page)
        tabs.complaints = [line for line in tabs.complaints if "404" not in line]


async def bad_gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    writer.close()


@pytest.mark.gen_test(timeout=120)
async def test_a_proxy_without_its_server_counts_as_no_network(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        async with browser(server.url, service_workers=True) as tabs:
            page = await tabs.sign_in("jane")
            await kept(page)
            server.process.kill()
            server.process.wait()
            port = int(server.url.rpartition(":")[2])
            async with await asyncio.start_server(bad_gateway, "127.0.0.1", port):
                answer = await page.goto(server.url)
                assert answer is not None
                assert (answer.status, answer.from_service_worker) == (200, True)
                await expect(page.locator("messenger-app *").first).to_be_attached()
                assert await page.evaluate("fetch('/api/auth_user').then((it) => it.status)") == 502
            tabs.complaints = [line for line in tabs.complaints if "502" not in line]
            without_network_errors(tabs)


@pytest.mark.gen_test(timeout=60)
async def test_no_request_goes_to_another_host(base_url: str, visitor: Visitor) -> None:
    john, _, conversation = await two(visitor)
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open()
        asked: set[str] = set()
        page.context.on("request", lambda request: asked.add(request.url))
        await page.reload()
        await page.get_by_label("Username").fill("jane")
        await page.keyboard.press("Enter")
        await expect(page.locator(".account .name")).to_have_text("jane")
        await page.goto(f"{base_url}/conversations/{conversation}")
        await john.send(conversation, "look: https://elsewhere.example/picture.png")
        await expect(page.locator(".message a").first).to_be_visible()
        await kept(page)
    assert len(asked) > 30, "it has listened"
    assert [url for url in asked if not url.startswith(f"{base_url}/")] == []


@pytest.mark.gen_test(timeout=60)
async def test_a_page_that_the_network_substitutes_is_not_kept(
    base_url: str, app: Messenger, visitor: Visitor, tmp_path: Path
) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.sign_in("jane")
        before = await kept(page)
        (tmp_path / "index.html").write_text("<title>Pay for this network</title>")
        app.services.assets = StaticAssets(tmp_path)
        await page.reload()
        await expect(page.locator(".account .name")).to_have_text("jane")
        assert await page.title() == "Messenger"
        page_kept = await page.evaluate("caches.match('/').then((page) => page.text())")
        assert "messenger-app" in page_kept
        assert set(await page.evaluate(KEPT)) == before


@pytest.mark.gen_test(timeout=60)
async def test_requests_to_the_api_bypass_the_worker(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.sign_in("jane")
        await kept(page)
        await page.reload()
        await expect(page.locator(".account .name")).to_have_text("jane")
        await expect(page.locator("connection-line").first).to_have_attribute("data-status", "live")
        sources = await page.evaluate(SOURCES)
        # "" means: the worker was not there, or this request started it.
        asked = {source for path, source in sources.items() if path.startswith("/api/")}
        assert asked == {"network"}, sources
