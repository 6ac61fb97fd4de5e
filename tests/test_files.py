"""A dropped file or a pasted picture never replaces the page, which says that it cannot be sent."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.support.browser import browser, browser_here  # noqa: F401  # the fixture is autouse
from tests.support.conversation_page import at
from tests.support.people import Visitor, two

SENTENCE = "Files can't be sent yet."
PASTE = """(kinds) => {
    const clipboardData = new DataTransfer();
    if (kinds.includes("text")) clipboardData.setData("text/plain", "a cell");
    clipboardData.items.add(new File(["x"], "cat.png", { type: "image/png" }));
    const event = new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true });
    document.activeElement.dispatchEvent(event);
}"""


@pytest.mark.parametrize("selector", ["textarea", ".scroller", ".sidebar"])
@pytest.mark.gen_test(timeout=60)
async def test_a_dropped_file_is_explained_and_the_page_stays(
    base_url: str, visitor: Visitor, tmp_path: Path, selector: str
) -> None:
    *_, conversation = await two(visitor)
    file = tmp_path / "cat.html"
    file.write_text("<title>elsewhere</title>")
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await page.wait_for_function("!!customElements.get('jump-button')")  # all is loaded
        box = await page.locator(selector).first.bounding_box()
        assert box is not None
        devtools = await page.context.new_cdp_session(page)
        where = {"x": box["x"] + 20, "y": box["y"] + 20}
        data = {"items": [], "files": [str(file)], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            await devtools.send("Input.dispatchDragEvent", {"type": kind, **where, "data": data})
        await expect(page.locator(".toast")).to_contain_text(SENTENCE)
        await expect(page).to_have_url(f"{base_url}/conversations/{conversation}")
        await expect(page.get_by_role("textbox", name="Message")).to_have_value("")


@pytest.mark.gen_test(timeout=60)
async def test_a_pasted_picture_is_explained_and_a_pasted_text_is_not(
    base_url: str, visitor: Visitor
) -> None:
    *_, conversation = await two(visitor)
    async with browser(base_url) as tabs:
        page = await at(tabs, "jane", conversation)
        await expect(page.get_by_role("textbox", name="Message")).to_be_focused()
        await page.wait_for_function("!!customElements.get('jump-button')")
        await page.evaluate(PASTE, ["text"])  # as tables and word processors copy
        await expect(page.locator(".toast")).to_be_empty()
        await page.evaluate(PASTE, [])
        await expect(page.locator(".toast")).to_contain_text(SENTENCE)
