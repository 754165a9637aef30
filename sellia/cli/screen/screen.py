"""The screen of a client on a terminal: lines that scroll by, and the status block below them.

Need
    A person wants to see at any time what the URL is and whether the tunnel works, and not lose the lines: they belong
    into the terminal's own scrollback, where they can be searched and copied.

How
    The cursor rests at the first column of the block's first row.  A picture is one write: lines take the place of the
    block, which follows below, and the cursor returns.  So whatever a terminal does with its contents when it is
    resized, everything of the block is behind the cursor, where one sequence erases it.  No mode of the terminal is
    left changed between two writes, so a process that is killed leaves nothing to be restored.

Bounds
    A picture every ``INTERVAL`` seconds at most, and none while the terminal has not taken the one before it.  Lines
    that wait for it are ``LINES`` at most, and so are those that are held back by a pause; what is beyond is counted.

Designs not chosen
    *rich's Live*: it writes from a thread, blocks where the terminal does, and counts rows to find its place again,
    which a resize makes wrong.  *A scrolling region*, or the *alternate screen*: both are left behind by a process that
    is killed, and the latter has no scrollback.
"""

import signal
from collections import deque
from collections.abc import Callable, Mapping
from types import FrameType
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from rich.console import Console
from rich.text import Text

from sellia.cli.output import Lines
from sellia.cli.screen.handing import browse, copying, run_apart
from sellia.cli.screen.keyboard import Keyboard
from sellia.cli.screen.layout import ASCII, SPARE, UNICODE, rows, summary
from sellia.cli.screen.qr import qr_rows
from sellia.cli.screen.status import Closing, LinkState, Status, View
from sellia.cli.screen.terminal import Terminal
from sellia.cli.texts import plural, safe
from sellia.client.events import Connected, Event, UnderWay
from sellia.transports.reactor.waiting import cancel

#: Seconds between two pictures at least, and between two looks at what changes by itself.
INTERVAL: Final = 0.1
TICK: Final = 1.0

#: Lines that wait for the next picture, or for the end of a pause.
LINES: Final = 500

#: Exchanges that are looked at for each picture; where more are open, they are every ``TICK`` seconds.
FEW: Final = 200

#: Seconds for which the answer to a key is shown.
NOTICE: Final = 4.0

# Control sequences: cursor up; erase to the end of the line, of the screen; wrapping at the last column off and on; the
# begin and the end of a picture, which terminals that know them show at once.
_UP: Final = "\x1b[{}A"
_ERASE_LINE, _ERASE_BELOW = "\x1b[K", "\x1b[J"
#: Erases this row and those below.  Where the cursor is at the upper left, tmux would move what it erases to the
#: scrollback, so the rows below are erased from the second one on.
_ERASE_ALL: Final = f"{_ERASE_LINE}\x1b7\x1b[B{_ERASE_BELOW}\x1b8"
_NO_WRAP, _WRAP = "\x1b[?7l", "\x1b[?7h"
_BEGIN, _END = "\x1b[?2026h", "\x1b[?2026l"


class Client(Protocol):
    """What the screen asks of the client that it shows."""

    @property
    def server(self) -> str:
        """URL of the server."""

    @property
    def round_trip(self) -> float:
        """Seconds of the link's round trip, infinite if unknown."""

    def under_way(self) -> UnderWay:
        """Return what is open."""


