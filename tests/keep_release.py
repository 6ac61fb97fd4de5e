"""Keeps the database and the browser profile of this version, for later upgrade tests.

Run it by hand with each release: python -m pytest tests/keep_release.py
"""

import dataclasses
from pathlib import Path

import pytest
from playwright.async_api import expect

from config import VERSION, Config
from tests.support.browser import browser_here, write  # noqa: F401  # the fixture is autouse
from tests.support.outbox import SENDS, cut_sends, expect_sending, spoil_sends
from tests.support.people import Visitor, two
from tests.support.postgres import Postgres
from tests.support.releases import DATA, ORIGIN, dump, pack, profile


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, origin=ORIGIN)


@pytest.mark.gen_test(timeout=120)
async def test_keep(
    visitor: Visitor, http_port: int, dsn: str, postgres: Postgres, tmp_path: Path
) -> None:
    john, jane, conversation = await two(visitor)
    for n in range(20):
        await (john if n % 3 else jane).send(conversation, f"number {n}")
    async with profile(tmp_path / "profile", http_port) as context:
        page = await context.new_page()
        await page.goto(ORIGIN)
        await page.get_by_label("Username").fill("jane")
        await page.keyboard.press("Enter")
        await expect(page.locator(".account .name")).to_have_text("jane")
        await page.goto(f"{ORIGIN}/settings")
        await page.get_by_role("radio", name="Dark").check()
        await page.goto(f"{ORIGIN}/conversations/{conversation}")
        await expect(page.locator(".message").last).to_contain_text("number 19")
        await page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await spoil_sends(context)
        await write(page, "zero")
        await expect(page.locator(".message.failed .content")).to_have_text(["zero"])
        await context.unroute(SENDS)
        await cut_sends(context)
        for content in ("one", "two", "three"):
            await write(page, content)
        await expect_sending(page, ["one", "two", "three"])
        await page.get_by_role("textbox", name="Message").fill("half a thought")
        await page.wait_for_timeout(1000)  # the draft is kept: the browser has written it
    release = DATA / VERSION
    release.mkdir(parents=True, exist_ok=True)
    dump(postgres, dsn, release / "database.sql")
    pack(tmp_path / "profile", release / "profile.tar.xz")
