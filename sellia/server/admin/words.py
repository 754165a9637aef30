"""Says in our words what is wrong with the parameters and the body of a request: pydantic's own are never shown."""

import difflib
from collections.abc import Sequence
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from sellia.server.admin.models import OF_CLASS, OF_KEY, Figures
from sellia.text import printable

#: Faults of one request that are told.
FAULTS_TOLD: Final = 20

#: Characters of a name or a value that are repeated.
_SHOWN: Final = 40

_WORDS: Final = {
    "missing": "is missing",
    "string_type": "must be text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "has characters that it cannot have",
    "string_unicode": "must be text in UTF-8",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "is a number of too many digits",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_long": "must have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "setting": "{line}",
    "union_tag_not_found": "must be the name of a class, or an object of figures",
}
_TIME: Final = "must be a time with its zone, such as 2027-01-31T12:00:00Z"
_DATE: Final = "must be a day, such as 2027-01-31"


def faults_of(model: type[BaseModel], error: ValidationError) -> list[dict[str, str]]:
    """Return what is wrong as a list of objects: ``at``, the place as a JSON Pointer, and ``detail``, a clause."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False)[:FAULTS_TOLD]:
        place = tuple(part for part in each["loc"] if part not in (OF_CLASS, OF_KEY))
        about = Figures if OF_KEY in each["loc"] else model
        found.setdefault(_pointer(place), _clause(about, place, each["type"], each.get("ctx", {})))
    return [{"at": at, "detail": detail} for at, detail in found.items()]


def sentence_of(faults: Sequence[dict[str, str]]) -> str:
    """Return all faults as one sentence."""
    told = "; ".join(f"{each['at'].lstrip('/').replace('/', '.') or 'the body'} {each['detail']}" for each in faults)
    return f"{told}."


def _pointer(place: Sequence[int | str]) -> str:
    return "".join(f"/{printable(str(each))[:_SHOWN].replace('~', '~0').replace('/', '~1')}" for each in place)


def _clause(model: type[BaseModel], place: Sequence[int | str], kind: str, context: dict[str, Any]) -> str:
    if kind == "extra_forbidden":
        name = str(place[-1]) if place else ""
        near = difflib.get_close_matches(name[:_SHOWN], list(model.model_fields), n=1)
        known = ", ".join(field.alias or name for name, field in model.model_fields.items()) or "nothing"
        return f"is not known here; {f'did you mean {near[0]}?' if near else f'what can be given is: {known}'}"
    if kind.startswith(("datetime", "timezone")):
        return _TIME
    if kind.startswith("date"):
        return _DATE
    pattern = _WORDS.get(kind, "is not valid")
    return pattern.format_map({name: printable(str(value)) for name, value in context.items()})
