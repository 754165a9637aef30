"""Which session holds which name.

The need: one name, one winner, however many ask at once; a client whose link dropped gets its name back, and nobody
else does meanwhile; a visitor's request finds its tunnel with one look into `by_label`.

A name is in one of these states::

    free ---claim---> bound to a session ---away---> bound, its client away ---back---> bound
                        |                              |      \\--claim by the same owner--> bound to another session
                        | release                      | release(held=True)
                        v                              v
                       free <------------ T ------- held for its owner ---claim by the same owner---> bound

Who the owner is, the gateway says, with a value that is the same again when the same client comes back: a digest, best
of a secret, for whoever has the same value is let in to the name.

The invariants, which `check_invariants` proves:

* A name is bound or held, never both.
* `by_label` and the sessions' own lists have the same tunnels.
* An account has at most `per_owner` names, bound or held; all together have at most `total` bound and as many held
  ones.  The account is the owner itself, unless the gateway says that several owners count as one.

Not chosen: leaving a bound name to whichever session of the owner asks last.  Two clients that share a key would then
take it from one another for ever, each sure that it reconnected.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Generic, TypeVar

from sellia.errors import ProblemError
from sellia.problems import INTERNAL, NAME_TAKEN, OVERLOADED, TOO_MANY_TUNNELS
from sellia.protocol.messages import TunnelOptions
from sellia.relay.names import suggest_name
from sellia.relay.secrets import SecretDigest

Session = TypeVar("Session", bound=Hashable)

HOLD_SECONDS: Final = 120.0
"""How long a name is held for an owner whose session is lost: the resume window."""

REMEMBERED_LIMIT: Final = 1_000
"""Names of which it is remembered why they are free."""

PER_OWNER_LIMIT: Final = 100
TOTAL_LIMIT: Final = 10_000

_SUGGESTIONS: Final = 50

_NO_OPTIONS: Final = TunnelOptions()


@dataclass(frozen=True, slots=True, eq=False)
class Tunnel(Generic[Session]):
    """A name bound to a session.  `tunnel_id` is its number there; `auth` what visitors must know, if anything.

    `options` are what its owner asked for.
    """

    label: str
    session: Session
    tunnel_id: int
    owner: Hashable
    auth: SecretDigest | None = None
    account: Hashable = None
    options: TunnelOptions = _NO_OPTIONS


@dataclass(frozen=True, slots=True)
class Claim(Generic[Session]):
    """A claim that won.  `displaced` is the same owner's tunnel that had the name and is to be ended, if there was."""

    tunnel: Tunnel[Session]
    displaced: Tunnel[Session] | None = None


@dataclass(frozen=True, slots=True)
class _Hold:
    owner: Hashable
    until: float
    account: Hashable


