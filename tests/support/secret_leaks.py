"""What no log may hold, whatever a test does: its people's tokens, and what they say."""

from collections.abc import Iterable

SHORTEST_WORDS = 12  # shorter ones may stand in a log by chance

_heard: set[str] = set()


def note(*secrets: str) -> None:
    _heard.update(s for s in secrets if len(s) >= SHORTEST_WORDS)


def forget() -> None:
    """Before each test."""
    _heard.clear()


def told_by(lines: Iterable[str]) -> list[str]:
    """Lines that give one away."""
    return [line for line in lines if any(secret in line for secret in _heard)]
