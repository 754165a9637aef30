"""Messages of the native protocol, all of them, on two screens.

Three layers (``docs/protocol.rst`` has the bytes):

* *link messages* concern one link and are not numbered: hello, acks, liveness, goodbye;
* *control records* concern the session or one stream, and travel in numbered parcels;
* *bulk records* (body data, WebSocket frames) have a fixed header and no message here.

Every value is frozen and validated by msgspec when it is decoded: types, not meaning.  Meaning (header syntax, name
rules, stream numbers) is for the room that acts on it.
"""

from enum import StrEnum
from typing import Final

import msgspec

#: Name of this dialect as a WebSocket subprotocol; a peer that does not choose it speaks another one.
SUBPROTOCOL: Final = "sellia.v1"

#: Version inside the subprotocol, exchanged in hello and welcome.
VERSION: Final = 1

Headers = list[tuple[bytes, bytes]]


class _Message(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Message, as an array: the field order is the format, and new fields are added at the end with a default."""


class _Options(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Options, as a map by name: defaults are left out, unknown names ignored, and the order means nothing."""


class TunnelOptions(_Options, frozen=True):
    """Options of a tunnel, as its owner wants it treated; a field at its default is the server's to decide."""

    request_timeout: float = 0.0  #: seconds until the head of a response must be there; 0 for the server's default
    upgrade_timeout: float = 0.0  #: seconds until an upgrade must be answered; 0 for the server's default
    while_away_pings: bool = True  #: whether each end answers WebSocket pings of its own side while the link is away
    while_away: str = "wait"  #: what new requests do while the link is away: ``wait``, or ``refuse``
    auth_preflight: str = "refuse"  #: what becomes of CORS preflights without the password: ``refuse``, or ``pass``
    forwarded: bool = True  #: whether requests tell their service where they came from (``X-Forwarded-For`` and others)
    allow: list[str] = []  #: addresses and networks of visitors that are let in; none: all (capability ``access``)
    deny: list[str] = []  #: those that are kept out, whatever ``allow`` says (capability ``access``)
    idle_timeout: float = 0.0  #: seconds without a byte after which a connection is ended; 0: never
    upgrades: list[str] = []  #: protocols besides WebSocket to which requests may switch, in lower case
    passwords: list[str] = []  #: further ``user:password`` of visitors (capability ``users``)
    digests: list[str] = []  #: ``user:hash`` of visitors whose password only they know (capability ``users``)
    methods: list[str] = []  #: methods of requests that pass; none: all (capability ``rules``)
    max_body: int = 0  #: bytes of a request's body; 0: any number (capability ``rules``)
    visitor_burst: int = 0  #: requests of one visitor's address at once; 0: any number (capability ``rules``)
    visitor_rate: float = 0.0  #: the same, a second (capability ``rules``)
    slot: str = ""  #: tells this tunnel from others of its owner, so that it is given the same port again
    pool: bool = False  #: whether other clients of its owner may hold the name as well (capability ``pool``)
    sticky: str = (
        ""  #: by what a visitor stays with one client of a pool: ``cookie`` or ``address``; empty: it does not
    )
    wildcard: bool = False  #: whether it has all names below its own, too (capability ``wildcards``)
    domains: list[str] = []  #: domains of its owner's, besides its name or instead of one (capability ``domains``)


class ServerLimits(_Options, frozen=True):
    """Limits of the server that its clients apply as well; a field at its default sets no limit."""

    request_timeout: float = 0.0  #: seconds that a tunnel may ask for as its request_timeout or upgrade_timeout
    websocket_frame_limit: int = 0  #: bytes of a WebSocket frame
    websocket_message_limit: int = 0  #: bytes of a WebSocket message, as it is on the wire
    websocket_fragments: int = 0  #: fragments of a message
    websocket_empty_fragments: int = 0  #: fragments in a row that have no byte
    control_burst: int = 0  #: control frames on a WebSocket at once
    control_rate: float = 0.0  #: the same, a second
    while_away_pings: bool = True  #: whether WebSocket pings may be answered while the link is away


class Why(_Options, frozen=True):
    """Why something ends, as far as its sender knows; empty where that is plain, or not known."""

    who: str = ""  #: a party of `sellia.why.cause`
    what: str = ""  #: a stable word
    evidence: dict[str, int | float | str] = {}  #: facts, by their names


NO_WHY: Final = Why()


# --- link messages -------------------------------------------------------------------------------------------


class Hello(_Message, frozen=True, tag="hello"):
    """Client to server, first on every link: who I am, and which session I want to go on with."""

    version: int
    agent: str
    capabilities: list[str] = []
    key: str | None = None
    session: bytes | None = None  #: resume token of the session that this link continues, or None for a new one
    received: int = 0  #: parcels of that session which have arrived here
    attempt: int = 0  #: higher than in each hello before with this token; 0: not told


class Welcome(_Message, frozen=True, tag="welcome"):
    """Server to client, the answer: this link carries the session with this token."""

    version: int
    agent: str
    session: bytes
    resumed: bool
    received: int = 0
    capabilities: list[str] = []
    ping_interval: float = 5.0  #: seconds without traffic after which either end pings
    ping_timeout: float = 15.0  #: seconds of silence after which either end gives the link up
    resume_window: float = 120.0  #: seconds for which the server keeps the session without a link
    limits: ServerLimits = ServerLimits()


class Refused(_Message, frozen=True, tag="refused"):
    """Server to client instead of welcome: no, and whether trying again can help."""

    word: str
    message: str
    final: bool
    id: str = ""  #: by which the server's log has it


class Ack(_Message, frozen=True, tag="ack"):
    """Acknowledgement: so many parcels of this session have arrived here."""

    received: int


class Ping(_Message, frozen=True, tag="ping"):
    """Heartbeat, answered at once with a pong of the same number."""

    number: int = 0


class Pong(_Message, frozen=True, tag="pong"):
    """Answer to a ping of this number."""

    number: int = 0


class Goodbye(_Message, frozen=True, tag="bye"):
    """This end ends the session on purpose: nothing of it will be resumed."""

    word: str
    message: str


LinkMessage = Hello | Welcome | Refused | Ack | Ping | Pong | Goodbye


# --- control records: streams ----------------------------------------------------------------------------------


class HttpRequest(_Message, frozen=True, tag="http"):
    """Opens a stream: a visitor's request, its body to follow as data unless the record says end."""

    tunnel: int
    method: bytes
    target: bytes  #: as the visitor wrote it, byte for byte
    headers: Headers  #: end-to-end headers only, in order and case
    visitor: str = ""  #: the visitor's address, for people
    chunked: bool = False  #: body of unknown length (trailers may follow)
    minor: int = 1  #: minor HTTP/1 version the visitor speaks
    connection: int = 0  #: number of the visitor's connection, unique in the session; 0: not told
    declined: bytes = b""  #: what its Upgrade field asked for, where the server has taken that off


class WebSocketRequest(_Message, frozen=True, tag="ws"):
    """Opens a stream: a visitor's WebSocket handshake.  The service's answer decides."""

    tunnel: int
    target: bytes
    headers: Headers  #: with the visitor's own Sec-WebSocket-*
    visitor: str = ""
    connection: int = 0  #: number of the visitor's connection, unique in the session; 0: not told


class UpgradeRequest(_Message, frozen=True, tag="upgrade"):
    """Opens a stream: a request that asks to switch to a protocol of ``TunnelOptions.upgrades``.

    Its body, which is as long as its Content-Length says, follows as data.  If the service answers 101, whatever else
    passes on the stream is bytes of that protocol.
    """

    tunnel: int
    method: bytes
    target: bytes
    headers: Headers
    upgrade: bytes  #: the protocol, as the visitor spells it
    visitor: str = ""
    connection: int = 0  #: number of the visitor's connection, unique in the session; 0: not told


class TcpConnection(_Message, frozen=True, tag="tcp"):
    """Opens a stream: a visitor's TCP connection."""

    tunnel: int
    visitor: str = ""  #: the visitor's address
    port: int = 0  #: the visitor's port; 0: not told
    to: str = ""  #: the server's address that the visitor connected to; empty: not told
    to_port: int = 0  #: its port


class UdpFlow(_Message, frozen=True, tag="udp"):
    """Opens a stream: the datagrams of one visitor's address, each a frame whose first byte means nothing."""

    tunnel: int
    visitor: str = ""  #: the visitor's address
    port: int = 0  #: the visitor's port; 0: not told
    to: str = ""  #: the server's address that the visitor sends to; empty: not told
    to_port: int = 0  #: its port


Opening = HttpRequest | WebSocketRequest | UpgradeRequest | TcpConnection | UdpFlow


class ResponseHead(_Message, frozen=True, tag="head"):
    """Head of the service's response, final or interim (1xx); 101 turns the stream into WebSocket frames, or bytes."""

    status: int
    reason: bytes
    headers: Headers
    chunked: bool = False  #: body of unknown length
    body: bytes = b""  #: the whole body, if it is short and came with the head; nothing follows then


class Trailers(_Message, frozen=True, tag="trailers"):
    """Ends a direction of a stream, after its data, with trailer fields (RFC 9110, 6.5)."""

    headers: Headers


class Reset(_Message, frozen=True, tag="reset"):
    """Ends a stream in both directions at once; ``word`` is a code of `sellia.problems`, or unknown to this version."""

    word: str
    message: str = ""
    frames: int = -1  #: as in `Ending`
    bytes: int = -1
    why: Why = NO_WHY  #: more about it


class Ending(_Message, frozen=True, tag="ending"):
    """Tells more of a WebSocket's end than its frames do: right before a close frame of this end's own, and before END.

    In front of END, and with ``by`` empty, it tells the counts, and why there was no close frame.
    """

    by: str = ""  #: because of whom this end closes it: ``sellia``, ``visitor`` or ``service``
    dropped: bool = False  #: whether that side's connection was lost without a close frame
    frames: int = -1  #: frames of the other end that went to this end's socket, in all; -1: not told
    bytes: int = -1  #: the same of their payloads
    why: Why = NO_WHY  #: more about it


# --- control records: the session ------------------------------------------------------------------------------


class TunnelKind(StrEnum):
    """Kinds of tunnels that have a meaning here; a server refuses every other word, and may refuse these."""

    HTTP = "http"  #: requests and WebSockets, by host name
    TCP = "tcp"  #: connections, by port
    UDP = "udp"  #: datagrams, by port
    TLS = "tls"  #: connections that begin with TLS, by the host name that they ask for


class OpenTunnel(_Message, frozen=True, tag="open-tunnel"):
    """Client to server: bind a public name to this session."""

    tunnel: int  #: number chosen by the client, unique in the session
    kind: str  #: a :class:`TunnelKind`, or a word from a later version
    name: str | None = None  #: wanted name; None lets the server choose
    auth: str | None = None  #: ``user:password`` that visitors must present
    options: TunnelOptions = TunnelOptions()


class TunnelReady(_Message, frozen=True, tag="tunnel-ready"):
    """Server to client: the tunnel is public."""

    tunnel: int
    name: str
    url: str
    more: list[str] = []  #: URLs of its further names


class TunnelRefused(_Message, frozen=True, tag="tunnel-refused"):
    """Server to client: it is not; ``final`` says whether asking again can help."""

    tunnel: int
    word: str
    message: str
    final: bool = True


class CloseTunnel(_Message, frozen=True, tag="close-tunnel"):
    """Either way: this tunnel is no longer public; its open streams go on."""

    tunnel: int
    word: str = ""
    message: str = ""


class GoAway(_Message, frozen=True, tag="go-away"):
    """Either way: open no more streams here, I shall leave within ``seconds``."""

    word: str
    message: str
    seconds: float = 0.0


class VisitorLeft(_Message, frozen=True, tag="visitor-left"):
    """Server to client: the visitor's connection with this number is closed; nothing more comes from it."""

    connection: int


class ServiceHealth(_Message, frozen=True, tag="service-health"):
    """Client to server: the service of a pool's tunnel has begun to pass its health check, or to fail it.

    Nothing is known of the service of a tunnel that has just been opened, and it is taken for healthy.
    """

    tunnel: int
    healthy: bool
    reason: str = ""  #: what is wrong with it


class Meanwhile(_Message, frozen=True, tag="meanwhile"):
    """Server to client, when a session goes on: what ended here while there was no link has been said before this."""


#: The capability of a server that says `Meanwhile`.
MEANWHILE: Final = "meanwhile"

#: The capability of a server that keeps out visitors by address, as ``TunnelOptions`` says: without it, nobody would.
ACCESS: Final = "access"

#: The capability of a server that lets several clients hold one name, as ``TunnelOptions`` says.
POOL: Final = "pool"

#: The capability of a server that holds requests to ``methods``, ``max_body`` and the rate of ``TunnelOptions``.
RULES: Final = "rules"

#: The capability of a server that knows several users of a tunnel, by ``passwords`` and ``digests``.
USERS: Final = "users"

#: The capability of a server that has names of several labels, and wildcards.
WILDCARDS: Final = "wildcards"

#: The capability of a server at which a tunnel can have domains of its owner's.
DOMAINS: Final = "domains"

#: All capabilities of a server of this version.
CAPABILITIES: Final = (MEANWHILE, ACCESS, POOL, RULES, USERS, WILDCARDS, DOMAINS)


class Notice(_Message, frozen=True, tag="notice"):
    """Server to client: a visitor's request for a tunnel was answered by the server itself, with a problem."""

    tunnel: int
    status: int
    word: str
    message: str = ""
    method: str = ""
    target: bytes = b""
    visitor: str = ""
    websocket: bool = False
    suppressed: int = 0  #: how many before it were not told
    id: str = ""  #: by which the server's log has it


SessionMessage = (
    OpenTunnel | TunnelReady | TunnelRefused | CloseTunnel | GoAway | VisitorLeft | ServiceHealth | Meanwhile | Notice
)
