"""Layout of the status block: the rows that a terminal of some size shows of a status.

Need
    A person sees at a glance whether the tunnel works, what its URL is and what visitors do, in 60 columns as in 200.

Invariants
    * No row is wider than the terminal less one column, in cells: a wide character counts for two.
    * The block is at most ``height - SPARE`` rows high, and at least one.  What matters least goes first: help, the
      keys, empty rows, targets on rows of their own, tunnels beyond the first ones.
    * What came from outside is escaped.

Designs not chosen
    *A frame around it*: it costs four columns, and breaks when a terminal is resized.  *Columns that are aligned with
    those of the lines*: the lines have no columns, because targets are longer than a terminal is wide.
"""

from collections.abc import Iterable, Sequence
from math import inf, isfinite
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.text import Text

from sellia.cli.event_lines import waits_for
from sellia.cli.screen.status import LinkState, Status, TunnelRow, View
from sellia.cli.texts import duration, plural, safe, size

#: Rows of the terminal that stay free for lines.
SPARE: Final = 3

#: Widest label, in cells.
_LABEL: Final = 14

_CHOSEN: Final = "bold cyan"

_AGAIN: Final = "Ctrl-C again ends at once"


class Glyphs(NamedTuple):
    """Characters that an encoding may lack."""

    dot: str
    arrow: str
    bullet: str
    ellipsis: str
    mark: str


UNICODE: Final = Glyphs(" · ", " → ", "●", "…", "›")
ASCII: Final = Glyphs(" - ", " -> ", "*", "...", ">")

Row = Text


def rows(status: Status, width: int, height: int, now: float, glyphs: Glyphs = UNICODE) -> list[Row]:
    """Return the rows of the block on a terminal of ``width`` columns and ``height`` rows, without an end of line."""
    return _Layout(status, max(8, width - 1), max(1, height - SPARE), now, glyphs).rows()


