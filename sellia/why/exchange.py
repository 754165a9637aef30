"""Causes of the ends of requests, of handshakes that became no WebSocket, and of connections.

What a service answers is its own affair, with three exceptions: a 502 or 504, which is what a gateway says of something
behind it and is easily taken for Sellia's; an answer to a handshake that a proxy in front has made an ordinary request;
and a refusal of the public name by a development server.
"""

from dataclasses import dataclass, field
from typing import Final

from sellia.problems import RESPONSE_COMPLETE, UPGRADE_REFUSED, VISITOR_GONE, Problem
from sellia.why.cause import Cause, Fact, Party, facts
from sellia.why.websocket import Told, idle_time
from sellia.why.words import blame, remedy

#: Statuses of gateways that have got no good answer themselves.
GATEWAY_STATUSES: Final = (502, 504)

#: What to look at where a service refuses a handshake, by its status.
_REFUSALS: Final[dict[int, str]] = {
    200: "Check the path: the service answers it with a page, not with a WebSocket.",
    400: "Look in the service's log: it finds something wrong with the handshake, such as a token that is not its own.",
    401: "Log in first, or send the token or cookie that the service asks for.",
    403: "Check the login and the Origin: the service may let its own pages in only.",
    404: "Check the path of the WebSocket.",
    426: "Look at which version or subprotocol the service wants: it names them in its answer.",
}
_REFUSED: Final = "Look in the service's own log for its reason."


@dataclass(frozen=True, slots=True)
class ExchangeEnd:
    """What one end of the link knows of how an exchange has ended that is no WebSocket."""

    id: str
    reporter: Party  #: the program at which the problem arose
    problem: Problem | None = None  #: None for an answer of the service's
    message: str = ""  #: a sentence that says more than the problem's
    what: str = ""  #: a word that says more than the problem's code
    told: Told | None = None
    proxied: str = ""  #: as in `WebSocketEnd`
    waited: float | None = None  #: seconds for which the answer was waited for when the visitor left
    status: int | None = None  #: of the service's answer, if there was one
    listening: bool | None = None
    known: dict[str, Fact | None] = field(default_factory=dict)


def exchange_cause(end: ExchangeEnd) -> Cause | None:
    """Return why an exchange has ended; None for an end that is plainly good."""
    problem = end.problem
    if problem == RESPONSE_COMPLETE:
        return None
    if problem is None and not end.what:
        return None
    if end.told is not None:
        who, what = end.told.who, end.told.what
    elif problem == VISITOR_GONE:
        who, what = _visitor_gone(end)
    elif end.what:
        who, what = _OF_WORDS.get(end.what, "service"), end.what
    else:
        assert problem is not None
        who, what = blame(problem, end.reporter), problem.code
    return Cause(end.id, who, what, _sentence(end, who, what), _remedy(end, who, what), _evidence(end))


def refused_handshake(id: str, status: int, what: str = "", **known: Fact | None) -> Cause:
    """Return why a handshake has become no WebSocket, where the service's answer had another status than 101."""
    if what:
        return _answered(id, status, what, known)
    if status in GATEWAY_STATUSES:
        return _answered(id, status, "gateway-error", known)
    sentence = f"The service answered the WebSocket's handshake with {status} instead of 101."
    evidence = facts(status=status, **known)
    return Cause(id, "service", UPGRADE_REFUSED.code, sentence, _REFUSALS.get(status, _REFUSED), evidence)


def mixed_content(id: str, target: str, address: str) -> Cause:
    """Return why browsers block, or look elsewhere for, an address without TLS that a page over https names."""
    sentence = (
        f"The answer to {target} names {address}, and is public over https: browsers block that,"
        " or look for it on the visitor's own machine."
    )
    what = "mixed-content"
    return Cause(id, "service", what, sentence, remedy(what, "service"), facts(address=address))


def _answered(id: str, status: int, what: str, known: dict[str, Fact | None]) -> Cause:
    cause = exchange_cause(ExchangeEnd(id, "client", what=what, status=status, known=known))
    assert cause is not None
    return cause


#: Who has caused what has a word of its own, where that is not the service.
_OF_WORDS: Final[dict[str, Party]] = {"upgrade-stripped": "proxy"}

_SENTENCES: Final[dict[str, str]] = {
    "upgrade-stripped": "A WebSocket's handshake came as an ordinary request: a proxy in front removed Upgrade.",
    "gateway-error": "The service itself answered {status}: it is a gateway, and got no good answer from behind it.",
    "host-not-allowed": "The service refused the public name, which it does not know: a host check.",
    "idle-timeout": "The connection was dropped after {waited} s without an answer, a customary time-out of proxies.",
}


def _visitor_gone(end: ExchangeEnd) -> tuple[Party, str]:
    if not end.proxied:
        return "visitor", VISITOR_GONE.code
    if end.waited is not None and idle_time(end.waited):
        return "proxy", "idle-timeout"
    return "unknown", VISITOR_GONE.code


def _sentence(end: ExchangeEnd, who: Party, what: str) -> str:
    if what in _SENTENCES:
        waited = end.waited if end.told is None else end.told.evidence.get("waited")
        shown = idle_time(float(waited)) or waited if isinstance(waited, int | float) else "some"
        return _SENTENCES[what].format(status=end.status, waited=shown if isinstance(shown, str) else f"{shown:g}")
    if end.problem == VISITOR_GONE:
        whose = "The visitor, or the proxy in front," if who == "unknown" else "The visitor"
        return f"{whose} has left before the end."
    told = end.message or (end.problem.sentence if end.problem is not None else "") or f"It ended: {what}."
    gone = " Nothing listens there any more." if end.listening is False and who == "service" else ""
    return f"{told.rstrip('.')}.{gone}"


def _remedy(end: ExchangeEnd, who: Party, what: str) -> str:
    if end.problem == VISITOR_GONE and what == VISITOR_GONE.code:
        return "Nothing, if a page was left; otherwise look at what the visitor waited for."
    if what == "idle-timeout":
        return "Raise the proxy's time-out for answers (nginx: proxy_read_timeout), or have the service answer sooner."
    if end.problem is not None and end.problem.code == what:
        return end.problem.remedy or remedy(what, who)
    return remedy(what, who)


def _evidence(end: ExchangeEnd) -> dict[str, Fact]:
    known = facts(
        status=end.status,
        proxy={"trusted": "a trusted proxy", "seen": "seen by its fields"}.get(end.proxied),
        waited=None if end.waited is None else round(end.waited, 1),
        listening=None if end.listening is None else "yes" if end.listening else "no",
        **end.known,
    )
    return known if end.told is None else facts(**{**known, **end.told.evidence})
