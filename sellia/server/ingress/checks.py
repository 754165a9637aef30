"""Checks that a request must pass before a stream is opened for it on its tunnel.

Need
    Whether a request may pass is asked of several: where it comes from, how often requests come, the tunnel's password,
    whether its client is there, whether there is room.  Some answer at once; one that has to ask a store or another
    server answers later.

How
    A `Check` returns None for a request that may pass, an `ProblemError` for one that may not, or a Deferred of either.
    `Ingress.admit` runs ``Ingress.checks`` in their order.  The last one looks for room, so that there is some when the
    stream is opened.  A check that answers at once costs a call; `sellia.server.ingress.waiting` has the others.
"""

from collections.abc import Callable
from typing import Final

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import CLIENT_AWAY, OVERLOADED
from sellia.relay.http.forwarded import counted_address
from sellia.relay.http.policy import Refusal, Visitor, decide
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.exchange import Channel
from sellia.server.ingress.http1 import Request

Verdict = ProblemError | None
Check = Callable[[Request, Tunnel[Upstream], Channel], "Verdict | Deferred[Verdict]"]


def is_preflight(request: Request) -> bool:
    """Return whether a browser asks on behalf of a page whether it may send a request (Fetch, 3.3.2)."""
    return (
        request.method == b"OPTIONS"
        and not request.has_body
        and bool(request.values(b"origin"))
        and bool(request.values(b"access-control-request-method"))
    )


def keeps_rules(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
    """Hold the request's head against the tunnel's rules, if it has some, and take a token of its visitor's rate."""
    rules = tunnel.rules
    if rules is None:
        return None
    address = connection.visitor_of(request)
    decision = decide(rules, request, Visitor(address))
    if isinstance(decision, Refusal):
        refusal = ProblemError(decision.problem, decision.detail)
        refusal.allow = decision.allow
        return refusal
    request.rewrite = decision
    if rules.visitors is None or rules.rate is None:
        return None
    ingress = connection.ingress
    wait = rules.visitors.take(counted_address(address), ingress.clock.seconds())
    if not wait:
        return None
    rate = f"{rules.rate.per_second:,g} requests a second, {rules.rate.burst:,} at once"
    return ingress.guard.too_often("visitor_rate", address, wait, f"This tunnel takes {rate}, of one address.")


def within_rate(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
    """Take a token of the tunnel's rate of requests."""
    ingress = connection.ingress
    guard = ingress.guard
    if guard.requests is None:
        return None
    wait = guard.requests.take(tunnel.label, ingress.clock.seconds())
    return guard.too_often("request_rate", connection.visitor_of(request), wait) if wait else None


def has_password(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> "Verdict | Deferred[Verdict]":
    """Compare the request's credentials with the tunnel's, if it has some."""
    if tunnel.auth is None or (tunnel.options.auth_preflight == "pass" and is_preflight(request)):
        return None
    guard = connection.ingress.guard
    return guard.check_password(tunnel.label, tunnel.auth, request.headers, lambda: connection.visitor_of(request))


def need_not_wait(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
    """Refuse a request that would wait for its client's link, where the tunnel's owner wants that."""
    if tunnel.options.while_away == "refuse" and not tunnel.upstream.attached:
        return ProblemError(CLIENT_AWAY)
    return None


def has_room(request: Request, tunnel: Tunnel[Upstream], connection: Channel) -> Verdict:
    """Ask the upstream whether another exchange would break a limit."""
    limit = tunnel.upstream.refusal(tunnel.tunnel_id)
    if limit is None:
        return None
    connection.ingress.guard.refused(limit, connection.visitor_of(request), 503)
    return ProblemError(CLIENT_AWAY if limit == "away_requests" else OVERLOADED)


CHECKS: Final[tuple[Check, ...]] = (keeps_rules, within_rate, has_password, need_not_wait, has_room)
