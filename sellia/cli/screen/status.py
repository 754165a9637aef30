"""All that the status block shows, as a value that events change.  Reads no clock: whoever shows it says the time."""

from dataclasses import dataclass, field
from enum import Enum
from math import inf

from sellia.cli.screen.figures import Figures
from sellia.client.events import (
    Connected,
    Event,
    LinkBack,
    LinkLost,
    Reconnecting,
    Refused,
    ServerStopping,
    TunnelClosed,
    UnderWay,
)


class LinkState(Enum):
    """What is known of the link."""

    CONNECTING = "connecting"  #: there was none yet
    LINKED = "linked"
    AWAY = "away"  #: it is lost
    STOPPING = "stopping"  #: it is there, and the server will stop


class View(Enum):
    """What the block shows."""

    STATUS = "status"
    HELP = "help"
    QR = "qr"


@dataclass
class TunnelRow:
    """One tunnel: its public URL, and where its requests go."""

    name: str
    url: str
    target: str


@dataclass
class Closing:
    """A client that was told to stop, and waits for what is under way until a moment."""

    until: float


@dataclass
class Status:
    """What is shown.  ``server`` is the server's host, ``started`` a moment of the clock that the screen goes by."""

    server: str = ""
    started: float = 0.0
    link: LinkState = LinkState.CONNECTING
    #: Seconds of the link's round trip; infinite if unknown.
    round_trip: float = inf
    #: Why there is no link, for how long, and for how long visitors wait.
    reason: str = ""
    away: float = 0.0
    window: float = 0.0
    tunnels: dict[str, TunnelRow] = field(default_factory=dict)
    #: Number of the tunnel that keys concern, from 0.
    chosen: int = 0
    figures: Figures = field(default_factory=Figures)
    #: What is open, as it was when it was last looked at.
    under_way: UnderWay = UnderWay()
    #: Lines that are held back, or None while they are shown.
    held: int | None = None
    #: Answer to the last key, for a few seconds.
    notice: str = ""
    view: View = View.STATUS
    #: Whether there is a keyboard.
    keys: bool = False
    closing: Closing | None = None
    #: URL of the inspector, with its token; empty if there is none.
    inspector: str = ""

    @property
    def tunnel(self) -> TunnelRow | None:
        """The tunnel that keys concern, if there is one."""
        rows = list(self.tunnels.values())
        return rows[min(self.chosen, len(rows) - 1)] if rows else None

    def notify(self, event: Event) -> None:
        """Take an event in."""
        self.figures.notify(event)
        match event:
            case Connected():
                self.link = LinkState.LINKED
                self.tunnels[event.tunnel] = TunnelRow(event.tunnel, event.url, event.service)
            case TunnelClosed():
                self.tunnels.pop(event.tunnel, None)
            case LinkLost():
                self.reason = event.reason
                self._lose()
            case Reconnecting():
                self._lose()
                self.away, self.window = event.seconds, event.window
            case LinkBack():
                self.link, self.reason, self.away, self.window = LinkState.LINKED, "", 0.0, 0.0
            case ServerStopping():
                self.link = LinkState.STOPPING
            case Refused():
                self.reason = event.message

    def _lose(self) -> None:
        if self.link not in (LinkState.CONNECTING, LinkState.AWAY):
            self.link, self.away, self.window, self.round_trip = LinkState.AWAY, 0.0, 0.0, inf
