"""What `make measure` asserts, and the table of figures that it prints.

CI machines are shared and noisy. There, a ratio has twice its bound, and a wall time is only
reported. Counts, bytes and CPU have one bound everywhere.
"""

import os
from typing import NamedTuple

IN_CI = os.environ.get("CI") == "true"


class Figure(NamedTuple):
    name: str
    found: float
    bound: float | None  # None: it is only reported

    @property
    def line(self) -> str:
        bound = "reported" if self.bound is None else f"at most {self.bound:g}"
        return f"{self.found:12.4g}  {bound:16}  {self.name}"


class Figures:
    """The figures of one run."""

    def __init__(self) -> None:
        self.taken: list[Figure] = []

    def ratio(self, name: str, found: float, most: float) -> None:
        """Records the ratio of two times that were measured side by side.

        Fails beyond its bound.
        """
        self._check(Figure(name, found, most_ratio(most)))

    def seconds(self, name: str, found: float, most: float) -> None:
        """Records a wall time. Fails beyond its bound, except in CI."""
        self._check(Figure(name, found, None if IN_CI else most))

    def amount(self, name: str, found: float, most: float) -> None:
        """Records a count, bytes, or seconds of CPU. Fails beyond its bound."""
        self._check(Figure(name, found, most))

    def _check(self, figure: Figure) -> None:
        self.taken.append(figure)
        assert figure.bound is None or figure.found <= figure.bound, figure.line


def most_ratio(most: float) -> float:
    """Returns the bound of a ratio on this machine."""
    return 2 * most if IN_CI else most
