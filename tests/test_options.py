"""Options: flags before environment variables before defaults, and one clear line for errors."""

import resource
from pathlib import Path
from typing import Any

import pytest

import config
from config import Invalid, parse
from tests.support.processes import free_port, run
from tests.support.rules import rule

SECRET = "s" * 32


def test_without_options_the_defaults_are_as_documented() -> None:
    found = parse([], {})
    assert (found.address, found.port, found.origin) == ("127.0.0.1", 8000, "http://localhost:8000")
    assert found.database_url is None
    assert found.data_dir == Path(config.__file__).parent / "data"
    assert found.jwt_secret is None
    assert (found.github_client_id, found.github_client_secret) == (None, None)
    assert found.dev_login is True
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert found.max_streams == hard - 200
    assert found.max_streams_per_user == 10
    assert (found.allowed_hosts, found.trusted_proxies) == ((), ())
    assert (found.feed_retention_days, found.new_epoch) == (30, False)
    assert found.edit_hours == 48
    assert found.github_authorize_url == "https://github.com/login/oauth/authorize"
    assert found.github_token_url == "https://github.com/login/oauth/access_token"
    assert found.github_api_url == "https://api.github.com"
    assert (found.log_format, found.rate_limits) == ("text", True)
    assert (found.requests_at_once, found.requests_per_second) == (30, 100)
    assert (found.sends_at_once, found.sends_per_second) == (60, 10)
    assert found.max_group_members == 1000
    assert (found.members_at_once, found.members_per_minute) == (1000, 200)
    assert (found.searches_at_once, found.searches_per_second) == (20, 5)
    assert (found.reactions_at_once, found.reactions_per_second) == (30, 5)
    assert (found.conversations_per_minute, found.sign_ins_per_minute) == (20, 60)
    assert (found.max_header_bytes, found.max_body_bytes) == (16 * 1024, 64 * 1024)
    assert (found.header_timeout, found.body_timeout) == (30, 30)


@pytest.mark.parametrize(
    ("flag", "text", "name", "value"),
    [
        ("--address", "0.0.0.0", "address", "0.0.0.0"),
        ("--address", "::1", "address", "::1"),
        ("--address", "localhost", "address", "127.0.0.1"),
        ("--port", "0", "port", 0),
        ("--port", "65535", "port", 65535),
        ("--origin", "HTTPS://Chat.Example:443/", "origin", "https://chat.example"),
        ("--origin", "http://[::1]:81", "origin", "http://[::1]:81"),
        ("--database-url", "postgresql://x/y", "database_url", "postgresql://x/y"),
        ("--data-dir", "/a/b", "data_dir", Path("/a/b")),
        ("--jwt-secret", SECRET, "jwt_secret", SECRET),
        ("--jwt-secret", "é" * 16, "jwt_secret", "é" * 16),
        ("--dev-login", "off", "dev_login", False),
        ("--dev-login", "on", "dev_login", True),
        ("--max-streams", "1", "max_streams", 1),
        ("--max-streams-per-user", "20000", "max_streams_per_user", 20000),
        ("--allowed-hosts", "A.example, b:81", "allowed_hosts", ("a.example", "b:81")),
        ("--feed-retention-days", "1", "feed_retention_days", 1),
        ("--edit-hours", "0", "edit_hours", 0),
        ("--new-epoch", "on", "new_epoch", True),
        ("--github-api-url", "http://ghe.test/api/", "github_api_url", "http://ghe.test/api"),
        ("--log-format", "json", "log_format", "json"),
        ("--rate-limits", "off", "rate_limits", False),
        ("--requests-at-once", "1", "requests_at_once", 1),
        ("--disk-reserve", "0", "disk_reserve", 0),
        ("--disk-reserve", "1500", "disk_reserve", 1500),
        ("--disk-reserve", "64k", "disk_reserve", 65536),
        ("--disk-reserve", "500M", "disk_reserve", 500 * 1024**2),
        ("--disk-reserve", "2G", "disk_reserve", 2 * 1024**3),
        ("--requests-per-second", "1", "requests_per_second", 1),
        ("--sends-at-once", "1", "sends_at_once", 1),
        ("--sends-per-second", "1", "sends_per_second", 1),
        ("--conversations-per-minute", "1", "conversations_per_minute", 1),
        ("--max-group-members", "2", "max_group_members", 2),
        ("--max-group-members", "5000", "max_group_members", 5000),
        ("--members-at-once", "1", "members_at_once", 1),
        ("--members-per-minute", "1", "members_per_minute", 1),
        ("--searches-at-once", "1", "searches_at_once", 1),
        ("--searches-per-second", "1", "searches_per_second", 1),
        ("--reactions-at-once", "1", "reactions_at_once", 1),
        ("--reactions-per-second", "1", "reactions_per_second", 1),
        ("--sign-ins-per-minute", "1", "sign_ins_per_minute", 1),
        ("--max-header-bytes", "4096", "max_header_bytes", 4096),
        ("--max-body-bytes", "49152", "max_body_bytes", 49152),
        ("--header-timeout", "1", "header_timeout", 1),
        ("--body-timeout", "1", "body_timeout", 1),
    ],
)
def test_each_option_is_a_flag_and_an_environment_variable(
    flag: str, text: str, name: str, value: Any
) -> None:
    variable = flag.removeprefix("--").replace("-", "_").upper()
    assert getattr(parse([flag, text], {}), name) == value
    assert getattr(parse([f"{flag}={text}"], {}), name) == value
    assert getattr(parse([], {variable: text}), name) == value
    assert getattr(parse([flag, text], {variable: "nonsense"}), name) == value  # the flag wins
    assert parse([], {variable: ""}) == parse([], {})


