"""Firefox over WebDriver BiDi, and WebKitGTK over WebDriver: what a user does in a page, for both.

Playwright drives only builds of its own. These are the distribution's, as people have them.
"""

import asyncio
import json
import os
import shutil
import socket
from abc import ABC, abstractmethod
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from tornado.httpclient import AsyncHTTPClient
from tornado.websocket import WebSocketClientConnection, websocket_connect

SECONDS = 60  # for a browser to start, or for a page to come to a state: a busy machine is slow
ENTER = "\ue007"  # of WebDriver
MINI_BROWSER = next(Path("/usr").glob("lib*/**/webkit2gtk-4.*/MiniBrowser"), None)


class OtherBrowser(ABC):
    """One window. An expression is JavaScript, and its value is anything that JSON has."""

    @abstractmethod
    async def goto(self, url: str) -> None: ...

    @abstractmethod
    async def reload(self) -> None: ...

    @abstractmethod
    async def evaluate(self, expression: str) -> Any: ...

    @abstractmethod
    async def _perform(self, actions: list[Any]) -> None:
        """Actions are the same in both protocols."""

    async def until(self, expression: str) -> None:
        """Waits until it is true."""
        try:
            async with asyncio.timeout(SECONDS):
                while not await self.evaluate(expression):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            text = await self.evaluate("document.body.innerText")
            raise AssertionError(f"not in {SECONDS} s: {expression}\n{text}") from None

    async def write(self, selector: str, text: str) -> None:
        """Clicks a field, types into it, and presses Enter."""
        found = f"document.querySelector({json.dumps(selector)})"
        await self.until(f"{found}?.checkVisibility()")
        box = await self.evaluate(f"{found}.getBoundingClientRect().toJSON()")
        x, y = int(box["x"] + box["width"] / 2), int(box["y"] + box["height"] / 2)
        press = [{"type": "pointerDown", "button": 0}, {"type": "pointerUp", "button": 0}]
        keys = [
            {"type": kind, "value": key} for key in [*text, ENTER] for kind in ("keyDown", "keyUp")
        ]
        mouse = [{"type": "pointerMove", "x": x, "y": y}, *press]
        await self._perform([{"type": "pointer", "id": "mouse", "actions": mouse}])
        await self.until(f"document.activeElement === {found}")
        await self._perform([{"type": "key", "id": "keyboard", "actions": keys}])


class Firefox(OtherBrowser):
    def __init__(self, connection: WebSocketClientConnection) -> None:
        self._connection = connection
        self._ids = count(1)
        self._context = ""

    @staticmethod
    def missing() -> list[str]:
        return [] if _firefox() else ["firefox-esr"]

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["Firefox"]:
        flags = ["--headless", "--no-remote", "--remote-debugging-port=0", "--profile", str(folder)]
        environ = os.environ | {"HOME": str(folder)}
        async with running(
            _firefox() or "", *flags, "about:blank", env=environ, stderr=PIPE
        ) as run:
            assert run.stderr is not None
            async with asyncio.timeout(SECONDS):
                while b"WebDriver BiDi listening on" not in (line := await run.stderr.readline()):
                    assert line, "it did not start"
            address = line.decode().split()[-1]
            browser = cls(await websocket_connect(f"{address}/session"))
            try:
                await browser._ask("session.new", capabilities={})
                tree = await browser._ask("browsingContext.getTree")
                browser._context = tree["contexts"][0]["context"]
                yield browser
            finally:
                browser._connection.close()

    async def goto(self, url: str) -> None:
        await self._ask("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self) -> None:
        await self._ask("browsingContext.reload", context=self._context, wait="complete")

    async def evaluate(self, expression: str) -> Any:
        answer = await self._ask(
            "script.evaluate",
            expression=f"JSON.stringify({expression}) ?? 'null'",
            target={"context": self._context},
            awaitPromise=False,
        )
        assert answer["type"] == "success", answer
        return json.loads(answer["result"]["value"])

    async def _perform(self, actions: list[Any]) -> None:
        await self._ask("input.performActions", context=self._context, actions=actions)

    async def _ask(self, method: str, **params: Any) -> Any:
        number = next(self._ids)
        request = {"id": number, "method": method, "params": params}
        await self._connection.write_message(json.dumps(request))
        while True:
            message = await self._connection.read_message()
            assert message is not None, "it has ended"
            answer = json.loads(message)
            if answer.get("id") == number:
                assert answer["type"] == "success", answer
                return answer["result"]


class WebKit(OtherBrowser):
    def __init__(self, url: str) -> None:
        self._url = url

    @staticmethod
    def missing() -> list[str]:
        found = {
            "webkit2gtk-driver": shutil.which("WebKitWebDriver"),
            "MiniBrowser": MINI_BROWSER,
            "xvfb": os.environ.get("DISPLAY") or shutil.which("Xvfb"),
        }
        return [name for name, path in found.items() if not path]

    @classmethod
    @asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator["WebKit"]:
        port = _unused_port()
        async with display() as number:
            environ = os.environ | {"DISPLAY": number, "HOME": str(folder)}
            async with running("WebKitWebDriver", f"--port={port}", env=environ):
                driver = cls(f"http://127.0.0.1:{port}")
                options = {"binary": str(MINI_BROWSER), "args": ["--automation"]}
                wanted = {"alwaysMatch": {"webkitgtk:browserOptions": options}}
                session = await driver._started({"capabilities": wanted})
                browser = cls(f"{driver._url}/session/{session}")
                try:
                    yield browser
                finally:
                    await browser._ask("", method="DELETE")

    async def goto(self, url: str) -> None:
        await self._ask("/url", {"url": url})

    async def reload(self) -> None:
        await self._ask("/refresh", {})

    async def evaluate(self, expression: str) -> Any:
        script = f"return JSON.stringify({expression}) ?? 'null'"
        return json.loads(await self._ask("/execute/sync", {"script": script, "args": []}))

    async def _perform(self, actions: list[Any]) -> None:
        await self._ask("/actions", {"actions": actions})

    async def _started(self, fields: Any) -> str:
        async with asyncio.timeout(SECONDS):
            while True:
                try:
                    session: str = (await self._ask("/session", fields))["sessionId"]
                    return session
                except ConnectionRefusedError:
                    await asyncio.sleep(0.05)

    async def _ask(self, path: str, fields: Any = None, method: str = "POST") -> Any:
        answer = await AsyncHTTPClient().fetch(
            self._url + path,
            method=method,
            body=None if fields is None else json.dumps(fields),
            request_timeout=SECONDS,
            raise_error=False,
        )
        if answer.error and answer.code == 599:
            raise answer.error
        value = json.loads(answer.body)["value"]
        assert answer.code == 200, value
        return value


@asynccontextmanager
async def running(*command: str, **options: Any) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *command, **({"stdout": DEVNULL, "stderr": DEVNULL} | options)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await asyncio.wait_for(process.wait(), SECONDS)


@asynccontextmanager
async def display() -> AsyncIterator[str]:
    """The machine's, or one without a screen."""
    if found := os.environ.get("DISPLAY"):
        yield found
        return
    async with running("Xvfb", "-displayfd", "1", "-nolisten", "tcp", stdout=PIPE) as server:
        assert server.stdout is not None
        async with asyncio.timeout(SECONDS):
            number = await server.stdout.readline()
        yield f":{number.decode().strip()}"


def _firefox() -> str | None:
    return shutil.which("firefox-esr") or shutil.which("firefox")


def _unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
