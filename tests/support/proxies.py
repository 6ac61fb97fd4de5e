"""nginx and HAProxy with the files of docs/operating.md, in front of a server."""

import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import pytest

from tests.support.documents import adapted, recipe
from tests.support.processes import free_port

START_SECONDS = 60
_SECTION = "Behind a proxy"


class Proxy:
    """A kind of proxy: its file, its check, and its command."""

    program = ""
    language = ""

    def __init__(self, folder: Path, server_port: int) -> None:
        self.port = free_port()
        self.folder = folder
        self._server_port = server_port

    @classmethod
    def needed(cls) -> None:
        """Skips the test if the program is missing; in CI, it fails."""
        if not cls.is_installed():
            assert os.environ.get("CI") != "true", f"{cls.program} is missing"
            pytest.skip(f"{cls.program} is missing")

    @classmethod
    def is_installed(cls) -> bool:
        return shutil.which(cls.program) is not None

    @cached_property
    def tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "chat.example.crt"))

    def check(self) -> str:
        """Returns what the program says of the file. Raises if the program refuses it."""
        return _run(*self._checking())

    @contextmanager
    def running(self) -> Iterator["Proxy"]:
        process = subprocess.Popen(self._command())
        try:
            self._wait_until_listening(process)
            yield self
        finally:
            process.terminate()
            process.wait(10)

    def write(self) -> None:
        self.folder.mkdir(exist_ok=True)
        _make_certificate(self.folder)
        self._file.write_text(self._wrapped(adapted(self._text(), self._changes())))

    def _text(self) -> str:
        return recipe("docs/operating.md", _SECTION, self.language)

    @property
    def _file(self) -> Path:
        return self.folder / f"{self.program}.conf"

    def _changes(self) -> dict[str, str]:
        return {
            "127.0.0.1:8000": f"127.0.0.1:{self._server_port}",
            "/etc/ssl/": f"{self.folder}/",
        }

    def _wrapped(self, text: str) -> str:
        return text

    def _checking(self) -> list[str]:
        raise NotImplementedError

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _wait_until_listening(self, process: subprocess.Popen[bytes]) -> None:
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and process.poll() is None:
            listening = _run("ss", "-Htln", f"sport = :{self.port}")
            if listening.strip():
                return
            time.sleep(0.02)
        raise AssertionError(f"{self.program} does not listen")


class Nginx(Proxy):
    program = "nginx"
    language = "nginx"

    def _changes(self) -> dict[str, str]:
        return {**super()._changes(), "listen 443": f"listen 127.0.0.1:{self.port}"}

    def _wrapped(self, text: str) -> str:
        """Includes the file as Debian's nginx.conf includes a site's file."""
        return (
            f"pid {self.folder}/nginx.pid;\nerror_log stderr;\nevents {{}}\n"
            f"http {{\naccess_log off;\n{text}\n}}\n"
        )

    def _checking(self) -> list[str]:
        return [*self._nginx(), "-t"]

    def _command(self) -> list[str]:
        return [*self._nginx(), "-g", "daemon off;"]

    def _nginx(self) -> list[str]:
        return ["nginx", "-e", "stderr", "-p", str(self.folder), "-c", str(self._file)]


class HAProxy(Proxy):
    program = "haproxy"
    language = "haproxy"

    def _changes(self) -> dict[str, str]:
        return {**super()._changes(), "bind :443": f"bind 127.0.0.1:{self.port}"}

    def _checking(self) -> list[str]:
        return ["haproxy", "-c", "-f", str(self._file)]

    def _command(self) -> list[str]:
        return ["haproxy", "-db", "-f", str(self._file)]


KINDS: list[type[Proxy]] = [Nginx, HAProxy]


def _make_certificate(folder: Path) -> None:
    certificate, key = folder / "chat.example.crt", folder / "chat.example.key"
    subject = ["-subj", "/CN=chat.example", "-addext", "subjectAltName=DNS:chat.example"]
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    _run("openssl", "req", *made, *subject, "-keyout", str(key), "-out", str(certificate))
    # nginx reads the key from a separate file, HAProxy from the certificate's
    (folder / "chat.example.pem").write_text(certificate.read_text() + key.read_text())


def _run(*command: str) -> str:
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr
