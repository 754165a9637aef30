"""Causes of the ends of WebSockets.

Need
    A close frame says who sent it, and only where it is passed on as it came.  A connection that is dropped says less:
    behind a proxy it may be the proxy's, and its time may tell.  Both ends of the link judge by the same rules; the one
    that sees an end first tells the other one (`Told`), which believes it.

Invariants
    * 1000 and 1001 from the visitor or the service are plainly good, and so is nothing else.
    * A proxy is blamed only if one is known to be there, and the silence before it dropped the connection is as long as
      a customary idle time-out.

Designs not chosen
    *Blaming the network for 1006*: nobody sends that code; here it is a connection that was dropped by one side, known
    by name.  *Time-stamping each frame*: whoever watches looks once a second, and silences are as exact as that.
"""

from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias

from sellia.problems import PROBLEMS, VISITOR_GONE, Problem
from sellia.why.cause import Cause, Fact, Party, facts
from sellia.why.words import GOOD_CODES, OWNERS, WORDS, blame, remedy, word_of_close

#: Programs that record ends.
Program: TypeAlias = Literal["server", "client"]

#: Sides of a WebSocket.
Side: TypeAlias = Literal["visitor", "service"]

#: Seconds of silence after which proxies, load balancers and servers drop a connection, as they come or as people set
#: them: nginx, HAProxy, AWS, Cloudflare, Heroku, Azure.
IDLE_TIMES: Final = (30.0, 55.0, 60.0, 75.0, 90.0, 100.0, 120.0, 180.0, 240.0, 300.0, 350.0, 600.0, 900.0, 3600.0)

#: Seconds by which a silence is known only to be longer, and by which a time-out may be late or early.
RESOLUTION: Final = 1.0
_SLACK: Final = 0.3

#: Seconds for which somebody must have been silent before an unanswered ping is the likely reason of an end.
PING_WAIT: Final = 5.0


class Told(NamedTuple):
    """What the other end of the link has said of an end that it saw first."""

    who: Party
    what: str
    evidence: dict[str, Fact]


@dataclass(frozen=True, slots=True)
class WebSocketEnd:
    """What one end of the link knows of how a WebSocket has ended."""

    id: str
    here: Program
    by: Party  #: whose end it was: ``visitor``, ``service``, or the program of Sellia that has made it
    code: int | None = None  #: of the close frame, if there was one that had a code
    reason: str = ""  #: of the close frame, or of the problem
    dropped: bool = False  #: whether the connection was lost without a close frame
    problem: Problem | None = None  #: why Sellia has ended it
    sender: Party = "unknown"  #: whose frames broke a rule or a limit
    told: Told | None = None
    how: str = ""  #: how the connection was lost
    proxied: str = ""  #: the proxy in front, if one is known: ``trusted``, or ``seen`` by the fields that it adds
    seconds: float = 0.0
    silent_in: float = 0.0  #: seconds since the last frame from the visitor
    silent_out: float = 0.0  #: seconds since the last frame from the service
    pings_unanswered: int = 0  #: pings of the service, as seen at the client
    linked: bool = True  #: whether there was a link
    listening: bool | None = None  #: whether somebody listens at the service's address; None: not known
    counts: dict[str, int] = field(default_factory=dict)


def websocket_cause(end: WebSocketEnd) -> Cause | None:
    """Return why a WebSocket has ended; None for an end that is plainly good."""
    if end.told is not None:
        who, what = end.told.who, end.told.what
    elif end.problem is not None:
        who, what = _by_problem(end, end.problem)
    elif end.dropped:
        who, what = _dropped(end)
    elif end.by in ("visitor", "service") and end.code in GOOD_CODES:
        return None
    else:
        who, what = _closed(end)
    sentence = _sentence(end, who, what)
    return Cause(end.id, who, what, sentence, _advice(end, who, what), _evidence(end))


def idle_time(silent: float) -> float | None:
    """Return the customary idle time-out that a silence of so many seconds, or up to one more, fits."""
    for each in IDLE_TIMES:
        if silent - _SLACK <= each <= silent + RESOLUTION + _SLACK:
            return each
    return None


def _by_problem(end: WebSocketEnd, problem: Problem) -> tuple[Party, str]:
    if problem == VISITOR_GONE:
        return _visitor_dropped(end)
    return blame(problem, end.by, end.sender), problem.code


def _dropped(end: WebSocketEnd) -> tuple[Party, str]:
    """Judge a connection that was lost without a close frame."""
    if end.by == "visitor":
        return _visitor_dropped(end)
    if end.listening is not False and (late := _waited_in_vain(end)) is not None:
        return late
    silent = min(end.silent_in, end.silent_out)
    return end.by, "idle-timeout" if end.listening is not False and idle_time(silent) else "dropped"


def _visitor_dropped(end: WebSocketEnd) -> tuple[Party, str]:
    """Judge a visitor's connection that was lost: it may be that of a proxy."""
    idle = idle_time(min(end.silent_in, end.silent_out))
    if not end.proxied:
        return ("unknown", "idle-timeout") if idle else ("visitor", "dropped")
    return ("proxy", "idle-timeout") if idle else ("unknown", "dropped")


