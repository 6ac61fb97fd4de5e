"""The database and the browser profile of a release.

`python -m pytest tests/keep_release.py` keeps them in tests/data, and each later release opens
them.
"""

import re
import subprocess
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from playwright.async_api import BrowserContext

from tests.support.browser_loop import CHROMIUM, FLAGS, browser_loop
from tests.support.postgres import Postgres, ask

DATA = Path(__file__).resolve().parents[1] / "data" / "releases"
# A browser keeps data by origin. This one leads to any port, and counts as secure.
ORIGIN = "http://messenger.localhost"


def dump(postgres: Postgres, dsn: str, file: Path) -> None:
    """Writes schema and rows as statements that any client can run."""
    command = [str(postgres.bin_path / "pg_dump"), "--inserts", "--no-owner", dsn]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    file.write_text("".join(line for line in text.splitlines(True) if not line.startswith("\\")))


@contextmanager
def restored(postgres: Postgres, file: Path) -> Iterator[str]:
    """Restores the file into a new database, and yields its connection string."""
    with postgres.database(template="template0") as dsn:
        ask(dsn, file.read_text())
        yield dsn


@asynccontextmanager
async def profile(folder: Path, port: int) -> AsyncIterator[BrowserContext]:
    """Opens a browser with its profile in the folder; `ORIGIN` leads to the port."""
    host = ORIGIN.removeprefix("http://")
    context = await browser_loop().playwright.chromium.launch_persistent_context(
        folder,
        executable_path=CHROMIUM,
        args=[*FLAGS, f"--host-resolver-rules=MAP {host}:80 127.0.0.1:{port}"],
        viewport={"width": 1280, "height": 800},
    )
    try:
        yield context
    finally:
        await context.close()


def pack(folder: Path, file: Path) -> None:
    """Packs a site's data, without caches and what the browser can make again."""
    kept = re.compile(r"Default/(IndexedDB|Local Storage|Service Worker)(/|$)")
    compiled = re.compile(r"/Service Worker/.*_1$")

    def wanted(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        is_above = entry.name in ("profile", "profile/Default")
        if compiled.search(entry.name):
            return None
        return entry if is_above or kept.match(entry.name.removeprefix("profile/")) else None

    with tarfile.open(file, "w:xz") as archive:
        archive.add(folder, "profile", filter=wanted)


def unpack(file: Path, folder: Path) -> Path:
    with tarfile.open(file) as archive:
        archive.extractall(folder)  # ours
    return folder / "profile"
