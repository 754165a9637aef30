"""Models of settings: what a setting is, and how it is spelt as a flag, as a variable and in a file."""

import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, model_validator


def setting(
    default: Any,
    description: str,
    *,
    path: str = "",
    flag: str = "",
    variable: str = "",
    merged: bool = False,
    **bounds: Any,
) -> Any:
    """Describe a setting: the one place for all that its flag, its messages and the documents say of it.

    ``description`` is the hint for a wrong value and the help of the flag.  ``path`` is its place in the file if that
    is not its name, such as ``timeouts.request``; ``flag`` what stands for its value in usage texts, or ``switch``,
    empty where there is no flag; ``variable`` the environment variable.  ``merged`` is for a mapping whose entries have
    names of their own: those of a stronger file are added to, or replace, those of a weaker one.  ``bounds`` are
    pydantic's.
    """
    spelling: dict[str, Any] = {"path": path, "flag": flag, "variable": variable, "merged": "yes" if merged else ""}
    return Field(default, description=description, json_schema_extra=spelling, **bounds)


class Settings(BaseModel):
    """A frozen model that takes no unknown names; the description of each field is the hint when it is wrong.

    ``RENAMED`` has the names of the version before, and what each is now; they are accepted with a warning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True)

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
    """Return the ``path``, ``flag``, ``variable`` or ``merged`` of a setting, or an empty string."""
    extra = model.model_fields[name].json_schema_extra
    return str(extra.get(what, "")) if isinstance(extra, dict) else ""