def test_github_sign_in_needs_its_id_and_its_secret() -> None:
    both = ["--github-client-id", "x", "--github-client-secret", "y"]
    found = parse(both, {})
    assert (found.github_client_id, found.github_client_secret) == ("x", "y")
    assert found == parse([], {"GITHUB_CLIENT_ID": "x", "GITHUB_CLIENT_SECRET": "y"})
    assert found == parse(both[:2], {"GITHUB_CLIENT_SECRET": "y"})
    for argv, environ in (
        (both[:2], {}),
        (both[2:], {}),
        (both[:2], {"GITHUB_CLIENT_SECRET": ""}),
        (both[2:], {"GITHUB_CLIENT_ID": ""}),
        ([*both[:2], "--github-client-secret="], {}),
        (["--github-client-id= ", *both[2:]], {}),
    ):
        with pytest.raises(Invalid, match="--github-client"):
            parse(argv, environ)


def test_new_epoch_may_stand_alone_and_proxies_are_networks() -> None:
    assert parse(["--new-epoch"], {}).new_epoch is True
    found = parse(["--trusted-proxies", "10.0.0.0/8, ::1"], {}).trusted_proxies
    assert [str(network) for network in found] == ["10.0.0.0/8", "::1/128"]


@pytest.mark.parametrize(
    "argv",
    [
        ["--nonsense"],
        ["--por", "1"],
        ["stray"],
        ["--port"],
        ["--port", "x"],
        ["--port", "-1"],
        ["--port", "65536"],
        ["--port", "\u0663"],
        ["--address", "nowhere.example"],
        ["--origin", "chat.example"],
        ["--origin", "ftp://chat.example"],
        ["--origin", "http://chat.example/path"],
        ["--origin", "http://a b"],
        ["--jwt-secret", "s" * 31],
        ["--dev-login", "maybe"],
        ["--dev-login", "on", "--address", "0.0.0.0"],
        ["--dev-login", "on", "--origin", "https://chat.example"],
        ["--max-streams", "0"],
        ["--disk-reserve", "-1"],
        ["--disk-reserve", "5%"],
        ["--disk-reserve", "G"],
        ["--disk-reserve", "1.5G"],
        ["--disk-reserve", "1T"],
        ["--max-streams-per-user", "0"],
        ["--allowed-hosts", "http://x"],
        ["--allowed-hosts", "*"],
        ["--feed-retention-days", "0"],
        ["--edit-hours", "-1"],
        ["--edit-hours", "876001"],
        ["--github-api-url", "x"],
        ["--trusted-proxies", "10.0.0.1/8"],
        ["--trusted-proxies", "proxy.example"],
        ["--trusted-proxies", "10.0.0.1, 0.0.0.0/0"],
        ["--trusted-proxies", "::/0"],
        ["--log-format", "xml"],
        ["--database-url", ""],
        ["--data-dir", ""],
        ["--data-dir", "~nobody-of-that-name/x"],
        ["--rate-limits", "some"],
        ["--sends-at-once", "0"],
        ["--sends-per-second", "0"],
        ["--conversations-per-minute", "0"],
        ["--max-group-members", "1"],
        ["--max-group-members", "5001"],
        ["--members-at-once", "0"],
        ["--members-per-minute", "0"],
        ["--searches-at-once", "0"],
        ["--searches-per-second", "0"],
        ["--reactions-at-once", "0"],
        ["--reactions-per-second", "0"],
        ["--sign-ins-per-minute", "0"],
        ["--max-header-bytes", "4095"],
        ["--max-body-bytes", "49151"],
        ["--header-timeout", "0"],
        ["--body-timeout", "0"],
    ],
    ids=" ".join,
)
def test_an_invalid_option_is_refused_in_one_line(argv: list[str]) -> None:
    with pytest.raises(Invalid) as refused:
        parse(argv, {})
    assert "\n" not in str(refused.value)
    assert str(refused.value)


