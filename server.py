"""Messenger's server: opens the database, listens, and drains at the end.

python server.py [--port 8000] [--database-url …]      (--help lists all)
"""

import signal

if __name__ == "__main__":  # Ctrl-C during the imports, a second or two, prints no traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import contextlib
import dataclasses
import gc
import ipaddress
import logging
import os
import random
import resource
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop
from tornado.netutil import bind_sockets

import config as options
import output
from bus.bus import Bus
from config import VERSION, Config
from db import errors
from db.pool import Database
from db.server import children, data_dir, startup
from db.server.data_dir import DirectoryLock, Failed
from db.server.embedded import EmbeddedPostgres
from db.server.membership import Membership
from db.server.pruning import Pruner
from db.server.server_lock import ServerLock
from handlers import cluster
from handlers.application import Messenger
from handlers.assets import StaticAssets
from handlers.describing.openapi import Undescribed
from handlers.requests import base, logs, problems
from handlers.requests.arrival import query_bytes
from handlers.requests.services import Services
from handlers.routes import ROUTES
from http1.connection import Timeouts
from http1.listener import Listener
from http1.parser import Limits
from output import say
from shutdown import Shutdown

BACKLOG = 4096  # thousands of clients return at once after a restart; the kernel may cap it
PATIENCE_SECONDS = ServerLock.PATIENCE_SECONDS
# New objects between collections of the youngest generation, such collections between those of the
# next one, and those between full ones. The first two take some milliseconds each.
GARBAGE_THRESHOLDS = (5_000, 2, 8_000)
FINISH_SECONDS = 5.0  # a drain waits this long for requests in flight
BEGIN_ANEW_SECONDS = 5.0  # before a failed background task restarts, so that it cannot fill the log
FAREWELL_SECONDS = 1.5  # a drain spreads the ends of streams over this time

_log = logging.getLogger("messenger")


def make_app(
    config: Config, db: Database, secret: str, assets: StaticAssets | None = None
) -> Messenger:
    return Messenger(Services(config, db, secret, assets), ROUTES)


def make_server(app: Messenger) -> Listener:
    config = app.services.config
    return Listener(
        app,
        most_connections=options.connections_that_fit(),
        limits=Limits(config.max_header_bytes, config.max_body_bytes, query_bytes),
        timeouts=Timeouts(config.header_timeout, config.body_timeout),
        headers=base.common_headers(config),
        refusal=problems.refusal,
        backpressure=app.services.backpressure,
        input_refused=app.input_refused,
        address=app.connection_address,
    )


def main() -> int:
    """Runs the server, and returns the exit status."""
    output.unblock()
    try:
        config = options.parse(sys.argv[1:], os.environ)
        logs.configure(config.log_format)
        # uvloop is written in C: a fifth more messages a second.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(config))
    except options.Invalid as error:
        return _fail(str(error), 2)
    except (Failed, Undescribed, errors.DatabaseError) as error:
        return _fail(str(error), 1)
    except asyncio.CancelledError:
        return _fail("stopped before it was ready", 1)
    finally:
        output.finish()
    return 0


async def serve(config: Config) -> None:
    """Serves until a signal arrives, or another server takes the database."""
    _use_all_descriptors()
    _calm_garbage_collection()
    end = Shutdown()
    secret = _secret(config)
    if os.geteuid() == 0:
        say("Running as root, which is not needed: an ordinary user is safer.")
    async with (
        background_task(children.reap_adopted),
        _database(config, end) as dsn,
        _opened(config, secret, dsn, end) as (db, membership),
    ):
        app = make_app(config, db, secret)
        server = make_server(app)
        app.services.disk.look()
        async with (
            _taking_part(app.services, membership),
            background_task(app.services.disk.watch),
        ):
            url = _listen(app, server, config)
            for line in _access(app.services.config):
                say(line)
            relay = f" (relay: {cluster.shown(config.relay)})" if config.relay else ""
            say(f"Version {VERSION} of Messenger is ready at {url}{relay}")
            await end.wait()
            say("draining …")
            await drain(app.services, server)
    if end.failure is not None:
        raise Failed(end.failure)


async def drain(services: Services, server: Listener) -> None:
    """Accepts nothing new, finishes requests in flight, and ends every stream with `bye`."""
    services.draining = True
    services.fair_queue.drain()
    server.stop()
    server.close_idle()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FINISH_SECONDS):
            await services.in_flight.drained()
    await _end_streams(services.bus)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await server.close_all_connections()


async def _end_streams(bus: Bus) -> None:
    """Ends the streams over `FAREWELL_SECONDS`, so that clients do not all return at once."""
    streams = list(bus)
    random.shuffle(streams)
    slices = 30
    for nth in range(slices):
        for stream in streams[nth::slices]:
            stream.end("draining")
        if len(bus):
            await asyncio.sleep(FAREWELL_SECONDS / slices)


