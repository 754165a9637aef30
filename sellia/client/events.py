"""Events that a client reports to its listener: the command line, a program that embeds it, a test.

Every event is a frozen value.  Text that came from outside (targets, reasons, names) is as it came: whoever shows it
escapes it.  ``seconds`` are durations, ``bytes_in`` and ``frames_in`` came from the visitor, ``bytes_out`` and
``frames_out`` went to the visitor.  ``tunnel`` is the public name of the tunnel.  ``cause`` is why something ended that
did not end plainly well, and None otherwise.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias

from sellia.why.cause import Cause

#: ``error`` of a request whose visitor left before its end, with nothing wrong at the service.
VISITOR_LEFT: Final = "the visitor left before the end"


@dataclass(frozen=True, slots=True)
class Connected:
    """A tunnel got its public URL: at the start, and whenever it had to be opened anew.

    ``service`` is where its requests go; ``more`` are the URLs of its further names."""

    tunnel: str
    url: str
    service: str = ""
    more: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TunnelClosed:
    """A tunnel is not public any more, because its owner has closed it while the client runs."""

    tunnel: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class RequestStarted:
    """A visitor's request began; ``id`` ties it to its end."""

    id: int
    method: str
    target: str
    visitor: str
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class RequestWaiting:
    """A request or an upgrade has had no response head for ``seconds``; told once, after 10 s."""

    id: int
    method: str
    target: str
    visitor: str
    seconds: float
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class ResponseStreaming:
    """A response still flows 10 s after its head; told once."""

    id: int
    method: str
    target: str
    status: int
    seconds: float
    bytes_out: int
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class RequestFinished:
    """A request ended, with ``error`` if it failed; ``status`` is None when it ended before one was known."""

    id: int
    method: str
    target: str
    status: int | None
    seconds: float
    bytes_in: int
    bytes_out: int
    error: str | None
    tunnel: str = ""
    declined: str = ""  #: protocol of an Upgrade field that was taken off, because it is not WebSocket
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class RequestRefused:
    """The server answered a request or an upgrade itself, with a problem; ``suppressed`` before it had no event."""

    tunnel: str
    method: str
    target: str
    visitor: str
    status: int
    word: str
    message: str
    websocket: bool
    suppressed: int
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class WebSocketOpened:
    """The service agreed to an upgrade; ``id`` ties it to its end."""

    id: int
    target: str
    visitor: str
    subprotocol: str | None
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class WebSocketRefused:
    """An upgrade got another status than 101; ``error`` is None if the service said so."""

    id: int
    target: str
    status: int
    error: str | None = None
    tunnel: str = ""
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class WebSocketClosed:
    """A WebSocket ended; ``code`` is None without a close frame, or with one that had no code."""

    id: int
    target: str
    by: Literal["visitor", "service", "sellia"]
    code: int | None
    reason: str
    frames_in: int
    bytes_in: int
    frames_out: int
    bytes_out: int
    seconds: float
    tunnel: str = ""
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class ConnectionOpened:
    """A visitor connected to a TCP or TLS tunnel, or began a flow at a UDP one; ``id`` ties it to its end."""

    id: int
    visitor: str
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class ConnectionClosed:
    """Such a connection ended, first ``by`` one side: in order if ``code`` is None, else for the reason that it has."""

    id: int
    visitor: str
    by: Literal["visitor", "service", "sellia"]
    code: str | None
    reason: str
    bytes_in: int
    bytes_out: int
    seconds: float
    tunnel: str = ""
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class LinkLost:
    """The link to the server was lost, or cannot be made; the client goes on trying.  Told again for a new reason."""

    reason: str
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Reconnecting:
    """There has been no link for ``seconds``; told every second.  ``window``: how long visitors wait, or 0: no more."""

    seconds: float
    window: float


@dataclass(frozen=True, slots=True)
class LinkBack:
    """There is a link again, ``after`` seconds and ``attempts`` attempts; ``resumed`` if the session goes on.

    ``ended`` are the WebSockets that ended meanwhile, and the requests that failed, at either side.
    ``resent_messages``, of ``resent_bytes`` in all, go again: they may have been lost with the old link."""

    after: float
    attempts: int
    resumed: bool
    resent_messages: int = 0
    resent_bytes: int = 0
    ended: int = 0


@dataclass(frozen=True, slots=True)
class ServerStopping:
    """The server will stop within so many seconds: what is under way may finish, and the client connects again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Refused:
    """The server does not want this client or tunnel: a stable ``word``, a sentence, and whether to stop trying.

    ``tunnel`` is the name that was asked for, if one was."""

    word: str
    message: str
    final: bool
    tunnel: str = ""
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something is wrong that the user can put right, and the client carries on."""

    message: str
    tunnel: str = ""
    caution: bool = field(default=False, kw_only=True)  #: whether it is no fault, but something to know
    cause: Cause | None = field(default=None, kw_only=True, compare=False)


Event: TypeAlias = (
    Connected
    | TunnelClosed
    | RequestStarted
    | RequestWaiting
    | ResponseStreaming
    | RequestFinished
    | RequestRefused
    | WebSocketOpened
    | WebSocketRefused
    | WebSocketClosed
    | ConnectionOpened
    | ConnectionClosed
    | LinkLost
    | Reconnecting
    | LinkBack
    | ServerStopping
    | Refused
    | Problem
)

#: Events that tell what visitors do.
VISITS: Final = (
    RequestStarted,
    RequestWaiting,
    ResponseStreaming,
    RequestFinished,
    RequestRefused,
    WebSocketOpened,
    WebSocketRefused,
    WebSocketClosed,
    ConnectionOpened,
    ConnectionClosed,
)


class UnderWay(NamedTuple):
    """What a client has open at a moment, and the bytes that it has passed; connections are of TCP and TLS tunnels."""

    requests: int = 0
    websockets: int = 0
    connections: int = 0
    bytes_in: int = 0
    bytes_out: int = 0


#: Called with each event.
Report: TypeAlias = Callable[[Event], None]


class Listener(Protocol):
    """Receives every event of a client, in order, in the reactor's thread: it must not block and not raise."""

    def notify(self, event: Event) -> None:
        """Take one event."""