class Screen:
    """A printer for a terminal.  ``console`` gives lines their colours, ``keys`` is the descriptor of the keyboard."""

    def __init__(
        self,
        terminal: Terminal,
        console: Console,
        reactor: Any,
        lines: Lines,
        environment: Mapping[str, str],
        keys: int | None = None,
        set_signal: Callable[[int, Any], Any] = signal.signal,
    ) -> None:
        self._terminal = terminal
        self._console = console
        self._reactor = reactor
        self._lines = lines
        self._environment = environment
        self._set_signal = set_signal
        self._glyphs = UNICODE if terminal.encoding.lower().replace("-", "").startswith("utf") else ASCII
        self.status = Status(started=reactor.seconds())
        #: Returns a URL of the client's inspector that is good for one use; None if there is none.
        self.inspector_once: Callable[[], str] | None = None
        self._client: Client | None = None
        self._keyboard = Keyboard(keys, reactor, self.press) if keys is not None else None
        self._queue: deque[Text] = deque()
        self._left_out = 0
        self._held: deque[Text] = deque(maxlen=LINES)
        #: The rows that the terminal shows, none while it shows no block, and its size then.
        self._shown: list[str] = []
        self._size = (0, 0)
        self._painted_at = -INTERVAL
        self._painting: Any = None
        self._tick: Any = None
        self._quieten: Any = None
        self._ended = False

    @property
    def told_refusal(self) -> bool:
        """Whether the user has read that, and why, the server will not have this client."""
        return self._lines.told_refusal

    # --- for the foreground --------------------------------------------------------------------------------

    def begin(self, client: Client) -> None:
        """Show the client from now on, and read keys."""
        self._client = client
        self.status.server = urlsplit(client.server).netloc
        self._set_signal(signal.SIGWINCH, self._on_resize)
        if self._keyboard is not None:
            self._set_signal(signal.SIGTSTP, self._on_suspend)
        self._set_signal(signal.SIGCONT, self._on_continue)
        self._look()

    def notify(self, event: Event) -> None:
        self.status.notify(event)
        for line in self._lines.all_of(event):
            self._add(Text.assemble(*line), important=isinstance(event, Connected))
        self._changed()

    def say(self, text: str, style: str = "") -> None:
        """Show a line of our own."""
        self._add(Text.assemble((safe(text), style)), important=True)
        self._changed()

    def log(self, text: str) -> None:
        """Show lines of the log."""
        for each in text.splitlines():
            self._add(Text(safe(each), "dim"), important=True)
        self._changed()

    def closing(self, under_way: UnderWay, seconds: float) -> None:
        """Show what the client waits for before it ends."""
        self.status.closing = Closing(self._reactor.seconds() + seconds)
        self.status.under_way = under_way
        self.status.view = View.STATUS
        self._changed()

    def ended(self, status: int) -> None:
        """Leave the terminal as it was, with the lines in it, and what came of it all on the last one."""
        if self._ended:
            return
        if self.status.held is not None:
            self._pause()
        if self.status.tunnels:
            self._queue.append(Text(summary(self.status, self._reactor.seconds()), "dim"))
        self._ended = True
        for timer in (self._painting, self._tick, self._quieten):
            cancel(timer)
        self._paint(last=True)
        if self._keyboard is not None:
            self._keyboard.stop()
        self._terminal.close()

    def restore(self) -> None:
        """Restore the terminal's modes: called from a signal handler, when the process may end at any moment."""
        if self._keyboard is not None:
            self._keyboard.stop()

    # --- keys ----------------------------------------------------------------------------------------------

    def press(self, key: str) -> None:
        """Do what a key does."""
        status = self.status
        if status.view is View.QR or (status.view is View.HELP and key == "?"):
            status.view = View.STATUS
            self._changed()
            return
        keys = {"q": self._show_code, "o": self._open, "c": self._copy, "i": self._inspect, "p": self._pause}
        action = {**keys, "?": self._help}.get(key)
        if action is not None and status.closing is None:
            status.view = View.STATUS
            action()
        elif key.isdigit() and 0 < int(key) <= len(status.tunnels) > 1:
            status.chosen = int(key) - 1
            self._tell(f"{safe(list(status.tunnels)[status.chosen])} is chosen")
        self._changed()

    def _show_code(self) -> None:
        url = self._url()
        if self._glyphs is ASCII:
            self._tell("A QR code needs a terminal of UTF-8")
        elif url is not None and qr_rows(url, self._terminal.size[0], self._code_height()) is None:
            self._tell("The terminal is too small for a QR code")
        elif url is not None:
            self.status.view = View.QR

    def _inspect(self) -> None:
        once = self.inspector_once
        self._tell(browse(once(), self._environment) if once is not None else "This client has no inspector")

    def _open(self) -> None:
        url = self._url()
        if url is not None:
            self._tell(browse(url, self._environment))

    def _copy(self) -> None:
        url = self._url()
        if url is None:
            return
        how = copying(url, self._environment)
        if isinstance(how, str):
            self._terminal.write(how)
            self._tell("Copied, if this terminal lets programs copy (OSC 52)")
        else:
            self._tell("Copied" if run_apart(how, url.encode("utf-8")) else "tmux could not be asked to copy")

    def _pause(self) -> None:
        status = self.status
        if status.held is None:
            status.held = 0
            return
        hidden = status.held - len(self._held)
        if hidden:
            self._queue.append(Text(f"{plural(hidden, 'earlier line')} not shown", "dim"))
        self._queue.extend(self._held)
        self._held.clear()
        status.held = None

    def _help(self) -> None:
        self.status.view = View.HELP

    def _url(self) -> str | None:
        tunnel = self.status.tunnel
        if tunnel is None:
            self._tell("There is no URL yet")
        return tunnel.url if tunnel is not None else None

    def _tell(self, text: str) -> None:
        self.status.notice = text
        cancel(self._quieten)
        self._quieten = self._reactor.callLater(NOTICE, self._quiet)

    def _quiet(self) -> None:
        self.status.notice = ""
        self._changed()

    # --- signals -------------------------------------------------------------------------------------------

    def _on_resize(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._look_again)

    def _on_continue(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._continue)

    def _on_suspend(self, number: int, frame: FrameType | None) -> None:
        self._reactor.callFromThread(self._suspend)

    def _look_again(self) -> None:
        """Look at the terminal anew: its size, or who is in its foreground, may have changed."""
        if not self._ended:
            self._look()
            self._changed()

    def _continue(self) -> None:
        """Set the terminal's modes anew: shells change them while a process is stopped."""
        self.restore()
        self._look_again()

    def _suspend(self) -> None:
        if self._keyboard is None or self._ended:
            return
        self._paint(last=True)
        self._keyboard.suspend()
        self._look_again()

    # --- painting ------------------------------------------------------------------------------------------

    def _add(self, text: Text, *, important: bool = False) -> None:
        if self.status.held is not None and not important:
            self.status.held += 1
            self._held.append(text)
        elif len(self._queue) < LINES:
            self._queue.append(text)
        else:
            self._left_out += 1

    def _look(self) -> None:
        """Do what is due every second."""
        cancel(self._tick)
        self._tick = self._reactor.callLater(TICK, self._look)
        client, keyboard, status = self._client, self._keyboard, self.status
        if client is not None:
            status.under_way = client.under_way()
            if status.link in (LinkState.LINKED, LinkState.STOPPING):
                status.round_trip = client.round_trip
        if keyboard is not None:
            self.status.keys = keyboard.start()
        self._changed()

    def _changed(self) -> None:
        """Paint, or see to it that it is done as soon as the picture before it is old enough."""
        if self._ended or (self._painting is not None and self._painting.active()):
            return
        wait = self._painted_at + INTERVAL - self._reactor.seconds()
        if wait > 0:
            self._painting = self._reactor.callLater(wait, self._due)
        else:
            self._due()

    def _due(self) -> None:
        self._painting = None
        if self._terminal.busy:
            self._painting = self._reactor.callLater(INTERVAL, self._due)
        else:
            self._paint()

    def _paint(self, *, last: bool = False) -> None:
        """Write the lines that wait and the block; ``last``: the lines alone."""
        size = self._terminal.size
        block = [] if last or not self._terminal.foreground else self._block(*size)
        resized = bool(self._shown) and size != self._size
        if not self._queue and not resized and block == self._shown:
            return
        self._painted_at = self._reactor.seconds()
        picture = [_BEGIN]
        if self._shown:
            picture.append("\r" + (_ERASE_ALL if resized or self._queue or not block else ""))
        if self._left_out:
            self._queue.append(Text(f"{plural(self._left_out, 'more line')}, too many to show", "dim"))
            self._left_out = 0
        while self._queue:
            # Not erased behind its end: that may be the last column, and then its last character would go.
            picture.append(self._render(self._queue.popleft()) + "\n")
        if block:
            picture.append(_NO_WRAP + "\n".join(f"{row}{_ERASE_LINE}" for row in block) + _WRAP)
            picture.append(_ERASE_BELOW + "\r" + (_UP.format(len(block) - 1) if len(block) > 1 else ""))
        picture.append(_END)
        self._shown, self._size = block, size
        self._terminal.write("".join(picture))

    def _block(self, width: int, height: int) -> list[str]:
        if self._client is not None and self.status.figures.open <= FEW:
            self.status.under_way = self._client.under_way()
        if self.status.view is View.QR and self.status.tunnel is not None:
            code = qr_rows(self.status.tunnel.url, width, self._code_height(height))
            if code is not None:
                told = Text.assemble(" ", (safe(self.status.tunnel.url), "bold"), ("  any key closes", "dim"))
                told.truncate(width - 1, overflow="crop")
                return [self._render(each) for each in (*code, told)]
            self.status.view = View.STATUS
        block = rows(self.status, width, height, self._reactor.seconds(), self._glyphs)
        return [self._render(each) for each in block]

    def _code_height(self, height: int | None = None) -> int:
        return (self._terminal.size[1] if height is None else height) - SPARE + 1

    def _render(self, text: Text) -> str:
        with self._console.capture() as captured:
            self._console.print(text, soft_wrap=True, end="")
        return captured.get()
