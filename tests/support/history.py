"""A conversation with a past that looks real."""

from tests.support.people import Person
from tests.support.postgres import ask

# Every third message is the other one's answer. They are a minute apart, so they span days.
PAST = """
    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT
        %(conversation)s,
        CASE WHEN n %% 3 = 2 THEN %(john)s ELSE %(jane)s END::bigint,
        'number ' || n || CASE WHEN n %% 7 = 0 THEN repeat(' and so on', 40) ELSE '' END,
        clock_timestamp() - make_interval(mins => %(messages)s - n),
        gen_random_uuid(),
        false
    FROM generate_series(0, %(messages)s - 1) n
"""


def fill(dsn: str, conversation: str, john: Person, jane: Person, messages: int) -> None:
    """Stores the messages `number 0`, `number 1` and so on, which both have read."""
    ids = {"conversation": conversation, "john": john.id, "jane": jane.id}
    ask(dsn, PAST, ids | {"messages": messages})
    ask(
        dsn,
        """
        UPDATE participants
        SET last_read_message_id = (
            SELECT max(id) FROM messages WHERE conversation_id = %(conversation)s
        )
        WHERE conversation_id = %(conversation)s
        """,
        ids,
    )
