"""The relay over NATS core: https://docs.nats.io/nats-concepts/core-nats."""

import asyncio
import logging
from collections.abc import Callable, Sequence

import nats
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from relay.relay import Unsent

PING_SECONDS = 2  # a broker that hangs is noticed after twice this time
RECONNECT_SECONDS = 1
CONNECT_SECONDS = 2
MOST_PENDING_MESSAGES = 65_536  # received, and not delivered yet
MOST_PENDING_BYTES = 32 * 2**20

_log = logging.getLogger("messenger.relay")


class NatsEngine:
    """Publishes on one subject, and subscribes to it.

    `receive` takes each message, `missed` the reason when messages may be missing.
    """

    largest_message = 512 * 1024  # the broker's default limit is 1 MiB

    def __init__(
        self,
        url: str,
        subject: str,
        receive: Callable[[bytes], None],
        missed: Callable[[str], None],
    ) -> None:
        self._url = url
        self._subject = subject
        self._receive = receive
        self._missed = missed
        self._client = Client()
        self._subscribed = asyncio.Event()

    @property
    def is_up(self) -> bool:
        return self._client.is_connected and self._subscribed.is_set()

    async def run(self) -> None:
        """Connects, and stays connected, until cancelled."""
        try:
            await self._client.connect(
                self._url,
                name="messenger",
                no_echo=True,
                allow_reconnect=True,
                max_reconnect_attempts=-1,
                reconnect_time_wait=RECONNECT_SECONDS,
                connect_timeout=CONNECT_SECONDS,
                ping_interval=PING_SECONDS,
                max_outstanding_pings=1,
                error_cb=self._failed,
                disconnected_cb=self._disconnected,
                reconnected_cb=self._reconnected,
            )
            await self._client.subscribe(
                self._subject,
                cb=self._received,
                pending_msgs_limit=MOST_PENDING_MESSAGES,
                pending_bytes_limit=MOST_PENDING_BYTES,
            )
            await self._client.flush(CONNECT_SECONDS)
            self._subscribed.set()
            await asyncio.Event().wait()
        finally:
            self._subscribed.clear()
            await self._client.close()

    async def subscribed(self) -> None:
        """Returns when the first subscription is in force."""
        await self._subscribed.wait()

    async def send(self, messages: Sequence[bytes]) -> None:
        if not self.is_up:
            raise Unsent
        try:
            for message in messages:
                await self._client.publish(self._subject, message)
        except (nats.errors.Error, OSError) as error:
            raise Unsent from error

    async def _received(self, message: Msg) -> None:
        self._receive(message.data)

    async def _failed(self, error: Exception) -> None:
        _log.info("the relay: %s", str(error) or type(error).__name__)
        if isinstance(error, nats.errors.SlowConsumerError):
            self._missed("slow")

    async def _disconnected(self) -> None:
        self._missed("disconnected")

    async def _reconnected(self) -> None:
        self._missed("reconnected")
