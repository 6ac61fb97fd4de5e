"""A request that waits for a lock in the database."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg2

from db.server.embedded import EmbeddedPostgres
from tests.support.callers import Caller, wait_for_a_lock


@contextmanager
def held_up(
    data_dir: Path, sender: Caller, path: str
) -> Iterator[tuple[Future[Any], Callable[[], None]]]:
    """Yields a send that waits for a locked row, and a function that releases the lock."""
    dsn = EmbeddedPostgres(data_dir).start(lambda line: None)
    with ThreadPoolExecutor() as threads, closing(psycopg2.connect(dsn)) as holder:
        holder.cursor().execute("SELECT FROM feeds FOR UPDATE")
        sent = threads.submit(sender.ask, path, {"content": "in flight"})
        wait_for_a_lock(dsn)
        yield sent, holder.rollback
