"""Options. Each is a flag and an environment variable in capitals. The flag wins."""

import argparse
import ipaddress
import resource
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import platformdirs

from db.server.data_dir import MIN_SECRET_BYTES

VERSION = "0.1.0"
HERE = Path(__file__).resolve().parent
IS_CHECKOUT = (HERE / "Makefile").is_file()  # False: installed as a package
STATIC_DIR = HERE / "static"
RESERVED_DESCRIPTORS = 64  # for the database, files and logs
RESERVED_CONNECTIONS = 136  # for requests, so that a server full of streams can still answer
LEAST_HEADER_BYTES = 4 * 1024  # a browser's headers with a token have about 1 KiB
LEAST_BODY_BYTES = 48 * 1024  # 4,000 characters as \\u escapes have 48,000 bytes
LONGEST_EDIT_HOURS = 876_000  # a hundred years
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Invalid(Exception):
    """An option is invalid. The text is one line for the operator."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """The options after validation, with the defaults filled in."""

    address: str
    port: int
    origin: str
    database_url: str | None  # None: an embedded PostgreSQL under `data_dir`
    data_dir: Path
    relay: str | None  # "postgres" or the URL of NATS: one of several servers on a database
    jwt_secret: str | None  # None: generated once and kept under `data_dir`
    github_client_id: str | None
    github_client_secret: str | None
    dev_login: bool
    max_streams: int
    max_streams_per_user: int
    allowed_hosts: tuple[str, ...]
    feed_retention_days: int
    edit_hours: int  # 0: messages can always be edited
    new_epoch: bool
    github_authorize_url: str
    github_token_url: str
    github_api_url: str
    trusted_proxies: tuple[Network, ...]
    log_format: str
    rate_limits: bool
    requests_at_once: int
    requests_per_second: int
    disk_reserve: int | None  # bytes; None: depends on the disk's size
    sends_at_once: int
    sends_per_second: int
    conversations_per_minute: int
    max_group_members: int
    members_at_once: int
    members_per_minute: int
    searches_at_once: int
    searches_per_second: int
    reactions_at_once: int
    reactions_per_second: int
    sign_ins_per_minute: int
    max_header_bytes: int
    max_body_bytes: int
    header_timeout: int  # seconds
    body_timeout: int  # seconds

    @property
    def secure(self) -> bool:
        """Whether browsers reach this server over TLS."""
        return self.origin.startswith("https://")


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Config:
    """Returns the configuration from `argv` (without the program's name) and `environ`.

    Prints help or the version and exits for `--help` and `--version`. Raises `Invalid` for unknown
    options and invalid values.
    """
    given = vars(_parser(environ).parse_args(argv))
    given["origin"] = given["origin"] or f"http://localhost:{given['port']}"
    given["max_streams"] = given["max_streams"] or streams_that_fit()
    _check_github(given["github_client_id"], given["github_client_secret"])
    _check_relay(given["relay"], given["database_url"], given["jwt_secret"])
    given["dev_login"] = _dev_login(given["dev_login"], given["address"], given["origin"])
    return Config(**given)


def is_loopback_name(host: str) -> bool:
    return host.lower().strip("[]") in LOOPBACK_NAMES


def default_data_dir() -> Path:
    """Returns `data/` in a checkout. For an installed package, the user's data directory."""
    return HERE / "data" if IS_CHECKOUT else platformdirs.user_data_path("messenger-server")


def served_hosts(config: Config) -> list[str]:
    """Returns the values of `Host` that the server accepts, for a message to the operator."""
    own = urllib.parse.urlsplit(config.origin).netloc
    return list(dict.fromkeys([own, "localhost", "127.0.0.1", "[::1]", *config.allowed_hosts]))


def connections_that_fit() -> int:
    """Returns how many connections the limit on file descriptors allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard == resource.RLIM_INFINITY:
        hard = 1_048_576  # the usual ceiling of Linux, fs.nr_open
    return max(hard - RESERVED_DESCRIPTORS, hard // 2)


def streams_that_fit() -> int:
    """Returns how many of the connections may be streams."""
    connections = connections_that_fit()
    return max(connections - RESERVED_CONNECTIONS, connections // 2)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise Invalid(message.removeprefix("argument "))


def _parser(environ: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="server.py",
        description="A real-time messenger: one process, one port.",
        epilog="Each option is also an environment variable: --max-streams is MAX_STREAMS.",
        allow_abbrev=False,
    )

    def option(flag: str, kind: Callable[[str], object], default: object, text: str) -> None:
        # argparse converts a default that is a string like the value of a flag.
        value = environ.get(flag[2:].replace("-", "_").upper()) or default
        shown = text if default in (None, ()) else f"{text} (default: {default})"
        parser.add_argument(flag, type=kind, default=value, help=shown, metavar="VALUE")

    option("--address", _address, "127.0.0.1", "address to listen on")
    option("--port", _count(0, 65535), 8000, "port to listen on; 0 picks a free one")
    option("--origin", _origin, None, "the URL in browsers (default: http://localhost:PORT)")
    option("--database-url", _text, None, "a PostgreSQL (default: an embedded one in the data dir)")
    option("--data-dir", _directory, default_data_dir(), "the embedded database and the secret")
    option("--relay", _relay, None, "postgres, or nats://HOST: several servers on one database")
    option("--jwt-secret", _secret, None, "signs tokens (default: generated at the first start)")
    option("--github-client-id", _text, None, "GitHub sign-in: the application's id")
    option("--github-client-secret", _text, None, "GitHub sign-in: the application's secret")
    option("--dev-login", _switch, None, "on or off: sign-in by name only (on a loopback: on)")
    option("--max-streams", _count(1), None, "open streams in all (default: by descriptors)")
    option("--max-streams-per-user", _count(1), 10, "open streams of one user")
    option("--allowed-hosts", _hosts, (), "more Host names to serve, comma-separated")
    option("--feed-retention-days", _count(1), 30, "how far back a stream can resume")
    option("--edit-hours", _count(0, LONGEST_EDIT_HOURS), 48, "edits after a send; 0: always")
    option("--github-authorize-url", _url, f"{_GITHUB}/login/oauth/authorize", "its sign-in page")
    option("--github-token-url", _url, f"{_GITHUB}/login/oauth/access_token", "its tokens")
    option("--github-api-url", _url, "https://api.github.com", "its API")
    option("--trusted-proxies", _networks, (), "CIDRs of proxies to trust for X-Forwarded-*")
    option("--log-format", _choice("text", "json"), "text", "text or json")
    option("--rate-limits", _switch, "on", "on, or off for benchmarks")
    option("--requests-at-once", _count(1), 30, "burst of requests of one user; more of them wait")
    option("--requests-per-second", _count(1), 100, "requests of one user after a burst")
    option("--disk-reserve", _size, None, "disk space to keep free (default: by size; 0: off)")
    option("--sends-at-once", _count(1), 60, "burst of messages of one user")
    option("--sends-per-second", _count(1), 10, "messages of one user after a burst")
    option("--conversations-per-minute", _count(1), 20, "new conversations of one user")
    option("--max-group-members", _count(2, 5000), 1000, "members of a group")
    option("--members-at-once", _count(1), 1000, "burst of people that one user adds to groups")
    option("--members-per-minute", _count(1), 200, "people that one user adds after a burst")
    option("--searches-at-once", _count(1), 20, "burst of searches for names by one user")
    option("--searches-per-second", _count(1), 5, "searches of one user after a burst")
    option("--reactions-at-once", _count(1), 30, "burst of reactions of one user")
    option("--reactions-per-second", _count(1), 5, "reactions of one user after a burst")
    option("--sign-ins-per-minute", _count(1), 60, "sign-ins from one address")
    option("--max-header-bytes", _count(LEAST_HEADER_BYTES), 16 * 1024, "headers of a request")
    option("--max-body-bytes", _count(LEAST_BODY_BYTES), 64 * 1024, "body of a request")
    option("--header-timeout", _count(1), 30, "seconds for headers, including the idle time before")
    option("--body-timeout", _count(1), 30, "seconds for a body")
    parser.add_argument("--version", action="version", version=f"Messenger {VERSION}")
    parser.add_argument(
        "--new-epoch",
        type=_switch,
        nargs="?",
        const=True,
        default=environ.get("NEW_EPOCH") or False,
        metavar="on|off",
        help="start a new epoch once, after a restore that the server cannot detect",
    )
    return parser


_GITHUB = "https://github.com"


def _count(least: int, most: int | None = None) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not (text.isascii() and text.isdigit() and least <= int(text) <= (most or int(text))):
            limit = f"from {least} to {most}" if most else f"of at least {least}"
            raise argparse.ArgumentTypeError(f"must be a whole number {limit}, not {text!r}")
        return int(text)

    return number


def _size(text: str) -> int:
    """Parses a number of bytes. K, M and G are powers of 1,024."""
    number, unit = (text[:-1], text[-1:].upper()) if text[-1:].isalpha() else (text, "")
    if unit not in _UNITS or not (number.isascii() and number.isdigit() and len(number) < 16):
        raise argparse.ArgumentTypeError(f"must be bytes, or like 500M or 2G, not {text!r}")
    return int(number) * _UNITS[unit]


_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}


def _choice(*words: str) -> Callable[[str], str]:
    def word(text: str) -> str:
        if text not in words:
            raise argparse.ArgumentTypeError(f"must be {' or '.join(words)}, not {text!r}")
        return text

    return word


def _switch(text: str) -> bool:
    if text.lower() not in _SWITCH:
        raise argparse.ArgumentTypeError(f"must be on or off, not {text!r}")
    return _SWITCH[text.lower()]


_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}


def _address(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text.strip("[]")))
    except ValueError:
        if is_loopback_name(text):
            return "127.0.0.1"
        raise argparse.ArgumentTypeError(f"must be an IP address, not {text!r}") from None


def _text(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("must not be empty")
    return text.strip()


def _directory(text: str) -> Path:
    _text(text)
    try:
        return Path(text).expanduser().absolute()
    except RuntimeError as error:  # no such user, or no home directory
        raise argparse.ArgumentTypeError(str(error)) from None


def _secret(text: str) -> str:
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise argparse.ArgumentTypeError(f"must be at least {MIN_SECRET_BYTES} bytes long")
    return text


def _url(text: str) -> str:
    parts = _split_url(text)
    if parts is None:
        raise argparse.ArgumentTypeError(f"must be an http:// or https:// URL, not {text!r}")
    return text.rstrip("/")


def _origin(text: str) -> str:
    """Returns scheme, host and port like a browser: in lower case, without a default port."""
    parts = _split_url(text.rstrip("/"))
    if parts is None or parts.path or parts.query or parts.fragment or parts.username:
        raise argparse.ArgumentTypeError(f"must be http(s)://HOST[:PORT], not {text!r}")
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    default = {"http": 80, "https": 443}[parts.scheme]
    port = "" if parts.port in (None, default) else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"


def _split_url(text: str) -> urllib.parse.SplitResult | None:
    try:
        parts = urllib.parse.urlsplit(text)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        return None
    return parts if usable and text.isprintable() and " " not in text else None


def _hosts(text: str) -> tuple[str, ...]:
    hosts = tuple(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if _split_url(f"http://{host}") is None or set(host) & set("/?#@*"):
            raise argparse.ArgumentTypeError(f"must be HOST or HOST:PORT, not {host!r}")
    return hosts


def _networks(text: str) -> tuple[Network, ...]:
    try:
        found = [ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip()]
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if any(network.prefixlen == 0 for network in found):
        raise argparse.ArgumentTypeError("must not match all addresses: clients could forge theirs")
    return tuple(found)


def _relay(text: str) -> str:
    if text == "postgres":
        return text
    try:
        parts = urllib.parse.urlsplit(text)
        usable = parts.scheme in ("nats", "tls") and parts.hostname and parts.port != 0
        usable = usable and not parts.path.strip("/") and not parts.query and text.isprintable()
    except ValueError:
        usable = False
    if not usable:
        raise argparse.ArgumentTypeError(
            f"must be postgres, nats://HOST[:PORT] or tls://HOST[:PORT], not {text!r}"
        )
    return text


def _check_relay(relay: str | None, database_url: str | None, secret: str | None) -> None:
    """Raises `Invalid` if servers with a relay would share no database, or no secret."""
    if relay is None:
        return
    if database_url is None:
        raise Invalid("--relay needs --database-url: servers cannot share an embedded database")
    if secret is None:
        raise Invalid("--relay needs --jwt-secret, the same for all servers")


def _check_github(client_id: str | None, secret: str | None) -> None:
    """Raises `Invalid` if only one of the two is set, because GitHub sign-in needs both."""
    if (client_id is None) != (secret is None):
        given, missing = "--github-client-id", "--github-client-secret"
        if client_id is None:
            given, missing = missing, given
        raise Invalid(f"{given} is set without {missing}: GitHub sign-in needs both")


def _dev_login(asked: bool | None, address: str, origin: str) -> bool:
    host = urllib.parse.urlsplit(origin).hostname or ""
    local = ipaddress.ip_address(address).is_loopback and is_loopback_name(host)
    if asked and not local:
        raise Invalid(
            "--dev-login=on lets any client sign in as any user: it needs a loopback --address"
            f" and a loopback --origin, not {address} and {origin}"
        )
    return local if asked is None else asked
