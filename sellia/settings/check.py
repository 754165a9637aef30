"""Checks what was given against its model: every fault at once, each with its place, its text and what was meant."""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sellia.errors import SettingsError
from sellia.settings.exposure import exposed_files
from sellia.settings.given import Findings, Given, Origin, Rank, Trail
from sellia.settings.model import Settings
from sellia.settings.values import SHOWN, Masked
from sellia.text import printable

#: Faults of one check that are explained; a file can have thousands.
EXPLAINED: Final = 100

#: pydantic's error types after which a message repeats the value, unless it is a secret.
_NOT_SUCH_A_VALUE: Final = re.compile(r"^(int|float|bool|literal|greater|less|finite)")

_Model = TypeVar("_Model", bound=Settings)


def check(model: type[_Model], given: Mapping[str, Given], findings: Findings | None = None) -> _Model:
    """Return ``model`` made of what was given and of defaults.

    Raises `SettingsError` for all faults together, those in ``findings`` included.
    """
    found = findings if findings is not None else Findings()
    checked = None
    try:
        checked = model.model_validate({name: each.value for name, each in given.items()})
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        # What is missing may be there under a name that is misspelt, or in a part that has another fault.
        unknown = {each["loc"][:-1] for each in details if each["type"] == "extra_forbidden"}
        told = [
            each for each in details if each["type"] != "missing" or not (found.faults or each["loc"][:-1] in unknown)
        ]
        for each in told[:EXPLAINED]:
            found.add(_explain(model, given, each))
    found.raise_any()
    assert checked is not None
    cautions = [each.caution for each in given.values() if each.caution]
    checked._cautions = (*found.cautions, *cautions, *exposed_files(given, secrets_of(model)))
    return checked


def refuse_unknown(
    model: type[Settings], given: dict[str, Given], besides: Sequence[str] = (), findings: Findings | None = None
) -> None:
    """Refuse names that neither ``model`` nor ``besides`` has.

    They are taken out of ``given``, and their faults go to ``findings``.  Without these, raises `SettingsError`.
    """
    found = findings if findings is not None else Findings()
    known = [*map(model.path, model.model_fields)]
    unknown = [name for name in given if name not in model.model_fields and name not in besides]
    for name in unknown[:EXPLAINED]:
        found.add(no_setting(known, given[name].named, name, besides))
    for name in unknown:
        del given[name]
    if findings is None:
        found.raise_any()


def no_setting(known: Sequence[str], origin: Origin, name: str, besides: Sequence[str] = ()) -> SettingsError:
    """Make the error for an unknown name; ``known`` are the names that exist, those in groups with dots.

    ``besides`` are names that exist, but are not listed where none is near.
    """
    spelt: dict[str, str] = {}
    for full in (*(group for each in known for group in _groups_of(each)), *known, *besides):
        spelt |= dict.fromkeys((full.rpartition(".")[2], full.replace(".", "_"), full), full)
    near = difflib.get_close_matches(name[:SHOWN].rpartition(".")[2].replace("-", "_").lower(), spelt, n=1)
    hint = f"Did you mean {spelt[near[0]]}?" if near else f"The settings are: {', '.join(known)}."
    shown = origin.name if origin.rank.is_file and origin.name.endswith(name) else name
    return origin.fault(f"{printable(shown)} is not a setting", hint, named=False)


def _groups_of(path: str) -> list[str]:
    """Return the groups that a setting is in: ``rates`` and ``rates.requests``."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts))]


def _explain(model: type[Settings], given: Mapping[str, Given], details: ErrorDetails) -> SettingsError:
    context = details.get("ctx", {})
    trail: Trail = details["loc"] or (context.get("about", ""),)
    part = given[str(trail[0])].at(trail[1:]) if trail[0] in given else None
    owner, name = _field(model, trail)
    if details["type"] == "extra_forbidden":
        origin = part.named if part is not None else Origin(Rank.DEFAULT)
        return no_setting([*map(owner.path, owner.model_fields)] if owner is not None else [], origin, str(trail[-1]))
    field = owner.model_fields.get(name) if owner is not None else None
    hint = field.description if field is not None and field.description else ""
    if details["type"] == "setting":
        line, hint = str(context["line"]), str(context["hint"]) or hint
    elif details["type"] == "missing":
        line = f"{printable(str(trail[-1]))} is missing"
    elif details["type"] == "string_type":
        line, hint = "must be text", "Put the value into quotes. " + hint
        if field is not None and not _is_secret(field.annotation):
            line += f", not {_shown(part)}"
    else:
        line = details["msg"].replace("Input should be", "must be").split(", unable to")[0]
        line = line.replace("tuple", "list").replace("a valid dictionary", "names, each with a colon and a value")
        if _NOT_SUCH_A_VALUE.match(details["type"]) and field is not None and not _is_secret(field.annotation):
            line += f", not {_shown(part)}"
    missing = details["type"] == "missing" and len(trail) == 1
    return part.origin.fault(line, hint) if part is not None else SettingsError(line, hint, missing=missing)


def _shown(part: Given | None) -> str:
    """Return the offending text; of a list or a mapping, in which a secret can be, only that it is one."""
    value = part.value if part is not None else None
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a group"
    if isinstance(value, bool):
        return str(value).lower()
    return printable(str(value))[:SHOWN]


def _is_secret(annotation: Any, masked: bool = True) -> bool:
    shown = repr(annotation)
    return "SecretStr" in shown or (masked and Masked.__name__ in shown)


def models_in(annotation: Any) -> list[type[Settings]]:
    """Return the models in a field's type."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for each in get_args(annotation) for model in models_in(each)]


def _field(model: type[Settings], trail: Trail) -> tuple[type[Settings] | None, str]:
    """Return the model and the field that ``trail`` leads to, or the field of the list for one of its items."""
    owner: type[Settings] | None = model
    name = ""
    kind: Any = model
    for step in trail:
        if isinstance(kind, type) and issubclass(kind, Settings):
            owner, name = kind, str(step)
            field = kind.model_fields.get(name)
            kind = _without_none(field.annotation) if field is not None else None
        else:
            inner = models_in(kind)
            if inner and not (isinstance(step, str) and get_origin(kind) in (tuple, list)):
                kind = inner[0]
    return owner, name


def _without_none(annotation: Any) -> Any:
    """Return what an optional type is apart from None."""
    rest = [each for each in get_args(annotation) if each is not type(None)]
    return rest[0] if len(rest) == 1 and len(get_args(annotation)) == 2 else annotation


def secrets_of(model: type[Settings], *, masked: bool = False) -> dict[str, frozenset[str]]:
    """Return the settings that are secrets or hold some, by name, with the names of the secrets within.

    ``masked``: also those that may be some (`Masked`).
    """
    found = {}
    for name, described in model.model_fields.items():
        if _is_secret(described.annotation, masked):
            found[name] = frozenset[str]()
            continue
        inner = frozenset(_secrets_within(described.annotation, (), masked))
        if inner:
            found[name] = inner
    return found


def _secrets_within(annotation: Any, above: tuple[Any, ...], masked: bool) -> Iterator[str]:
    for model in models_in(annotation):
        if model not in above:
            for name, described in model.model_fields.items():
                if _is_secret(described.annotation, masked):
                    yield name
                else:
                    yield from _secrets_within(described.annotation, (*above, model), masked)
