"""From the bytes of a request's body to a typed struct, or to the refusal that fits."""

import json
import re
from itertools import islice
from typing import Any, NoReturn, TypeVar

import msgspec

from handlers.requests import problems

MOST_ERRORS = 10  # fields that an answer names: a body may have thousands

_SURROGATE = re.compile("[\ud800-\udfff]")
Fields = TypeVar("Fields", bound=msgspec.Struct)

_KINDS = {  # as msgspec calls them
    "str": "a string",
    "int": "a number",
    "float": "a number",
    "bool": "a boolean",
    "array": "a list",
    "object": "an object",
}


def decoded(raw: bytes, kind: type[Fields]) -> Fields:
    """Raises `problems.BadRequest` for what is no JSON object, `problems.Invalid` for its fields.

    Unknown fields are ignored; of duplicate keys the last wins.
    """
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _told_what_is_wrong(raw, kind)


def _told_what_is_wrong(raw: bytes, kind: type[Fields]) -> Fields:
    """Field by field; or nothing is, save that an earlier one of duplicate keys was."""
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
    """What msgspec refuses: half a character is well-formed JSON, but no text that can be kept."""
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
    """What msgspec says (``Expected `str | null`, got `int` ``), in plain words."""
    wanted, _, given = (part.strip("` ") for part in str(error).partition("`, got `"))
    kind = wanted.rpartition("`")[2].partition(" ")[0]
    return f"This must be {_KINDS.get(kind, kind)}, not {_KINDS.get(given, given)}."


def _is_broken(value: Any) -> bool:
    """Whether a text in it has half a character."""
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
