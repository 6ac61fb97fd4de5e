"""Data that earlier versions stored is right under the present schema."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yoyo

from db import conversations, feed
from db.conversations import Conversation
from db.feed import After
from db.pool import Database
from db.server import startup
from db.users import User
from handlers.delivery import encoded
from tests.support.postgres import Postgres, ask

BEFORE_GITHUB = """
    INSERT INTO meta (epoch) VALUES ('e');
    INSERT INTO users (username, avatar_url) VALUES ('john', NULL), ('jane', NULL);
    INSERT INTO feeds (user_id, last_seq) VALUES (1, 2), (2, 2);
    INSERT INTO conversations (low_user_id, high_user_id) VALUES (1, 2);
    INSERT INTO participants (user_id, conversation_id) VALUES (1, 1), (2, 1);
    INSERT INTO feed_events (user_id, seq, kind, conversation_id, reader_id, last_read_message_id)
    VALUES
        (1, 1, 'conversation', 1, NULL, NULL),
        (2, 1, 'conversation', 1, NULL, NULL),
        (1, 2, 'read', 1, 2, 7),
        (2, 2, 'read', 1, 2, 7)
"""


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    with postgres.database(template="template0") as dsn:
        yield dsn


def migrate(dsn: str, first: int | None = None) -> None:
    """Applies only the first migrations, or all."""
    backend = startup._backend(dsn)
    found = yoyo.read_migrations(str(startup.MIGRATIONS))
    backend.apply_migrations(backend.to_apply(found[:first]))
    backend.connection.close()


@pytest.mark.gen_test
async def test_events_from_before_users_could_change_show_their_user(empty: str) -> None:
    migrate(empty, 1)
    ask(empty, BEFORE_GITHUB)
    migrate(empty)
    ask(empty, "UPDATE users SET username = 'janet' WHERE username = 'jane'")
    db = Database(empty)
    to_john, to_jane = await feed.pages(db, [After(1, 0), After(2, 0)], 10)
    assert to_john[0].data == Conversation.new("1", User("2", "jane", None))
    assert to_jane[0].data == Conversation.new("1", User("1", "john", None))
    assert [event.seq for event in to_john] == [1, 2]
    await db.close()


BEFORE_ACTIVITY = """
    INSERT INTO meta (epoch) VALUES ('e');
    INSERT INTO users (username) VALUES ('john'), ('jane'), ('jim'), ('jack'), ('jill');
    INSERT INTO feeds (user_id) SELECT id FROM users;
    INSERT INTO conversations (low_user_id, high_user_id, created_at, active_at)
    VALUES
        (1, 2, '2026-01-01', '2026-01-06'),
        (1, 3, '2026-01-02', '2026-01-02'),
        (1, 4, '2026-01-03', '2026-01-04'),
        (1, 5, '2026-01-05', '2026-01-05');
    INSERT INTO participants (user_id, conversation_id)
    SELECT user_id, id
    FROM conversations, unnest(ARRAY[low_user_id, high_user_id]) user_id;
    INSERT INTO messages
        (conversation_id, user_id, content, created_at, client_id, client_id_given)
    SELECT conversation_id, 1, 'hello', day::date, gen_random_uuid(), false
    FROM (VALUES (1, '2026-01-01'), (3, '2026-01-04'), (1, '2026-01-06'))
        AS sent (conversation_id, day)
"""


@pytest.mark.gen_test
async def test_conversations_keep_the_order_of_their_times(empty: str) -> None:
    migrate(empty, 2)
    ask(empty, BEFORE_ACTIVITY)
    migrate(empty)
    db = Database(empty)
    listing = await conversations.page(db, 1, limit=10)
    ids = [conversation.id for conversation in listing.page.items]
    assert ids == ["1", "4", "3", "2"]
    await db.close()


# A server of that schema made its database, and recorded its streams' replays of each feed.
SCHEMA_0003 = Path(__file__).parent / "data" / "schema-0003"


@pytest.mark.gen_test
async def test_feeds_of_the_release_before_are_replayed_to_the_byte(empty: str) -> None:
    migrate(empty, 3)
    ask(empty, (SCHEMA_0003 / "database.sql").read_text())
    before = ask(empty, "SELECT user_id, max(seq) FROM feed_events GROUP BY user_id ORDER BY 1")
    assert before == [(1, 13), (2, 6), (3, 4), (4, 3)]
    migrate(empty)
    db = Database(empty)
    for user_id, last_seq in before:
        (events,) = await feed.pages(db, [After(user_id, 0)], 100)
        assert [event.seq for event in events] == list(range(1, last_seq + 1))
        replayed = b"".join(encoded(event).plain for event in events if event.data is not None)
        assert replayed == (SCHEMA_0003 / f"feed-{user_id}.sse").read_bytes()
    await db.close()


def test_migrations_are_numbered_and_each_names_the_one_before() -> None:
    names = sorted(path.stem for path in Path(startup.MIGRATIONS).glob("*.sql"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))
    for name, before in zip(names, ["", *names], strict=False):
        first_line = (startup.MIGRATIONS / f"{name}.sql").read_text().splitlines()[0]
        assert first_line == f"-- depends: {before}".strip()
