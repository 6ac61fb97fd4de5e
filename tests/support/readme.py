"""The recipes of README.md, as they stand there."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def recipe(section: str, language: str) -> str:
    """The first block of code in that language under a heading."""
    _, _, rest = README.read_text().partition(f"\n## {section}\n")
    assert rest, f"README.md has no section {section}"
    found = re.search(rf"(?ms)^```{language}\n(.*?)^```$", rest.partition("\n## ")[0])
    assert found, f"README.md has no {language} under {section}"
    return found[1]


def adapted(text: str, changes: dict[str, str]) -> str:
    """The same, with a test's ports and paths; each stands in the text."""
    for written, used in changes.items():
        assert written in text, written
        text = text.replace(written, used)
    return text
