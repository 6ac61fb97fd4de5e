"""Behind a proxy: whose headers the server trusts, and the headers for browsers over TLS."""

import dataclasses
import ipaddress
import logging

import pytest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine

from config import Config
from handlers.requests.limits import network
from handlers.requests.proxies import Proxies
from tests.support.addresses import sign_in_from
from tests.support.people import Visitor

NETWORKS = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "::1/128", "2001:db8::/64")]


def seen_through(peer: str, **headers: str) -> HTTPServerRequest:
    """Returns a request of `peer` with these headers, as the server sees it."""
    sent = HTTPHeaders({name.replace("_", "-"): value for name, value in headers.items()})
    sent["Host"] = "localhost"
    line = RequestStartLine("GET", "/", "HTTP/1.1")
    request = HTTPServerRequest(headers=sent, start_line=line)
    request.remote_ip, request.protocol = peer, "http"
    Proxies(NETWORKS).look_through(request)
    return request


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7", "192.0.2.7"),  # the client claims the left one
        ("10.0.0.1", "6.6.6.6, 192.0.2.7,10.2.3.4 , 10.9.9.9", "192.0.2.7"),
        ("10.0.0.1", "10.2.3.4, 10.9.9.9", "10.2.3.4"),  # a request from the proxies' own network
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, nonsense", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, nonsense, 10.2.3.4", "10.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7:51234", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6:80, 10.2.3.4:81", "6.6.6.6"),
        ("10.0.0.1", '6.6.6.6, "[2001:db8:1::1]:443"', "2001:db8:1::1"),
        ("10.0.0.1", "[2001:db8:1::1]", "2001:db8:1::1"),
        ("10.0.0.1", '"2001:db8:1::1"', "2001:db8:1::1"),
        ("10.0.0.1", '"192.0.2.7"', "192.0.2.7"),
        ("10.0.0.1", "[::ffff:192.0.2.7]:443", "192.0.2.7"),
        ("10.0.0.1", "::FFFF:192.0.2.7", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6, ::ffff:10.2.3.4", "6.6.6.6"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "[fe80::1%25eth0]:80", "fe80::1"),
        ("10.0.0.1", 'For="[2001:db8:1::1]:443";proto=https;by=10.0.0.9', "2001:db8:1::1"),
        ("10.0.0.1", "proto=https; for=192.0.2.7:80 ", "192.0.2.7"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7:", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7:port", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, [192.0.2.7", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, [2001:db8:1::1]443", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.300", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, unknown", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6, for=_hidden", "10.0.0.1"),
        ("10.0.0.1", "6.6.6.6" + ", 10.2.3.4" * 1500, "10.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 192.0.2.7" + " " * 14_000, "10.0.0.1"),
        ("fe80::1%eth0", "6.6.6.6", "fe80::1%eth0"),
        ("10.0.0.1", "6.6.6.6,", "10.0.0.1"),
        ("::1", "2001:db8:0:1::5", "2001:db8:0:1::5"),
        ("2001:db8::5", "::ffff:192.0.2.7", "192.0.2.7"),
        ("::ffff:10.0.0.1", "192.0.2.7", "192.0.2.7"),
        ("192.0.2.1", "6.6.6.6", "192.0.2.1"),  # no trusted proxy
        ("0.0.0.0", "6.6.6.6", "0.0.0.0"),
        ("", "6.6.6.6", ""),
    ],
)
def test_the_rightmost_untrusted_address_is_the_clients(
    peer: str, forwarded_for: str, client: str
) -> None:
    assert seen_through(peer, X_Forwarded_For=forwarded_for).remote_ip == client


@pytest.mark.parametrize(
    ("peer", "told", "protocol"),
    [
        ("10.0.0.1", "https", "https"),
        ("10.0.0.1", "http, HTTPS", "https"),
        ("10.0.0.1", "ftp", "http"),
        ("10.0.0.1", "", "http"),
        ("192.0.2.1", "https", "http"),
    ],
)
def test_only_a_trusted_proxy_sets_the_protocol(peer: str, told: str, protocol: str) -> None:
    assert seen_through(peer, X_Forwarded_Proto=told).protocol == protocol


@pytest.mark.parametrize(
    ("peer", "told", "kept"),
    [
        ("10.0.0.1", "0123-abc.d_e", True),
        ("10.0.0.1", "x" * 65, False),
        ("10.0.0.1", "a b", False),
        ("10.0.0.1", "a\xe9", False),
        ("192.0.2.1", "0123", False),
    ],
)
def test_only_a_trusted_proxy_sets_the_request_id(peer: str, told: str, kept: bool) -> None:
    assert ("X-Request-Id" in seen_through(peer, X_Request_Id=told).headers) is kept


class TestWithATrustedProxy:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(
            config,
            trusted_proxies=(ipaddress.ip_network("127.0.0.1"),),
            rate_limits=True,
            sign_ins_per_minute=2,
        )

    @pytest.mark.gen_test
    async def test_development_sign_in_is_absent_through_a_trusted_proxy(
        self, visitor: Visitor, base_url: str
    ) -> None:
        for address in ("192.0.2.7", "127.0.0.1", "::1", "127.0.0.2"):
            sent = {"X-Forwarded-For": address}
            assert (await visitor.post("/api/login", {"username": "j"}, headers=sent)).status == 404
        assert await sign_in_from("127.0.0.1", base_url) == 200

    @pytest.mark.gen_test
    async def test_the_log_has_the_clients_address_and_the_proxys_id(
        self, visitor: Visitor, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        sent = {"X-Forwarded-For": "6.6.6.6, 192.0.2.7", "X-Request-ID": "edge-7"}
        await visitor.get("/api/auth_user", headers=sent)
        await visitor.get("/api/auth_user")
        theirs, ours = (r.fields for r in caplog.records if r.name == "messenger.access")  # type: ignore[attr-defined]
        assert (theirs["remote"], theirs["request"]) == ("192.0.2.7", "edge-7")
        assert ours["remote"] == "127.0.0.1"
        assert len(ours["request"]) == 16


@pytest.mark.gen_test
async def test_without_trusted_proxies_forwarding_headers_are_ignored(
    visitor: Visitor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sent = {"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.8", "X-Request-ID": "edge-7"}
    await visitor.get("/api/auth_user", headers=sent)
    (told,) = (r.fields for r in caplog.records if r.name == "messenger.access")  # type: ignore[attr-defined]
    assert told["remote"] == "127.0.0.1"
    assert told["request"] != "edge-7"


class TestOverTls:
    @pytest.fixture
    def config(self, config: Config) -> Config:
        return dataclasses.replace(config, origin="https://chat.example")

    @pytest.mark.gen_test
    async def test_browsers_are_told_to_use_only_https(self, visitor: Visitor) -> None:
        for path in ("/", "/app.js", "/api/nothing", "/api/auth_user", "/health/live"):
            headers = (await visitor.get(path)).headers
            assert headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.gen_test
async def test_over_plain_http_no_header_mentions_tls(visitor: Visitor) -> None:
    for path in ("/", "/api/nothing"):
        assert "Strict-Transport-Security" not in (await visitor.get(path)).headers


def test_an_address_behind_a_proxy_has_limits_of_its_own() -> None:
    assert network(seen_through("::1", X_Forwarded_For="2001:db8:5::1").remote_ip) == (
        "2001:db8:5::/64"
    )
