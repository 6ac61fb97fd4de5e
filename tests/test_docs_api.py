"""The examples of docs/api.md run as written, and have the answers that it shows."""

import json
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support import documents
from tests.support.documents import Block, adapted, run
from tests.support.processes import ServerProcess

VARYING = {"token", "expiresAt", "userAgent", "github"} | {
    *("createdAt", "editedAt", "joinedAt", "lastSeenAt")
}
PARTIAL = ({"openapi", "info"}, {"asyncapi", "info"}, {"title"})  # the document shortens the rest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    folder = tmp_path / "data"
    with ServerProcess(folder, GITHUB_CLIENT_ID="id", GITHUB_CLIENT_SECRET="secret") as server:
        yield server


def test_the_examples_answer_what_the_document_says(server: ServerProcess, tmp_path: Path) -> None:
    shown = list(documents.blocks("docs/api.md"))
    examples = [(a, b) for a, b in pairwise(shown) if a.language == "sh"]
    assert len(examples) > 20
    for command, answer in examples:
        assert command.section == answer.section, command.section
        script = adapted(command.text, {"localhost:8000": server.url.removeprefix("http://")})
        lines = answer.text.count("\n") if "curl -s -N" in script else None
        check(answer, run(script, tmp_path, lines))


def check(answer: Block, printed: str) -> None:
    match answer.language:
        case "json":
            assert_alike(json.loads(answer.text), json.loads(printed), answer.section)
        case "http":
            head = printed.replace("\r\n", "\n").partition("\n\n")[0]
            for line in answer.text.splitlines():
                pattern = re.escape(epochless(line)).replace("…", ".*")
                assert re.search(f"(?mi)^{pattern}$", epochless(head)), (line, head)
        case "text":
            assert lines_of(answer.text) <= lines_of(printed), answer.section
        case other:
            raise AssertionError(f"{answer.section}: {other}")


def assert_alike(written: Any, answered: Any, where: str) -> None:
    """Asserts that both are equal, except for values that differ in each run."""
    match written, answered:
        case dict(), dict():
            if written.keys() not in PARTIAL:
                assert written.keys() == answered.keys(), where
            for key in written.keys() - VARYING:
                assert_alike(written[key], answered[key], f"{where}: {key}")
        case list(), list():
            assert len(written) == len(answered), where
            for one, other in zip(written, answered, strict=True):
                assert_alike(one, other, where)
        case _:
            assert written == answered, where


def lines_of(text: str) -> set[str]:
    text = re.sub(r'"version":"[0-9a-f]{32}"', '"version":"…"', epochless(text))
    return set(re.sub(r"(?m)^retry: \d+$", "retry", text).splitlines())


def epochless(text: str) -> str:
    return re.sub(r"\b[0-9a-z]+-(\d+)$", r"EPOCH-\1", text, flags=re.MULTILINE)
