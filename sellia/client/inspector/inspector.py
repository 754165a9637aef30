"""The inspector of one client: its port, its token, its store, and the site that is loaded when somebody connects."""

import time
from collections import deque
from collections.abc import Callable
from math import isfinite
from secrets import token_urlsafe
from typing import TYPE_CHECKING, Any, Final

from twisted.internet.defer import DeferredList

import sellia
from sellia.client.events import VISITS, Connected, Event, LinkBack, LinkLost, Refused, RequestRefused
from sellia.client.inspector.answers import ApiError
from sellia.client.inspector.door import Door, listen
from sellia.client.inspector.mixed_content import MixedContent
from sellia.client.settings.inspector import InspectorSettings
from sellia.inspector.capture import Capture, SessionCapture
from sellia.inspector.exchange import Exchange
from sellia.inspector.model import LinkState
from sellia.inspector.store import Store
from sellia.relay.http.hosts import is_loopback

if TYPE_CHECKING:
    from sellia.client.inspector.events import EventStream
    from sellia.client.inspector.holds import Holds
    from sellia.client.inspector.recording import Recording
    from sellia.client.inspector.visits import Visits
    from sellia.inspector.decode.sockets import Readers
    from sellia.inspector.recording.reader import Recorded

#: Causes of what is no exchange (claims, links, refused visitors) that are found by their ids.
CAUSES: Final = 1_000

#: Seconds for which an address for one use is good.
CODE_TIME: Final = 60.0


