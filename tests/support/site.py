"""Three servers on one database behind balancers, and the users of that site."""

import asyncio
import contextlib
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import httpx
from tornado.ioloop import IOLoop

from tests.support import cluster
from tests.support.balancers import BALANCERS, HOST, Balancer
from tests.support.github import CLIENT_ID, CLIENT_SECRET, FakeGitHub
from tests.support.people import eventually
from tests.support.processes import ServerProcess
from tests.support.residents import resident
from tests.support.sse import Ended, Event, EventStream

FLAGS = (
    *("--origin", f"https://{HOST}", "--allowed-hosts", "localhost"),
    *("--trusted-proxies", "127.0.0.1"),
)
PAUSE_SECONDS = 0.1  # between two requests of a user
_numbers = count(1)


class User:
    """A user behind a balancer, over HTTPS."""

    def __init__(self, balancer: Balancer, dsn: str) -> None:
        self.username = f"user-{next(_numbers)}"
        self.id, self.token = resident(dsn, self.username, cluster.SECRET)
        self.bearer = {"Authorization": f"Bearer {self.token}"}
        self.balancer = balancer

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """Yields a client that keeps its connections open."""
        async with client(self.balancer) as opened:
            opened.headers.update(self.bearer)
            yield opened

    async def ask(self, method: str, path: str, fields: object = None) -> httpx.Response:
        async with self.client() as client:
            return await client.request(method, path, json=fields)

    async def messages_with(self, other: "User") -> str:
        """Returns the path of the messages with another user."""
        answer = await self.ask("POST", "/api/conversations", {"username": other.username})
        assert answer.status_code in (200, 201), answer.text
        return f"/api/conversations/{answer.json()['id']}/messages"

    async def stream(self, last_event_id: str | None = None) -> EventStream:
        sent = {"Host": HOST, **self.bearer}
        if last_event_id is not None:
            sent["Last-Event-ID"] = last_event_id
        stream = await EventStream.open(
            self.balancer.url, sent, tls=self.balancer.tls, server_name=HOST
        )
        assert stream.status == 200, (stream.status, stream.headers)
        stream.hello = await stream.event()
        return stream

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[EventStream]:
        stream = await self.stream()
        try:
            yield stream
        finally:
            await stream.left()


class Reader:
    """A client of the event stream that returns at once from its last event."""

    def __init__(self, user: User) -> None:
        self.user = user
        self.events: list[Event] = []
        self.connections = 0
        self._last_event_id: str | None = None

    async def run(self) -> None:
        while True:
            stream = await self.user.stream(self._last_event_id)
            self.connections += 1
            self._last_event_id = stream.hello.id
            try:
                while True:
                    event = await stream.event(60)
                    if event.id is not None:
                        self._last_event_id = event.id
                        self.events.append(event)
            except Ended:
                await asyncio.sleep(PAUSE_SECONDS)
            finally:
                await stream.left()


class Writer:
    """A client that sends and reads, repeats nothing, and must be answered each time."""

    def __init__(self, user: User, messages: str) -> None:
        self.user = user
        self.sent: list[str] = []  # ids
        self.longest_seconds = 0.0
        self._messages = messages
        self._stopping = False

    def stop(self) -> None:
        """Stops after the current request."""
        self._stopping = True

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        async with self.user.client() as client:
            while not self._stopping:
                began = loop.time()
                fields = {"content": f"{len(self.sent)}", "clientId": str(uuid.uuid4())}
                answer = await client.post(self._messages, json=fields)
                assert answer.status_code == 201, answer.text
                self.sent.append(answer.json()["id"])
                answer = await client.get("/api/conversations")
                assert answer.status_code == 200, answer.text
                self.longest_seconds = max(self.longest_seconds, loop.time() - began)
                await asyncio.sleep(PAUSE_SECONDS)


