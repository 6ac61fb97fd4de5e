"""Fails if a package defines a name that the field has a better word for.

python -m tools.vocabulary
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

# By package: former names, which must not return.
OLD = {
    "http1": "Turns talk welcome put_off do somebody_talks all_done Refused _THROWN_AWAY _Patience"
    " Owner _rest _go_on is_behind is_lost untaken waits_for_us Watch",
    "handlers": "Lines _Line Turn comes has_come give_up payer Bucket Window Wire Outlet Volley"
    " Lookout look_at Arrival Found made_with begun finished hung_up Assets Sent Attempts fitting",
    "bus": "Wire Outlet Volley Watch Heart _beat Stream _hand_out go_on break_off leave",
    "db": "Sender _apart alone place FEW Batched ask Positions Wanted Replays appending news bumped"
    " Outcome reach shapes Place away",
    "server.py": "_End _beside farewell",
    "tests": "discretion quick_heart Gateway storm crowds",
}


def defined(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yields the line and name of all definitions in a file, with parameters and attributes."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.arg():
                yield node.lineno, node.arg
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr


def found(root: Path) -> Iterator[str]:
    for package, names in OLD.items():
        old = set(names.split())
        place = root / package
        for path in [place] if place.is_file() else sorted(place.rglob("*.py")):
            if path.stem in old:
                yield f"{path.relative_to(root)}: the file's name"
            for line, name in defined(ast.parse(path.read_text())):
                if name in old:
                    yield f"{path.relative_to(root)}:{line}: {name}"


if __name__ == "__main__":
    sys.exit("\n".join(found(Path(__file__).parent.parent)) or None)
