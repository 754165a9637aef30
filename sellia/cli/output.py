"""What the foreground client shows: its public URL, then one line for each thing that happens.

Whatever came from outside (targets, reasons, messages) is escaped before it is shown, so that a visitor can neither
steer the terminal nor fake a line: control characters, escape sequences, marks that reverse the direction of text.
"""

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TextIO, TypeAlias

from sellia.cli.event_lines import beneath, line, named, waits_for
from sellia.cli.texts import Piece, duration, plural, safe
from sellia.client.events import (
    VISITS,
    Connected,
    Event,
    LinkBack,
    LinkLost,
    Problem,
    Reconnecting,
    Refused,
    TunnelClosed,
    UnderWay,
)

if TYPE_CHECKING:
    from rich.console import Console

#: Writes a line that consists of these pieces.
WriteLine: TypeAlias = Callable[[Iterable[Piece]], None]

#: Columns in front of a line that stands beneath another: as wide as the time.
_INDENT: Final = 10


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
            pieces.append((named(tunnel), "dim"))
        return self.stamped(pieces)

    def all_of(self, event: Event) -> list[list[Piece]]:
        """Return the line of an event, if it has one, and the one beneath that says why something has ended."""
        line = self.of(event)
        if line is None:
            return []
        why = list(beneath(event))
        return [line, [(" " * _INDENT, ""), *why]] if why else [line]

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

    #: Address of the client's inspector, which is told once.
    inspector = ""

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

    @property
    def at_terminal(self) -> bool:
        """Whether lines go to a terminal."""
        return self._urls is None

    def notify(self, event: Event) -> None:
        if self._urls is not None and isinstance(event, Connected) and event.url not in self._printed:
            self._printed.add(event.url)
            self._urls.write(f"{safe(event.url)}\n")
            self._urls.flush()
        for each in self._lines.all_of(event):
            self._write(each)
        if self.inspector and isinstance(event, Connected) and not self._quiet:
            address, self.inspector = self.inspector, ""
            hint = "" if self.at_terminal else "  (sellia inspect prints the URL that opens it)"
            self._write(self._lines.stamped([("inspect ", "green"), (safe(address), "bold"), (hint, "dim")]))

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
