"""Three servers behind HAProxy and nginx, with the files of deploy/cluster."""

import asyncio
import contextlib
import socket
import statistics
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import httpx
import psycopg2
import pytest

from tests.support import cluster
from tests.support import site as sites
from tests.support.balancers import BALANCERS, HOST, Balancer, HAProxyBalancer, NginxBalancer
from tests.support.callers import wait_for_a_lock
from tests.support.measures import Figures
from tests.support.people import eventually, eventually_equal
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess
from tests.support.residents import another_token
from tests.support.site import Load, Site, User
from tests.support.sse import EventStream
from tests.support.standalone import StandalonePostgres

REQUESTS = "messenger_requests_total"
COOKIES = ("messenger-session", "__Host-messenger-session")


@pytest.fixture(scope="module")
def site(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with (
        postgres.database() as dsn,
        sites.site(dsn, tmp_path_factory.mktemp("site")) as site,
    ):
        yield site


@pytest.fixture(params=BALANCERS, ids=lambda kind: str(kind.program))
def balancer(request: pytest.FixtureRequest, site: Site) -> Balancer:
    kind: type[Balancer] = request.param
    kind.needed()
    return site.balancers[kind]


only_haproxy = pytest.mark.parametrize(
    "balancer", [HAProxyBalancer], indirect=True, ids=["haproxy"]
)


def test_the_program_accepts_the_file_without_a_warning(balancer: Balancer) -> None:
    assert "warn" not in balancer.check().lower()


@pytest.mark.gen_test
async def test_people_talk_through_a_balancer(site: Site, balancer: Balancer) -> None:
    (john,), (jane,), _ = await site.users_of_each_server(balancer, 1)
    messages = await john.messages_with(jane)
    async with jane.streaming() as stream:
        for n in range(5):
            answer = await john.ask("POST", messages, {"content": f"{n}"})
            assert answer.status_code == 201
            assert (await stream.event()).data["content"] == f"{n}"


@pytest.mark.gen_test
async def test_a_user_signs_in_through_a_balancer(site: Site, balancer: Balancer) -> None:
    async with sites.client(balancer) as browser:
        begun = await browser.get("/api/oauth/github")
        consented = await browser.get(begun.headers["Location"])
        arrived = await browser.get(consented.headers["Location"].removeprefix(f"https://{HOST}"))
        assert arrived.status_code == 302, arrived.text
        assert (await browser.get("/api/auth_user")).json()["username"] == "octo-jane"


@pytest.mark.gen_test
async def test_a_token_in_the_query_opens_a_stream_and_is_in_no_log(
    site: Site, balancer: Balancer
) -> None:
    user = site.user(balancer)
    stream = await EventStream.open(
        balancer.url,
        {"Host": HOST},
        target=f"/api/messages?token={user.token}",
        tls=balancer.tls,
        server_name=HOST,
    )
    assert (await stream.event()).name == "hello"
    balancer.log()
    await stream.left()
    assert user.token not in await logged(balancer, "GET /api/messages 200")


async def logged(balancer: Balancer, *wanted: str) -> str:
    """Waits until the balancer has logged these texts. Returns all that it logs until then."""
    told = ""

    def has_told() -> bool:
        nonlocal told
        told += balancer.log()
        return all(text in told for text in wanted)

    await eventually(has_told)
    return told


@pytest.mark.gen_test
async def test_a_token_leads_to_one_server_wherever_it_stands(
    site: Site, balancer: Balancer
) -> None:
    for home, (user,) in enumerate(await site.users_of_each_server(balancer, 1)):
        assert await servers_of(site, user, user.token) == {home}


@pytest.mark.gen_test
@only_haproxy
async def test_all_tokens_of_a_user_lead_to_one_server(site: Site, balancer: Balancer) -> None:
    for home, users in enumerate(await site.users_of_each_server(balancer, 2)):
        for user in users:
            another = another_token(site.dsn, user.id, cluster.SECRET)
            assert await servers_of(site, user, another) == {home}


async def servers_of(site: Site, user: User, token: str) -> set[int]:
    """Returns the servers to which requests go with the token in each of its places."""
    found = {await site.server_of(user, Authorization=f"bearer {token}")}
    for name in COOKIES:
        found.add(await site.server_of(user, Cookie=f"a=b; {name}={token}; c=d"))
    return found | {await site.server_of(user, f"?limit=1&token={token}", Accept="*/*")}


@pytest.mark.gen_test
async def test_a_stream_ends_on_its_server_when_its_client_leaves(
    site: Site, balancer: Balancer
) -> None:
    def streams() -> float:
        return sum(cluster.metric(server, "messenger_streams_open") for server in site.servers)

    before = streams()
    stream = await site.user(balancer).stream()
    assert streams() == before + 1
    # With FIN: a proxy always notices RST.
    stream.writer.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
    await eventually(lambda: streams() == before, seconds=5)
    await stream.left()


@pytest.mark.gen_test
async def test_figures_and_health_are_not_passed_on(site: Site, balancer: Balancer) -> None:
    user = site.user(balancer)
    for path in ("/metrics", "/metrics?", "/health/live", "/health/ready"):
        answer = await user.ask("GET", path)
        assert answer.status_code == 404, path
        assert "json" not in answer.headers.get("Content-Type", "")  # it is the balancer's


@pytest.mark.gen_test
async def test_plain_http_is_redirected(balancer: Balancer) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.get(
            f"http://127.0.0.1:{balancer.plain_port}/x?y=z", headers={"Host": HOST}
        )
    assert (answer.status_code, answer.headers["Location"]) == (308, f"https://{HOST}/x?y=z")


@pytest.mark.gen_test
async def test_the_client_cannot_forge_its_address(site: Site, balancer: Balancer) -> None:
    user = site.user(balancer)
    forged = {"X-Forwarded-For": "192.0.2.7", "X-Request-ID": "forged-id"}
    await site.server_of(user, **user.bearer, **forged)
    lines = [line for one in site.servers for line in one.output if f" user={user.id} " in line]
    assert lines
    assert not [line for line in lines if "192.0.2.7" in line or "forged-id" in line]


@pytest.mark.gen_test
async def test_a_request_whose_server_dies_is_answered_by_another(
    site: Site, balancer: Balancer
) -> None:
    (john,), (jane,), _ = await site.users_of_each_server(balancer, 1)
    messages = await john.messages_with(jane)
    fields = {"content": "a message", "clientId": str(uuid.uuid4())}
    answer = await sent_to_a_dying_server(site, john, messages, fields)
    assert answer.status_code in (200, 201), answer.text
    assert await contents(john, messages) == ["a message"]


@only_haproxy
@pytest.mark.gen_test
async def test_haproxy_does_not_repeat_a_message_without_a_client_id(
    site: Site, balancer: Balancer
) -> None:
    (john,), (jane,), _ = await site.users_of_each_server(balancer, 1)
    messages = await john.messages_with(jane)
    content = '"clientId": "x" is only in its text'
    answer = await sent_to_a_dying_server(site, john, messages, {"content": content})
    assert answer.status_code == 502
    assert await contents(john, messages) == [content]  # the database had it already


async def contents(john: User, messages: str) -> list[str]:
    return [message["content"] for message in (await john.ask("GET", messages)).json()]


async def sent_to_a_dying_server(
    site: Site, john: User, messages: str, fields: dict[str, str]
) -> httpx.Response:
    """Kills the first server while it stores a message of John's. Returns the answer to John."""
    with contextlib.closing(psycopg2.connect(site.dsn)) as holder:
        holder.cursor().execute("SELECT FROM feeds FOR UPDATE")
        sending = asyncio.create_task(john.ask("POST", messages, fields))
        await asyncio.to_thread(wait_for_a_lock, site.dsn)
        site.servers[0].process.kill()
        await asyncio.to_thread(site.servers[0].process.wait)
    answer = await sending
    await site.start(0, john)
    return answer


@pytest.mark.gen_test
async def test_servers_restart_one_after_the_other_under_load(
    site: Site, balancer: Balancer
) -> None:
    users = await site.users_of_each_server(balancer, 2)
    load = Load([user for two in users for user in two])
    async with load.running():
        for number, (user, _) in enumerate(users):
            await site.restart(number, user)
    load.check()
    assert all(2 <= reader.connections <= 3 for reader in load.readers)


@pytest.mark.gen_test
async def test_haproxy_holds_requests_from_one_server_to_several_and_back(
    dsn: str, tmp_path: Path
) -> None:
    HAProxyBalancer.needed()
    servers = [sites.server(dsn, tmp_path / f"{n}") for n in range(3)]
    flags = servers[0].flags
    alone = tuple(flag for flag in flags if flag not in ("--relay", "postgres"))
    with ExitStack() as stack, sites.balancer(HAProxyBalancer, tmp_path, servers) as balancer:
        one, two, _ = servers
        one.flags = alone
        stack.enter_context(one)
        site = Site(dsn, servers, [balancer])
        load = Load([site.user(balancer) for _ in range(3)])
        async with load.running():
            one.flags = flags
            await site.restart(0)
            await asyncio.to_thread(stack.enter_context, two)
            await eventually(lambda: cluster.metric(two, REQUESTS) > 10)
            await asyncio.to_thread(two.end)
            one.flags = alone
            await site.restart(0)
    load.check()


@pytest.mark.gen_test
async def test_while_the_database_is_away_clients_get_503_and_then_all_is_well(
    balancer: Balancer, tmp_path: Path
) -> None:
    postgres = StandalonePostgres()
    postgres.start()
    with ExitStack() as stack:
        stack.callback(postgres.stop)
        dsn = stack.enter_context(postgres.database())
        server = stack.enter_context(sites.server(dsn, tmp_path / "server"))
        # One that is three, because three need the time of three.
        front = stack.enter_context(sites.balancer(type(balancer), tmp_path, [server] * 3))
        user = User(front, dsn)

        postgres.crash()
        if isinstance(front, HAProxyBalancer):
            await logged(front, *(f"messenger/{n} is DOWN" for n in ("one", "two", "three")))
        for _ in range(3):
            answer = await user.ask("GET", "/api/conversations")
            assert answer.status_code == 503, answer.text
            assert answer.headers["Retry-After"]
        postgres.revive()
        await eventually_equal(200, partial(status_of, user))


async def status_of(user: User) -> int:
    return (await user.ask("GET", "/api/conversations")).status_code


@pytest.mark.gen_test
async def test_without_any_server_nginx_asks_clients_to_come_again(tmp_path: Path) -> None:
    NginxBalancer.needed()
    absent = [ServerProcess(tmp_path) for _ in range(3)]
    with sites.balancer(NginxBalancer, tmp_path, absent) as balancer:
        for _ in range(2):
            async with sites.client(balancer) as client:
                answer = await client.post("/api/login", json={})
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")


@pytest.mark.measure
@pytest.mark.gen_test
async def test_an_event_passes_a_balancer_within_20_ms(
    site: Site, balancer: Balancer, figures: Figures
) -> None:
    (john,), (jane,), _ = await site.users_of_each_server(balancer, 1)
    messages = await john.messages_with(jane)
    delays = []
    async with jane.streaming() as stream, john.client() as client:
        for n in range(20):
            await client.post(messages, json={"content": f"{n}"})
            answered = time.perf_counter()
            await stream.event()
            delays.append(time.perf_counter() - answered)
    name = f"an event from server to server behind {balancer.program}, s"
    figures.seconds(name, statistics.median(delays), 0.020)
