"""The rules of docs/api.md, and the tests that show them: `make rules` lists both.

A rule has an anchor, `<a id="…"></a>`. A test names the rules that it shows:
`@rule("api#cursors")`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
API = ROOT / "docs" / "api.md"

_ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


def rule(*names: str) -> pytest.MarkDecorator:
    """Marks a test that shows these rules."""
    return pytest.mark.rule(*names)


def documented() -> list[str]:
    """Returns the names of all rules, in the order of the document."""
    return [f"api#{anchor}" for anchor in _ANCHOR.findall(API.read_text())]


def shown() -> dict[str, list[str]]:
    """Returns the tests by the rule that they name, as `file::test`. The name may be unknown."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        for test, name in _named_in(path):
            found.setdefault(name, []).append(f"{path.name}::{test}")
    return found


def faults() -> list[str]:
    """Returns the rules that no test shows, and the names that are no rule."""
    rules, tests = documented(), shown()
    doubled = sorted({name for name in rules if rules.count(name) > 1})
    return [
        *(f"{name} stands twice in docs/api.md" for name in doubled),
        *(f"{name} is shown by no test" for name in rules if name not in tests),
        *(f"{name} is no rule: {', '.join(tests[name])}" for name in sorted(tests.keys() - rules)),
    ]


def main() -> int:
    tests = shown()
    for name in documented():
        print(name)
        for test in tests.get(name, ()):
            print(f"    {test}")
    for fault in (found := faults()):
        print(fault, file=sys.stderr)
    return 1 if found else 0


def _named_in(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _is_rule(decorator.func):
                    for argument in decorator.args:
                        yield node.name, str(ast.literal_eval(argument))


def _is_rule(function: ast.expr) -> bool:
    return ast.unparse(function) in ("rule", "rules.rule")


if __name__ == "__main__":
    sys.exit(main())
