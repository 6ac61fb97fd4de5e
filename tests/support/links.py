"""A TCP proxy between a server and what it needs, such as its database, which can be cut."""

import asyncio
import threading
from collections.abc import Coroutine
from types import TracebackType
from typing import Any


class Link:
    """Passes bytes on to a port of this machine, in a thread of its own, until it is cut."""

    def __init__(self, to_port: int) -> None:
        self.port = 0
        self._to_port = to_port
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._refuses = False
        self._flowing = asyncio.Event()
        self._hung: set[int] = set()  # by the local port of the connection to `to_port`
        self._local_ports: set[int] = set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._passing: set[asyncio.Task[None]] = set()

    def __enter__(self) -> "Link":
        self._thread.start()
        self._run(self._listen())
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def cut(self) -> None:
        """Breaks all connections, and refuses new ones."""
        self._run(self._cut())

    def hang(self) -> None:
        """Passes nothing on from now on. Connections stay open, and new ones are accepted."""
        self._run(self._hang())

    def hang_connection(self, local_port: int) -> None:
        """Passes nothing on over the connection with this port on the side of `to_port`."""
        self._run(self._hang_connection(local_port))

    def cut_connection(self, local_port: int) -> None:
        """Breaks the connection with this port on the side of `to_port`."""
        self._run(self._cut_connection(local_port))

    def leads(self, local_port: int) -> bool:
        """Whether a connection with this port on the side of `to_port` is open."""
        return local_port in self._local_ports

    def mend(self) -> None:
        """Passes everything on again, also what connections that hung have not passed on."""
        self._run(self._mend())

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self) -> None:
        self._flowing.set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        for task in [*self._passing]:
            task.cancel()
        await asyncio.gather(*self._passing, return_exceptions=True)
        await self._cut()

    async def _cut(self) -> None:
        self._refuses = True
        for writer in [*self._writers]:
            writer.transport.abort()

    async def _hang(self) -> None:
        self._flowing.clear()

    async def _hang_connection(self, local_port: int) -> None:
        self._hung.add(local_port)

    async def _cut_connection(self, local_port: int) -> None:
        for writer in [*self._writers]:
            if writer.get_extra_info("sockname")[1] == local_port:
                writer.transport.abort()

    async def _mend(self) -> None:
        self._refuses = False
        self._hung.clear()
        self._flowing.set()

    async def _serve(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._passing.add(task)
        self._writers.add(back)
        try:
            if not self._refuses:
                await self._flowing.wait()
                await self._connect(down, back)
        except (OSError, asyncio.CancelledError):
            pass  # one side has gone, or the link is closed
        finally:
            back.transport.abort()
            self._writers.discard(back)
            self._passing.discard(task)

    async def _connect(self, down: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        up, on = await asyncio.open_connection("127.0.0.1", self._to_port)
        local_port = on.get_extra_info("sockname")[1]
        self._writers.add(on)
        self._local_ports.add(local_port)
        ways = [
            asyncio.create_task(self._pass(down, on, local_port)),
            asyncio.create_task(self._pass(up, back, local_port)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            on.transport.abort()
            self._writers.discard(on)
            self._local_ports.discard(local_port)

    async def _pass(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, local_port: int
    ) -> None:
        while piece := await source.read(65536):
            await self._flowing.wait()
            while local_port in self._hung:
                await asyncio.sleep(0.01)
            target.write(piece)
            await target.drain()