@contextlib.asynccontextmanager
async def _database(config: Config, end: Shutdown) -> AsyncIterator[str]:
    """Yields the connection string. Runs the embedded PostgreSQL, if that is used."""
    if config.database_url is not None:
        yield config.database_url
        return
    lock = DirectoryLock(config.data_dir)
    await _take(lock, config.data_dir)
    loop = asyncio.get_running_loop()
    _forget_ways_to_databases()
    postgres = EmbeddedPostgres(config.data_dir, lock)
    end.at_once = postgres.kill
    try:
        dsn = await loop.run_in_executor(None, postgres.start, say)
        async with background_task(postgres.keep_running):
            yield dsn
    finally:
        await loop.run_in_executor(None, postgres.close, end.seconds_left())
        lock.release()


def _forget_ways_to_databases() -> None:
    """Removes libpq's variables from the environment, which are about another PostgreSQL."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


async def _take(lock: DirectoryLock, directory: Path) -> None:
    until = asyncio.get_running_loop().time() + PATIENCE_SECONDS
    said = False
    while True:
        try:
            return lock.take()
        except data_dir.InUse:
            if asyncio.get_running_loop().time() > until:
                raise Failed(f"another server is using {directory}") from None
        if not said:
            say(f"another server is using {directory}; waiting up to {PATIENCE_SECONDS:.0f} s")
            said = True
        await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def _taking_part(services: Services, membership: Membership | None) -> AsyncIterator[None]:
    """Takes part in a group of servers while the context is open, if there is a relay."""
    if membership is None:
        yield
        return
    async with contextlib.AsyncExitStack() as stack:
        for work in services.cluster.background_tasks():
            await stack.enter_async_context(background_task(work))
        await services.cluster.begin(membership)
        yield
        await services.cluster.end()


@contextlib.asynccontextmanager
async def _opened(
    config: Config, secret: str, dsn: str, end: Shutdown
) -> AsyncIterator[tuple[Database, Membership | None]]:
    """Yields the database, locked for this server and with its schema up to date."""
    own = cluster.own(config, secret) if config.relay else None
    membership = None if own is None else Membership(own)
    await startup.wait_until_reachable(dsn, say)
    lock = await ServerLock.take(dsn, say, membership=membership)
    db = Database(dsn)
    try:
        await startup.prepare(dsn, new_epoch=config.new_epoch)
        db.adopt(await lock.identify())
        if own is not None:
            for warning in cluster.check(await lock.join(), own):
                say(warning)
        pruner = Pruner(db, config.feed_retention_days)
        async with (
            background_task(partial(_end_when_lost, lock, db, end)),
            background_task(pruner.run),
            background_task(pruner.run_groups),
        ):
            yield db, membership
    finally:
        await lock.leave()
        await db.close()
        lock.release()


async def _end_when_lost(lock: ServerLock, db: Database, end: Shutdown) -> None:
    await lock.lost(db.adopt, db.doubted)
    end.fail("another server has taken the database")


@contextlib.asynccontextmanager
async def background_task(work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs `work` while the context is open, and restarts it if it fails."""

    async def guarded() -> None:
        while True:
            try:
                return await work()
            except Exception:
                _log.critical("a background task failed; it is restarted", exc_info=True)
            await asyncio.sleep(BEGIN_ANEW_SECONDS)

    task = asyncio.create_task(guarded())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _listen(app: Messenger, server: Listener, config: Config) -> str:
    """Starts to listen, and returns the URL to open."""
    try:
        sockets = bind_sockets(config.port, config.address, backlog=BACKLOG)
    except OSError as error:
        raise Failed(
            f"cannot listen on {config.address} port {config.port}: {error.strerror}"
        ) from None
    port = sockets[0].getsockname()[1]
    if urlsplit(config.origin).port == 0:
        app.services.use(dataclasses.replace(config, port=port, origin=f"http://localhost:{port}"))
    server.add_sockets(sockets)
    return app.services.config.origin


def _secret(config: Config) -> str:
    """Returns the secret that signs tokens. Makes the data directory if it is needed."""
    if config.jwt_secret is None or config.database_url is None:
        data_dir.make(config.data_dir)
    return config.jwt_secret or data_dir.kept_secret(config.data_dir / "jwt-secret")


def _access(config: Config) -> Iterator[str]:
    """Yields lines about settings of access that may surprise the operator."""
    if config.dev_login:
        yield "Development sign-in is on: any client of this port can sign in as any user."
    elif config.github_client_id is None:
        yield (
            "No user can sign in: development sign-in is off (it needs a loopback --address and"
            " --origin), and GitHub sign-in needs --github-client-id and --github-client-secret."
        )
    if config.relay and cluster.is_exposed(config.relay):
        yield (
            "The relay is not encrypted: anyone on the network between the servers can read"
            " messages. Use tls:// unless that network is private."
        )
    if not ipaddress.ip_address(config.address).is_loopback:
        hosts = ", ".join(options.served_hosts(config))
        yield f"Only requests for these hosts are served (--origin, --allowed-hosts): {hosts}"


def _use_all_descriptors() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):  # macOS may have a lower limit
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _calm_garbage_collection() -> None:
    """Exempts the modules' objects from garbage collection, and makes it less frequent."""
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _fail(line: str, status: int) -> int:
    one_line = " ".join(line.splitlines())  # a path may contain a line break
    output.complain(f"server.py: {one_line}")
    return status


if __name__ == "__main__":
    sys.exit(main())
