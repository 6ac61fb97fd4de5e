"""Every block of commands in the documents runs, in this file or in the test that is named."""

import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg2.extensions import parse_dsn

import config
from tests.support import documents
from tests.support.callers import contents, someone_talks
from tests.support.documents import DOCUMENTS, ROOT, Block, adapted, recipe, run
from tests.support.postgres import Postgres
from tests.support.processes import ServerProcess

OPERATING, CLIENT = "docs/operating.md", "docs/client.md"
ELSEWHERE = {  # by document, or by document and heading: the test that runs it
    ("docs/api.md", ""): "test_docs_api.py",
    (OPERATING, "From a script"): "test_recipes.py",
    (OPERATING, "A PostgreSQL of your own"): "test_startup.py",
}
HELLOS = ["Hello, John", "Hello again, John"]
HERE = {
    (CLIENT, "Running the examples"),
    (OPERATING, "Back-up"),
    (OPERATING, "Signing in"),
    ("docs/upgrading.md", "Upgrading"),
    ("CONTRIBUTING.md", "The fast loop"),
    ("README.md", "Two commands"),
}


def all_blocks() -> Iterator[Block]:
    for document in DOCUMENTS:
        yield from (block for block in documents.blocks(document) if block.language == "sh")


def test_each_block_of_commands_has_a_test_that_runs_it() -> None:
    for block in all_blocks():
        known = {(block.document, ""), (block.document, block.section)}
        assert known & (HERE | ELSEWHERE.keys()), block
    for file in ELSEWHERE.values():
        assert (ROOT / "tests" / file).exists()


def test_every_target_of_make_that_is_named_exists() -> None:
    targets = re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text())
    for document in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z-]+)", documents.text(document))) <= {*targets}


@pytest.fixture
def server(dsn: str, tmp_path: Path) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path / "secret", DATABASE_URL=dsn) as server:
        yield server


def test_the_examples_of_clients_run(server: ServerProcess, tmp_path: Path) -> None:
    documents.needs("node")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    set_up, install, in_python, in_javascript = (
        block.text for block in all_blocks() if block.document == CLIENT
    )
    assert install.split("install ")[1].split() == ["httpx", "httpx-sse"]
    own = {"localhost:8000": server.url.removeprefix("http://")}
    in_python = in_python.replace("/tmp/client/bin/python", sys.executable)
    for script, said in (in_python, ["Hello, John"]), (in_javascript, HELLOS):
        printed = run(adapted(set_up + script, own), tmp_path, lines=len(said))
        messages = printed.replace('}{"id"', '}\n{"id"').splitlines()[-len(said) :]
        assert [json.loads(message)["content"] for message in messages] == said


def test_a_copied_data_directory_is_restored(tmp_path: Path) -> None:
    save, restore, *_ = [b.text for b in all_blocks() if b.section == "Back-up"]
    with ServerProcess(tmp_path / "data") as server:
        john, path = someone_talks(server.url)
        assert server.end(signal.SIGTERM) == 0
        run(save, tmp_path)
        (tmp_path / "data" / "postgres" / "PG_VERSION").write_text("broken")
        run(adapted(restore, {"make run ARGS=--new-epoch": "true"}), tmp_path)
        server.output.clear()
        server.flags += ("--new-epoch",)
        server.start()
        server.wait_until_ready()
        assert contents(john, path) == ["hello"]


def test_a_dump_is_restored(postgres: Postgres, dsn: str, tmp_path: Path) -> None:
    *_, save, restore = [b.text for b in all_blocks() if b.section == "Back-up"]
    programs = f"{postgres.bin_path}:{os.environ['PATH']}"
    name = parse_dsn(dsn)["dbname"]
    urls = {"DATABASE_URL": dsn, "ADMIN_URL": postgres.dsn("postgres"), "PATH": programs}
    with ServerProcess(tmp_path / "secret", DATABASE_URL=dsn) as server:
        john, path = someone_talks(server.url)
        run(save, tmp_path, None, **urls)
        john.ask(path, {"content": "after the dump"})
        assert server.end(signal.SIGTERM) == 0
        ours = {'" --owner=messenger messenger': f'" {name}', '" messenger\n': f'" {name}\n'}
        run(adapted(restore, ours), tmp_path, None, **urls)
        server.output.clear()
        server.start()
        server.wait_until_ready()
        assert contents(john, path) == ["hello"]


def test_the_options_of_a_sign_in_with_github_are_taken() -> None:
    *assigned, make, target = recipe(OPERATING, "Signing in", "sh").split()
    assert (make, target) == ("make", "run")
    found = config.parse([], dict(word.split("=", 1) for word in assigned))
    assert found.github_client_id
    assert not found.dev_login


@pytest.fixture
def repository(tmp_path: Path) -> str:
    """Yields the address of this repository, which may belong to another user of the machine."""
    if not (ROOT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("this is no clone of the repository, or there is no git")
    (tmp_path / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")
    return f"file://{ROOT}"


def test_the_two_commands_of_the_readme_start_a_server(repository: str, tmp_path: Path) -> None:
    """Runs in the environment that make has prepared, and only prints the version."""
    there = f"ln -s {ROOT}/.venv .venv\nmake -o setup run ARGS=--version"
    script = recipe("README.md", "Two commands", "sh")
    ours = {
        "https://git.example/messenger.git": f"--quiet {repository} messenger",
        "make run": there,
    }
    assert run(adapted(script, ours), tmp_path) == f"Messenger {config.VERSION}\n"


def test_an_upgrade_is_fetched_and_set_up(repository: str, tmp_path: Path) -> None:
    run(f"git clone --quiet {repository} messenger", tmp_path)
    script = recipe("docs/upgrading.md", "Upgrading", "sh")
    ours = {"git pull": "git pull --quiet", "make ": "make -n "}
    home = str(tmp_path)
    run(adapted(script, ours), tmp_path / "messenger", HOME=home)


def test_one_test_runs_as_contributors_are_told() -> None:
    """Collects the tests, and does not run them."""
    script = recipe("CONTRIBUTING.md", "The fast loop", "sh")
    *pytests, npm = script.splitlines()
    assert npm == "npm test --silent"
    assert "test" in json.loads((ROOT / "package.json").read_text())["scripts"]
    for command in pytests:
        run(f"{command} --collect-only --quiet -p no:cacheprovider", ROOT)
