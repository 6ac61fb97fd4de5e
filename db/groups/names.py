"""Finds the users that a request names."""

from collections.abc import Sequence

MOST_TOLD = 5  # unknown names that an answer lists

# The users of `usernames`, in order. A name that nobody has is there without a user.
NAMED = """
    named AS (
        SELECT names.n, names.name, users.id AS user_id
        FROM unnest(%(usernames)s::text[]) WITH ORDINALITY AS names (name, n)
        LEFT JOIN users ON lower(users.username) COLLATE "C" = lower(names.name)
    )
"""

# The first names that nobody has.
UNKNOWN = f"ARRAY(SELECT name FROM named WHERE user_id IS NULL ORDER BY n LIMIT {MOST_TOLD})"


class UnknownNames(Exception):
    """Nobody has these user names."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(*names)
        self.names = names
