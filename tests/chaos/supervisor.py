"""Starts servers again, and counts what they have printed."""

import asyncio

from tests.chaos.crowd import faults
from tests.chaos.doomed import DYING
from tests.support.processes import ServerProcess


class Supervisor:
    def __init__(self) -> None:
        self.kills_after_commit = 0
        self.faults_logged = 0

    async def restart(self, server: ServerProcess) -> None:
        """Waits until the server has ended, and starts it again."""
        await asyncio.get_running_loop().run_in_executor(None, self._restart, server)

    def read(self, server: ServerProcess) -> None:
        """Counts what it has printed since it was started."""
        self.kills_after_commit += sum(DYING in line for line in server.output)
        self.faults_logged += faults(server.output)
        server.output.clear()

    def _restart(self, server: ServerProcess) -> None:
        server.process.wait()
        server._reader.join()
        self.read(server)
        server.start()
        server.wait_until_ready()