class Inspector:
    """Inspector of the client that `attach` names, or of a recording, which is only looked at.

    Raises SettingsError where it cannot listen, or where a recording cannot be written.
    """

    def __init__(
        self,
        settings: InspectorSettings,
        reactor: Any,
        wall_clock: Callable[[], float] = time.time,
        recorded: "Recorded | None" = None,
    ) -> None:
        host, port = settings.inspector_place
        self._settings = settings
        self._wall_clock = wall_clock
        self.clock = reactor
        self.recorded = recorded
        self._recording = _recording_of(settings) if recorded is None else None
        first = self._recording.last + 1 if self._recording is not None else 1
        self.store = recorded.store if recorded is not None else Store(settings.inspector_memory, first)
        #: Told of what a user has to know, and whether it is a failure.
        self.tell: Callable[[str, bool], None] | None = None
        self._mixed_content = MixedContent(reactor)
        seconds = reactor.seconds
        self.capture = Capture(
            self.store, seconds, wall_clock() - seconds(), self._name_of, self._link_of, self._answered
        )
        #: What is captured of the present session, if there was one.
        self.session: SessionCapture | None = None
        self.streams: set[EventStream] = set()
        self._causes: deque[dict[str, Any]] = deque(maxlen=CAUSES)
        self._client: Any = None
        self._visits: Visits | None = None
        self._holds: Holds | None = None
        self._readers: Readers | None = None
        self._since = wall_clock()
        #: What admits to the inspector in this run: 128 random bits.
        self.token = token_urlsafe(16)
        #: Codes that are good for one use, with the moment until which they are.
        self._codes: dict[str, float] = {}
        self._wide = not is_loopback(host)
        self._door = Door(listen(host, port, exact=settings.inspector is not None), self.load, reactor)
        shown = "127.0.0.1" if host == "0.0.0.0" else "[::1]" if host == "::" else f"[{host}]" if ":" in host else host
        #: Address of the page without the token, which anybody may see.
        self.address = f"http://{shown}:{self._door.number}/"

    @property
    def url(self) -> str:
        """Address of the page, with the token: for the owner's eyes only."""
        return f"{self.address}?token={self.token}"

    @property
    def readers(self) -> "Readers":
        """Readers of the timelines that were looked at last."""
        if self._readers is None:
            from sellia.inspector.decode.sockets import Readers

            self._readers = Readers()
        return self._readers

    def once(self) -> str:
        """Return an address of the page that is good for one use within ``CODE_TIME`` seconds.

        It is for the command line of a browser, which other users of the machine may see.
        """
        now = self.clock.seconds()
        for code in [code for code, until in self._codes.items() if until <= now]:
            del self._codes[code]
        code = token_urlsafe(16)
        self._codes[code] = now + CODE_TIME
        return f"{self.address}?token={code}"

    @property
    def loaded(self) -> bool:
        """Whether somebody has connected, and the rest was loaded."""
        return self._door.opened

    def observe(self) -> SessionCapture:
        """Return what is told of all that passes in a session that begins."""
        self.session = self.capture.session()
        return self.session

    @property
    def client(self) -> Any:
        """The client.  Raises ApiError where there is none, as for a recording."""
        if self._client is None:
            raise ApiError(409, "no-client", self.read_only or "There is no client here that could reach a service.")
        return self._client

    @property
    def visits(self) -> "Visits":
        """The visits to the client's tunnels.  Raises ApiError where there is no client."""
        if self._visits is None:
            from sellia.client.inspector.visits import Visits

            self._visits = Visits(self.client.session, self.capture.session(), self.clock)
        return self._visits

    @property
    def holds(self) -> "Holds":
        """Rules for what is held, and what they hold."""
        if self._holds is None:
            from sellia.client.inspector.holds import Holds

            self._holds = Holds(self, self._holds_changed)
        return self._holds

    def _holds_changed(self) -> None:
        for stream in self.streams:
            stream.changed("holds")

    def now(self) -> float:
        """Return the time, as exchanges have it."""
        return self.capture.now()

    @property
    def read_only(self) -> str:
        """Why nothing can be done but look; empty where that is not so."""
        if self.recorded is None:
            return ""
        return "This is a recording: it is only looked at, and no client is here that could reach a service."

    def attach(self, client: Any) -> None:
        """Show this client, a `ClientService`."""
        self._client = client

    def start(self) -> None:
        """Answer, and record, from now on."""
        self._door.start()
        if self._recording is not None:
            self._recording.start(self.store, self.clock, self.tell)

    def stop(self) -> Any:
        """Close the port, the recording and what follows; return a Deferred, or None."""
        for stream in list(self.streams):
            stream.close()
        if self._holds is not None:
            self._holds.clear()
        if self._visits is not None:
            self._visits.close()
        ends = [self._door.stop(), self._recording.stop() if self._recording is not None else None]
        waits = [each for each in ends if each is not None]
        return DeferredList(waits) if waits else None

    def notify(self, event: Event) -> None:
        """Take an event of the client: what concerns no exchange is told to whoever follows."""
        match event:
            case RequestRefused():
                self._refused(event)
                return
            case LinkLost() | Refused():
                if event.cause is not None:
                    self._causes.append({**event.cause.as_json(), "exchange": None})
                if isinstance(event, LinkLost):
                    self.capture.link_changed("lost")
            case LinkBack():
                self.capture.link_changed("resumed" if event.resumed else "expired")
        if self._holds is not None and isinstance(event, Connected):
            self._holds.watch()  # it may have come with services of its own
        if self.streams and not isinstance(event, VISITS):
            for stream in self.streams:
                stream.changed("status")

    def _refused(self, event: RequestRefused) -> None:
        """Keep a request that the server has answered itself, unless its tunnel is not to be inspected."""
        tunnel = self._client.session.tunnels.find(event.tunnel)
        if tunnel is None or tunnel.settings.inspect:
            names = ("tunnel", "status", "word", "message", "method", "visitor", "websocket", "cause")
            values: dict[str, Any] = {name: getattr(event, name) for name in names}
            self.capture.refused(target=event.target.encode("utf-8", "surrogateescape"), **values)

    def _answered(self, capture: SessionCapture, stream_id: int, exchange: Exchange) -> None:
        self._mixed_content.look(self._client, capture, stream_id, exchange)

    def _name_of(self, number: int) -> str:
        tunnel = self._client.session.tunnels.get(number)
        return (tunnel.name or "-") if tunnel is not None else "-"

    def _link_of(self, stream_id: int) -> LinkState | None:
        session = self._client.session.session
        if session is None:
            return None
        trip = self._client.round_trip
        stream = session.streams.get(stream_id)
        credit = stream.sending.credit if stream is not None else None
        return LinkState(trip if isfinite(trip) else None, credit, session.attached)

    # --- for the site -----------------------------------------------------------------------------------------

    def status(self) -> dict[str, Any]:
        """Return what runs, and what is kept."""
        from sellia.client.control.status import About, status_of

        store, told = self.store, {}
        if self._client is not None:
            told = status_of(self._client, About(""), self._since, self._wall_clock())
        return {
            "version": sellia.__version__,
            "pid": told.get("pid"),
            "since": self._since,
            "now": self._wall_clock(),
            "server": told.get("server"),
            "link": told.get("link"),
            "stopping": told.get("stopping", False),
            "tunnels": told.get("tunnels", []),
            "store": {
                "memory": store.memory,
                "used": store.used,
                "exchanges": len(store),
                "begun": store.begun,
                "first": str(store.first),
                "kept_limit": store.kept_limit,
                "lost": {
                    "exchanges": store.lost.exchanges,
                    "frames": store.lost.frames,
                    "bytes": store.lost.octets,
                    "until": store.lost.until,
                },
            },
            "recording": self._recording.path if self._recording is not None else None,
            "recorder": self._recording.status() if self._recording is not None else None,
            "recorded": self.recorded.as_json() if self.recorded is not None else None,
        }

    def tunnels(self) -> list[dict[str, Any]]:
        """Return the tunnels."""
        found: list[dict[str, Any]] = self.status()["tunnels"]
        return found

    def held(self) -> dict[str, Any]:
        """Return the holds, and what they hold."""
        return self._holds.shown() if self._holds is not None else {"holds": [], "held": []}

    def cause(self, id: str) -> dict[str, Any] | None:
        """Return the latest cause with this id of its own."""
        for exchange in self.store.newest_first():
            if exchange.cause is not None and getattr(exchange.cause, "id", None) == id:
                return {**exchange.cause.as_json(), "exchange": exchange.id}
        return next((dict(each) for each in reversed(self._causes) if each["id"] == id), None)

    def load(self) -> Any:
        """Return the factory of the site."""
        from sellia.client.inspector.guard import Guard
        from sellia.client.inspector.pages import InspectorPages
        from sellia.client.inspector.web import InspectorFactory

        password = self._settings.inspector_password
        guard = Guard(
            self.token,
            self._door.number,
            password=password.get_secret_value() if password is not None else None,
            hosts=self._settings.inspector_hosts,
            wide=self._wide,
            codes=self._codes,
        )
        elsewhere = None
        if self._settings.inspector_dev is not None:
            from sellia.client.inspector.dev import DevServer

            elsewhere = DevServer(self._settings.inspector_dev, self.clock)
        return InspectorFactory(InspectorPages(guard, self, elsewhere), self.clock)


def _recording_of(settings: InspectorSettings) -> "Recording | None":
    """Return the recording that the settings ask for.  Raises SettingsError."""
    if settings.record is None:
        return None
    from sellia.client.inspector.recording import Recording

    return Recording(settings.record, settings.record_limit, settings.record_from)
