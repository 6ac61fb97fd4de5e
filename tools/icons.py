"""`python -m tools.icons` renders the icons of the installed page from static/icons/app.svg."""

import asyncio
import shutil

from playwright.async_api import Page, async_playwright

from config import STATIC_DIR

ICONS = STATIC_DIR / "icons"
# Size in pixels, and the radius of the corners in percent. Some systems round icons themselves, so
# those fill their square.
DRAWN = {
    "192.png": (192, 22),
    "512.png": (512, 22),
    "maskable-512.png": (512, 0),
    "apple-touch-icon.png": (180, 0),
}


async def drawn(page: Page, name: str) -> bytes:
    size, radius = DRAWN[name]
    style = (
        f"<style>body {{ margin: 0 }} svg {{ display: block; border-radius: {radius}% }}</style>"
    )
    await page.set_viewport_size({"width": size, "height": size})
    await page.set_content(style + (ICONS / "app.svg").read_text())
    return await page.screenshot(omit_background=True)


async def main() -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        for name in DRAWN:
            (ICONS / name).write_bytes(await drawn(page, name))
        await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
