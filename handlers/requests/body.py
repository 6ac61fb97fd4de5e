"""Decodes the body of a request into a typed struct, or raises a problem that names each fault."""

import json
import re
from itertools import islice
from typing import Any, NoReturn, TypeVar

import msgspec

from handlers.requests import problems

MOST_ERRORS = 10  # fields named in an answer; a body may have thousands

_SURROGATE = re.compile("[\ud800-\udfff]")
Fields = TypeVar("Fields", bound=msgspec.Struct)

_KINDS = {  # by msgspec's name of the type
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "an object",
}


def decoded(raw: bytes, kind: type[Fields]) -> Fields:
    """Ignores unknown fields. Of duplicate keys, the last one wins.

    Raises `problems.BadRequest` for a body that is no JSON object, and `problems.Invalid` for
    fields.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _told_what_is_wrong(raw, kind)


def _told_what_is_wrong(raw: bytes, kind: type[Fields]) -> Fields:
    """Checks each field alone, and raises a problem that names all faults.

    Returns the struct if only an earlier one of duplicate keys was wrong.
    """
    found = _json(raw)
    if not isinstance(found, dict):
        raise problems.BadRequest("The request body must be a JSON object.", "malformed_json")
    values, errors = {}, {}
    for field in msgspec.structs.fields(kind):
        try:
            if field.encode_name in found:
                values[field.name] = msgspec.convert(found[field.encode_name], field.type)
            elif field.required:
                errors[field.encode_name] = "This is required."
        except msgspec.ValidationError as error:
            errors[field.encode_name] = _sentence(error)
    if errors:
        raise problems.Invalid(errors)
    return kind(**values)


def _json(raw: bytes) -> Any:
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _with_lone_surrogates(raw)
    except RecursionError:
        raise problems.BadRequest("The JSON is nested too deeply.", "malformed_json") from None


def _with_lone_surrogates(raw: bytes) -> Any:
    """Decodes JSON that msgspec refuses, to name fields with a lone surrogate.

    A lone surrogate is well-formed JSON, but PostgreSQL cannot store it.
    """
    try:
        found = json.loads(raw.decode("utf-8"), parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise problems.BadRequest("The request body isn't valid JSON.", "malformed_json") from None
    if isinstance(found, dict):
        broken = (key for key, value in found.items() if _is_broken(key) or _is_broken(value))
        errors = {
            key.encode("utf-8", "replace").decode(): "This contains half a character."
            for key in islice(broken, MOST_ERRORS)
        }
        if errors:
            raise problems.Invalid(errors)
    return found


def _sentence(error: msgspec.ValidationError) -> str:
    """Turns msgspec's message (``Expected `str | null`, got `int` ``) into a sentence."""
    if str(error).startswith("Invalid enum value"):
        return "This isn't one of the possible values."
    wanted, _, given = (part.strip("` ") for part in str(error).partition("`, got `"))
    kind = wanted.rpartition("`")[2].partition(" ")[0]
    return f"This must be {_KINDS.get(kind, kind)}, not {_KINDS.get(given, given)}."


def _is_broken(value: Any) -> bool:
    """Whether a string in `value` has a lone surrogate."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if _SURROGATE.search(part):
                return True
        elif isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list):
            waiting += part
    return False


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