class Load:
    """Users in a ring: each sends to the next one, and all have a stream."""

    def __init__(self, users: list[User]) -> None:
        self.users = users
        self.readers = [Reader(user) for user in users]
        self.writers: list[Writer] = []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Fails if a request fails meanwhile. At the end, all events must arrive."""
        users = self.users
        for user, other in zip(users, users[1:] + users[:1], strict=True):
            self.writers.append(Writer(user, await user.messages_with(other)))
        reading = [asyncio.create_task(reader.run()) for reader in self.readers]
        await eventually(lambda: all(reader.connections for reader in self.readers))
        writing = [asyncio.create_task(writer.run()) for writer in self.writers]
        try:
            yield
            for writer in self.writers:
                writer.stop()
            await asyncio.gather(*writing)
            with contextlib.suppress(TimeoutError):
                await eventually(lambda: self._got() == self._expected(), seconds=10)
        finally:
            await _ended([*reading, *writing])

    def check(self) -> None:
        """Checks that each stream had each event once, in order."""
        assert self._got() == self._expected()
        for reader in self.readers:
            seqs = [event.seq for event in reader.events]
            assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))

    def _got(self) -> list[list[str]]:
        return [
            [event.data["id"] for event in reader.events if event.name == "message"]
            for reader in self.readers
        ]

    def _expected(self) -> list[list[str]]:
        sent = [writer.sent for writer in self.writers]
        return [
            sorted((*own, *others), key=int)
            for own, others in zip(sent, sent[-1:] + sent[:-1], strict=True)
        ]


class Site:
    """Three servers on one database, and the balancers in front of them."""

    def __init__(self, dsn: str, servers: list[ServerProcess], balancers: list[Balancer]) -> None:
        self.dsn = dsn
        self.servers = servers
        self.balancers = {type(balancer): balancer for balancer in balancers}

    def user(self, balancer: Balancer) -> User:
        return User(balancer, self.dsn)

    async def users_of_each_server(self, balancer: Balancer, number: int) -> list[list[User]]:
        """Returns so many new users of each server."""
        found: list[list[User]] = [[] for _ in self.servers]
        while any(len(users) < number for users in found):
            user = self.user(balancer)
            home = await self.server_of(user)
            if len(found[home]) < number:
                found[home].append(user)
        return found

    async def server_of(self, user: User, query: str = "", **headers: str) -> int:
        """Returns the number of the server to which the balancer sends a request."""
        path = f"/api/conversations/{next(_numbers) + 10**9}"  # which nobody else asks for
        async with client(user.balancer) as opened:
            answer = await opened.get(path + query, headers=headers or user.bearer)
        assert answer.status_code in (401, 404), answer.text
        async with asyncio.timeout(30):
            while True:
                for number, server in enumerate(self.servers):
                    if any(path in line for line in server.output[-1000:]):
                        return number
                await asyncio.sleep(0.005)

    async def restart(self, number: int, user: User | None = None) -> None:
        await asyncio.to_thread(self.servers[number].end)
        await self.start(number, user)

    async def start(self, number: int, user: User | None = None) -> None:
        """Starts a server again. With `user`, waits until the balancer sends that user there."""
        server = self.servers[number]
        server.output.clear()
        server.start()
        await asyncio.to_thread(server.wait_until_ready)
        while user is not None and await self.server_of(user) != number:
            await asyncio.sleep(PAUSE_SECONDS)


@contextmanager
def site(dsn: str, folder: Path) -> Iterator[Site]:
    """Runs three servers, a GitHub, and each kind of balancer that this machine has."""
    with ExitStack() as stack:
        github = stack.enter_context(_github())
        sign_in = (
            *("--github-client-id", CLIENT_ID, "--github-client-secret", CLIENT_SECRET),
            *("--github-authorize-url", f"{github.url}/login/oauth/authorize"),
            *("--github-token-url", f"{github.url}/login/oauth/access_token"),
            *("--github-api-url", f"{github.url}/api/v3"),
        )
        servers = [server(dsn, folder / f"{n}", *sign_in) for n in range(3)]
        for one in servers:
            one.start()
            stack.push(one)
        for one in servers:
            one.wait_until_ready()
        balancers = [
            stack.enter_context(balancer(kind, folder, servers))
            for kind in BALANCERS
            if kind.is_installed()
        ]
        yield Site(dsn, servers, balancers)


def server(dsn: str, folder: Path, *flags: str) -> ServerProcess:
    """Returns one of three servers, which is not started yet."""
    return cluster.server(dsn, folder, "postgres", *FLAGS, *flags, kind=ServerProcess)


@contextmanager
def balancer(
    kind: type[Balancer], folder: Path, servers: list[ServerProcess]
) -> Iterator[Balancer]:
    """Runs a balancer in front of servers, which need not run yet."""
    made = kind(folder / kind.program, [int(server.flags[1]) for server in servers])
    made.write()
    made.check()
    with made.running():
        yield made


@contextmanager
def _github() -> Iterator[FakeGitHub]:
    """Runs GitHub in a thread, because it outlives the loops of tests."""
    loop, ready = IOLoop(make_current=False), threading.Event()
    made: list[FakeGitHub] = []

    async def start() -> None:
        made.append(FakeGitHub())
        made[0].start()
        made[0].sign_in(583231, "octo-jane")
        ready.set()

    def run() -> None:
        loop.add_callback(start)
        loop.start()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        yield made[0]
    finally:

        async def stop() -> None:
            await made[0].stop()
            loop.stop()

        loop.add_callback(stop)
        thread.join()
        loop.close(all_fds=True)


@asynccontextmanager
async def client(balancer: Balancer) -> AsyncIterator[httpx.AsyncClient]:
    """Yields an HTTP client that believes that the balancer is chat.example."""

    async def name_host(request: httpx.Request) -> None:
        request.extensions["sni_hostname"] = HOST

    async with httpx.AsyncClient(
        base_url=balancer.url,
        verify=balancer.tls,
        headers={"Host": HOST},
        timeout=30,
        event_hooks={"request": [name_host]},
    ) as opened:
        yield opened


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancels the tasks. Raises the first failure of one."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
