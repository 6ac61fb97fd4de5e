"""The page's list of conversations has the order of the API's, after any events."""

import asyncio
import random

import pytest
from playwright.async_api import Page, expect

from tests.support.browser import browser, browser_here, write  # noqa: F401  # an autouse fixture
from tests.support.live_page import OFFLINE, RECOVERY_SECONDS, forget_trouble
from tests.support.people import Person, Visitor

NAMES = ".conversations .name"
BEGUN = 28  # more than the first page holds
ROUNDS = 6
STEPS = 6


async def expect_the_order_of_the_api(page: Page, jane: Person) -> None:
    answer = await jane.get("/api/conversations")
    names = [conversation["otherParticipant"]["username"] for conversation in answer.json]
    shown = page.locator(NAMES)
    timeout = RECOVERY_SECONDS * 1000
    for n, name in enumerate(names):
        await expect(shown.nth(n)).to_have_text(name, timeout=timeout)


class Happenings:
    """Random actions of others, and of Jane on another device."""

    def __init__(self, visitor: Visitor, jane: Person, chance: random.Random) -> None:
        self.visitor = visitor
        self.jane = jane
        self.chance = chance
        self.talks: list[tuple[Person, str]] = []

    async def begin(self) -> None:
        other = await self.visitor.sign_in(f"person{len(self.talks)}")
        self.talks.append((other, await other.talk_to(self.jane)))

    async def hear(self) -> None:
        other, conversation = self.chance.choice(self.talks)
        await other.send(conversation, "hello")

    async def answer(self) -> None:
        _, conversation = self.chance.choice(self.talks)
        await self.jane.send(conversation, "from another device")

    async def read(self) -> None:
        _, conversation = self.chance.choice(self.talks)
        await self.jane.read(conversation)

    async def happen(self) -> None:
        for act in self.chance.choices([self.begin, self.hear, self.answer, self.read], k=STEPS):
            await act()


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.gen_test(timeout=180)
async def test_the_list_has_the_order_of_the_api_after_any_sequence_of_events(
    base_url: str, visitor: Visitor, seed: int
) -> None:
    jane = await visitor.sign_in("jane")
    happenings = Happenings(visitor, jane, random.Random(seed))
    for _ in range(BEGUN):
        await happenings.begin()
        await happenings.hear()
    async with browser(base_url) as tabs:
        page = await tabs.sign_in("jane")
        await page.get_by_role("link", name="person0", exact=False).first.click()
        await page.mouse.move(1000, 400)  # under a pointer the order rests
        for n in range(ROUNDS):
            is_away = n % 3 == 2
            if is_away:
                await page.context.set_offline(True)
                await expect(page.locator(".sidebar connection-line")).to_have_text(OFFLINE)
            sent = asyncio.create_task(write(page, f"from here, {n}"))
            await happenings.happen()
            await sent
            if is_away:
                await page.context.set_offline(False)
            await expect(page.locator(".message").last).to_contain_text(f"from here, {n}")
            await expect(page.locator(".message.sending")).to_have_count(
                0, timeout=RECOVERY_SECONDS * 1000
            )
            await expect_the_order_of_the_api(page, jane)
        forget_trouble(tabs)
