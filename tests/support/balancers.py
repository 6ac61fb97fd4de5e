"""nginx and HAProxy with the files of deploy/cluster, in front of several servers."""

import contextlib
import getpass
import grp
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.documents import ROOT
from tests.support.processes import free_port
from tests.support.proxies import HAProxy, Nginx, Proxy

HOST = "chat.example"
FILES = ROOT / "deploy" / "cluster"
_ADDRESSES = ["10.0.0.11:8000", "10.0.0.12:8000", "10.0.0.13:8000"]


class Balancer(Proxy):
    """A proxy in front of three servers. Only ports, addresses and paths of its file change."""

    source = ""

    def __init__(self, folder: Path, server_ports: list[int]) -> None:
        super().__init__(folder, 0)
        self.server_ports = server_ports
        self.plain_port = free_port()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def _text(self) -> str:
        return (FILES / self.source).read_text()

    def _changes(self) -> dict[str, str]:
        servers = zip(_ADDRESSES, self.server_ports, strict=True)
        return {
            **{address: f"127.0.0.1:{port}" for address, port in servers},
            "/etc/ssl/": f"{self.folder}/",
        }

    def _wrapped(self, text: str) -> str:
        return text

    def log(self) -> str:
        """Returns what the proxy has logged since the last call."""
        raise NotImplementedError


class NginxBalancer(Balancer, Nginx):
    source = "nginx.conf"
    _logged = 0

    def _changes(self) -> dict[str, str]:
        return {
            **Balancer._changes(self),
            "listen 443": f"listen 127.0.0.1:{self.port}",
            "listen 80": f"listen 127.0.0.1:{self.plain_port}",
            "/run/": f"{self.folder}/",
            "/var/log/nginx/": f"{self.folder}/",
        }

    def log(self) -> str:
        text = (self.folder / "access.log").read_text()
        since, self._logged = self._logged, len(text)
        return text[since:]


class HAProxyBalancer(Balancer, HAProxy):
    source = "haproxy.cfg"

    def __init__(self, folder: Path, server_ports: list[int]) -> None:
        super().__init__(folder, server_ports)
        self._log_port = free_port()

    def _changes(self) -> dict[str, str]:
        return {
            **Balancer._changes(self),
            "bind :443": f"bind 127.0.0.1:{self.port}",
            "bind :80": f"bind 127.0.0.1:{self.plain_port}",
            "/run/haproxy/": f"{self.folder}/",
            "/dev/log": f"127.0.0.1:{self._log_port}",
            **({} if os.geteuid() == 0 else self._without_root()),
        }

    @staticmethod
    def _without_root() -> dict[str, str]:
        """Only root can change the user and the root directory."""
        return {
            "user haproxy": f"user {getpass.getuser()}",
            "group haproxy": f"group {grp.getgrgid(os.getegid()).gr_name}",
            "chroot /var/lib/haproxy": "",
        }

    @contextmanager
    def running(self) -> Iterator["HAProxyBalancer"]:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as self._log_socket:
            self._log_socket.bind(("127.0.0.1", self._log_port))
            self._log_socket.setblocking(False)
            with super().running():
                yield self

    def log(self) -> str:
        lines = []
        with contextlib.suppress(BlockingIOError):
            while True:
                lines.append(self._log_socket.recv(65536).decode())
        return "\n".join(lines)


BALANCERS: list[type[Balancer]] = [NginxBalancer, HAProxyBalancer]
