"""The relay: tells other servers of events at once, and knows when it may have missed some.

The truth is in the database. A message of the relay is a hint that may be lost, doubled or late:
its number shows that, and then the feeds of all streams are read.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from time import monotonic
from typing import NamedTuple, Protocol

from relay.message import Event, Invalid, Message, Seal, Sender, packed
from relay.peers import Heard, Peers

BEAT_SECONDS = 1.0  # a server without events sends an empty message this often
MOST_UNSENT_BYTES = 8 * 2**20  # while the engine is unavailable; beyond it, messages are dropped


class Unsent(Exception):
    """The engine could not send."""


class Engine(Protocol):
    """Carries messages from each server to all others. It may lose them."""

    largest_message: int  # bytes

    @property
    def is_up(self) -> bool: ...

    async def send(self, messages: Sequence[bytes]) -> None:
        """Raises `Unsent`."""


class Counts(Protocol):
    """The metrics of the relay."""

    def relayed(self, direction: str, messages: int) -> None: ...
    def relay_lost(self, reason: str, messages: int = 1) -> None: ...


class Received(NamedTuple):
    """The events of one message."""

    epoch: str
    committed_at: float
    events: Iterable[Event]


class Relay:
    """Gathers the events of one iteration of the loop into a message, and sends it.

    `deliver` takes what other servers tell. `missed` is called when a message may be missing.
    Neither may block.
    """

    def __init__(
        self,
        engine: Engine,
        seal: Seal,
        counts: Counts,
        *,
        deliver: Callable[[Received], None],
        missed: Callable[[], None],
        now: Callable[[], float] = monotonic,
    ) -> None:
        self._engine = engine
        self._seal = seal
        self._counts = counts
        self._deliver = deliver
        self._missed = missed
        self._now = now
        self._sender = Sender(0, "")  # until `begin`, nothing is sent
        self._number = 0
        self._sent_at = 0.0
        self._peers = Peers(now)
        self._is_alone = False  # until it is known
        self._told: list[Event] = []
        self._told_epoch = ""
        self._told_at = 0.0
        self._unsent: list[bytes] = []
        self._unsent_bytes = 0
        self._has_unsent = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self._engine.is_up

    @property
    def is_alone(self) -> bool:
        """Whether no other server runs, as far as this one knows.

        Then it need not tell of an event, and skips a number instead. A server that joins learns of
        that from the next message, within `BEAT_SECONDS`.
        """
        return self._is_alone

    def begin(self, sender: Sender) -> None:
        """Begins a new series of messages under this name."""
        self._sender, self._number = sender, 0

    # Sending.

    def tell(self, epoch: str, event: Event) -> None:
        """Tells the others of an event, after its commit."""
        if self._told and epoch != self._told_epoch:
            self._flush()
        if not self._told:
            self._told_epoch, self._told_at = epoch, time.time()
            asyncio.get_running_loop().call_soon(self._flush)
        self._told.append(event)

    def skip(self) -> None:
        """Leaves out a number, so that the others notice a gap at the next message, and look."""
        self._number += 1

    def _flush(self) -> None:
        told, self._told = self._told, []
        for events in packed(told, self._engine.largest_message):
            self._send(events)

    def _send(self, events: list[Event]) -> None:
        if not self._sender.server:
            return
        self._number += 1
        self._sent_at = self._now()
        if self._unsent_bytes > MOST_UNSENT_BYTES:
            self._counts.relay_lost("full")  # the others notice a gap in the numbers
            return
        data = self._seal.encode(
            Message(self._sender, self._number, self._told_epoch, self._told_at, events)
        )
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        self._has_unsent.set()

    async def send(self) -> None:
        """Sends what is told, until cancelled. One call of the engine is in flight."""
        while True:
            await self._has_unsent.wait()
            self._has_unsent.clear()
            unsent, self._unsent, self._unsent_bytes = self._unsent, [], 0
            try:
                await self._engine.send(unsent)
            except Unsent:
                self._counts.relay_lost("unsent", len(unsent))
            else:
                self._counts.relayed("out", len(unsent))

    async def beat(self) -> None:
        """Sends an empty message whenever nothing was told for a second, until cancelled."""
        while True:
            await asyncio.sleep(max(self._sent_at + BEAT_SECONDS - self._now(), 0))
            if self._now() - self._sent_at >= BEAT_SECONDS:
                self._sent_at = self._now()
                self._send([])

    async def drained(self) -> None:
        """Returns when everything that was told has been handed to the engine."""
        while self._told or self._unsent:
            await asyncio.sleep(0.01)

    # Receiving.

    def receive(self, data: bytes) -> None:
        """Takes a message of any server, this one included."""
        if data.startswith(self._sender.prefix):
            return
        try:
            message = self._seal.decode(data)
        except Invalid:
            self._counts.relay_lost("forged")
            self._missed()
            return
        self._is_alone = False
        heard = self._peers.hear(message.sender, message.number)
        if heard is Heard.REPEATED:
            self._counts.relay_lost("forged")
            return
        self._counts.relayed("in", 1)
        self._deliver(Received(message.epoch, message.committed_at, message.events))
        if heard is Heard.GAP:
            self._counts.relay_lost("missing")
        if heard is not Heard.NEXT:
            self._missed()

    def missed_some(self, reason: str) -> None:
        """Called by the engine when it has dropped messages, or has connected again."""
        self._counts.relay_lost(reason)
        self._missed()

    def expect(self, running: Collection[Sender]) -> bool:
        """Takes the servers that run, this one included. Returns whether one has gone."""
        others = [sender for sender in running if sender != self._sender]
        self._is_alone = not others
        return self._peers.expect(others)

    @property
    def hears_all(self) -> bool:
        """Whether no other server has been silent for too long."""
        return not self._peers.is_one_silent
