"""Limits of keys: a class that others have as well, or figures of its own.

Figures of its own are kept as a class with the key's id, which nobody else can have, and which goes with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Final, NamedTuple, TypeAlias

from sellia.errors import ProblemError
from sellia.problems import INVALID_VALUE
from sellia.server.accounts.live import LiveDirectory
from sellia.storage.interface import Change, Delete, Insert, Update
from sellia.storage.records import Key, LimitsClass
from sellia.text import printable

#: How ids of keys begin, and the names of no other classes.
KEY_MARK: Final = "key_"

#: Fields of a class that are figures.
FIGURES: Final = tuple(each.name for each in fields(LimitsClass) if each.name != "name")

Figures: TypeAlias = Mapping[str, int | float | None]

#: The name of a class, or figures; None for no limits but those of the account.
Limits: TypeAlias = str | Figures | None


class Limited(NamedTuple):
    """A key with its limits, and the changes that come before and after the one of the key."""

    key: Key
    before: Sequence[Change] = ()
    after: Sequence[Change] = ()


def limited(live: LiveDirectory, key: Key, limits: Limits) -> Limited:
    """Return a key with other limits.  Raises ProblemError."""
    had = live.limits.get(key.id)
    if limits is None or isinstance(limits, str):
        if limits is not None:
            check_class(live, limits)
        return Limited(replace(key, limits=limits), after=[Delete(had)] if had is not None else [])
    own = LimitsClass(key.id, **checked_figures(limits))  # type: ignore[arg-type]
    before: list[Change] = [] if own == had else [Insert(own) if had is None else Update(own)]
    return Limited(replace(key, limits=key.id), before)


def inherited(live: LiveDirectory, key: Key, old: Key) -> Limited:
    """Return a key that replaces another one, with figures as that one's, if it has some of its own."""
    if old.limits != old.id:
        return Limited(key)
    return Limited(replace(key, limits=key.id), [Insert(replace(live.limits[old.id], name=key.id))])


def own_figures(live: LiveDirectory, key: Key) -> LimitsClass | None:
    """Return the figures of a key's own."""
    return live.limits[key.id] if key.limits == key.id else None


def is_own(name: str) -> bool:
    """Return whether a class is that of one key."""
    return name.startswith(KEY_MARK)


def check_class(live: LiveDirectory, name: str) -> None:
    """Raise ProblemError for the name of a class that there is not."""
    if name not in live.limits or is_own(name):
        known = ", ".join([each for each in sorted(live.limits) if not is_own(each)][:10])
        raise ProblemError(INVALID_VALUE, f"There is no class of limits {printable(name, 64)!r}: there are {known}.")


def checked_figures(figures: Figures) -> Figures:
    """Return figures of limits.  Raises ProblemError for what is none."""
    for name, value in figures.items():
        if name not in FIGURES:
            detail = f"There is no limit {printable(name, 64)!r}: there are {', '.join(FIGURES)}."
            raise ProblemError(INVALID_VALUE, detail)
        whole = name != "requests_per_second"
        right = value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)
        if not whole and isinstance(value, float | int) and not isinstance(value, bool):
            right = 0 <= value <= 1e9
        if not right:
            kind = "a whole number, 0 or more" if whole else "a number, 0 or more"
            raise ProblemError(INVALID_VALUE, f"The limit {name} is {kind}, or null for what the settings say.")
    return figures
