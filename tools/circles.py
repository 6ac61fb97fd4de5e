"""Fails where modules of the product import each other in a circle, imports for types included.

python -m tools.circles
"""

import ast
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGES = ("db", "bus", "http1", "handlers")


def modules(root: Path) -> dict[str, Path]:
    """Returns the modules by name, without packages: an `__init__.py` imports nothing."""
    found = [path for package in PACKAGES for path in (root / package).rglob("*.py")]
    paths = [path for path in [*root.glob("*.py"), *found] if path.name != "__init__.py"]
    return {".".join(path.relative_to(root).with_suffix("").parts): path for path in paths}


def imported(path: Path) -> set[str]:
    """Returns all names in the imports of a file. Some are not modules."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def circle() -> str | None:
    paths = modules(Path(__file__).parent.parent)
    graph = {name: imported(path) & paths.keys() - {name} for name, path in paths.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return f"an import circle: {' → '.join(error.args[1])}"
    return None


if __name__ == "__main__":
    sys.exit(circle())
