"""The registry of names: which upstream each tunnel's name is bound to.

The need: one name, one winner, however many ask at once; a client whose link dropped gets its name back, and nobody
else does meanwhile; a visitor's request finds its tunnel with one look into a table.

A name is in one of these states::

    free ---claim---> bound to a session ---away---> bound, its client away ---back---> bound
                        |                              |      \\--claim by the same owner--> bound to another session
                        | release                      | release(held=True)
                        v                              v
                       free <------------ T ------- held for its owner ---claim by the same owner---> bound

A tunnel may have several names, which it gets together and loses together.  Names below a name (``api.myapp``, and the
wildcard ``*.myapp``, which stands for all that nobody has by itself) are a family with it: only who has all that is
bound or held of a family may have more of it.

A name is bound to an *upstream* (`sellia.relay.mux.upstream`): a client's session, or a pool of some.  Who the owner
is, the gateway says, with a value that is the same again when the same client comes back: a digest, best of a secret,
for whoever has the same value is let in to the name.

The invariants, which `check_invariants` proves:

* A name is bound or held, never both.
* No claim is granted to a family of which somebody else has a name.
* `by_name` and the upstreams' own lists have the same tunnels.
* An account has at most `per_owner` names, bound or held; all together have at most `total` bound and as many held
  ones.  The account is the owner itself, unless the gateway says that several owners count as one.
* Nobody claims a name that `reservations` keep for another; a name that was bound before stays so.

Not chosen: leaving a bound name to whichever session of the owner asks last.  Two clients that share a key would then
take it from one another for ever, each sure that it reconnected.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Generic, Protocol, TypeVar

from sellia.errors import ProblemError
from sellia.problems import INTERNAL, NAME_TAKEN, OVERLOADED, TOO_MANY_TUNNELS, Problem
from sellia.protocol.messages import TunnelKind, TunnelOptions
from sellia.relay.access import AccessList
from sellia.relay.families import WILDCARD, Families, family_of, wildcards_of
from sellia.relay.freed import FreedNames
from sellia.relay.holds import Hold, Holds
from sellia.relay.names import suggest_name
from sellia.relay.passwords import Credentials
from sellia.relay.ports import called, port_of
from sellia.relay.rules import Rules

Target = TypeVar("Target", bound=Hashable)
Target_co = TypeVar("Target_co", covariant=True)

HOLD_SECONDS: Final = 120.0
"""Seconds for which a name is held for the owner of a lost upstream: the resume window."""

PER_OWNER_LIMIT: Final = 100
TOTAL_LIMIT: Final = 10_000

_SUGGESTIONS: Final = 50

_NO_OPTIONS: Final = TunnelOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Tunnel(Generic[Target_co]):
    """A name bound to an upstream, or several: `names` are all of them, and `label` the first.

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
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.names:
            object.__setattr__(self, "names", (self.label,))


@dataclass(frozen=True, slots=True)
class Claim(Generic[Target]):
    """A granted claim.  `displaced` are the same owner's tunnels that had its names: their sessions are to be told."""

    tunnel: Tunnel[Target]
    displaced: tuple[Tunnel[Target], ...] = ()


