"""The server as the next release could be: with a new table column, index, event kind and route."""

import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

import config  # noqa: E402

config.VERSION = "9.9.9"

import server  # noqa: E402
from db.events import KINDS  # noqa: E402
from db.server import startup  # noqa: E402
from handlers.describing import openapi, operations  # noqa: E402
from handlers.requests.api import ConversationHandler, of_conversation  # noqa: E402
from handlers.routes import ROUTES  # noqa: E402
from tests.support.waved import WAVED, Wave, wave  # noqa: E402

MIGRATION = "9000.next"
SQL = f"""
    -- depends: {sorted(path.stem for path in startup.MIGRATIONS.glob("*.sql"))[-1]}
    ALTER TABLE messages ADD COLUMN mood text;
    CREATE INDEX users_created ON users (created_at);
"""


class WavesHandler(ConversationHandler):
    @of_conversation
    async def post(self, conversation_id: int) -> None:
        await self.services.writer.write(
            wave, Wave(conversation_id, self.me.user_id, 1), unbatched=True
        )
        self.set_status(204)


def main() -> int:
    with tempfile.TemporaryDirectory() as name:
        migrations = Path(shutil.copytree(startup.MIGRATIONS, Path(name) / "migrations"))
        (migrations / f"{MIGRATION}.sql").write_text(SQL.strip())
        startup.MIGRATIONS = migrations
        KINDS[WAVED.name] = WAVED
        undescribed = (*operations.NO_OPERATIONS, WavesHandler)
        openapi.NO_OPERATIONS = undescribed  # type: ignore[assignment, attr-defined]
        ROUTES.insert(0, (r"/api/conversations/([1-9][0-9]*)/waves", WavesHandler))
        return server.main()


if __name__ == "__main__":
    sys.exit(main())