@rule("api#dev-login")
@pytest.mark.parametrize(
    ("argv", "is_on"),
    [
        ([], True),
        (["--address", "::1", "--origin", "http://127.0.0.1:9"], True),
        (["--address", "0.0.0.0"], False),
        (["--origin", "https://chat.example"], False),
        (["--address", "0.0.0.0", "--dev-login", "off"], False),
    ],
)
def test_development_sign_in_is_on_by_default_only_on_a_local_address(
    argv: list[str], is_on: bool
) -> None:
    assert parse(argv, {}).dev_login is is_on


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--nonsense"], "--nonsense"),
        (["--port", "x"], "--port"),
        (["--jwt-secret", "short"], "--jwt-secret"),
        (["--dev-login", "on", "--address", "0.0.0.0"], "--dev-login"),
    ],
)
def test_a_bad_option_ends_the_start_with_one_line_and_no_trace(
    flags: list[str], told: str, tmp_path: Path
) -> None:
    ended = run(*flags, DATA_DIR=str(tmp_path))
    assert ended.returncode != 0
    (line,) = ended.stderr.strip().split("\n")
    assert told in line
    assert not list(tmp_path.iterdir())


def test_a_database_that_refuses_ends_the_start_at_once(dsn: str, tmp_path: Path) -> None:
    flags = ["--port", str(free_port()), "--data-dir", str(tmp_path)]
    for wrong, told in (
        (dsn.replace("dbname=messenger", "dbname=nonsense"), "does not exist"),
        (dsn.replace("user=postgres", "user=nobody"), "does not exist"),
        ("nonsense", "nonsense"),
    ):
        ended = run(*flags, "--database-url", wrong, seconds=15)
        assert ended.returncode != 0
        (line,) = ended.stderr.strip().split("\n")
        assert told in line


def test_the_version_is_printed_whatever_the_environment_says() -> None:
    shown = run("--version", VERSION="nonsense", PORT="8000")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout == f"Messenger {config.VERSION}\n"


def test_help_lists_every_option() -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for name in config.Config.__dataclass_fields__:
        assert "--" + name.replace("_", "-") in shown.stdout
