"""A release's database and browser profile open in this version, with nothing lost."""

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import expect

from config import Config
from db.server import startup
from tests.support.browser import browser_here  # noqa: F401  # the fixture is autouse
from tests.support.outbox import expect_sent, stored
from tests.support.people import Visitor, eventually_equal
from tests.support.postgres import Postgres
from tests.support.releases import DATA, ORIGIN, profile, restored, unpack

pytestmark = pytest.mark.usefixtures("dsn")  # no shared database
RELEASES = sorted(DATA.iterdir())
BY_WORKER = "performance.getEntriesByType('navigation')[0].workerStart > 0"


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def release(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.param
    return folder


@pytest.fixture
def config(config: Config) -> Config:
    return dataclasses.replace(config, origin=ORIGIN)


@pytest.fixture
def dsn(postgres: Postgres, release: Path) -> Iterator[str]:
    """Returns the release's database, upgraded as by each start."""
    with restored(postgres, release / "database.sql") as dsn:
        startup._prepare(dsn, new_epoch=False)
        yield dsn


@pytest.mark.gen_test(timeout=120)
async def test_history_unsent_messages_and_settings_of_a_release_are_kept(
    visitor: Visitor, http_port: int, http_server: object, release: Path, tmp_path: Path
) -> None:
    john = await visitor.sign_in("john")
    (listed,) = (await john.get("/api/conversations")).json
    conversation = listed["id"]
    before = await stored(john, conversation)
    assert before[-1] == "number 19"
    async with profile(unpack(release / "profile.tar.xz", tmp_path), http_port) as context:
        jane = await visitor.sign_in("jane")  # that session may have expired
        await context.add_cookies([jane.cookie_of(ORIGIN)])
        page = await context.new_page()
        await page.goto(f"{ORIGIN}/conversations/{conversation}")
        assert await page.evaluate(BY_WORKER), "the release's worker must answer the first request"
        box = page.get_by_role("textbox", name="Message")
        await expect(box).to_have_value("half a thought")
        mine = [content for n, content in enumerate(before) if n % 3 == 0]
        await expect_sent(page, [*mine, "one", "two", "three", "zero"])
        await expect(page.locator(".message.failed .content")).to_have_text(["zero"])
        assert await stored(john, conversation) == [*before, "one", "two", "three"]
        await page.get_by_role("button", name="Try again").click()
        await expect(page.locator(".message.failed")).to_have_count(0)
        await eventually_equal(
            [*before, "one", "two", "three", "zero"], lambda: stored(john, conversation)
        )
        await page.reload()
        await expect(box).to_have_value("half a thought")
        await page.goto(f"{ORIGIN}/settings")
        await expect(page.get_by_role("radio", name="Dark")).to_be_checked()
