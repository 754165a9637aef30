"""Causes of ends of visitors' exchanges at the server, from what their legs know."""

from typing import Any, Final

from sellia.problems import VISITOR_GONE, Problem
from sellia.protocol.messages import NO_WHY, Why
from sellia.relay.mux.causes import believed, why_of
from sellia.relay.mux.stream import Stream
from sellia.server.ingress.interim import through_a_proxy
from sellia.server.ingress.patience import NEVER
from sellia.text import shown_host
from sellia.transports.reactor.causes import tell_cause
from sellia.why.cause import Cause, Fact
from sellia.why.exchange import ExchangeEnd, exchange_cause, refused_handshake

#: Problems of which a visitor brings about any number: they are in the log for who debugs.
_QUIET: Final = frozenset((VISITOR_GONE.code,))


def cause_of(
    clock: Any,
    stream: Stream,
    tunnel: str,
    problem: Problem,
    message: str,
    known: dict[str, Fact | None] | None = None,
    *,
    proxied: str = "",
    waited: float | None = None,
) -> Cause | None:
    """Return why an exchange ends by a problem, and tell that to the log; ``Session.told`` is what the client says."""
    said = stream.session.told
    end = ExchangeEnd(
        stream.cause_id,
        "server" if said is None else "client",
        problem,
        message,
        told=believed(said),
        proxied=proxied,
        waited=waited,
        known=known or {},
    )
    cause = exchange_cause(end)
    if cause is not None:
        tell_cause(clock, cause, tunnel, quiet=cause.what in _QUIET)
    return cause


def proxied_by(connection: Any, request: Any) -> str:
    """Return how a proxy in front is known to be there, if one is."""
    return "trusted" if connection.trusted else "seen" if through_a_proxy(request) else ""


def explain(leg: Any, problem: Problem, message: str) -> Why:
    """Tell the log, and the leg's observer, why its exchange ends; return what its client is told of that."""
    stream, connection = leg.stream, leg.connection
    if stream is None:
        return NO_WHY
    now = connection.ingress.clock.seconds()
    waiting = not leg.head_sent and leg.deadline < NEVER
    cause = cause_of(
        connection.ingress.clock,
        stream,
        _tunnel_of(leg),
        problem,
        message,
        proxied=proxied_by(connection, leg.request) if problem is VISITOR_GONE else "",
        waited=now - (leg.deadline - leg.patience) if waiting else None,
    )
    if cause is not None and leg.observer is not None:
        leg.observer.explained(stream.id, cause)
    return why_of(cause)


def tell_gateway_error(leg: Any, status: int) -> None:
    """Tell the log of an answer that reads like one of Sellia's own, and is the service's."""
    if leg.stream is not None:
        end = ExchangeEnd(leg.stream.cause_id, "server", what="gateway-error", status=status)
        cause = exchange_cause(end)
        assert cause is not None
        tell_cause(leg.connection.ingress.clock, cause, _tunnel_of(leg))


def tell_refused_handshake(leg: Any, status: int) -> None:
    """Tell the log that the service has answered a handshake with another status than 101."""
    if leg.stream is not None:
        cause = refused_handshake(leg.stream.cause_id, status)
        tell_cause(leg.connection.ingress.clock, cause, leg.tunnel)
        if leg.observer is not None:
            leg.observer.explained(leg.stream.id, cause)


def _tunnel_of(leg: Any) -> str:
    """Return the name of a leg's tunnel for the log: that of the host, where the leg does not know it."""
    name: str = getattr(leg, "tunnel", "")
    hosts = leg.request.hosts
    return name or (shown_host(hosts[0].partition(b".")[0]) if hosts else "")
