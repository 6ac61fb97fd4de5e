"""The page can be installed, and has icons for it."""

import base64
import struct

import pytest
from playwright.async_api import Page

from config import STATIC_DIR
from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor
from tools.icons import DRAWN, ICONS, drawn

MOST_APART = 2.0  # of 255, on average: releases of Chromium render curves differently
COMPARE = """
  async ([one, other]) => {
    const [a, b] = await Promise.all([one, other].map(async (png) => {
      const bytes = Uint8Array.from(atob(png), (letter) => letter.charCodeAt(0));
      const picture = await createImageBitmap(new Blob([bytes]));
      const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
      context.drawImage(picture, 0, 0);
      return context.getImageData(0, 0, picture.width, picture.height).data;
    }));
    return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]), 0) / a.length;
  }
"""


@pytest.mark.gen_test(timeout=60)
async def test_chromium_finds_nothing_that_keeps_the_page_from_being_installed(
    base_url: str, visitor: Visitor
) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open()
        devtools = await page.context.new_cdp_session(page)
        found = await devtools.send("Page.getAppManifest")
        assert found["url"] == f"{base_url}/manifest.webmanifest"
        assert found["errors"] == []
        errors = (await devtools.send("Page.getInstallabilityErrors"))["installabilityErrors"]
        # The profile of a test is a private one.
        assert [error["errorId"] for error in errors] in ([], ["in-incognito"])


@pytest.mark.gen_test
async def test_each_icon_has_the_size_and_type_of_the_manifest(visitor: Visitor) -> None:
    manifest = (await visitor.get("/manifest.webmanifest")).json
    for icon in manifest["icons"]:
        answer = await visitor.get(icon["src"])
        assert answer.headers["Content-Type"] == icon["type"] == "image/png"
        assert "x".join(map(str, size_of(answer.body))) == icon["sizes"]
    purposes = {(icon["purpose"], icon["sizes"]) for icon in manifest["icons"]}
    assert purposes >= {("any", "192x192"), ("any", "512x512"), ("maskable", "512x512")}
    assert size_of((await visitor.get("/icons/apple-touch-icon.png")).body) == (180, 180)


def size_of(png: bytes) -> tuple[int, ...]:
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


@pytest.mark.gen_test(timeout=60)
async def test_the_icons_match_the_drawing(base_url: str, visitor: Visitor) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open()
        await page.goto("about:blank")
        for name in DRAWN:
            anew = await drawn(page, name)
            assert await difference(page, anew, (ICONS / name).read_bytes()) < MOST_APART, (
                f"{name} is not of app.svg any more: `python tools/icons.py` draws it anew"
            )


@pytest.mark.gen_test
async def test_the_page_names_its_manifest_and_icons(visitor: Visitor) -> None:
    page = (STATIC_DIR / "index.html").read_text()
    for link in ('rel="manifest"', 'rel="apple-touch-icon"', 'rel="icon"'):
        assert link in page


async def difference(page: Page, one: bytes, other: bytes) -> float:
    encoded = [base64.b64encode(png).decode() for png in (one, other)]
    return float(await page.evaluate(COMPARE, encoded))
