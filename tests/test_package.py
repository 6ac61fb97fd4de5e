"""The package contains all that a server needs, and its dependencies are pinned by hash."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import config
from tests.support.processes import ROOT

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
NAME = "self-hosted-messenger"


def ran(*command: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, capture_output=True, text=True, timeout=300, check=False, **options
    )


def committed() -> list[str]:
    listed = ran("git", "ls-files", "--cached", "--others", "--exclude-standard", cwd=ROOT)
    return listed.stdout.splitlines()


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns the committed and new files, without other files in the folder."""
    folder = tmp_path_factory.mktemp("tree")
    for name in committed():
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path) -> Path:
    made = ran(*PIP, "wheel", "--no-deps", "--no-build-isolation", "-w", sources / "dist", sources)
    assert made.returncode == 0, made.stderr
    (found,) = (sources / "dist").glob("*.whl")
    return found


def test_the_wheel_serves_the_page_from_an_empty_environment(
    wheel: Path, dsn: str, tmp_path: Path
) -> None:
    env = tmp_path / "env"
    assert ran(sys.executable, "-m", "venv", "--without-pip", env).returncode == 0
    pip = (*PIP, "--python", env / "bin" / "python")
    locked = ("--require-hashes", "--only-binary", ":all:", "-r", ROOT / "requirements/run.txt")
    for what in (locked, ("--no-deps", wheel)):
        installed = ran(*pip, "install", "--no-compile", *what)
        assert installed.returncode == 0, installed.stderr
    assert ran(*pip, "check").returncode == 0
    before = {path for path in env.rglob("*") if path.suffix != ".pyc"}

    command = env / "bin" / "messenger-server"
    variables = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    shown = ran(command, "--version", cwd=tmp_path, env=variables)
    assert shown.stdout == f"Messenger {config.VERSION}\n"
    server = subprocess.Popen(
        [command, "--port", "0", "--database-url", dsn],
        cwd=tmp_path,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert server.stdout is not None
    with killed_at_the_end(server), server.stdout:
        lines = iter(server.stdout.readline, "")
        ready = next(line for line in lines if "is ready at" in line)
        url = ready.split()[-1]
        page = fetch(url)
        paths = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        assert len(paths) > 5
        for file in (ROOT / "static").rglob("*"):
            if file.is_file():
                paths.append("/" + str(file.relative_to(ROOT / "static")))
        for path in paths:
            fetch(url + path)
        server.terminate()
        assert server.wait(20) == 0
    assert (tmp_path / ".local/share/messenger-server/jwt-secret").is_file()
    after = {path for path in env.rglob("*") if path.suffix != ".pyc"}
    assert {path for path in after - before if path.name != "__pycache__"} == set()


def test_the_source_distribution_has_all_files_except_hidden_ones(
    sources: Path, tmp_path: Path
) -> None:
    wanted = {name for name in committed() if (ROOT / name).is_file() and name[0] != "."}
    made = ran(sys.executable, "setup.py", "-q", "sdist", "-d", tmp_path, cwd=sources)
    assert made.returncode == 0, made.stderr
    (found,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert wanted - packed == set()
    assert {"tests/conftest.py", "docs/api.md", "static/app.js", "requirements/run.txt"} <= wanted


@contextmanager
def killed_at_the_end(server: subprocess.Popen[str]) -> Iterator[None]:
    try:
        yield
    finally:
        server.kill()
        server.wait()


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
        return str(answer.read(), "utf-8", "replace")


def pins(text: str) -> set[str]:
    return {f"{name.lower()}=={version}" for name, version in re.findall(r"([\w.-]+)==(\S+)", text)}


def test_the_lock_holds_each_pin_and_a_hash_for_each_package() -> None:
    named: dict[str, set[str]] = {}
    for node in ast.parse((ROOT / "setup.py").read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.List):
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            named[target.id] = pins("\n".join(ast.literal_eval(node.value)))
    extras = {"TEST", "BENCH", "CHECK", "NODE", "GO", "LOCK"}
    assert named.keys() == extras | {"RUN", "BUILD"}
    assert "lazy-importer==0.1.0" in named["RUN"]
    for extra in (*extras, "RUN"):
        text = (ROOT / "requirements" / f"{extra.lower()}.txt").read_text()
        assert pins(text) >= named["RUN"] | named["BUILD"] | named[extra], "run make lock"
        assert "://" not in text  # no path of the machine that resolved it
        for package in re.split(r"\n(?=\S)", text.strip()):
            assert re.fullmatch(
                r"[\w.-]+==\S+( ; [^\n]+)? \\\n(    --hash=sha256:[0-9a-f]{64}( \\)?\n?)+", package
            )
    run = pins((ROOT / "requirements" / "run.txt").read_text())
    assert run == named["RUN"] | named["BUILD"]  # every package is named


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Copies what `make` needs to make an environment."""
    (tmp_path / "tools").mkdir()
    for name in ("Makefile", "setup.py", "tools/venv"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "run.txt").touch()
    return tmp_path


def older_python(folder: Path) -> Path:
    """Makes a copy of this Python that claims to be 3.10."""
    says = folder / "says"
    says.mkdir()
    (says / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 10, 9, 'final', 0)")
    script = folder / "python3.10"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={says} exec {sys.executable} "$@"\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("left_over", [False, True])
def test_a_python_that_is_too_old_is_named_and_a_newer_one_then_works(
    tree: Path, left_over: bool
) -> None:
    old = older_python(tree)
    if left_over:  # as earlier releases left it
        (tree / ".venv" / "bin").mkdir(parents=True)
        (tree / ".venv" / "bin" / "python").symlink_to(old)
    make = ("make", "--silent", "-C", tree, ".venv/run.stamp")
    for wrong, told in (
        (old, "needs CPython 3.11 to 3.14"),
        ("python3.99", "there is no python3.99"),
        ("false", "needs CPython"),
    ):
        refused = ran(*make, f"PYTHON={wrong}")
        assert refused.returncode != 0
        assert told in refused.stderr.split("\n")[0]
        assert left_over or not (tree / ".venv").exists()
    if not left_over:
        return  # the next start has nothing to clear away
    ran(*make, f"PYTHON={sys.executable}")  # goes on to the package, which is not here
    assert ran(tree / ".venv/bin/python", "-m", "pip", "--version").returncode == 0
    assert not (tree / ".venv/run.stamp").exists()
