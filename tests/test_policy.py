"""How the page's Content-Security-Policy limits an attacker who has injected something."""

import pytest

from tests.support.browser import browser, browser_here

__all__ = ["browser_here"]  # a fixture

ATTEMPTS = {
    "a string as HTML": "document.body.innerHTML = '<b>x</b>'",
    "a string as a document": "new DOMParser().parseFromString('<b>x</b>', 'text/html')",
    "a string as a script": "document.createElement('script').src = '/app.js'",
    "a policy of one's own": "trustedTypes.createPolicy('mine', {createHTML: (text) => text})",
    "eval": "eval('1')",
    "a function of text": "new Function('return 1')()",
}


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS.keys())
@pytest.mark.gen_test(timeout=60)
async def test_text_becomes_neither_markup_nor_code(base_url: str, attempt: str) -> None:
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open("/access")
        attempted = f"try {{ {attempt}; tell('done') }} catch (error) {{ tell(error.name) }}"
        # In a separate task: the policy does not apply to a debugger's own evaluation.
        refused = await page.evaluate(
            f"() => new Promise((tell) => setTimeout(() => {{ {attempted} }}))"
        )
        assert refused in ("TypeError", "EvalError")
        assert tabs.complaints  # Chromium reports each violation
        tabs.complaints.clear()


@pytest.mark.gen_test(timeout=60)
async def test_no_request_goes_to_or_comes_from_another_host(base_url: str, http_port: int) -> None:
    """127.0.0.1 is another origin than localhost, and the same server."""
    other = f"http://127.0.0.1:{http_port}"
    async with browser(base_url, service_workers=True) as tabs:
        page = await tabs.open("/access")
        fetched = await page.evaluate(
            "(url) => fetch(url, {mode: 'no-cors'}).then(() => 'done', (error) => error.name)",
            f"{other}/health/live",
        )
        assert fetched == "TypeError"
        shown = await page.evaluate(
            """(url) => new Promise((resolve) => {
                const image = document.createElement('img');
                image.onload = () => resolve('done');
                image.onerror = () => resolve('refused');
                image.src = url;
            })""",
            f"{other}/favicon.svg",
        )
        assert shown == "refused"
        assert all("Content Security Policy" in line for line in tabs.complaints)
        assert len(tabs.complaints) >= 2
        tabs.complaints.clear()
