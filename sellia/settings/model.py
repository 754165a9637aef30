"""Models of settings, and what is said about a value that does not fit its model."""

import difflib
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator
from pydantic_core import ErrorDetails

from sellia.errors import SettingsError
from sellia.settings.exposure import exposed_files
from sellia.settings.given import Given, Trail
from sellia.settings.values import SHOWN
from sellia.text import printable

#: pydantic's error types after which a message repeats the value, unless it is a secret.
_NOT_SUCH_A_VALUE: Final = re.compile(r"^(int|float|bool|literal|greater|less|finite)")


def setting(
    default: Any,
    description: str,
    *,
    path: str = "",
    flag: str = "",
    variable: str = "",
    **bounds: Any,
) -> Any:
    """Describe a setting: the one place for all that its flag, its messages and the documents say of it.

    ``description`` is the hint for a wrong value and the help of the flag.  ``path`` is its place in the file if that
    is not its name, such as ``timeouts.request``; ``flag`` what stands for its value in usage texts, or ``switch``,
    empty where there is no flag; ``variable`` the environment variable.  ``bounds`` are pydantic's.
    """
    spelling = {"path": path, "flag": flag, "variable": variable}
    return Field(default, description=description, json_schema_extra={**spelling}, **bounds)


class Settings(BaseModel):
    """A frozen model that takes no unknown names; the description of each field is the hint when it is wrong.

    ``RENAMED`` has the names of the version before, and what each is now; they are accepted with a warning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    RENAMED: ClassVar[Mapping[str, str]] = {}

    _cautions: tuple[str, ...] = PrivateAttr(())

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences that the user should know about the settings; none of them stops the start."""
        return self._cautions

    @classmethod
    def path(cls, name: str) -> str:
        """Return the place of a setting in the file, such as ``timeouts.request``."""
        return spelling(cls, name, "path") or name

    @model_validator(mode="before")
    @classmethod
    def _accept_renamed(cls, value: object) -> object:
        if not isinstance(value, dict) or not cls.RENAMED.keys() & value.keys():
            return value
        for old, new in cls.RENAMED.items():
            if old in value:
                warnings.warn(f"{old} is called {new} now", DeprecationWarning, stacklevel=4)
        return {cls.RENAMED.get(name, name): each for name, each in value.items()}


def spelling(model: type[Settings], name: str, what: str) -> str:
    """Return the ``path``, ``flag`` or ``variable`` of a setting, or an empty string."""
    extra = model.model_fields[name].json_schema_extra
    return str(extra.get(what, "")) if isinstance(extra, dict) else ""


_Model = TypeVar("_Model", bound=Settings)


def check(model: type[_Model], given: Mapping[str, Given]) -> _Model:
    """Return ``model`` made of what was given and of defaults.  Raises `SettingsError` for the first fault."""
    try:
        checked = model.model_validate({name: each.value for name, each in given.items()})
        told = [each.caution for each in given.values() if each.caution]
        checked._cautions = (*told, *exposed_files(given, _secrets(model)))
        return checked
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
    # What is missing may be there under a name that is misspelt, which says more.
    details = next((each for each in found if each["type"] == "extra_forbidden"), found[0])
    if found[0]["type"] not in ("missing", "extra_forbidden"):
        details = found[0]
    raise _explain(model, given, details)


def refuse_unknown(model: type[Settings], given: Mapping[str, Given], besides: Sequence[str] = ()) -> None:
    """Raise `SettingsError` for the first name that neither ``model`` nor ``besides`` has."""
    known = [*map(model.path, model.model_fields), *besides]
    for name, each in given.items():
        if name not in model.model_fields and name not in besides:
            raise no_setting(known, each.place, name)


