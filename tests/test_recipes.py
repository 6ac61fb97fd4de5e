"""The recipes of docs/operating.md, as written, with the programs that they are for."""

import dataclasses
import ipaddress
import json
import statistics
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from config import Config
from handlers.application import Messenger
from tests.conftest import SECRET
from tests.support.documents import adapted, recipe, run
from tests.support.measures import Figures
from tests.support.people import eventually
from tests.support.processes import ServerProcess
from tests.support.proxies import KINDS, HAProxy, Proxy
from tests.support.residents import resident
from tests.support.sse import EventStream

ORIGIN = "https://chat.example"
HOST = "chat.example"


@pytest.fixture
def config(config: Config) -> Config:
    loopback = ipaddress.ip_network("127.0.0.1")
    return dataclasses.replace(config, origin=ORIGIN, trusted_proxies=(loopback,), dev_login=False)


@pytest.fixture(params=KINDS, ids=lambda kind: str(kind.program))
def proxy(request: pytest.FixtureRequest, tmp_path: Path, http_port: int) -> Iterator[Proxy]:
    """Runs the proxy with the documented file, in front of this test's server."""
    kind: type[Proxy] = request.param
    kind.needed()
    proxy = kind(tmp_path, http_port)
    proxy.write()
    proxy.check()
    with proxy.running():
        yield proxy


class Client:
    """A user behind the proxy, over HTTPS."""

    def __init__(self, proxy: Proxy, token: str) -> None:
        self._proxy = proxy
        self._headers = {"Authorization": f"Bearer {token}", "Host": HOST}
        self._url = f"https://127.0.0.1:{proxy.port}"

    async def ask(self, method: str, path: str, fields: object = None) -> httpx.Response:
        async with httpx.AsyncClient(verify=self._proxy.tls) as client:
            return await client.request(
                method,
                self._url + path,
                json=fields,
                headers=self._headers,
                extensions={"sni_hostname": HOST},
            )

    async def stream(self) -> EventStream:
        stream = await EventStream.open(
            self._url, self._headers, tls=self._proxy.tls, server_name=HOST
        )
        assert (await stream.event()).name == "hello"
        return stream


@pytest.fixture
def jane(proxy: Proxy, base_url: str, dsn: str) -> Client:
    return Client(proxy, resident(dsn, "jane", SECRET)[1])


@pytest.fixture
def john(proxy: Proxy, base_url: str, dsn: str) -> Client:
    return Client(proxy, resident(dsn, "john", SECRET)[1])


async def conversation(jane: Client) -> str:
    """Returns the path of her messages with john."""
    answer = await jane.ask("POST", "/api/conversations", {"username": "john"})
    assert answer.status_code == 201, answer.text
    return f"/api/conversations/{answer.json()['id']}/messages"


@pytest.mark.gen_test(timeout=60)
async def test_two_people_talk_through_a_proxy_with_the_documented_file(
    jane: Client, john: Client
) -> None:
    messages = await conversation(jane)
    stream = await john.stream()
    for n in range(20):
        assert (await jane.ask("POST", messages, {"content": f"{n}"})).status_code == 201
        assert (await stream.event()).data["content"] == f"{n}"
    assert (await jane.ask("GET", "/metrics")).status_code == 404
    await stream.left()


@pytest.mark.gen_test(timeout=60)
async def test_a_stream_ends_when_its_client_leaves_the_proxy(john: Client, app: Messenger) -> None:
    stream = await john.stream()
    assert len(app.services.bus) == 1
    await stream.left()
    await eventually(lambda: len(app.services.bus) == 0, seconds=5)


@pytest.mark.measure
@pytest.mark.parametrize("proxy", [HAProxy], indirect=True)
@pytest.mark.gen_test(timeout=60)
async def test_haproxy_passes_an_event_within_20_ms_and_a_departure_within_a_second(
    jane: Client, john: Client, app: Messenger, figures: Figures
) -> None:
    messages = await conversation(jane)
    stream = await john.stream()
    delays = []
    for n in range(20):
        await jane.ask("POST", messages, {"content": f"{n}", "clientId": str(uuid.uuid4())})
        answered = time.perf_counter()
        await stream.event()
        delays.append(time.perf_counter() - answered)
    figures.seconds("an event through HAProxy, s", statistics.median(delays), 0.020)

    await stream.left()
    left = time.perf_counter()
    await eventually(lambda: len(app.services.bus) == 0, seconds=5)
    figures.seconds("a departure through HAProxy, s", time.perf_counter() - left, 1)


def test_the_documented_script_sends_a_message(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        port = server.url.rpartition(":")[2]
        ported = adapted(
            recipe("docs/operating.md", "From a script", "sh"),
            {"localhost:8000": f"localhost:{port}"},
        )
        told = run(ported, tmp_path)
    answers = [json.loads(answer) for answer in told.replace("}{", "}\n{").splitlines()]
    assert [set(answer) & {"token", "otherParticipant", "content"} for answer in answers] == [
        {"token"},
        {"token"},
        {"otherParticipant"},
        {"content"},
    ]
    assert answers[-1]["content"] == "Hello, John"
