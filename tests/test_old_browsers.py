"""A browser that lacks a needed feature is told so, in words."""

import re

import pytest
from playwright.async_api import expect

from config import STATIC_DIR
from tests.support.browser import browser, browser_here  # noqa: F401  # autouse

NEEDED = re.findall(r'"([A-Z][A-Za-z]+(?:\.\w+)+)"', (STATIC_DIR / "needs.js").read_text())


@pytest.mark.gen_test(timeout=60)
async def test_a_missing_feature_is_named_and_no_part_of_the_page_is_shown(base_url: str) -> None:
    missing = ["Promise.withResolvers", "AbortSignal.any", "Map.groupBy", "Array.prototype.with"]
    assert set(missing) <= set(NEEDED)
    async with browser(base_url) as tabs:
        for path in missing:
            page = await tabs.open()
            await page.add_init_script(f"delete {path}")
            await page.reload()
            told = page.get_by_role("main")
            await expect(told).to_contain_text("This browser is too old for Messenger")
            await expect(told.locator("code")).to_have_text(path)
            await expect(page.locator("messenger-app")).to_have_count(0)
            await page.close()
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_all_missing_features_are_named(base_url: str) -> None:
    async with browser(base_url) as tabs:
        page = await tabs.open()
        await expect(page.locator("#too-old")).to_be_hidden()
        await page.add_init_script("\n".join(f"delete {path};" for path in NEEDED))
        await page.reload()
        await expect(page.locator("#too-old code")).to_have_text(", ".join(NEEDED))
        tabs.complaints.clear()
