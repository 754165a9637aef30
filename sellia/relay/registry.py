"""The registry of names: which upstream each tunnel's name is bound to.

The need: one name, one winner, however many ask at once; a client whose link dropped gets its name back, and nobody
else does meanwhile; a visitor's request finds its tunnel with one look into a table.

A name is in one of these states::

    free ---claim---> bound to a session ---away---> bound, its client away ---back---> bound
                        |                              |      \\--claim by the same owner--> bound to another session
                        | release                      | release(held=True)
                        v                              v
                       free <------------ T ------- held for its owner ---claim by the same owner---> bound

A name is bound to an *upstream* (`sellia.relay.mux.upstream`): a client's session, or a pool of some.  Who the owner
is, the gateway says, with a value that is the same again when the same client comes back: a digest, best of a secret,
for whoever has the same value is let in to the name.

The invariants, which `check_invariants` proves:

* A name is bound or held, never both.
* `by_name` and the upstreams' own lists have the same tunnels.
* An account has at most `per_owner` names, bound or held; all together have at most `total` bound and as many held
  ones.  The account is the owner itself, unless the gateway says that several owners count as one.
* Nobody claims a name that `reservations` keep for another; a name that was bound before stays so.

Not chosen: leaving a bound name to whichever session of the owner asks last.  Two clients that share a key would then
take it from one another for ever, each sure that it reconnected.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Generic, Protocol, TypeVar

from sellia.errors import ProblemError
from sellia.problems import INTERNAL, NAME_TAKEN, OVERLOADED, TOO_MANY_TUNNELS, Problem
from sellia.protocol.messages import TunnelKind, TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.names import suggest_name
from sellia.relay.passwords import Credentials
from sellia.relay.ports import called, port_of
from sellia.relay.rules import Rules

Target = TypeVar("Target", bound=Hashable)
Target_co = TypeVar("Target_co", covariant=True)

HOLD_SECONDS: Final = 120.0
"""Seconds for which a name is held for the owner of a lost upstream: the resume window."""

REMEMBERED_LIMIT: Final = 1_000
"""Maximum number of free names of which it is remembered why they are free."""

PER_OWNER_LIMIT: Final = 100
TOTAL_LIMIT: Final = 10_000

_SUGGESTIONS: Final = 50

_NO_OPTIONS: Final = TunnelOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Tunnel(Generic[Target_co]):
    """A name bound to an upstream.

    `tunnel_id` is its number there, `auth` the digest of the credentials that visitors must present, `access` the lists
    of addresses that are let in or kept out, if there are any, and `options` what its owner asked for.  `rules` are all
    rules for requests, if there are any: those of `access`, too.
    """

    label: str
    upstream: Target_co
    tunnel_id: int
    owner: Hashable
    auth: Credentials | None = None
    account: Hashable = None
    options: TunnelOptions = _NO_OPTIONS
    kind: TunnelKind = TunnelKind.HTTP
    access: AccessList | None = None
    rules: Rules | None = None


@dataclass(frozen=True, slots=True)
class Claim(Generic[Target]):
    """A granted claim.  `displaced` is the same owner's tunnel that had the name, if any: its session is to be told."""

    tunnel: Tunnel[Target]
    displaced: Tunnel[Target] | None = None


class Reservations(Protocol):
    """Names that belong to somebody whether a tunnel has them or not."""

    def refusal(self, label: str, owner: Hashable) -> ProblemError | None:
        """Return why an owner may not claim a label, or None; the owner None stands for anybody."""


@dataclass(frozen=True, slots=True)
class _Hold:
    owner: Hashable
    until: float
    account: Hashable


