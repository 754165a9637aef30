"""Operations on accounts and on classes of limits."""

from dataclasses import fields, replace

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import ALREADY_EXISTS, INVALID_VALUE, NO_SUCH_THING, STILL_IN_USE
from sellia.server.accounts.changes import Planned
from sellia.server.accounts.own_limits import (
    FIGURES,
    KEY_MARK,
    Figures,
    check_class,
    checked_figures,
    is_own,
    own_figures,
)
from sellia.server.accounts.parts import Actor, Parts
from sellia.storage.interface import Delete, Insert, Update
from sellia.storage.records import DEFAULT_LIMITS, Account, DirectoryRecord, LimitsClass, new_id
from sellia.text import printable

#: Characters of names that people give.
NAME_LENGTH = 100
NOTE_LENGTH = 1_000


class AccountOperations:
    """Operations on the accounts of one server; each returns a Deferred that fails with ProblemError."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def accounts(self) -> list[Account]:
        """Return all accounts, in the order of their names."""
        return sorted(self._parts.live.accounts.values(), key=lambda each: each.name)

    def create(self, name: str, *, limits: str = DEFAULT_LIMITS, note: str = "", by: Actor) -> "Deferred[Account]":
        """Make an account."""
        parts = self._parts

        def plan() -> Planned:
            self._check_name(name, None)
            text = checked(note, "note", NOTE_LENGTH)
            account = Account(new_id("acc"), name, parts.today(), self._limits(limits), text)
            told = parts.told("account.created", by, account.id, {"name": name, "limits": limits})
            return Planned([Insert(account), told], account)

        return parts.changes.make(plan)

    def update(
        self,
        account: str,
        *,
        name: str | None = None,
        limits: str | None = None,
        note: str | None = None,
        closed: bool | None = None,
        by: Actor,
    ) -> "Deferred[Account]":
        """Change what is given of an account; no key of one that is ``closed`` opens anything, and its sessions end."""
        parts = self._parts

        def plan() -> Planned:
            old = new = parts.account(account)
            if name is not None and name != old.name:
                self._check_name(name, old)
                new = replace(new, name=name)
            if limits is not None:
                new = replace(new, limits=self._limits(limits))
            if note is not None:
                new = replace(new, note=checked(note, "note", NOTE_LENGTH))
            if closed is not None and closed != (old.closed_at is not None):
                new = replace(new, closed_at=parts.today() if closed else None)
            if new == old:
                return Planned([], old)
            names = [each.name for each in fields(Account) if getattr(old, each.name) != getattr(new, each.name)]
            changed = {each: str(getattr(new, each)) for each in names}
            return Planned([Update(new), parts.told("account.updated", by, new.id, changed)], new)

        return parts.changes.make(plan)

    def delete(self, account: str, *, by: Actor) -> "Deferred[Account]":
        """Delete an account with its keys and names; its sessions end.  Events and usage stay."""
        parts = self._parts

        def plan() -> Planned:
            old = parts.account(account)
            keys, names = parts.live.keys_of(old.id), parts.live.names_of(old.id)
            told = parts.told("account.deleted", by, old.id, {"name": old.name, "keys": len(keys), "names": len(names)})
            own = [each for key in keys if (each := own_figures(parts.live, key)) is not None]
            gone: list[DirectoryRecord] = [*names, *keys, *own, old]
            return Planned([*map(Delete, gone), told], old)

        return parts.changes.make(plan)

    # --- limits ----------------------------------------------------------------------------------------------

    def limits(self) -> list[LimitsClass]:
        """Return all classes of limits, but not those of single keys."""
        found = (each for each in self._parts.live.limits.values() if not is_own(each.name))
        return sorted(found, key=lambda each: each.name)

    def set_limits(self, name: str, figures: Figures, *, by: Actor) -> "Deferred[LimitsClass]":
        """Make a class of limits, or replace its figures; None, and what is not given, is left to the settings."""
        parts = self._parts

        def plan() -> Planned:
            checked(name, "name of a class", NAME_LENGTH)
            if is_own(name):
                raise ProblemError(INVALID_VALUE, f"The name of a class does not begin with {KEY_MARK}, as ids do.")
            new = LimitsClass(name, **checked_figures(figures))  # type: ignore[arg-type]
            old = parts.live.limits.get(name)
            if new == old:
                return Planned([], new)
            told = parts.told("limits.set", by, name, {each: figures.get(each) for each in FIGURES})
            return Planned([Insert(new) if old is None else Update(new), told], new)

        return parts.changes.make(plan)

    def delete_limits(self, name: str, *, by: Actor) -> "Deferred[LimitsClass]":
        """Delete a class of limits that nobody has."""
        parts = self._parts

        def plan() -> Planned:
            old = parts.live.limits.get(name)
            if old is None or is_own(name):
                raise ProblemError(NO_SUCH_THING, f"There is no class of limits {printable(name, 64)!r}.")
            if name == DEFAULT_LIMITS:
                raise ProblemError(STILL_IN_USE, f"The class {name!r} is what accounts have that have no other.")
            accounts = [each.name for each in parts.live.accounts.values() if each.limits == name]
            keys = [f"{each.prefix}..." for each in parts.live.keys.values() if each.limits == name]
            if accounts or keys:
                users = ", ".join((accounts + keys)[:5])
                raise ProblemError(STILL_IN_USE, f"The class {name!r} is that of {len(accounts) + len(keys)}: {users}.")
            return Planned([Delete(old), parts.told("limits.deleted", by, name)], old)

        return parts.changes.make(plan)

    # --- inside ----------------------------------------------------------------------------------------------

    def _check_name(self, name: str, mine: Account | None) -> None:
        checked(name, "name of an account", NAME_LENGTH)
        if name.startswith("acc_"):
            raise ProblemError(INVALID_VALUE, "The name of an account does not begin with acc_, as ids do.")
        found = self._parts.live.account_named(name)
        if found is not None and found != mine:
            raise ProblemError(ALREADY_EXISTS, f"There is an account {name!r} already.")

    def _limits(self, name: str) -> str:
        check_class(self._parts.live, name)
        return name


def checked(text: str, what: str, longest: int) -> str:
    """Return a text that people give.  Raises ProblemError for one that is too long, blank or not printable."""
    if len(text) > longest:
        raise ProblemError(INVALID_VALUE, f"The {what} has at most {longest} characters, and this has {len(text)}.")
    if text != text.strip() or printable(text) != text or (not text and what != "note"):
        raise ProblemError(INVALID_VALUE, f"The {what} is a printable text without white space around it.")
    return text