def _closed(end: WebSocketEnd) -> tuple[Party, str]:
    """Judge a close frame."""
    word = end.reason.partition(":")[0]
    if end.by not in ("visitor", "service"):
        return ("visitor" if word == "unread" else end.by), word if word in WORDS else word_of_close(end.code)
    said = PROBLEMS.get(word)
    if said is not None and said.close_code == end.code:
        return "unknown", "looks-like-sellia"
    if end.by == "service" and end.code in (1011, 3008) and (late := _waited_in_vain(end)) is not None:
        return late
    return end.by, word_of_close(end.code)


def _waited_in_vain(end: WebSocketEnd) -> tuple[Party, str] | None:
    """Judge a service that may have waited in vain for an answer of the visitor's."""
    if end.by != "service" or end.here != "client" or end.silent_in < PING_WAIT:
        return None
    if not end.linked:
        return "unknown", "link-away"
    if end.pings_unanswered:
        return "visitor", "ping-timeout"
    return None


# --- words ---------------------------------------------------------------------------------------------------


def _sentence(end: WebSocketEnd, who: Party, what: str) -> str:
    """Return what happened, as a sentence."""
    said = f" ({end.reason})" if end.reason else ""
    whole = _SPECIAL.get(what)
    if whole is not None:
        return whole.format(
            by=_capital(OWNERS[end.by]), who=OWNERS[who], code=end.code, said=said, idle=_idle(end), how=_how(end)
        )
    if what in PROBLEMS:
        return f"{PROBLEMS[what].sentence}{_detail(end)}"
    if end.dropped or end.problem == VISITOR_GONE:
        return _dropped_sentence(end, who)
    if end.code is None:
        return f"{_capital(OWNERS[end.by])} closed the WebSocket without a code."
    return f"{_capital(OWNERS[end.by])} closed the WebSocket with {end.code}{said}."


_SPECIAL: Final[dict[str, str]] = {
    "idle-timeout": "{by}'s connection was dropped without a close frame after {idle} of silence,"
    " which is a customary idle time-out.",
    "ping-timeout": "The service ended the WebSocket because its ping was not answered, and nothing else came.",
    "link-away": "The service ended the WebSocket while the link between client and server was away: because of that,"
    " or by itself.",
    "looks-like-sellia": "A close frame came with {code}{said}: it reads like one that Sellia makes, but the other end"
    " does not say so.",
    "unread": "The visitor took nothing of what was sent to it, for as long as it may.",
}


def _dropped_sentence(end: WebSocketEnd, who: Party) -> str:
    if end.by == "visitor" and who == "unknown":
        return f"The visitor, or the proxy in front, dropped the connection without a close frame{_how(end)}."
    gone = " Nothing listens at the service's address any more." if end.listening is False else ""
    lost = f" {end.counts['undelivered']} frames did not reach it." if end.counts.get("undelivered") else ""
    return f"{_capital(OWNERS[end.by])} dropped the connection without a close frame{_how(end)}.{gone}{lost}"


def _how(end: WebSocketEnd) -> str:
    return f" ({end.how})" if end.how else ""


def _idle(end: WebSocketEnd) -> str:
    told = end.told.evidence.get("silent") if end.told is not None else None
    silent = float(told) if isinstance(told, int | float) else min(end.silent_in, end.silent_out)
    return f"{idle_time(silent) or silent:g} s"


def _detail(end: WebSocketEnd) -> str:
    """Return what the reason says beyond the word that it begins with."""
    detail = end.reason.partition(": ")[2] if end.problem is not None else end.reason
    if not detail or (end.problem is not None and detail.rstrip(".") == end.problem.sentence.rstrip(".")):
        return ""
    return f" {_capital(detail).rstrip('.')}."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _advice(end: WebSocketEnd, who: Party, what: str) -> str:
    """Return what to do."""
    if what == "dropped" and end.listening is False:
        return "Start the service again, and look in its log for why it ended."
    if what == "dropped" and end.by == "visitor":
        return "Nothing, if a page was closed or a machine has gone to sleep: visitors connect again by themselves."
    return remedy(what, who if who != "unknown" else end.by)


def _evidence(end: WebSocketEnd) -> dict[str, Fact]:
    """Return what shows it; what the other end has told counts for more, for it was there."""
    proxied = {"trusted": "a trusted proxy", "seen": "seen by its fields"}.get(end.proxied)
    known = facts(
        code=end.code,
        reason=end.reason,
        frame_by=end.by if end.code is not None else None,
        how=end.how,
        proxy=proxied,
        seconds=round(end.seconds, 3),
        silent=round(min(end.silent_in, end.silent_out), 1),
        silent_in=round(end.silent_in, 1),
        silent_out=round(end.silent_out, 1),
        pings_unanswered=end.pings_unanswered or None,
        link=None if end.linked else "away",
        listening=None if end.listening is None else "yes" if end.listening else "no",
        **end.counts,
    )
    return known if end.told is None else facts(**{**known, **end.told.evidence})
