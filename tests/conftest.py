"""Fixtures: a real database, a real server on a real port, and the people who use it."""

import asyncio
import logging
import os
from collections.abc import Iterator

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.ioloop import IOLoop

import config as options
from config import Config
from db.pool import Database
from handlers.application import Messenger
from handlers.assets import StaticAssets
from http1.listener import Listener
from server import make_app, make_server
from tests.support import secret_leaks
from tests.support.browser_loop import BrowserLoop
from tests.support.measures import Figures
from tests.support.people import Visitor
from tests.support.postgres import BorrowedPostgres, Postgres

TEST_SECONDS = 240  # at least, before a test counts as one that hangs: a busy machine is slow
SECRET = "a secret that only the tests know, 32 bytes at least"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if mark := item.get_closest_marker("gen_test"):
            seconds = max(mark.kwargs.get("timeout", 0), TEST_SECONDS)
            item.add_marker(pytest.mark.gen_test(timeout=seconds), append=False)
    # Files with long tests first: several workers then end at about the same time.
    items.sort(key=lambda item: "browser_here" not in getattr(item, "fixturenames", ()))


FIGURES = pytest.StashKey[Figures]()


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    """What the tests of `make measure` have taken; it is printed at the end."""
    return pytestconfig.stash.setdefault(FIGURES, Figures())


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    if figures := config.stash.get(FIGURES, None):
        terminalreporter.section("figures")
        for figure in figures.taken:
            terminalreporter.write_line(figure.line)


@pytest.fixture(scope="session", autouse=True)
def no_loop_but_those_of_tests() -> None:
    """Else the first loop of Tornado's has asyncio make one more, which nobody closes."""
    asyncio.set_event_loop(None)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    lent = os.environ.get("TESTS_POSTGRES")
    server = BorrowedPostgres(lent) if lent else Postgres(tmp_path_factory.mktemp("data"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def dsn(postgres: Postgres) -> Iterator[str]:
    """A database of this test's own, with the schema and nothing in it."""
    with postgres.database() as dsn:
        yield dsn


@pytest.fixture
def config(http_port: int) -> Config:
    """Override it in a test's file, with `dataclasses.replace`, to ask for other options.

    Without rate limits, since tests do in a second what people do in an hour.
    """
    return options.parse(["--port", str(http_port), "--rate-limits", "off"], {})


@pytest.fixture(scope="session")
def browser_loop() -> Iterator[BrowserLoop]:
    loop = BrowserLoop()
    loop.open()
    yield loop
    loop.close_all()


@pytest.fixture
def io_loop(request: pytest.FixtureRequest) -> Iterator[IOLoop]:
    """A loop of the test's own, but where it has a browser: that comes with one."""
    if "browser_here" in request.fixturenames:
        shared = request.getfixturevalue("browser_loop")
        shared.io_loop.make_current()
        yield shared.io_loop
        shared.end_test()
        shared.io_loop.clear_current()
    else:
        loop = IOLoop()
        loop.make_current()
        yield loop
        loop.clear_current()
        loop.close(all_fds=True)


@pytest.fixture
def server_dsn(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[str]:
    """Returns the test's own `dsn` if it asks for one, or else a database that tests share."""
    if "dsn" in request.fixturenames:
        yield request.getfixturevalue("dsn")
    else:
        with postgres.lent() as dsn:
            yield dsn


@pytest.fixture
def db(io_loop: IOLoop, server_dsn: str) -> Iterator[Database]:
    database = Database(server_dsn)
    yield database
    io_loop.run_sync(what_is_under_way)
    io_loop.run_sync(database.close)


async def what_is_under_way() -> None:
    """Lets the queries of streams that have left come to their end."""
    loop = asyncio.get_running_loop()
    own = loop.own_tasks if isinstance(loop, BrowserLoop) else set()
    if others := asyncio.all_tasks() - {asyncio.current_task()} - own:
        await asyncio.wait(others, timeout=2)


@pytest.fixture(scope="session")
def assets() -> StaticAssets:
    """Reads the page's files once: compressing them takes longer than most tests."""
    return StaticAssets(options.STATIC_DIR)


@pytest.fixture
def app(config: Config, db: Database, assets: StaticAssets) -> Messenger:
    return make_app(config, db, SECRET, assets)


@pytest.fixture
def http_server(
    io_loop: IOLoop, app: Messenger, _unused_port: tuple[object, int]
) -> Iterator[Listener]:
    """As `main` makes it, limits included, on pytest-tornado's port."""
    server = make_server(app)

    async def listen() -> None:
        server.add_sockets([_unused_port[0]])  # type: ignore[list-item]

    async def stop() -> None:
        server.stop()
        for stream in list(app.services.bus):
            stream.abort()

    io_loop.run_sync(listen)
    yield server
    io_loop.run_sync(stop)
    io_loop.run_sync(server.close_all_connections)


@pytest.fixture
def base_url(http_server: Listener, http_port: int) -> str:
    """With a server behind it, also for tests that speak to its port themselves."""
    return f"http://localhost:{http_port}"


@pytest.fixture
def visitor(http_client: AsyncHTTPClient, base_url: str) -> Visitor:
    return Visitor(http_client, base_url)


@pytest.fixture(autouse=True)
def no_unexpected_errors(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> Iterator[None]:
    """An ERROR in the log that the test did not ask for, by `expects_errors`, fails it.

    So does a line of the server's that gives away a token, or what somebody has said.
    """
    secret_leaks.forget()
    caplog.set_level(logging.INFO, "messenger")
    yield
    assert not secret_leaks.told_by(record.getMessage() for record in caplog.get_records("call"))
    if request.node.get_closest_marker("expects_errors"):
        return
    records = [r for r in caplog.get_records("call") if r.levelno >= logging.ERROR]
    assert not records, [record.getMessage() for record in records]