class Reservations(Protocol):
    """Names that belong to somebody whether a tunnel has them or not."""

    def refusal(self, label: str, owner: Hashable) -> ProblemError | None:
        """Return why an owner may not claim a label, or None; the owner None stands for anybody."""


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
        """Every bound name.  Nobody but this class changes it; visitors are led by `find`."""
        self._by_target: dict[Target, dict[str, Tunnel[Target]]] = {}
        self._away: set[Target] = set()
        self._holds = Holds()
        self._families = Families()  # of all names, bound or held
        self._wildcards = 0  # wildcards that are bound
        self._counts: dict[Hashable, int] = {}
        self._freed = FreedNames()
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
        """Return the tunnel that visitors of a name reach, by a wildcard where nobody has the name itself, or None."""
        tunnel = self.by_name.get(label)
        if tunnel is not None or not self._wildcards or "." not in label or label in self._holds:
            return tunnel
        for wildcard in wildcards_of(label):
            tunnel = self.by_name.get(wildcard)
            if tunnel is not None or wildcard in self._holds:
                return tunnel
        return None

    def has(self, label: str, owner: Hashable) -> bool:
        """Return whether a name itself is bound to something of that owner's."""
        tunnel = self.by_name.get(label)
        return tunnel is not None and tunnel.owner == owner

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
        also: Sequence[str] = (),
    ) -> Claim[Target]:
        """Bind the valid name `label`, and `also` others, to `upstream`, or raise `ProblemError`.

        NAME_TAKEN if it is bound or held for another; TOO_MANY_TUNNELS if the owner, OVERLOADED if the server has as
        many as it may; what the reservations say if it is another's.  Nothing has changed then.
        """
        self.expire(now)
        account = owner if account is None else account
        names = tuple(dict.fromkeys((label, *also)))
        for name in names:
            self._check_claim(name, upstream, owner, now)
        displaced = tuple(dict.fromkeys(self.by_name[name] for name in names if name in self.by_name))
        mine = sum(len(each.names) for each in displaced if each.account == account)
        mine += sum(1 for name in names if name in self._holds and self._holds[name].account == account)
        more = len(names) - mine
        if more > 0 and self._counts.get(account, 0) + more > self.per_owner:
            raise ProblemError(TOO_MANY_TUNNELS, f"You have {self.per_owner} tunnels open, which is the limit.")
        more = len(names) - sum(len(each.names) for each in displaced)
        if more > 0 and len(self.by_name) + more > self.total:
            raise ProblemError(OVERLOADED, f"The server has {self.total} tunnels open, which is its limit.")

        for each in displaced:
            self._unbind(each)
        for name in names:
            self._drop_hold(name)
            self._freed.forget(name)
        tunnel = Tunnel(label, upstream, tunnel_id, owner, auth, account, options, kind, access, rules, names)
        self._bind(tunnel)
        self._counts[account] = self._counts.get(account, 0) + len(names)
        for each in displaced:
            self._tell_released(each)
        return Claim(tunnel, displaced)

    def _check_claim(self, label: str, upstream: Target, owner: Hashable, now: float) -> None:
        """Raise `ProblemError` where a name is another's, or in a family with one that is."""
        refusal = self._reserved(label, owner) or self._reserved(family_of(label), owner)
        if refusal is not None:
            raise refusal
        displaced = self.by_name.get(label)
        if displaced is not None and not self._may_displace(displaced, upstream, owner):
            raise ProblemError(NAME_TAKEN, f"{called(label)} is in use.")
        hold = self._holds.get(label)
        if hold is not None and hold.owner != owner:
            seconds = int(hold.until - now) + 1
            raise ProblemError(NAME_TAKEN, f"{called(label)} is held for its last owner for another {seconds} s.")
        for relative in self._families.relatives(label):
            has = self.by_name.get(relative) or self._holds.get(relative)
            if has is not None and has.owner != owner:
                raise ProblemError(NAME_TAKEN, f"{called(label)} belongs to whoever has {relative!r}.")

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
            taken = name in self.by_name or name in self._holds or name in self._families
            if not taken and self._reserved(name, None) is None:
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
        moved = sum(len(each.names) for each in tunnels if each.account != account)
        if self._counts.get(account, 0) + moved > self.per_owner:
            return
        for tunnel in tunnels:
            self._uncount(tunnel.account, len(tunnel.names))
            self._counts[account] = self._counts.get(account, 0) + len(tunnel.names)
            adopted = replace(tunnel, owner=owner, account=account)
            self._by_target[upstream][tunnel.label] = adopted
            self.by_name.update(dict.fromkeys(tunnel.names, adopted))

    def release(self, tunnel: Tunnel[Target], now: float, *, held: bool = False) -> bool:
        """End one tunnel; its names are free at once, or first `held` for its owner.

        Return False, and change nothing, if the name is no longer that tunnel's.
        """
        if self.by_name.get(tunnel.label) is not tunnel:
            return False
        self._unbind(tunnel)
        if held:
            for name in tunnel.names:
                self._hold(tunnel, name, now)
        self._tell_released(tunnel)
        return True

    def _tell_released(self, tunnel: Tunnel[Target]) -> None:
        """Tell of the names of a tunnel that has ended, those that another one has taken over left out."""
        for name in tunnel.names:
            if self.released is not None and name not in self.by_name:
                self.released(name)

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
        free = [label for label in labels if label not in self.by_name]
        self._freed.remember(free, problem, now + self.hold_seconds)

    def why_free(self, label: str, now: float) -> Problem | None:
        """Return the problem of a name that became free a moment ago, or of a wildcard for it, or None."""
        found = (self._freed.why(name, now) for name in (label, *wildcards_of(label)))
        return next((problem for problem in found if problem is not None), None)

    def is_held(self, label: str, now: float) -> bool:
        """Return whether a name is held for its last owner, or a wildcard for it: to a visitor, the client is gone."""
        holds = (self._holds.get(name) for name in (label, *wildcards_of(label)))
        return any(hold is not None and hold.until > now for hold in holds)

    def expire(self, now: float) -> list[str]:
        """Free the names whose hold has run out, and return them."""
        freed = self._holds.over(now)
        for label in freed:
            self._drop_hold(label)
        return freed

    def check_invariants(self) -> None:
        """Raise AssertionError if the tables disagree; for tests."""
        assert not self.by_name.keys() & self._holds.keys()
        tunnels = [tunnel for tunnels in self._by_target.values() for tunnel in tunnels.values()]
        assert {name: tunnel for tunnel in tunnels for name in tunnel.names} == self.by_name
        assert all(self._by_target[each.upstream][each.label] is each for each in tunnels)
        assert self._wildcards == sum(1 for name in self.by_name if name.startswith(WILDCARD))
        self._families.check_invariants({*self.by_name, *self._holds})
        assert all(tunnels for tunnels in self._by_target.values())
        assert self._away <= self._by_target.keys()
        owners = [tunnel.account for tunnel in self.by_name.values()] + [hold.account for hold in self._holds.values()]
        assert self._counts == {owner: owners.count(owner) for owner in owners}
        assert all(count <= self.per_owner for count in self._counts.values())
        assert len(self.by_name) <= self.total and len(self._holds) <= self.total
        self._freed.check_invariants(self.by_name.keys())
        self._holds.check_invariants()

    def _reserved(self, label: str, owner: Hashable) -> ProblemError | None:
        return self.reservations.refusal(label, owner) if self.reservations is not None else None

    def _may_displace(self, tunnel: Tunnel[Target], upstream: Target, owner: Hashable) -> bool:
        return tunnel.owner == owner and tunnel.upstream != upstream and tunnel.upstream in self._away

    def _bind(self, tunnel: Tunnel[Target]) -> None:
        for name in tunnel.names:
            self.by_name[name] = tunnel
            self._wildcards += name.startswith(WILDCARD)
            self._families.add(name)
        self._by_target.setdefault(tunnel.upstream, {})[tunnel.label] = tunnel

    def _unbind(self, tunnel: Tunnel[Target]) -> None:
        for name in tunnel.names:
            del self.by_name[name]
            self._wildcards -= name.startswith(WILDCARD)
            self._families.discard(name)
        tunnels = self._by_target[tunnel.upstream]
        del tunnels[tunnel.label]
        if not tunnels:
            del self._by_target[tunnel.upstream]
            self._away.discard(tunnel.upstream)
        self._uncount(tunnel.account, len(tunnel.names))

    def _hold(self, tunnel: Tunnel[Target], label: str, now: float) -> None:
        if len(self._holds) >= self.total:
            self._drop_hold(next(iter(self._holds)))
        self._holds.add(label, Hold(tunnel.owner, now + self.hold_seconds, tunnel.account))
        self._families.add(label)
        self._counts[tunnel.account] = self._counts.get(tunnel.account, 0) + 1

    def _drop_hold(self, label: str) -> None:
        hold = self._holds.pop(label, None)
        if hold is not None:
            self._families.discard(label)
            self._uncount(hold.account)

    def _uncount(self, account: Hashable, names: int = 1) -> None:
        self._counts[account] -= names
        if not self._counts[account]:
            del self._counts[account]
