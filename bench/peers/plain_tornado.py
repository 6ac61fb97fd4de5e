"""Plain Tornado: write and flush on each handler, one after the other. It checks no token."""

import asyncio
import sys

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

STREAMS: dict[str, set["Stream"]] = {}


class Stream(RequestHandler):
    async def get(self) -> None:
        self.user = self.get_query_argument("user")
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.write("event: hello\ndata: {}\n\n")
        await self.flush()
        STREAMS.setdefault(self.user, set()).add(self)
        self.closed = asyncio.Event()
        await self.closed.wait()

    def on_connection_close(self) -> None:
        STREAMS.get(self.user, set()).discard(self)
        self.closed.set()


class Publish(RequestHandler):
    def post(self) -> None:
        frame = b"data: " + self.request.body + b"\n\n"
        for stream in list(STREAMS.get(self.get_query_argument("user"), ())):
            stream.write(frame)
            stream.flush()
        self.set_status(204)


async def main() -> None:
    app = Application([("/stream", Stream), ("/publish", Publish)], log_function=lambda _: None)
    HTTPServer(app).listen(int(sys.argv[1]), "127.0.0.1", backlog=4096)
    await asyncio.Event().wait()


asyncio.run(main())