class TunnelRegistry(Generic[Session]):
    """The names of one server.  It reads no clock: every `now` is in seconds and never goes back.

    A hold that has run out counts for nothing, and goes with the next claim.
    """

    def __init__(
        self, *, hold_seconds: float = HOLD_SECONDS, per_owner: int = PER_OWNER_LIMIT, total: int = TOTAL_LIMIT
    ) -> None:
        self.hold_seconds = hold_seconds
        self.per_owner = per_owner
        self.total = total
        self.by_label: dict[str, Tunnel[Session]] = {}
        """Every bound name: to be read by the ingress, and changed by nobody but this class."""
        self._sessions: dict[Session, dict[str, Tunnel[Session]]] = {}
        self._away: set[Session] = set()
        self._holds: dict[str, _Hold] = {}  # in the order in which they run out
        self._counts: dict[Hashable, int] = {}
        #: Why names are free that were bound a moment ago, and until when that is remembered; oldest first.
        self._free: dict[str, tuple[str, float]] = {}

    def claim(
        self,
        label: str,
        session: Session,
        owner: Hashable,
        now: float,
        *,
        tunnel_id: int,
        auth: SecretDigest | None = None,
        account: Hashable = None,
        options: TunnelOptions = _NO_OPTIONS,
    ) -> Claim[Session]:
        """Bind the valid name `label` to `session`, or raise `ProblemError`.

        NAME_TAKEN if it is bound or held for another; TOO_MANY_TUNNELS if the owner, OVERLOADED if the server has as
        many as it may.  Nothing has changed then.
        """
        self.expire(now)
        account = owner if account is None else account
        displaced = self.by_label.get(label)
        if displaced is not None and not self._may_displace(displaced, session, owner):
            raise ProblemError(NAME_TAKEN, f"The name {label!r} is in use.")
        hold = self._holds.get(label)
        if hold is not None and hold.owner != owner:
            seconds = int(hold.until - now) + 1
            raise ProblemError(NAME_TAKEN, f"The name {label!r} is held for its last owner for another {seconds} s.")
        mine = displaced or hold
        counted = mine is not None and mine.account == account
        if not counted and self._counts.get(account, 0) >= self.per_owner:
            raise ProblemError(TOO_MANY_TUNNELS, f"You have {self.per_owner} tunnels open, which is the limit.")
        if displaced is None and len(self.by_label) >= self.total:
            raise ProblemError(OVERLOADED, f"The server has {self.total} tunnels open, which is its limit.")

        if displaced is not None:
            self._unbind(displaced)
        self._drop_hold(label)
        tunnel = Tunnel(label, session, tunnel_id, owner, auth, account, options)
        self.by_label[label] = tunnel
        self._free.pop(label, None)
        self._sessions.setdefault(session, {})[label] = tunnel
        self._counts[account] = self._counts.get(account, 0) + 1
        return Claim(tunnel, displaced)

    def free_name(self, random: Random, now: float) -> str:
        """A name that is easy to say and that anybody could claim now."""
        self.expire(now)
        for _ in range(_SUGGESTIONS):
            name = suggest_name(random)
            if name not in self.by_label and name not in self._holds:
                return name
        # With the table full to its default bound, that is one chance in ten to the hundredth.
        raise ProblemError(INTERNAL, "No free name was found; ask for one by name.")

    def tunnels_of(self, session: Session) -> list[Tunnel[Session]]:
        """The tunnels bound to `session`, in the order of their claims."""
        return list(self._sessions.get(session, {}).values())

    def away(self, session: Session) -> None:
        """The session has lost its link: visitors wait, and its owner may claim its names for a new session."""
        if session in self._sessions:
            self._away.add(session)

    def back(self, session: Session) -> None:
        """The session has a link again."""
        self._away.discard(session)

    def adopt(self, session: Session, owner: Hashable, account: Hashable = None) -> None:
        """The session's client has become another owner, as one that has no key does when its address changes.

        Where the new account would have more names than it may, the old owner keeps them.
        """
        account = owner if account is None else account
        tunnels = [each for each in self.tunnels_of(session) if (each.owner, each.account) != (owner, account)]
        moved = [each for each in tunnels if each.account != account]
        if self._counts.get(account, 0) + len(moved) > self.per_owner:
            return
        for tunnel in tunnels:
            self._uncount(tunnel.account)
            self._counts[account] = self._counts.get(account, 0) + 1
            adopted = replace(tunnel, owner=owner, account=account)
            self.by_label[tunnel.label] = self._sessions[session][tunnel.label] = adopted

    def release(self, tunnel: Tunnel[Session], now: float, *, held: bool = False) -> bool:
        """End one tunnel; its name is free at once, or first `held` for its owner.

        False, and nothing happens, if the name is no longer that tunnel's.
        """
        if self.by_label.get(tunnel.label) is not tunnel:
            return False
        self._unbind(tunnel)
        if held:
            self._hold(tunnel, now)
        return True

    def release_session(self, session: Session, now: float, *, held: bool) -> list[Tunnel[Session]]:
        """End all tunnels of `session` and say which they were; `held` if it was lost, not if its client took leave."""
        ended = self.tunnels_of(session)
        for tunnel in ended:
            self.release(tunnel, now, held=held)
        return ended

    def unhold(self, label: str, owner: Hashable) -> None:
        """Its last owner does not come back for the name, if it is still held for it: it is free."""
        hold = self._holds.get(label)
        if hold is not None and hold.owner == owner:
            self._drop_hold(label)

    def remember(self, labels: Iterable[str], word: str, now: float) -> None:
        """These names are free because of that; it is remembered for as long as a name is held."""
        for label in labels:
            self._free.pop(label, None)
            if label not in self.by_label:
                self._free[label] = word, now + self.hold_seconds
        while len(self._free) > REMEMBERED_LIMIT:
            del self._free[next(iter(self._free))]

    def why_free(self, label: str, now: float) -> str | None:
        """The word for why a name is free that was bound a moment ago."""
        word, until = self._free.get(label, (None, 0.0))
        return word if until > now else None

    def is_held(self, label: str, now: float) -> bool:
        """Whether nobody has the name but its last owner may come back for it: to a visitor, the client is gone."""
        hold = self._holds.get(label)
        return hold is not None and hold.until > now

    def expire(self, now: float) -> list[str]:
        """Free the names whose hold has run out, and say which they were."""
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
        assert not self.by_label.keys() & self._holds.keys()
        listed = {label: tunnel for tunnels in self._sessions.values() for label, tunnel in tunnels.items()}
        assert listed == self.by_label
        assert all(tunnels for tunnels in self._sessions.values())
        assert self._away <= self._sessions.keys()
        owners = [tunnel.account for tunnel in self.by_label.values()] + [hold.account for hold in self._holds.values()]
        assert self._counts == {owner: owners.count(owner) for owner in owners}
        assert all(count <= self.per_owner for count in self._counts.values())
        assert len(self.by_label) <= self.total and len(self._holds) <= self.total
        assert not self.by_label.keys() & self._free.keys() and len(self._free) <= REMEMBERED_LIMIT
        untils = [hold.until for hold in self._holds.values()]
        assert untils == sorted(untils)

    def _may_displace(self, tunnel: Tunnel[Session], session: Session, owner: Hashable) -> bool:
        return tunnel.owner == owner and tunnel.session != session and tunnel.session in self._away

    def _unbind(self, tunnel: Tunnel[Session]) -> None:
        del self.by_label[tunnel.label]
        tunnels = self._sessions[tunnel.session]
        del tunnels[tunnel.label]
        if not tunnels:
            del self._sessions[tunnel.session]
            self._away.discard(tunnel.session)
        self._uncount(tunnel.account)

    def _hold(self, tunnel: Tunnel[Session], now: float) -> None:
        if len(self._holds) >= self.total:
            self._drop_hold(next(iter(self._holds)))
        self._holds[tunnel.label] = _Hold(tunnel.owner, now + self.hold_seconds, tunnel.account)
        self._counts[tunnel.account] = self._counts.get(tunnel.account, 0) + 1

    def _drop_hold(self, label: str) -> None:
        hold = self._holds.pop(label, None)
        if hold is not None:
            self._uncount(hold.account)

    def _uncount(self, account: Hashable) -> None:
        self._counts[account] -= 1
        if not self._counts[account]:
            del self._counts[account]
