"""Plan of a file: the steps that lead from what a server has to what the file says.  Pure: lists in, steps out.

Need
    A team's accounts, names and limits belong in a repository, and whoever applies the file wants to see first what
    will be different.

Invariants
    * A step is one call of the admin API, and what is done already is no step: applying a file twice does nothing the
      second time, and one that broke off in the middle goes on.
    * What the file does not mention stays as it is, unless it is said to be pruned; keys are never touched, nor is the
      account of the key that asks.
    * What is needed comes before what needs it: classes of limits, accounts, names; what is taken away goes last.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

#: Class of limits that every server has.
DEFAULT_LIMITS: Final = "default"

#: Figures of a class of limits.
FIGURES: Final = ("clients", "tunnels", "names", "streams", "requests_per_second", "bytes_per_month")

#: Signs of steps, as a difference has them.
ADD, CHANGE, REMOVE = "+", "~", "-"


@dataclass(frozen=True, slots=True)
class Step:
    """One call, with a line that says what it does; ``sign`` is that of a difference."""

    sign: str
    line: str
    method: str
    path: tuple[str, ...]
    body: Mapping[str, Any] | None = None


@dataclass(slots=True)
class WantedAccount:
    """An account as the file says; None for what it does not."""

    limits: str | None = None
    note: str | None = None
    names: Sequence[str] | None = None
    domains: Sequence[str] | None = None


@dataclass(slots=True)
class Wanted:
    """What the file says, by names."""

    limits: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    accounts: Mapping[str, WantedAccount] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """What the server has, as its API tells it."""

    limits: Sequence[Mapping[str, Any]] = ()
    accounts: Sequence[Mapping[str, Any]] = ()
    names: Sequence[Mapping[str, Any]] = ()
    domains: Sequence[Mapping[str, Any]] = ()
    own: str | None = None  #: id of the account of the key that asks, which is never taken away


@dataclass(slots=True)
class Plan:
    """The steps, and what the server has that the file does not mention."""

    steps: list[Step]
    left: list[str]


def kind_of(name: str) -> str:
    """Return the kind of a name: ``*.app`` is a wildcard, ``tcp/20000`` a port."""
    if name.startswith("*."):
        return "wildcard"
    return "port" if name.partition("/")[0] in ("tcp", "udp") and "/" in name else "subdomain"


def make_plan(wanted: Wanted, found: Found, *, prune: bool = False) -> Plan:
    """Return what is to be done."""
    removals: list[Step] = []
    left: list[str] = []
    steps = [*_limits(wanted, found)]
    unknown = [each for each in found.limits if each["name"] not in {*wanted.limits, DEFAULT_LIMITS}]
    open_accounts = {each["name"]: each for each in found.accounts}
    for name, account in wanted.accounts.items():
        steps += _account(name, account, open_accounts.get(name))
    ids = {each["id"]: each["name"] for each in found.accounts}
    steps += _names(wanted, found, ids, removals, left, prune)
    steps += _domains(wanted, found, ids, removals, left, prune)
    for each in found.accounts:
        if each["name"] in wanted.accounts or each["closed_at"] is not None or each["id"] == found.own:
            continue
        if prune:
            line = f"account {each['name']} (closed: its keys open nothing any more)"
            removals.append(Step(REMOVE, line, "PATCH", ("accounts", each["id"]), {"closed": True}))
        else:
            left.append(f"account {each['name']}")
    for each in unknown:
        if prune:
            removals.append(Step(REMOVE, f"limits {each['name']}", "DELETE", ("limits", each["name"])))
        else:
            left.append(f"limits {each['name']}")
    return Plan([*steps, *removals], left)


def _limits(wanted: Wanted, found: Found) -> Iterable[Step]:
    there = {each["name"]: each for each in found.limits}
    for name, figures in wanted.limits.items():
        now = there.get(name)
        body = {each: figures.get(each) for each in FIGURES}
        if now is None:
            yield Step(ADD, f"limits {name}: {_listed(body)}", "PUT", ("limits", name), body)
            continue
        changes = [f"{each} {_shown(now[each])} -> {_shown(body[each])}" for each in FIGURES if now[each] != body[each]]
        if changes:
            yield Step(CHANGE, f"limits {name}: {', '.join(changes)}", "PUT", ("limits", name), body)


def _account(name: str, wanted: WantedAccount, now: Mapping[str, Any] | None) -> Iterable[Step]:
    said = {"limits": wanted.limits, "note": wanted.note}
    said = {each: value for each, value in said.items() if value is not None}
    if now is None:
        line = f"account {name}" + (f" with the limits {wanted.limits}" if wanted.limits else "")
        yield Step(ADD, line, "POST", ("accounts",), {"name": name, **said})
        return
    changed: dict[str, Any] = {each: value for each, value in said.items() if now[each] != value}
    lines = [f"{each} {_shown(now[each])} -> {_shown(value)}" for each, value in changed.items()]
    if now["closed_at"] is not None:
        changed["closed"] = False
        lines.append("opened again")
    if changed:
        yield Step(CHANGE, f"account {name}: {', '.join(lines)}", "PATCH", ("accounts", now["id"]), changed)


def _names(
    wanted: Wanted, found: Found, ids: Mapping[str, str], removals: list[Step], left: list[str], prune: bool
) -> Iterable[Step]:
    there = {(each["kind"], each["name"]): ids.get(each["account"] or "") for each in found.names if _lasts(each)}
    for account, said in wanted.accounts.items():
        listed = {(kind_of(each), each) for each in said.names or ()}
        for kind, name in sorted(listed, key=lambda each: each[1]):
            if there.get((kind, name)) != account:
                body = {"account": account, "kind": kind, "name": name}
                yield Step(ADD, f"name {name} for {account}", "POST", ("names",), body)
        if said.names is None:
            continue
        for (kind, name), owner in there.items():
            if owner != account or (kind, name) in listed:
                continue
            if prune:
                removals.append(Step(REMOVE, f"name {name} of {account}", "DELETE", ("names", kind, name)))
            else:
                left.append(f"name {name} of {account}")


def _domains(
    wanted: Wanted, found: Found, ids: Mapping[str, str], removals: list[Step], left: list[str], prune: bool
) -> Iterable[Step]:
    there = {each["domain"]: ids.get(each["account"] or "") for each in found.domains}
    for account, said in wanted.accounts.items():
        for domain in sorted(set(said.domains or ())):
            if there.get(domain) != account:
                body = {"account": account, "domain": domain}
                yield Step(ADD, f"domain {domain} for {account}", "POST", ("domains",), body)
        if said.domains is None:
            continue
        for domain, owner in there.items():
            if owner != account or domain in said.domains:
                continue
            if prune:
                removals.append(Step(REMOVE, f"domain {domain} of {account}", "DELETE", ("domains", domain)))
            else:
                left.append(f"domain {domain} of {account}")


def _lasts(name: Mapping[str, Any]) -> bool:
    """Return whether a name is reserved, and not only kept for a while for whoever used it."""
    return name["expires_at"] is None


def _listed(figures: Mapping[str, Any]) -> str:
    told = [f"{name} {_shown(value)}" for name, value in figures.items() if value is not None]
    return ", ".join(told) or "as the server's settings say"


def _shown(value: Any) -> str:
    if value is None:
        return "unset"
    return f"{value:,g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value) or '""'
