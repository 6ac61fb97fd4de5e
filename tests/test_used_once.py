"""What may be used once is used once, whichever server is asked, and however many ask at once."""

import asyncio

import pytest

from db import used_once
from db.pool import Database
from tests.support.postgres import ask


@pytest.mark.gen_test
async def test_of_twenty_uses_at_once_one_is_the_first(db: Database, dsn: str) -> None:
    other = Database(dsn)
    uses = [used_once.use((db, other)[n % 2], "a state", 600) for n in range(20)]
    assert sorted(await asyncio.gather(*uses)) == [False] * 19 + [True]
    assert await used_once.use(db, "another state", 600)
    await other.close()


@pytest.mark.gen_test
async def test_a_use_deletes_what_has_expired(db: Database, dsn: str) -> None:
    assert await used_once.use(db, "an old state", 600)
    ask(dsn, "UPDATE used_once SET expires_at = now() - interval '1 second'")
    assert await used_once.use(db, "a new state", 600)
    assert ask(dsn, "SELECT count(*) FROM used_once") == [(1,)]
