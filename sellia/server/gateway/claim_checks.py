"""Checks of a claim: whether a client may have the tunnel that it asks for, in the order in which they are made.

A check raises ProblemError for a claim that is to be refused, and fills in what it finds of one that is not: its kind,
its label, and what visitors must show.  A claim that is decided after a look at the name's holder is checked again,
because limits and names may have changed, but does not count for the rate again.
"""

from dataclasses import dataclass
from random import Random
from typing import Final, Protocol

from sellia.errors import ProblemError
from sellia.problems import (
    FORBIDDEN,
    RATE_LIMITED,
    SERVER_DRAINING,
    TOO_MANY_TUNNELS,
)
from sellia.protocol.messages import OpenTunnel, TunnelKind
from sellia.relay.access import AccessList
from sellia.relay.passwords import Credentials, Users
from sellia.relay.ports import port_of
from sellia.relay.registry import TunnelRegistry
from sellia.relay.rules import Rules, rules_of
from sellia.relay.secrets import basic_auth_digest
from sellia.server.gateway.kinds import Asking, Kind, Ports, further_names, kind_of
from sellia.server.gateway.policy import Policy
from sellia.server.gateway.pools import Holder, Pools
from sellia.server.gateway.sessions import ServerSession
from sellia.server.settings import ServerSettings
from sellia.text import printable, sentence

PER_CLIENT: Final = "This client has as many tunnels as it may."
PORTS: Final = "You have as many ports as you may: close a tunnel, or have limits.ports_per_owner raised."


class ClaimKeeper(Protocol):
    """The gateway, as the checks of claims use it."""

    settings: ServerSettings
    registry: TunnelRegistry[Holder]
    pools: Pools
    random: Random
    ports: Ports
    policy: Policy
    draining: bool


@dataclass(slots=True)
class Asked:
    """A claim while it is checked; the checks fill in what they find."""

    session: ServerSession
    wanted: OpenTunnel
    count: int  #: tunnels that the session has besides
    now: float
    kind: Kind | None = None
    label: str = ""
    also: tuple[str, ...] = ()  #: further names
    auth: Credentials | None = None
    access: AccessList | None = None
    rules: Rules | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """All names that are claimed."""
        return (self.label, *self.also)


class ClaimChecks:
    """The checks of all claims at a gateway."""

    def __init__(self, keeper: ClaimKeeper) -> None:
        self._keeper = keeper
        self._checks = (
            self._check_drain,
            self._check_kind,
            self._check_count,
            self._check_auth,
            self._check_access,
            self._check_pool,
            self._check_rules,
            self._check_name,
        )

    def run(self, claim: Asked, *, again: bool) -> None:
        """Make all checks; ``again``: the claim has been checked before.  Raises ProblemError."""
        if not again:
            self._check_rate(claim)
        for check in self._checks:
            check(claim)

    def _check_rate(self, claim: Asked) -> None:
        rate = claim.session.claims
        if rate is not None and rate.take(claim.now):
            raise ProblemError(RATE_LIMITED, "This client asks for names too often.")

    def _check_drain(self, claim: Asked) -> None:
        if self._keeper.draining:
            raise ProblemError(SERVER_DRAINING)

    def _check_kind(self, claim: Asked) -> None:
        claim.kind = kind_of(claim.wanted.kind, self._keeper.ports)

    def _check_count(self, claim: Asked) -> None:
        if claim.count >= self._keeper.settings.tunnels_per_client:
            raise ProblemError(TOO_MANY_TUNNELS, PER_CLIENT)

    def _check_name(self, claim: Asked) -> None:
        assert claim.kind is not None
        keeper = self._keeper
        owner = claim.session.owner.names
        asking = Asking(
            claim.wanted, keeper.settings.domain, owner, keeper.registry, keeper.ports, keeper.random, claim.now
        )
        claim.label = claim.kind.label(asking)
        claim.also = further_names(claim.label, claim.wanted, keeper.settings.domain)
        if port_of(claim.label):
            ports = keeper.registry.ports_of(claim.session.owner.account, claim.label)
            if ports >= keeper.settings.ports_per_owner:
                raise ProblemError(TOO_MANY_TUNNELS, PORTS)
        for name in claim.names:
            keeper.policy.check_claim(claim.session, claim.wanted, name)

    def _check_access(self, claim: Asked) -> None:
        options = claim.wanted.options
        if options.allow or options.deny:
            try:
                claim.access = AccessList(options.allow, options.deny)
            except ValueError as error:
                detail = f"An entry of allow or deny {error}."
                raise ProblemError(FORBIDDEN, printable(detail, 200)) from None

    def _check_pool(self, claim: Asked) -> None:
        self._keeper.pools.check(claim.session, claim.wanted)

    def _check_rules(self, claim: Asked) -> None:
        if claim.wanted.kind != TunnelKind.HTTP:
            return
        try:
            claim.rules = rules_of(claim.wanted.options, claim.access, password=claim.auth is not None)
        except ValueError as error:
            raise ProblemError(FORBIDDEN, sentence(error)) from None

    def _check_auth(self, claim: Asked) -> None:
        wanted, options = claim.wanted, claim.wanted.options
        if wanted.auth is None and not (options.passwords or options.digests):
            return
        try:
            if options.passwords or options.digests:
                first = [wanted.auth] if wanted.auth is not None else []
                claim.auth = Users([*first, *options.passwords], options.digests)
            else:
                claim.auth = basic_auth_digest(wanted.auth or "")
        except ValueError as error:
            raise ProblemError(FORBIDDEN, sentence(error)) from None
