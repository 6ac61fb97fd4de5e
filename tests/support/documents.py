"""The project's documents, and the code blocks in them."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [  # by path from the root
    str(path.relative_to(ROOT))
    for path in (*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")))
]
SECONDS = 120  # for any block of commands
_PATH = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


class Block(NamedTuple):
    """A fenced block of code, and the heading above it."""

    document: str
    section: str
    language: str
    text: str


def text(document: str) -> str:
    return (ROOT / document).read_text()


def prose(document: str) -> str:
    """Returns the text without its code blocks."""
    return re.sub(r"(?ms)^```.*?^```$", "", text(document))


def blocks(document: str) -> Iterator[Block]:
    section, language, lines = "", None, []
    for line in text(document).splitlines():
        if language is not None and line != "```":
            lines.append(line + "\n")
        elif language is not None:
            yield Block(document, section, language, "".join(lines))
            language, lines = None, []
        elif line.startswith("```"):
            language = line[3:]
        elif line.startswith("#"):
            section = line.lstrip("# ")


def recipe(document: str, section: str, language: str) -> str:
    """Returns the first code block in that language under a heading."""
    for block in blocks(document):
        if (block.section, block.language) == (section, language):
            return block.text
    raise AssertionError(f"{document} has no {language} under {section}")


def adapted(written: str, changes: dict[str, str]) -> str:
    """Replaces the recipe's ports and paths by the test's; each must be in the text."""
    for old, new in changes.items():
        assert old in written, old
        written = written.replace(old, new)
    return written


def needs(program: str) -> None:
    """Skips the test if a program is missing; in CI, it fails."""
    if shutil.which(program, path=_PATH) is None:
        assert os.environ.get("CI") != "true", f"CI needs {program}"
        pytest.skip(f"{program} is missing")


def run(script: str, folder: Path, lines: int | None = None, **environ: str) -> str:
    """Returns what a script prints; `lines` limits a script that would run for ever."""
    with subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        env={"PATH": _PATH, "HOME": str(folder), **environ},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        too_long = threading.Timer(SECONDS, os.killpg, [process.pid, signal.SIGKILL])
        too_long.start()
        try:
            if lines is not None:
                return "".join(process.stdout.readline() for _ in range(lines))
            printed = process.stdout.read()
            assert process.wait() == 0, (script, printed)
            return printed
        finally:
            too_long.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