def _explain(model: type[Settings], given: Mapping[str, Given], details: ErrorDetails) -> SettingsError:
    context = details.get("ctx", {})
    trail = details["loc"] or (context.get("about", ""),)
    place = _place(given, trail)
    if details["type"] == "extra_forbidden":
        return _unknown(model, place, trail)
    setting = _field(model, trail)
    hint = setting.description if setting is not None and setting.description else ""
    if details["type"] == "setting":
        line = str(context["line"])
        return SettingsError(f"{place}: {line}" if place else line, str(context["hint"]) or hint)
    if details["type"] == "missing":
        return SettingsError(f"{place}: {printable(str(trail[-1]))} is missing", hint)
    if details["type"] == "string_type":
        return SettingsError(f"{place}: must be text", "Put the value into quotes. " + hint)
    line = details["msg"].replace("Input should be", "must be").replace("tuple", "list").split(", unable to")[0]
    if _NOT_SUCH_A_VALUE.match(details["type"]) and setting is not None and "Secret" not in repr(setting.annotation):
        line += f", not {printable(str(_value(given, trail)))[:SHOWN]}"
    return SettingsError(f"{place}: {line}" if place else line, hint)


def _unknown(model: type[Settings], place: str, trail: Trail) -> SettingsError:
    owner = _owner(model, trail)
    return no_setting([*map(owner.path, owner.model_fields)] if owner is not None else [], place, str(trail[-1]))


def no_setting(known: Sequence[str], place: str, name: str) -> SettingsError:
    """Make the error for an unknown name; ``known`` are the names that exist, those in groups with dots."""
    spelt = {part: full for full in known for part in (full.rpartition(".")[2], full.replace(".", "_"), full)}
    near = difflib.get_close_matches(name.replace("-", "_").lower(), spelt, n=1)
    where = place.rpartition(": ")[0] or place
    hint = f"Did you mean {spelt[near[0]]}?" if near else f"The settings are: {', '.join(known)}."
    return SettingsError(f"{where}: {printable(name)} is not a setting", hint)


def _place(given: Mapping[str, Given], trail: Trail) -> str:
    """Return the most exact place that is known for a part."""
    source = given.get(str(trail[0])) if trail else None
    if source is None:
        return ""
    for length in range(len(trail) - 1, 0, -1):
        if trail[1 : length + 1] in source.parts:
            return source.parts[trail[1 : length + 1]]
    return source.place


def _value(given: Mapping[str, Given], trail: Trail) -> object:
    value: Any = given[str(trail[0])].value
    for step in trail[1:]:
        try:
            value = value[step]
        except (LookupError, TypeError):
            break
    return value


def _owner(model: type[Settings], trail: Trail) -> type[Settings] | None:
    """Return the model that the last name of ``trail`` belongs to; models nest in lists only."""
    for step in trail[:-1]:
        if isinstance(step, int):
            continue
        setting = model.model_fields.get(step)
        inner = _models_in(setting.annotation) if setting is not None else []
        if not inner:
            return None
        model = inner[0]
    return model


def _models_in(annotation: Any) -> list[type[Settings]]:
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [model for each in getattr(annotation, "__args__", ()) for model in _models_in(each)]


def _field(model: type[Settings], trail: Trail) -> Any:
    """Return the field that ``trail`` leads to, or the field of the list for one of its items."""
    names = trail
    while names and isinstance(names[-1], int):
        names = names[:-1]
    owner = _owner(model, names) if names else None
    return owner.model_fields.get(str(names[-1])) if owner is not None else None


def _secrets(model: type[Settings]) -> dict[str, frozenset[str]]:
    """Return the settings that are secrets or hold some, by name, with the names of the secrets within."""
    found = {}
    for name, described in model.model_fields.items():
        if "SecretStr" in repr(described.annotation):
            found[name] = frozenset[str]()
            continue
        within = [each for nested in _models_in(described.annotation) for each in nested.model_fields.items()]
        inner = frozenset(each for each, field in within if "SecretStr" in repr(field.annotation))
        if inner:
            found[name] = inner
    return found
