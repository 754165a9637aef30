"""Causes of ends of exchanges at the client, from what their legs know."""

from typing import Any, Final

from sellia.problems import SERVICE_DIED, VISITOR_GONE, Problem
from sellia.relay.mux.causes import believed
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.causes import tell_cause
from sellia.why.cause import Cause, Party
from sellia.why.exchange import GATEWAY_STATUSES, ExchangeEnd, exchange_cause, refused_handshake

#: Words of a leg that say more than a problem's code.
BAD_HANDSHAKE: Final = "bad-handshake"
STRIPPED: Final = "upgrade-stripped"
HOST_CHECK: Final = "host-not-allowed"


def found_here(leg: Any, problem: Problem, message: str) -> Cause:
    """Return why an exchange fails for a problem that has arisen at this end."""
    service = leg.service
    end = ExchangeEnd(
        leg.stream.cause_id,
        "client",
        problem,
        message,
        leg.word if leg.word == BAD_HANDSHAKE else "",
        status=leg.status,
        listening=service.listening() if problem is SERVICE_DIED else None,
        known=_counts(leg),
    )
    cause = exchange_cause(end)
    assert cause is not None
    return cause


def told_by_server(leg: Any, problem: Problem, message: str) -> Cause | None:
    """Return why the server has reset an exchange."""
    stream = leg.stream
    said = stream.session.told
    told = believed(said)
    reporter: Party = "client" if said is None else "server"
    known = _counts(leg)
    return exchange_cause(
        ExchangeEnd(stream.cause_id, reporter, problem, message, told=told, status=leg.status, known=known)
    )


def of_answer(leg: Any) -> Cause | None:
    """Return what there is to be known of an answer that was passed on whole, and tell that."""
    what = leg.word or ("gateway-error" if leg.status in GATEWAY_STATUSES else "")
    end = ExchangeEnd(leg.stream.cause_id, "client", what=what, status=leg.status, known=_counts(leg))
    return explain(leg, exchange_cause(end))


def of_refusal(leg: Any, status: int) -> Cause:
    """Return why a handshake has become no WebSocket, though the service has answered it, and tell that."""
    cause = refused_handshake(leg.stream.cause_id, status, leg.word, **_counts(leg))
    explain(leg, cause)
    return cause


def why_connection(
    service: Any, stream: Stream, problem: Problem, message: str, came: int, went: int, seconds: float
) -> Cause | None:
    """Return why a TCP connection or a flow ends by a problem, and tell that."""
    said = stream.session.told
    end = ExchangeEnd(
        stream.cause_id,
        "client" if said is None else "server",
        problem,
        message,
        told=believed(said),
        listening=service.listening() if problem is SERVICE_DIED and said is None else None,
        known={"bytes_in": came, "bytes_out": went, "seconds": round(seconds, 3)},
    )
    cause = exchange_cause(end)
    if cause is not None:
        tell_cause(service.clock, cause, service.name, quiet=problem is VISITOR_GONE)
    return cause


def explain(leg: Any, cause: Cause | None) -> Cause | None:
    """Tell the log and the leg's observer of a cause, if there is one; return it."""
    if cause is not None:
        tell_cause(leg.service.clock, cause, leg.service.name, quiet=cause.what == VISITOR_GONE.code)
        if leg.observer is not None:
            leg.observer.explained(leg.stream.id, cause)
    return cause


def _counts(leg: Any) -> dict[str, Any]:
    seconds = leg.service.clock.seconds() - leg.started if leg.started else None
    return {
        "bytes_in": getattr(leg, "bytes_in", None),
        "bytes_out": leg.bytes_out,
        "seconds": round(seconds, 3) if seconds is not None else None,
    }
