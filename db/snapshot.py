"""What a GET answers: facts, and the position in the caller's feed that they reflect."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Body = TypeVar("Body")
Keyset = tuple[int, ...]  # where a list goes on: the sort key of the last item seen


class NotFound(Exception):
    """Not there, or not the caller's: nobody outside can tell the two apart."""


class Snapshot(NamedTuple, Generic[Body]):
    position: str  # `<epoch>-<seq>`, read in the statement that read the body
    body: Body


class Page(NamedTuple, Generic[Body]):
    """A slice of a list, newest first."""

    items: list[Body]
    has_more: bool
    keyset_of: Callable[[int], Keyset]  # of the item at that index: a page may end at any of them
