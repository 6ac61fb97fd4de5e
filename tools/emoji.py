"""Writes `handlers/emoji.txt`: all emoji that people can react with, from the `emoji` package."""

import sys
from pathlib import Path

from emoji import EMOJI_DATA, STATUS

LIST = Path(__file__).resolve().parents[1] / "handlers" / "emoji.txt"

_SKIN_TONES = frozenset(map(chr, range(0x1F3FB, 0x1F400)))  # alone, they are no reaction
_SHOWN = (STATUS["component"], STATUS["fully_qualified"])


def listed() -> str:
    """Returns the RGI set of Unicode without skin tones alone, fully-qualified, one a line."""
    recommended = {text for text, data in EMOJI_DATA.items() if data["status"] in _SHOWN}
    return "".join(f"{text}\n" for text in sorted(recommended - _SKIN_TONES))


def main() -> int:
    LIST.write_text(listed(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
