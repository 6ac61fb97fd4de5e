"""A listener without a server."""

from tornado.web import Application

from handlers.requests import problems
from http1.connection import Timeouts
from http1.listener import Listener
from http1.parser import Limits


def small_listener() -> Listener:
    """Makes a listener for one connection, without handlers, for a loop of the test's own."""
    return Listener(
        Application(),
        most_connections=1,
        limits=Limits(1024, 1024),
        timeouts=Timeouts(10, 10),
        headers={},
        refusal=problems.refusal,
    )
