"""The documents are complete: each option, operation, event, error code and figure is in them."""

import re
from pathlib import Path

import pytest

import config
from handlers.describing import asyncapi, openapi
from handlers.describing.operations import CODES
from handlers.requests.metrics import Metrics
from handlers.routes import ROUTES
from tests.support import documents, rules
from tests.support.documents import DOCUMENTS, ROOT

API = documents.text("docs/api.md")
ALL = "\n".join(map(documents.text, DOCUMENTS))
LONGEST_LINE = 100  # characters, in prose; tables and pictures may be wider
WRAPPED = [document for document in DOCUMENTS if document != "CHANGELOG.md"]
OURS = re.compile(r"(?<![\w/.])(?:bench|bus|db|docs|handlers|http1|static|tests|tools)/[\w./-]+")
LONGEST_README = 130  # lines
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def test_each_option_is_documented_as_flag_and_variable() -> None:
    for name in config.Config.__dataclass_fields__:
        assert f"`--{name.replace('_', '-')}`" in ALL
        assert f"`{name.upper()}`" in ALL
    assert "`--version`" in ALL


def test_each_operation_is_documented_with_an_example() -> None:
    described = {
        f"{method.upper()} {path}"
        for path, item in openapi.description(ROUTES)["paths"].items()
        for method in item.keys() & {"get", "post", "put", "patch", "delete"}
    }
    assert described == set(re.findall(r"(?m)^### ([A-Z]+ /\S+)$", API))
    assert described <= {b.section for b in documents.blocks("docs/api.md") if b.language == "sh"}


def test_each_event_is_documented() -> None:
    for name in asyncapi.events():
        assert f"\n| `{name}` |" in API


def test_each_error_code_is_documented_with_its_status() -> None:
    for status, codes in CODES.items():
        for code in codes:
            assert f"\n| {status} | `{code}` |" in API


def test_each_reason_of_an_event_is_documented() -> None:
    schemas = asyncapi.description()["components"]["schemas"]
    for kind in ("Reset", "Bye"):
        for reason in schemas[kind]["properties"]["reason"]["enum"]:
            assert f"`{reason}`" in API


def test_each_metric_is_documented() -> None:
    _, exposition = Metrics(lambda: 0, lambda: False).exposition()
    named = re.findall(r"(?m)^# TYPE (\S+) ", exposition.decode())
    assert "messenger_requests_total" in named
    for name in named:
        assert f"\n| `{name}" in API or name.endswith("_created")


def test_each_rule_is_shown_by_a_test_and_each_test_names_a_rule() -> None:
    assert rules.faults() == []


def anchors(document: str) -> set[str]:
    """Returns the anchors that GitHub makes of headings, and the explicit ones."""
    written = documents.text(document)
    headings = re.findall(r"(?m)^#+ (.+)$", documents.prose(document))
    made = {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
    return made | set(re.findall(r'<a id="([^"]+)"', written))


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_to_files_and_anchors_that_exist(document: str) -> None:
    for target in LINK.findall(documents.prose(document)):
        if not target.startswith(("http://", "https://")):
            path, _, anchor = target.partition("#")
            found = (ROOT / document).parent / path if path else ROOT / document
            assert found.exists(), target
            if anchor:
                assert anchor in anchors(str(found.resolve().relative_to(ROOT))), target


@pytest.mark.parametrize("document", WRAPPED)
def test_files_that_are_named_exist(document: str) -> None:
    for code in re.findall(r"`([^`\n]+)`", documents.prose(document)):
        for path in OURS.findall(code):
            assert (ROOT / path).exists(), path


def test_names_of_the_architecture_are_those_of_the_code() -> None:
    code = "".join(path.read_text() for path in ROOT.glob("[bdhs]*/**/*.py"))
    named = re.findall(r"`([A-Z]\w+)(?:\.(\w+))?`", documents.prose("ARCHITECTURE.md"))
    assert ("Bus", "publish") in named
    for kind, method in named:
        assert re.search(rf"\b(class )?{kind}\b", code), kind
        assert not method or f"def {method}(" in code, f"{kind}.{method}"


def test_each_decision_has_its_four_parts_and_is_listed() -> None:
    listed = documents.text("docs/decisions/README.md")
    for path in sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md")):
        assert f"({path.name})" in listed
        parts = re.findall(r"(?m)^## (.+)$", path.read_text())
        assert parts == ["Context", "Decision", "Figure", "Consequence"], path.name


def test_the_readme_is_short() -> None:
    assert len(documents.text("README.md").splitlines()) <= LONGEST_README


@pytest.mark.parametrize(
    "document", ["README.md", *(d for d in DOCUMENTS if Path(d).parts[0] == "docs")]
)
def test_prose_is_wrapped(document: str) -> None:
    for line in documents.text(document).splitlines():
        assert len(line) <= LONGEST_LINE or line.lstrip().startswith(("|", "!", "[")), line
