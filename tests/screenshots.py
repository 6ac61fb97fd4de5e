"""`make screenshots`: every page and state, small and large, light and dark, in .screenshots/.

pytest collects this file only by name: it needs the server and the people of the tests. The
pictures that the documents show are copied into docs/screenshots/.
"""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import documents
from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.people import Visitor
from tests.support.states import Cast, states

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)  # otherwise the pictures would differ each day
ROOT = Path(__file__).resolve().parents[1]
TAKEN = ROOT / ".screenshots"
SHOWN = ROOT / "docs" / "screenshots"


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.gen_test(timeout=300)
async def test_every_page_and_state_is_pictured(
    base_url: str, visitor: Visitor, dsn: str, width: int
) -> None:
    TAKEN.mkdir(exist_ok=True)
    cast = Cast(visitor, dsn)
    await cast.prepare(NOW)
    async with browser(base_url) as tabs:
        tabs.now, tabs.zone = NOW, "UTC"
        async for name, page in states(tabs, cast, width):
            for scheme in ("light", "dark"):
                await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                await page.screenshot(path=TAKEN / f"{name}-{width}-{scheme}.png")
        tabs.complaints.clear()


def test_what_the_documents_show_is_of_today() -> None:
    SHOWN.mkdir(exist_ok=True)
    shown = "".join(map(documents.text, documents.DOCUMENTS))
    for name in set(re.findall(r"screenshots/([\w-]+\.png)", shown)):
        shutil.copy(TAKEN / name, SHOWN / name)
