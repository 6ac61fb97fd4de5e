"""What no log may contain in any test: tokens, and the texts of messages."""

from collections.abc import Iterable

SHORTEST_WORDS = 12  # shorter texts may be in a log by chance

_heard: set[str] = set()


def note(*secrets: str) -> None:
    _heard.update(s for s in secrets if len(s) >= SHORTEST_WORDS)


def forget() -> None:
    """Forgets all secrets. Runs before each test."""
    _heard.clear()


def told_by(lines: Iterable[str]) -> list[str]:
    """Returns the lines that contain a secret."""
    return [line for line in lines if any(secret in line for secret in _heard)]
