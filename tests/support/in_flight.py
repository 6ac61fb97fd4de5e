"""A request that a lock in the database holds up."""

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
    """A send that waits for a row which somebody else holds, and what lets it go on."""
    dsn = EmbeddedPostgres(data_dir).start(lambda line: None)
    with ThreadPoolExecutor() as threads, closing(psycopg2.connect(dsn)) as holder:
        holder.cursor().execute("SELECT FROM feeds FOR UPDATE")
        sent = threads.submit(sender.ask, path, {"content": "in flight"})
        wait_for_a_lock(dsn)
        yield sent, holder.rollback