class TunnelRegistry(Generic[Target]):
    """The table of one server's names.  It reads no clock: every `now` is in seconds and never goes back.

    A hold that has run out counts for nothing, and goes with the next claim.
    """

    def __init__(
        self, *, hold_seconds: float = HOLD_SECONDS, per_owner: int = PER_OWNER_LIMIT, total: int = TOTAL_LIMIT
    ) -> None:
        self.hold_seconds = hold_seconds
        self.per_owner = per_owner
        self.total = total
        self.by_name: dict[str, Tunnel[Target]] = {}
        """Every bound name.  Nobody but this class changes it; the server reads it through `find` and `count`."""
        self._by_target: dict[Target, dict[str, Tunnel[Target]]] = {}
        self._away: set[Target] = set()
        self._holds: dict[str, _Hold] = {}  # in the order in which they run out
        self._counts: dict[Hashable, int] = {}
        #: Problems of names that became free a moment ago, with the time until which they are kept; oldest first.
        self._free: dict[str, tuple[Problem, float]] = {}
        #: Told of each label that is no longer bound, unless another tunnel has taken its place.
        self.released: Callable[[str], None] | None = None
        #: Names that are kept for their owners; None where there are none.
        self.reservations: Reservations | None = None

    def set_limits(self, hold_seconds: float, per_owner: int, total: int) -> None:
        """Change the bounds, for claims from now on; names that are bound or held stay so, also beyond them."""
        self.hold_seconds = hold_seconds
        self.per_owner = per_owner
        self.total = total

    def find(self, label: str) -> Tunnel[Target] | None:
        """Return the tunnel that a name is bound to, or None."""
        return self.by_name.get(label)

    @property
    def count(self) -> int:
        """The number of bound names."""
        return len(self.by_name)

    def count_of(self, account: Hashable) -> int:
        """Return the number of names that an account has, bound or held."""
        return self._counts.get(account, 0)

    def claim(
        self,
        label: str,
        upstream: Target,
        owner: Hashable,
        now: float,
        *,
        tunnel_id: int,
        auth: Credentials | None = None,
        account: Hashable = None,
        options: TunnelOptions = _NO_OPTIONS,
        kind: TunnelKind = TunnelKind.HTTP,
        access: AccessList | None = None,
        rules: Rules | None = None,
    ) -> Claim[Target]:
        """Bind the valid name `label` to `upstream`, or raise `ProblemError`.

        NAME_TAKEN if it is bound or held for another; TOO_MANY_TUNNELS if the owner, OVERLOADED if the server has as
        many as it may; what the reservations say if it is another's.  Nothing has changed then.
        """
        self.expire(now)
        refusal = self._reserved(label, owner)
        if refusal is not None:
            raise refusal
        account = owner if account is None else account
        displaced = self.by_name.get(label)
        if displaced is not None and not self._may_displace(displaced, upstream, owner):
            raise ProblemError(NAME_TAKEN, f"{called(label)} is in use.")
        hold = self._holds.get(label)
        if hold is not None and hold.owner != owner:
            seconds = int(hold.until - now) + 1
            raise ProblemError(NAME_TAKEN, f"{called(label)} is held for its last owner for another {seconds} s.")
        mine = displaced or hold
        counted = mine is not None and mine.account == account
        if not counted and self._counts.get(account, 0) >= self.per_owner:
            raise ProblemError(TOO_MANY_TUNNELS, f"You have {self.per_owner} tunnels open, which is the limit.")
        if displaced is None and len(self.by_name) >= self.total:
            raise ProblemError(OVERLOADED, f"The server has {self.total} tunnels open, which is its limit.")

        if displaced is not None:
            self._unbind(displaced)
        self._drop_hold(label)
        tunnel = Tunnel(label, upstream, tunnel_id, owner, auth, account, options, kind, access, rules)
        self.by_name[label] = tunnel
        self._free.pop(label, None)
        self._by_target.setdefault(upstream, {})[label] = tunnel
        self._counts[account] = self._counts.get(account, 0) + 1
        return Claim(tunnel, displaced)

    def could_claim(self, label: str, owner: Hashable, now: float) -> bool:
        """Return whether a claim of this owner would be granted now, as far as the label decides."""
        if self._reserved(label, owner) is not None:
            return False
        bound, hold = self.by_name.get(label), self._holds.get(label)
        if bound is not None:
            return bound.owner == owner and bound.upstream in self._away
        return hold is None or hold.owner == owner or hold.until <= now

    def ports_of(self, account: Hashable, besides: str) -> int:
        """Return how many ports an account has, bound or held, ``besides`` the one with that label."""
        bound = (label for label, each in self.by_name.items() if each.account == account)
        held = (label for label, each in self._holds.items() if each.account == account)
        return sum(1 for labels in (bound, held) for label in labels if label != besides and port_of(label))

    def free_name(self, random: Random, now: float) -> str:
        """Return a name that is easy to say and that anybody could claim now."""
        self.expire(now)
        for _ in range(_SUGGESTIONS):
            name = suggest_name(random)
            if name not in self.by_name and name not in self._holds and self._reserved(name, None) is None:
                return name
        # With the table full to its default bound, that is one chance in ten to the hundredth.
        raise ProblemError(INTERNAL, "No free name was found; ask for one by name.")

    def tunnels_of(self, upstream: Target) -> list[Tunnel[Target]]:
        """Return the tunnels bound to `upstream`, in the order of their claims."""
        return list(self._by_target.get(upstream, {}).values())

    def away(self, upstream: Target) -> None:
        """Mark `upstream` as away: visitors wait, and its owner may claim its names for a new session."""
        if upstream in self._by_target:
            self._away.add(upstream)

    def back(self, upstream: Target) -> None:
        """Mark `upstream` as reachable again."""
        self._away.discard(upstream)

    def adopt(self, upstream: Target, owner: Hashable, account: Hashable = None) -> None:
        """Move the names of `upstream` to another owner, as when the address of a client without a key changes.

        Where the new account would have more names than it may, the old owner keeps them.
        """
        account = owner if account is None else account
        tunnels = [each for each in self.tunnels_of(upstream) if (each.owner, each.account) != (owner, account)]
        moved = [each for each in tunnels if each.account != account]
        if self._counts.get(account, 0) + len(moved) > self.per_owner:
            return
        for tunnel in tunnels:
            self._uncount(tunnel.account)
            self._counts[account] = self._counts.get(account, 0) + 1
            adopted = replace(tunnel, owner=owner, account=account)
            self.by_name[tunnel.label] = self._by_target[upstream][tunnel.label] = adopted

    def release(self, tunnel: Tunnel[Target], now: float, *, held: bool = False) -> bool:
        """End one tunnel; its name is free at once, or first `held` for its owner.

        Return False, and change nothing, if the name is no longer that tunnel's.
        """
        if self.by_name.get(tunnel.label) is not tunnel:
            return False
        self._unbind(tunnel)
        if held:
            self._hold(tunnel, now)
        if self.released is not None:
            self.released(tunnel.label)
        return True

    def release_all(self, upstream: Target, now: float, *, held: bool) -> list[Tunnel[Target]]:
        """End all tunnels of `upstream` and return them; `held` if it was lost, not if its client took leave."""
        ended = self.tunnels_of(upstream)
        for tunnel in ended:
            self.release(tunnel, now, held=held)
        return ended

    def unhold(self, label: str, owner: Hashable) -> None:
        """Free a name that is held for `owner`, who does not come back for it."""
        hold = self._holds.get(label)
        if hold is not None and hold.owner == owner:
            self._drop_hold(label)

    def remember(self, labels: Iterable[str], problem: Problem, now: float) -> None:
        """Remember the problem for which names became free, for as long as a name is held."""
        for label in labels:
            self._free.pop(label, None)
            if label not in self.by_name:
                self._free[label] = problem, now + self.hold_seconds
        while len(self._free) > REMEMBERED_LIMIT:
            del self._free[next(iter(self._free))]

    def why_free(self, label: str, now: float) -> Problem | None:
        """Return the problem of a name that became free a moment ago, or None."""
        problem, until = self._free.get(label, (None, 0.0))
        return problem if until > now else None

    def is_held(self, label: str, now: float) -> bool:
        """Return whether a name is held for its last owner: to a visitor, the client is gone."""
        hold = self._holds.get(label)
        return hold is not None and hold.until > now

    def expire(self, now: float) -> list[str]:
        """Free the names whose hold has run out, and return them."""
        freed = []
        for label, hold in self._holds.items():
            if hold.until > now:
                break
            freed.append(label)
        for label in freed:
            self._drop_hold(label)
        return freed

    def check_invariants(self) -> None:
        """Raise AssertionError if the tables disagree; for tests."""
        assert not self.by_name.keys() & self._holds.keys()
        listed = {label: tunnel for tunnels in self._by_target.values() for label, tunnel in tunnels.items()}
        assert listed == self.by_name
        assert all(tunnels for tunnels in self._by_target.values())
        assert self._away <= self._by_target.keys()
        owners = [tunnel.account for tunnel in self.by_name.values()] + [hold.account for hold in self._holds.values()]
        assert self._counts == {owner: owners.count(owner) for owner in owners}
        assert all(count <= self.per_owner for count in self._counts.values())
        assert len(self.by_name) <= self.total and len(self._holds) <= self.total
        assert not self.by_name.keys() & self._free.keys() and len(self._free) <= REMEMBERED_LIMIT
        untils = [hold.until for hold in self._holds.values()]
        assert untils == sorted(untils)

    def _reserved(self, label: str, owner: Hashable) -> ProblemError | None:
        return self.reservations.refusal(label, owner) if self.reservations is not None else None

    def _may_displace(self, tunnel: Tunnel[Target], upstream: Target, owner: Hashable) -> bool:
        return tunnel.owner == owner and tunnel.upstream != upstream and tunnel.upstream in self._away

    def _unbind(self, tunnel: Tunnel[Target]) -> None:
        del self.by_name[tunnel.label]
        tunnels = self._by_target[tunnel.upstream]
        del tunnels[tunnel.label]
        if not tunnels:
            del self._by_target[tunnel.upstream]
            self._away.discard(tunnel.upstream)
        self._uncount(tunnel.account)

    def _hold(self, tunnel: Tunnel[Target], now: float) -> None:
        if len(self._holds) >= self.total:
            self._drop_hold(next(iter(self._holds)))
        last = self._holds[next(reversed(self._holds))].until if self._holds else 0.0
        self._holds[tunnel.label] = _Hold(tunnel.owner, now + self.hold_seconds, tunnel.account)
        if last > now + self.hold_seconds:  # names were held for longer a moment ago
            self._holds = dict(sorted(self._holds.items(), key=lambda each: each[1].until))
        self._counts[tunnel.account] = self._counts.get(tunnel.account, 0) + 1

    def _drop_hold(self, label: str) -> None:
        hold = self._holds.pop(label, None)
        if hold is not None:
            self._uncount(hold.account)

    def _uncount(self, account: Hashable) -> None:
        self._counts[account] -= 1
        if not self._counts[account]:
            del self._counts[account]
