"""The line that tells of each event of a client, in pieces with their colours."""

from collections.abc import Iterable
from typing import Final

from sellia.cli.texts import Piece, duration, frames, plural, safe, size
from sellia.client.events import (
    VISITOR_LEFT,
    Connected,
    ConnectionClosed,
    ConnectionOpened,
    Event,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    RequestFinished,
    RequestRefused,
    RequestStarted,
    RequestWaiting,
    ResponseStreaming,
    ServerStopping,
    TunnelClosed,
    UnderWay,
    WebSocketClosed,
    WebSocketOpened,
    WebSocketRefused,
)
from sellia.problems import problem_of
from sellia.relay.http.upgrades import upgrade_fault
from sellia.text import shown_subprotocol
from sellia.why.cause import blamed

#: Most characters of what the line beneath another says of a cause.
BENEATH: Final = 200


def waits_for(under_way: UnderWay) -> str:
    """Say what a client that closes waits for; nothing where nothing is under way."""
    names = ("request", "WebSocket", "connection")
    parts = [plural(count, name) for count, name in zip(under_way, names, strict=False) if count]
    return f"waits for {' and '.join(parts)}" if parts else ""


def line(event: Event) -> Iterable[Piece]:
    """The pieces of an event's line, without its time; none for an event that has no line of its own."""
    match event:
        case Connected():
            return _open(event)
        case TunnelClosed():
            return [("closed  ", "yellow"), (safe(event.url or event.tunnel), "bold"), (named(event.tunnel), "dim")]
        case RequestStarted():
            return []
        case RequestWaiting():
            waited = f"  no answer for {duration(event.seconds)} so far"
            return [(f"{safe(event.method):<7} ", "bold"), (safe(event.target), ""), (waited, "yellow")]
        case ResponseStreaming():
            flowed = f"  open for {duration(event.seconds)}, {size(event.bytes_out)} out so far"
            return [
                (f"{safe(event.method):<7} ", "bold"),
                (safe(event.target), ""),
                (f"  {event.status}", "green" if event.status < 400 else "yellow"),
                (flowed, "dim"),
            ]
        case RequestFinished():
            return _request(event)
        case RequestRefused():
            return _refused(event)
        case WebSocketOpened():
            spoken = f"  speaks {safe(shown_subprotocol(event.subprotocol))}" if event.subprotocol else ""
            return [("ws open ", "cyan"), (_numbered(event.id, event.target) + spoken, ""), _by(event.visitor)]
        case WebSocketRefused():
            cause = f"  {safe(event.error)}" if event.error is not None else ""
            told = f"{_numbered(event.id, event.target)}  answered with {event.status}"
            return [("ws refused  ", "yellow"), (told, ""), (cause, "red")]
        case WebSocketClosed():
            return _closed(event)
        case ConnectionOpened():
            return [("tcp open ", "cyan"), (f"#{event.id}", ""), _by(event.visitor)]
        case ConnectionClosed():
            return _disconnected(event)
        case LinkLost():
            return [
                ("lost    ", "yellow"),
                (f"the link to the server: {safe(event.reason)}; trying to get it back", ""),
            ]
        case Reconnecting():
            return [("wait    ", "yellow"), (f"reconnecting{_who_waits(event)}", "")]
        case LinkBack():
            return _back(event)
        case ServerStopping():
            text = f"the server stops within {duration(event.seconds)}; the client will connect again"
            return [("notice  ", "yellow"), (text, "")]
        case Refused():
            remedy = f" {problem_of(event.word).remedy}".rstrip()
            again = "" if event.final else " Trying again."
            return [("refused ", "red"), (f"{safe(event.word)}: {safe(event.message)}{remedy}{again}", "")]
        case Problem():
            word = ("caution ", "yellow") if event.caution else ("problem ", "red")
            return [word, (safe(event.message), "")]


def beneath(event: Event) -> Iterable[Piece]:
    """The pieces of the line beneath an event's, which says why something has ended; none where that is plain."""
    cause = getattr(event, "cause", None)
    if cause is None or (isinstance(event, RequestFinished) and event.error == VISITOR_LEFT):
        return []
    said = {getattr(event, name, None) for name in ("error", "message", "reason")}
    remedy = "" if isinstance(event, Refused) else cause.remedy
    told = f"{'' if cause.sentence in said else cause.sentence} {remedy}".strip()
    why = [("↳ ", "dim"), (f"{safe(cause.id)}  {blamed(cause.who)}, {safe(cause.what)}", "bold")]
    return [*why, (f"  {safe(told[:BENEATH])}{'…' if len(told) > BENEATH else ''}", "dim")] if told else why


