"""/health/live, /health/ready and /metrics, for the operator."""

from config import VERSION
from db import pool
from db.server import startup
from handlers.requests import problems
from handlers.requests.base import Handler


class LiveHandler(Handler):
    """Answers 200 while the event loop runs, with the version of the server."""

    def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        self.set_header("Messenger-Version", VERSION)
        self.finish({"status": "live"})

    def head(self) -> None:
        self.get()


class ReadyHandler(Handler):
    """Answers 200 if the database takes writes, its schema is current, and no drain has begun."""

    async def get(self) -> None:
        self.set_header("Cache-Control", "no-store")
        pool.begin_request()
        if self.services.draining:
            raise problems.Draining
        if not await self.services.db.takes_writes():
            raise problems.DatabaseUnavailable
        current = await startup.is_current(self.services.db)
        if not current:
            raise problems.Unavailable(
                "migrations_pending", "The server is being updated. Please try again in a moment."
            )
        self.finish({"status": "ready"})

    async def head(self) -> None:
        await self.get()


class MetricsHandler(Handler):
    """Answers Prometheus text. The proxy in front should not pass this route on."""

    def get(self) -> None:
        content_type, text = self.services.metrics.exposition()
        self.set_header("Content-Type", content_type)
        self.set_header("Cache-Control", "no-store")
        self.finish(text)

    def head(self) -> None:
        self.get()
