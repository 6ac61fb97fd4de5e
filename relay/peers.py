"""The other servers: notices when a message of theirs is missing, or when one falls silent."""

from collections.abc import Callable, Collection
from enum import Enum
from time import monotonic

from relay.message import Sender

SILENT_SECONDS = 1.5  # a server that tells nothing for longer than this may have been missed


class Heard(Enum):
    NEXT = "next"
    JOINED = "joined"  # the first one that is heard, but not the first one that was sent
    GAP = "gap"  # at least one message before this one is missing
    REPEATED = "repeated"


class Peers:
    def __init__(self, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self._numbers: dict[Sender, int] = {}  # of the last message of each
        self._heard_at: dict[Sender, float] = {}  # also of those that are known and not heard yet

    def hear(self, sender: Sender, number: int) -> Heard:
        last = self._numbers.get(sender, 0)
        if number <= last:
            return Heard.REPEATED
        self._numbers[sender] = number
        self._heard_at[sender] = self._now()
        if number == last + 1:
            return Heard.NEXT
        return Heard.GAP if last else Heard.JOINED

    def expect(self, running: Collection[Sender]) -> bool:
        """Takes the servers that run. Returns whether one has gone.

        A server that is new is first silent `SILENT_SECONDS` from now.
        """
        gone = self._heard_at.keys() - running
        for sender in gone:
            del self._heard_at[sender]
            self._numbers.pop(sender, None)
        now = self._now()
        for sender in running:
            self._heard_at.setdefault(sender, now)
        return bool(gone)

    @property
    def is_one_silent(self) -> bool:
        before = self._now() - SILENT_SECONDS
        return any(heard_at < before for heard_at in self._heard_at.values())
