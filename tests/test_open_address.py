"""A server with only `--address`, which listens on every address."""

import contextlib
import http.client
import json
from pathlib import Path

from tests.support.processes import ServerProcess


def asked(url: str, path: str, host: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=10)
    with contextlib.closing(connection):
        connection.request("GET", path, headers={"Host": host})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_an_open_address_alone_warns_that_sign_in_is_impossible_and_names_the_hosts(
    tmp_path: Path,
) -> None:
    with ServerProcess(tmp_path, "--address", "0.0.0.0") as server:
        nobody = server.wait_for("No user can sign in: .*")
        assert "--address" in nobody
        assert "--github-client-id" in nobody
        hosts = server.wait_for(r"Only requests for these hosts are served (.*)")
        assert "--allowed-hosts" in hosts
        told = hosts.rpartition("): ")[2].split(", ")
        assert server.url.removeprefix("http://") in told
        for host in told:
            assert asked(server.url, "/api/sign_in_methods", host)[0] == 200, host
        methods = asked(server.url, "/api/sign_in_methods", "localhost")[1]
        assert not any(methods.values())
        status, problem = asked(server.url, "/api/sign_in_methods", "192.0.2.7:8000")
        assert status == 421
        assert "--allowed-hosts" in problem["detail"]
        assert server.end() == 0


def test_an_added_host_is_announced_and_served(tmp_path: Path) -> None:
    flags = ("--address", "0.0.0.0", "--allowed-hosts", "192.0.2.7")
    with ServerProcess(tmp_path, *flags) as server:
        assert "192.0.2.7" in server.wait_for("Only requests for these hosts are served .*")
        assert asked(server.url, "/api/sign_in_methods", "192.0.2.7:1")[0] == 200
        assert server.end() == 0
