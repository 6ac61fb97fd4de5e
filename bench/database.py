"""A PostgreSQL with fsync for the servers that store. For Messenger, it has 10,000 users."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import jwt
import psutil
import psycopg2
from psycopg2.extensions import make_dsn

from db.server import startup
from db.server.embedded import EmbeddedPostgres

PEOPLE = 10_000  # user n, in a session n; 2n - 1 and 2n talk in conversation n
SECRET = "a secret of the benchmarks, which is long enough"
# Groups by their number of members, which are the first users, and the ids of their conversations.
GROUPS = {10: PEOPLE // 2 + 1, 100: PEOPLE // 2 + 2, 1000: PEOPLE // 2 + 3}
HISTORY = 1_000_000  # messages in conversation 1, for the figure `history`

FILL = f"""
    INSERT INTO users (username) SELECT 'user' || n FROM generate_series(1, {PEOPLE}) n;
    INSERT INTO sessions (user_id, user_agent) SELECT id, 'bench' FROM users ORDER BY id;
    INSERT INTO conversations (low_user_id, high_user_id)
    SELECT 2 * n - 1, 2 * n FROM generate_series(1, {PEOPLE} / 2) n;
    INSERT INTO participants (user_id, conversation_id)
    SELECT unnest(ARRAY[low_user_id, high_user_id]), id FROM conversations;
    INSERT INTO feeds (user_id) SELECT id FROM users;
"""

FILL_GROUPS = "".join(
    f"""
    WITH made AS (
        INSERT INTO conversations (name, history, member_count)
        VALUES ('Group of {members}', 'all', {members})
        RETURNING id
    )
    INSERT INTO participants (user_id, conversation_id, role, joined_at)
    SELECT n, id, 'member', now() FROM made, generate_series(1, {members}) n;
    """
    for members in GROUPS
)

FILLED = "users, sessions, conversations, participants, feeds, meta"

TELL = """
    INSERT INTO messages (
        conversation_id, user_id, content, created_at, client_id, client_id_given
    )
    SELECT 1, 1 + n %% 2, 'message ' || n, now(), gen_random_uuid(), false
    FROM generate_series(1, %s) n;
"""


DURABLE = ("fsync", "synchronous_commit", "full_page_writes")  # on, for all servers that store


def processor_seconds(process: psutil.Process) -> float:
    """Returns the CPU seconds of a process; 0 if it has just ended, when its parent has them."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


class Postgres:
    """One cluster, with a new database for each server that needs one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._embedded = EmbeddedPostgres(folder)
        self._numbers = count(1)
        self._admin = ""
        self._templates: set[str] = set()

    def __enter__(self) -> "Postgres":
        self._folder.mkdir(parents=True, exist_ok=True)
        self._admin = self._embedded.start(lambda line: None)
        ask(self._admin, "ALTER SYSTEM SET max_connections = 200")  # the peers' pools are larger
        self._embedded.stop()
        self._admin = self._embedded.start(lambda line: None)
        return self

    def __exit__(self, *_: object) -> None:
        self._embedded.stop()

    def processor_seconds(self) -> float:
        """Returns the CPU seconds of all its processes, including ended ones."""
        pid = int((self._folder / "postgres" / "postmaster.pid").read_text().split()[0])
        postmaster = psutil.Process(pid)
        own = sum(postmaster.cpu_times()[:4])  # includes children that have ended
        return own + sum(map(processor_seconds, postmaster.children(recursive=True)))

    def version(self) -> str:
        return str(ask(self._admin, "SHOW server_version"))

    @contextmanager
    def database(self, *, people: bool = False, filled_with: str = "") -> Iterator[str]:
        """Makes a database. `filled_with`, for people: `history` or `groups`."""
        template = self._template(filled_with) if people else "template1"
        with self.copy(template) as dsn:
            yield dsn

    def create(self, name: str, template: str = "template1") -> str:
        """Makes a database, and returns how to connect to it."""
        ask(self._admin, f"CREATE DATABASE {name} TEMPLATE {template}")
        return make_dsn(self._admin, dbname=name)

    @contextmanager
    def copy(self, template: str) -> Iterator[str]:
        """A copy of a database, dropped at the end."""
        name = f"bench_{next(self._numbers)}"
        dsn = self.create(name, template)
        try:
            for setting in DURABLE:
                if ask(dsn, f"SHOW {setting}") != "on":
                    raise RuntimeError(f"{setting} is off")
            yield dsn
        finally:
            ask(self._admin, f"DROP DATABASE {name} WITH (FORCE)")

    def _template(self, filled_with: str) -> str:
        """Returns a database that is filled once in a run, and copied for each server."""
        name = f"filled_with_{filled_with}" if filled_with else "filled"
        if name not in self._templates:
            dsn = self.create(name)
            startup._prepare(dsn, new_epoch=False)
            ask(dsn, FILL)
            if filled_with == "history":
                ask(dsn, TELL, (HISTORY,))
            if filled_with == "groups":
                ask(dsn, FILL_GROUPS)
            # Without the empty tables: PostgreSQL assumes a few pages for a table without
            # statistics, and uses indexes. A table that is known to be empty gets a full scan.
            ask(dsn, f"VACUUM ANALYZE {FILLED}{', messages' * (filled_with == 'history')}")
            self._templates.add(name)
        return name


def token(user: int) -> str:
    now = int(time.time())
    claims = {"sub": str(user), "sid": str(user), "iat": now, "exp": now + 24 * 3600}
    return jwt.encode(claims, SECRET, "HS256")


def ask(dsn: str, sql: str, params: Sequence[object] | None = None) -> str | None:
    """Runs a statement, and returns the first value of its first row."""
    conn = psycopg2.connect(dsn)
    try:
        conn.autocommit = True
        with conn.cursor() as cursor:
            cursor.execute(sql, params)
            row = cursor.fetchone() if cursor.description else None
            return str(row[0]) if row else None
    finally:
        conn.close()
