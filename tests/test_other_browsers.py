"""The page works in Firefox and WebKitGTK, as Debian has them: sign in, send, receive, reload."""

from pathlib import Path

import pytest

from tests.support.other_browsers import Firefox, WebKit
from tests.support.people import Visitor, eventually_equal

IS: dict[type, str] = {  # what the other engines do not have
    Firefox: "CSS.supports('-moz-appearance: none')",
    WebKit: "'WebKitPoint' in window",
}
FIELD = "message-composer textarea"
NAME = "document.querySelector('.account .name')?.textContent"


def shown(kind: str) -> str:
    return f"[...document.querySelectorAll('.message.{kind} .content')].map((e) => e.textContent)"


@pytest.mark.prove
@pytest.mark.gen_test(timeout=300)
@pytest.mark.parametrize("kind", [Firefox, WebKit])
async def test_two_users_talk_and_a_reload_shows_it(
    kind: type[Firefox | WebKit], base_url: str, visitor: Visitor, tmp_path: Path
) -> None:
    if missing := kind.missing():
        pytest.skip(f"this machine has no {' and no '.join(missing)}: see tools/other-browsers")
    john = await visitor.sign_in("john")
    async with kind.open(tmp_path) as browser:
        await browser.goto(base_url)
        assert await browser.evaluate(IS[kind])
        await browser.write("input[name='username']", "jane")
        await browser.until(f"{NAME} === 'jane'")
        await browser.write("[role='combobox']", "john")
        await browser.write(FIELD, "Hello, John")
        await browser.until(f"String({shown('mine')}) === 'Hello, John'")
        (conversation,) = (await john.get("/api/conversations")).json

        async def stored() -> list[str]:
            return [message["content"] for message in await john.history(conversation["id"])]

        await eventually_equal(["Hello, John"], stored)
        await john.send(conversation["id"], "Hello, Jane")
        await browser.until(f"String({shown('theirs')}) === 'Hello, Jane'")
        await browser.reload()
        await browser.until(f"String({shown('theirs')}) === 'Hello, Jane'")
        assert await browser.evaluate(shown("mine")) == ["Hello, John"]
        assert await stored() == ["Hello, Jane", "Hello, John"]
