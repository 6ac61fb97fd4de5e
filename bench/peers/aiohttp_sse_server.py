"""aiohttp-sse like in its README: a queue for each client. It checks no token."""

import asyncio
import sys

from aiohttp import web
from aiohttp_sse import sse_response

CLIENTS: dict[str, set[asyncio.Queue[str]]] = {}


async def stream(request: web.Request) -> web.StreamResponse:
    user = request.query["user"]
    queue: asyncio.Queue[str] = asyncio.Queue(16)
    async with sse_response(request) as response:
        await response.send("{}", event="hello")
        CLIENTS.setdefault(user, set()).add(queue)
        try:
            while response.is_connected():
                await response.send(await queue.get())
        finally:
            CLIENTS[user].discard(queue)
    return response


async def publish(request: web.Request) -> web.Response:
    text = await request.text()
    for queue in CLIENTS.get(request.query["user"], ()):
        queue.put_nowait(text)
    return web.Response(status=204)


app = web.Application()
app.add_routes([web.get("/stream", stream), web.post("/publish", publish)])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), backlog=4096, access_log=None, print=None)
