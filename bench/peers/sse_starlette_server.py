"""sse-starlette on uvicorn like in its README: a queue for each client. It checks no token."""

import asyncio
import sys
from collections.abc import AsyncIterator

import uvicorn
from sse_starlette import EventSourceResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

CLIENTS: dict[str, set[asyncio.Queue[str]]] = {}


async def stream(request: Request) -> Response:
    user = request.query_params["user"]
    queue: asyncio.Queue[str] = asyncio.Queue(16)

    async def events() -> AsyncIterator[dict[str, str]]:
        CLIENTS.setdefault(user, set()).add(queue)
        try:
            yield {"event": "hello", "data": "{}"}
            while True:
                yield {"data": await queue.get()}
        finally:
            CLIENTS[user].discard(queue)

    return EventSourceResponse(events(), ping=20)


async def publish(request: Request) -> Response:
    text = (await request.body()).decode()
    for queue in CLIENTS.get(request.query_params["user"], ()):
        queue.put_nowait(text)
    return Response(status_code=204)


app = Starlette(routes=[Route("/stream", stream), Route("/publish", publish, methods=["POST"])])
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), backlog=4096, log_level="warning")
