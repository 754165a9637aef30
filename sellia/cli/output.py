"""What the foreground client shows: its public URL, then one line for each thing that happens.

Whatever came from outside (targets, reasons, messages) is escaped before it is shown, so that a visitor can neither
steer the terminal nor fake a line: control characters, escape sequences, marks that reverse the direction of text.
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias
from unicodedata import category

from sellia.client.events import (
    VISITOR_LEFT,
    VISITS,
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
from sellia.text import printable, shown_subprotocol

if TYPE_CHECKING:
    from rich.console import Console

#: How much of a text from outside is shown in a line, in characters.
SHOWN: Final = 300

#: Combining characters that a letter may have, as in Hebrew with vowels and accents.
MARKS: Final = 3

#: A piece of a line and how it looks on a terminal that has colours.
Piece = tuple[str, str]

#: Writes a line that consists of these pieces.
WriteLine: TypeAlias = Callable[[Iterable[Piece]], None]


def styled(console: "Console") -> WriteLine:
    """Return what writes lines with colours, if ``console`` has any."""
    from rich.text import Text  # where a terminal may be attached: it is 3 MiB

    # One line stays one line, however narrow the terminal is: it wraps by itself, and a pipe gets it whole.
    return lambda pieces: console.print(Text.assemble(*pieces), soft_wrap=True)


def plain(stream: TextIO) -> WriteLine:
    """Return what writes lines to a stream that has no colours."""

    def write(pieces: Iterable[Piece]) -> None:
        stream.write("".join(text for text, style in pieces) + "\n")
        stream.flush()

    return write


def safe(text: str) -> str:
    """Text from outside as it can be shown; a backslash is doubled, so that nothing can pass for an escape."""
    shown = printable(text[:SHOWN].replace("\\", "\\\\"))
    if not shown.isascii():
        shown = _unstacked(shown)
    return shown + "…" if len(text) > SHOWN else shown


def _unstacked(text: str) -> str:
    """Escape combining characters beyond ``MARKS`` in a row, which would reach into the lines above and below."""
    shown, marks = [], 0
    for each in text:
        marks = marks + 1 if category(each) in ("Mn", "Me") else 0
        shown.append(each if marks <= MARKS else each.encode("unicode_escape").decode("ascii"))
    return "".join(shown)


def size(octets: int) -> str:
    """Octets in the largest unit that leaves at least one before the point: ``512 B``, ``1.4 MiB``."""
    if octets < 1024:
        return f"{octets} B"
    amount = float(octets)
    for unit in ("KiB", "MiB", "GiB"):
        amount /= 1024
        if amount < 1023.95:
            return f"{amount:.1f} {unit}"
    return f"{amount / 1024:.1f} TiB"


def duration(seconds: float) -> str:
    """A duration with three digits or so: ``0.4 ms``, ``35 ms``, ``2.31 s``, ``3 min 20 s``, ``2 h 5 min``."""
    if seconds < 0.01:
        return f"{seconds * 1000:.1f} ms"
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 59.995:
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def plural(count: int, noun: str) -> str:
    """``1 request``, ``1,234 requests``"""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def frames(count: int, octets: int) -> str:
    """``1 frame, 12 B``"""
    return f"{count} frame{'' if count == 1 else 's'}, {size(octets)}"


class Lines:
    """The lines of a client's events.  ``wall_clock`` gives seconds since the epoch, for the time at their start.

    ``live``: there is a status block, which shows for how long the link has been away.  Elsewhere there is one line
    when that begins, and one when visitors wait no longer.  ``quiet``: only what goes wrong has a line.
    ``retries``: a link that is lost, or cannot be made, is tried again.
    """

    def __init__(
        self,
        wall_clock: Callable[[], float] = time.time,
        *,
        live: bool = False,
        quiet: bool = False,
        retries: bool = True,
    ) -> None:
        self._retries = retries
        self._wall_clock = wall_clock
        self._live = live
        self._quiet = quiet
        self._visitors_wait: bool | None = None
        self._linked = self._ever_linked = False
        self._tunnels: set[str] = set()
        #: Whether the user has read that, and why, the server will not have this client.
        self.told_refusal = False

    def of(self, event: Event) -> list[Piece] | None:
        """Return the line of an event, if it has one."""
        if isinstance(event, Refused) and event.final:
            self.told_refusal = True
        pieces = self._pieces(event)
        if not pieces or (self._quiet and isinstance(event, (Connected, *VISITS))):
            return None
        tunnel = "" if isinstance(event, Connected | TunnelClosed | Problem) else getattr(event, "tunnel", "")
        if tunnel and len(self._tunnels) > 1:
            pieces.append((_named(tunnel), "dim"))
        return self.stamped(pieces)

    def stamped(self, pieces: Iterable[Piece]) -> list[Piece]:
        """Return a line with the time in front."""
        moment = time.strftime("%H:%M:%S", time.localtime(self._wall_clock())) + "  "
        return [(moment, "dim"), *pieces]

    def _pieces(self, event: Event) -> list[Piece]:
        if isinstance(event, Reconnecting):
            visitors_wait = event.window > 0
            if self._live or visitors_wait is self._visitors_wait:
                return []
            self._visitors_wait = visitors_wait
            return list(line(event))
        if isinstance(event, LinkBack):
            self._visitors_wait = None
        first = not self._ever_linked
        if isinstance(event, LinkBack | Connected):
            self._linked = self._ever_linked = True
        if isinstance(event, Connected):
            self._tunnels.add(event.tunnel)
        if first and isinstance(event, LinkBack):
            tries = plural(event.attempts, "attempt")
            return [("linked  ", "green"), (f"to the server after {duration(event.after)} and {tries}", "")]
        if isinstance(event, LinkLost):
            linked, self._linked = self._linked, False
            if not linked:
                yet, again = "" if self._ever_linked else " yet", "; trying again" if self._retries else ""
                return [("no link ", "yellow"), (f"to the server{yet}: {safe(event.reason)}{again}", "")]
            if not self._retries:
                return [("lost    ", "yellow"), (f"the link to the server: {safe(event.reason)}", "")]
        pieces = list(line(event))
        # The block names each tunnel.
        return pieces[:-1] if self._live and isinstance(event, Connected) else pieces


class LinePrinter:
    """A printer of lines, for pipes, files and terminals that can do no more.

    ``urls`` is where each public URL goes, once and with nothing beside it: standard output, where that is no terminal.
    """

    def __init__(
        self,
        write: WriteLine,
        wall_clock: Callable[[], float] = time.time,
        *,
        urls: TextIO | None = None,
        quiet: bool = False,
        retries: bool = True,
    ) -> None:
        self._write = write
        self._lines = Lines(wall_clock, quiet=quiet, retries=retries)
        self._urls = urls
        self._printed: set[str] = set()
        self._quiet = quiet

    @property
    def told_refusal(self) -> bool:
        """Whether the user has read that, and why, the server will not have this client."""
        return self._lines.told_refusal

    def notify(self, event: Event) -> None:
        if self._urls is not None and isinstance(event, Connected) and event.url not in self._printed:
            self._printed.add(event.url)
            self._urls.write(f"{safe(event.url)}\n")
            self._urls.flush()
        line = self._lines.of(event)
        if line is not None:
            self._write(line)

    def begin(self, client: object) -> None:
        """Nothing: lines come as they come."""

    def closing(self, under_way: UnderWay, seconds: float) -> None:
        """Say what the client waits for before it ends."""
        waits = waits_for(under_way)
        if waits:
            self.say(f"Closing: {waits}, {seconds:g} s at most. Ctrl-C again ends at once.", "dim")
        elif not self._quiet:
            self.say("Closing.", "dim")

    def restore(self) -> None:
        """Nothing: the terminal is as it was."""

    def ended(self, status: int) -> None:
        """Nothing: a person sees the prompt."""

    def say(self, text: str, style: str = "") -> None:
        """Print a line of our own."""
        self._write([(safe(text), style)])


def waits_for(under_way: UnderWay) -> str:
    """Say what a client that closes waits for; nothing where nothing is under way."""
    names = ("request", "WebSocket", "connection")
    parts = [plural(count, name) for count, name in zip(under_way, names, strict=False) if count]
    return f"waits for {' and '.join(parts)}" if parts else ""


def line(event: Event) -> Iterable[Piece]:
    """The pieces of an event's line, without its time; none for an event that has no line of its own."""
    match event:
        case Connected():
            service = f" -> {safe(event.service)}" if event.service else ""
            return [("open    ", "green"), (safe(event.url), "bold"), (service, ""), (_named(event.tunnel), "dim")]
        case TunnelClosed():
            return [("closed  ", "yellow"), (safe(event.url or event.tunnel), "bold"), (_named(event.tunnel), "dim")]
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
            how = "nothing was lost" if event.resumed else "what was under way has ended"
            if event.resumed and event.ended:
                how = f"{event.ended} connection{'' if event.ended == 1 else 's'} ended meanwhile, all others go on"
            tries = plural(event.attempts, "attempt")
            again = ""
            if event.resent_messages:
                messages = plural(event.resent_messages, "message")
                again = f", {messages} ({size(event.resent_bytes)}) sent again"
            return [("back    ", "green"), (f"after {duration(event.after)} and {tries}: {how}{again}", "")]
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


def _who_waits(event: Reconnecting) -> str:
    if not event.window:
        return f", no visitor is waiting any more ({event.seconds:.0f} s)"
    return f" ({event.seconds:.0f} s of {event.window:.0f} s), visitors wait if the server still runs"


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


def _named(tunnel: str) -> str:
    return f"  (tunnel {safe(tunnel)})"


def _by(visitor: str) -> Piece:
    return f"  from {safe(visitor)}", "dim"