class _Layout:
    def __init__(self, status: Status, width: int, height: int, now: float, glyphs: Glyphs) -> None:
        self.status = status
        self.width = width
        self.height = height
        self.now = now
        self.glyphs = glyphs
        labels = ["sellia", "visits", *status.tunnels]
        if width < 50:
            labels = []
        self.indent = min(_LABEL, max(map(len, labels), default=-1) + 2) + 1

    def rows(self) -> list[Row]:
        tail = self._help() if self.status.view is View.HELP else self._keys()
        room = self.height
        if room == 1:
            return [self._only()]
        head, visits = self._link(), self._visits()
        if room < 5:
            head = head[:1]
        room -= len(head) + 1  # and one row of the visits
        tunnels = self._tunnels(max(0, room))
        room -= len(tunnels)
        if self.status.inspector and room > 1 and self.status.closing is None:
            tunnels.append(self._labelled("inspect", (safe(self.status.inspector), "")))
            room -= 1
        visits = visits[: max(1, min(len(visits), room + 1))]
        room -= len(visits) - 1
        tail = tail[: max(0, room)]
        room -= len(tail)
        shown = [*head, *tunnels, *visits, *tail]
        return [Text(), *shown] if room > 0 else shown

    # --- parts ---------------------------------------------------------------------------------------------

    def _labelled(self, label: str, *pieces: tuple[str, str], style: str = "dim") -> Row:
        row = Text(" ")
        if self.indent > 2:
            cell = Text(label, style)
            cell.truncate(self.indent - 2, overflow="ellipsis" if self.glyphs is UNICODE else "crop", pad=True)
            row.append(cell)
            row.append(" ")
        return self._fit(row.append_text(Text.assemble(*pieces)))

    def _fit(self, row: Row) -> Row:
        if row.cell_len > self.width:
            ellipsis = self.glyphs.ellipsis
            row.truncate(self.width - cell_len(ellipsis), overflow="crop")
            row.append(ellipsis)
        return row

    def _link(self) -> list[Row]:
        """The rows of the link, two at most: what it is, and more about it."""
        colour, parts = self._link_parts()
        lines = list(self._wrapped(parts, self.glyphs.dot, 2))
        if len(lines) > 2:
            lines[1:] = [self.glyphs.dot.join(lines[1:])]
        shown = [self._labelled("sellia", (self.glyphs.bullet, colour), (f" {lines[0]}", ""))]
        return shown + [self._labelled("", (f"  {line}", "")) for line in lines[1:]]

    def _link_parts(self) -> tuple[str, list[str]]:
        """The colour of the link, and what is said of it."""
        status, server = self.status, safe(self.status.server)
        reason = [safe(status.reason)] if status.reason else []
        if status.closing is not None:
            waits = waits_for(status.under_way)
            left = max(0.0, status.closing.until - self.now)
            return "yellow", [*([f"closing: {waits}", f"{left:.0f} s at most"] if waits else ["closing"]), _AGAIN]
        match status.link:
            case LinkState.CONNECTING:
                return "yellow", [f"connecting to {server}", *reason]
            case LinkState.AWAY:
                left = max(0.0, status.window - status.away)
                patience = [f"visitors wait, {left:.0f} s more"] if status.window else []
                return "red", [f"no link for {elapsed(status.away)}", *patience, *reason]
        trip = [duration(status.round_trip)] if isfinite(status.round_trip) else []
        if status.link is LinkState.STOPPING:
            return "yellow", [f"the server {server} is stopping", *trip]
        return "green", [f"linked to {server}", *trip, f"up {elapsed(self.now - status.started)}"]

    def _tunnels(self, room: int) -> list[Row]:
        tunnels = list(self.status.tunnels.values())
        if not tunnels or not room:
            return []
        several = len(tunnels) > 1
        # A target that is too long gets rows of its own, where there is room for those of all tunnels.
        further = [self._target_rows(each) for each in tunnels]
        if len(tunnels) + sum(map(len, further)) > room:
            further = [[] for _ in tunnels]
        more = 0
        if room == 1 < len(tunnels):
            tunnels = tunnels[self.status.chosen :][:1]
        elif len(tunnels) > room:
            more = len(tunnels) - room + 1
            tunnels = tunnels[: room - 1]
        shown: list[Row] = []
        for number, (each, rest) in enumerate(zip(tunnels, further, strict=False)):
            chosen = several and self.status.keys and number == self.status.chosen
            label, style = (safe(each.name), _CHOSEN if chosen else "dim")
            arrow = self.glyphs.arrow
            target = (f"{arrow}{safe(each.target)}", "") if each.target else ("", "")
            shown.append(self._labelled(label, (safe(each.url), "bold"), *([] if rest else [target]), style=style))
            shown += rest
        if more:
            shown.append(self._labelled("", (f"and {more} more", "dim")))
        return shown

    def _target_rows(self, tunnel: TunnelRow) -> list[Row]:
        """The rows of a target for which there is no room beside its URL: one, or more for several paths."""
        target, arrow = safe(tunnel.target), self.glyphs.arrow
        if not target or self.indent + cell_len(safe(tunnel.url)) + cell_len(arrow + target) <= self.width:
            return []
        begin = arrow.lstrip()
        lines = self._wrapped(target.split(", "), ", ", cell_len(begin) + 1)
        return [self._labelled("", ((" " * len(begin) if at else begin) + line, "")) for at, line in enumerate(lines)]

    def _visits(self) -> list[Row]:
        figures = self.status.figures
        parts = [f"{figures.open:,} open", f"{figures.total:,} in all"]
        median, slow = figures.percentile(50), figures.percentile(90)
        if median is not None and slow is not None:
            parts += [f"p50 {duration(median)}", f"p90 {duration(slow)}"]
        if figures.total:
            under_way = self.status.under_way
            came, went = figures.bytes_in + under_way.bytes_in, figures.bytes_out + under_way.bytes_out
            parts.append(f"{size(came)} in, {size(went)} out")
        if figures.refused:
            parts.append(f"{figures.refused:,} refused by the server")
        if self.status.held is not None:
            parts.append(f"paused, {plural(self.status.held, 'line')} held back")
        lines = list(self._wrapped(parts, self.glyphs.dot))
        return [self._labelled("visits" if not at else "", (line, "")) for at, line in enumerate(lines)]

    def _wrapped(self, parts: Sequence[str], separator: str, further: int = 0) -> Iterable[str]:
        """Put as many parts on a line as fit, behind the label and ``further`` columns."""
        line = ""
        for part in parts:
            longer = f"{line}{separator}{part}" if line else part
            if line and self.indent + further + cell_len(longer) > self.width:
                yield line
                line = part
            else:
                line = longer
        yield line

    def _keys(self) -> list[Row]:
        status = self.status
        if status.notice:
            return [self._labelled("", (status.notice, "cyan"))]
        if not status.keys or status.closing is not None:
            return []
        every = [("q", "QR"), ("o", "open"), ("c", "copy")]
        every += [("i", "inspect")] if status.inspector else []
        every.append(("p", "pause" if status.held is None else "go on"))
        last = [("?", "help"), ("Ctrl-C", "end")]
        tunnel = status.tunnel
        if tunnel is None:
            every = every[3:]
        elif not tunnel.url.startswith("http"):
            del every[1]
        for keys, gap in (([*every, *last], 3), ([*every, *last], 2), ([*every[1:], *last], 2), (last, 2)):
            row = self._labelled("", *_key_pieces(keys, gap))
            if not row.plain.endswith(self.glyphs.ellipsis):
                break
        return [row]

    def _help(self) -> list[Row]:
        rows = [
            ("q", "show the URL as a QR code"),
            ("o", "open the URL in a browser"),
            ("c", "copy the URL"),
            ("p", "pause the lines, and go on"),
        ]
        if self.status.inspector:
            rows.insert(3, ("i", "open the inspector in a browser"))
        if len(self.status.tunnels) > 1:
            rows.append((f"1-{min(9, len(self.status.tunnels))}", "choose the tunnel of the keys above"))
        rows += [
            ("Ctrl-Z", "suspend; visitors wait until fg"),
            ("Ctrl-C", "end, once nothing is under way; twice: at once"),
            ("?", "close this help"),
        ]
        return [self._labelled("", (f"{key:<8}", "bold"), (told, "")) for key, told in rows]

    def _only(self) -> Row:
        """The one row of a terminal that has no room for more."""
        tunnel = self.status.tunnel
        linked = self.status.closing is None and self.status.link in (LinkState.LINKED, LinkState.STOPPING)
        if tunnel is None or not linked:
            return self._link()[0]
        return self._fit(Text.assemble(" ", (self.glyphs.bullet, "green"), " ", (safe(tunnel.url), "bold")))


def summary(status: Status, now: float) -> str:
    """Return a line that says what a client has done, for its end."""
    figures = status.figures
    median = figures.percentile(50)
    typical = f", half of them within {duration(median)}" if median is not None and isfinite(median) else ""
    passed = f"{size(figures.bytes_in)} in, {size(figures.bytes_out)} out"
    return f"Ended after {elapsed(now - status.started)}: {plural(figures.total, 'visit')}{typical}, {passed}."


def elapsed(seconds: float) -> str:
    """A time since the start, in its largest one or two units: ``12 s``, ``4 min``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds < 0 or seconds == inf:
        seconds = 0.0
    minutes = int(seconds) // 60
    if not minutes:
        return f"{int(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"


def _key_pieces(keys: Sequence[tuple[str, str]], gap: int) -> Iterable[tuple[str, str]]:
    for at, (key, told) in enumerate(keys):
        yield (" " * gap if at else "", "")
        yield (key, "bold")
        yield (f" {told}", "dim")