def _back(event: LinkBack) -> Iterable[Piece]:
    how = "nothing was lost" if event.resumed else "what was under way has ended"
    if event.resumed and event.ended:
        how = f"{event.ended} connection{'' if event.ended == 1 else 's'} ended meanwhile, all others go on"
    tries = plural(event.attempts, "attempt")
    again = ""
    if event.resent_messages:
        messages = plural(event.resent_messages, "message")
        again = f", {messages} ({size(event.resent_bytes)}) sent again"
    yield "back    ", "green"
    yield f"after {duration(event.after)} and {tries}: {how}{again}", ""


def _who_waits(event: Reconnecting) -> str:
    if not event.window:
        return f", no visitor is waiting any more ({event.seconds:.0f} s)"
    return f" ({event.seconds:.0f} s of {event.window:.0f} s), visitors wait if the server still runs"


def _open(event: Connected) -> Iterable[Piece]:
    urls = ", ".join(safe(each) for each in (event.url, *event.more))
    service = f" -> {safe(event.service)}" if event.service else ""
    return [("open    ", "green"), (urls, "bold"), (service, ""), (named(event.tunnel), "dim")]


def _request(event: RequestFinished) -> Iterable[Piece]:
    status = "---" if event.status is None else str(event.status)
    if event.status is None:
        colour = "dim" if event.error == VISITOR_LEFT else "red"
    else:
        colour = "red" if event.status >= 500 else "yellow" if event.status >= 400 else "green"
    yield f"{safe(event.method):<7} ", "bold"
    yield safe(event.target), ""
    yield f"  {status}", colour
    yield f"  {duration(event.seconds)}  {size(event.bytes_in)} in, {size(event.bytes_out)} out", "dim"
    if event.error is not None:
        cut = ", broken off" if event.status is not None and event.status < 400 and event.error != VISITOR_LEFT else ""
        yield f"{cut}  {safe(event.error)}", "dim" if event.error == VISITOR_LEFT else "red"
    if event.declined:
        yield f"  without its Upgrade to {safe(event.declined)}: {_why_declined(event.declined)}", "dim"


def _why_declined(protocol: str) -> str:
    """Return why an Upgrade field was taken off."""
    if upgrade_fault(protocol):
        return "only WebSocket passes, and what the tunnel lists"
    return f"list it in the tunnel's settings to let it pass, as in upgrades: [{safe(protocol)}]"


def _refused(event: RequestRefused) -> Iterable[Piece]:
    if not event.status:  # a connection has neither a method nor an answer
        yield "tcp refused  ", "yellow"
        yield f"by the server: {safe(event.word)}: {safe(event.message)}", ""
        yield f"  from {safe(event.visitor)}{_more(event)}", "dim"
        return
    if event.websocket:
        yield "ws refused  ", "yellow"
    else:
        yield f"{safe(event.method) or '---':<7} ", "bold"
    yield safe(event.target) or "(its head was not read)", ""
    yield f"  {event.status}", "yellow"
    yield f"  refused by the server: {safe(event.word)}: {safe(event.message)}", ""
    yield f"  from {safe(event.visitor)}{_more(event)}", "dim"


def _more(event: RequestRefused) -> str:
    return f", and {event.suppressed} more before it" if event.suppressed else ""


def _disconnected(event: ConnectionClosed) -> Iterable[Piece]:
    by = "Sellia" if event.by == "sellia" else event.by
    orderly = event.code is None
    yield "tcp end  ", "cyan" if orderly or event.by == "visitor" else "yellow"
    if orderly:
        yield f"#{event.id}  ended by {by}", ""
    else:
        yield f"#{event.id}  broken off by {by}: {safe(event.reason)}", "" if event.by == "visitor" else "yellow"
    yield f"  {duration(event.seconds)}  {size(event.bytes_in)} in, {size(event.bytes_out)} out", "dim"


def _closed(event: WebSocketClosed) -> Iterable[Piece]:
    by = "Sellia" if event.by == "sellia" else event.by
    ordinary = event.code in (1000, 1001)
    yield "ws end  ", "cyan" if ordinary else "yellow"
    yield f"{_numbered(event.id, event.target)}  ", ""
    if event.code is not None:
        yield f"closed by {by} ", ""
        yield f"with {event.code}", "" if ordinary else "yellow"
        yield f" ({safe(event.reason)})" if event.reason else "", ""
    elif event.reason:  # there was no close frame
        yield f"ended by {by}: {safe(event.reason)}", "yellow"
    else:
        yield f"closed by {by} without a code", "yellow"
    came, went = frames(event.frames_in, event.bytes_in), frames(event.frames_out, event.bytes_out)
    yield f"  {duration(event.seconds)}  {came} in, {went} out", "dim"


def _numbered(number: int, target: str) -> str:
    return f"{safe(target)} #{number}"


def named(tunnel: str) -> str:
    """Return the end of a line that names a tunnel."""
    return f"  (tunnel {safe(tunnel)})"


def _by(visitor: str) -> Piece:
    return f"  from {safe(visitor)}", "dim"
