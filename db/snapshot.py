"""Snapshots: the answer to a GET, and the position in the user's feed that it reflects."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

Body = TypeVar("Body")
Keyset = tuple[int, ...]  # the sort key of the last item of a page


class NotFound(Exception):
    """The object does not exist, or the user has no access to it. Clients see no difference."""


class Snapshot(NamedTuple, Generic[Body]):
    position: str  # `<epoch>-<seq>`, from the statement that read the body
    body: Body


class Page(NamedTuple, Generic[Body]):
    """A slice of a list, newest first."""

    items: list[Body]
    has_more: bool
    keyset_of: Callable[[int], Keyset]  # by index; the answer may end at any item
