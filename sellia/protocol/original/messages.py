"""Messages of the original dialect, and their encoding.

One message is one binary WebSocket message: a MessagePack map whose field ``type`` says which.  There are no parcels,
no credit and no acks; what a link has brought is acted on at once, and what it has lost is lost.

:func:`encode` writes as the original does: ``type`` first, fields in order, optional ones left out when they are
absent.  :func:`decode` reads as leniently: fields in any order, text for binary and binary for text, nil for an
optional field that is absent, unknown fields and bytes behind the map passed over.  What the original ignores (an
unknown type, a field that is missing or of another type, an integer out of range, anything that is no such map) is
``None``.  Only a message beyond a limit raises, and only :class:`sellia.errors.LimitExceeded`.

Whose words they are: C>S is said by clients, S>C by servers.  Types are checked here, meaning is not: ids, names,
statuses, the syntax of headers and of targets are for whoever acts on a message.
"""

from typing import Any, Final, get_args

import msgspec

from sellia.errors import LimitExceeded, ProtocolError
from sellia.protocol.limits import KIB, MIB
from sellia.protocol.messages import Headers
from sellia.protocol.original import msgpack as packing
from sellia.protocol.original.fields import TYPE, TYPES, Form, Long, TextOctets, Words

#: A WebSocket message of the service or of a visitor travels whole, in one message of the link: so much at most.
WEBSOCKET_LIMIT: Final = 4 * MIB

#: Bytes in one message of a link at most: a WebSocket message, and what stands around it.
MESSAGE_LIMIT: Final = WEBSOCKET_LIMIT + 64 * KIB

#: Bytes of a body that the original sends in one message.  It accepts 1 MiB.
CHUNK: Final = 8 * KIB


class _Message(msgspec.Struct, frozen=True, gc=False):
    """Message whose annotations are its format."""


# --- C>S -----------------------------------------------------------------------------------------------------


class Auth(_Message, frozen=True, tag="auth"):
    """C>S, first where there is a key: who I am."""

    api_key: str


class TunnelOpen(_Message, frozen=True, tag="tunnel_open"):
    """C>S: make this public.  An unknown ``tunnel_type`` counts as http."""

    tunnel_type: str
    local_port: int
    subdomain: str | None = None
    auth: str | None = None  #: ``user:password`` that visitors must present


class ResponseStart(_Message, frozen=True, tag="response_start"):
    """C>S: the head of the service's answer."""

    request_id: str
    status_code: int
    headers: Headers


class ResponseBody(_Message, frozen=True, tag="response_body"):
    """C>S: a piece of its body."""

    request_id: str
    chunk: bytes


class ResponseEnd(_Message, frozen=True, tag="response_end"):
    """C>S: it is complete."""

    request_id: str


class WsUpgradeOk(_Message, frozen=True, tag="ws_upgrade_ok"):
    """C>S: the service has agreed to the WebSocket."""

    request_id: str
    headers: Headers


class WsUpgradeError(_Message, frozen=True, tag="ws_upgrade_error"):
    """C>S: it has not."""

    request_id: str
    status_code: int
    message: Words


class TcpOpenOk(_Message, frozen=True, tag="tcp_open_ok"):
    """C>S: the service has taken the connection."""

    connection_id: str


class TcpOpenError(_Message, frozen=True, tag="tcp_open_error"):
    """C>S: it has not."""

    connection_id: str
    message: Words


class Pong(_Message, frozen=True, tag="pong"):
    """C>S: here I am, with the ping's own time."""

    timestamp: Long


# --- S>C -----------------------------------------------------------------------------------------------------


class Limits(_Message, frozen=True):
    """What an account may have."""

    max_tunnels: int
    max_connections: int


class AuthOk(_Message, frozen=True, tag="auth_ok"):
    """S>C: the key is good."""

    account_id: str
    limits: Limits


class AuthError(_Message, frozen=True, tag="auth_error"):
    """S>C: it is not, or is missing."""

    error: Words


class TunnelReady(_Message, frozen=True, tag="tunnel_ready"):
    """S>C: it is public."""

    tunnel_id: str
    url: str
    subdomain: str


class RequestStart(_Message, frozen=True, tag="request_start"):
    """S>C: the head of a visitor's request; ``path`` is its whole target."""

    request_id: str
    tunnel_id: str
    method: TextOctets
    path: TextOctets
    headers: Headers


class RequestBody(_Message, frozen=True, tag="request_body"):
    """S>C: a piece of its body.  The last, with ``final``, is always there and always empty."""

    request_id: str
    chunk: bytes
    final: bool


class WsUpgrade(_Message, frozen=True, tag="ws_upgrade"):
    """S>C: a visitor's WebSocket handshake."""

    request_id: str
    tunnel_id: str
    path: TextOctets
    headers: Headers


class TcpOpen(_Message, frozen=True, tag="tcp_open"):
    """S>C: a visitor's TCP connection."""

    connection_id: str
    tunnel_id: str
    remote_addr: str


class Ping(_Message, frozen=True, tag="ping"):
    """S>C: are you there?  In milliseconds."""

    timestamp: Long


# --- both ----------------------------------------------------------------------------------------------------


class TunnelClose(_Message, frozen=True, tag="tunnel_close"):
    """C>S: it is public no longer.  S>C: the same, or, with an empty ``tunnel_id``, that the last wish is refused."""

    tunnel_id: str
    reason: Words | None = None


class WsFrame(_Message, frozen=True, tag="ws_frame"):
    """Both: a whole WebSocket message; ``fin`` is always true when it is sent, and never looked at."""

    request_id: str
    opcode: int
    payload: bytes
    fin: bool


class WsClose(_Message, frozen=True, tag="ws_close"):
    """Both: a WebSocket is closed, or the other side's close is answered."""

    request_id: str
    code: int | None = None
    reason: Words | None = None


class TcpData(_Message, frozen=True, tag="tcp_data"):
    """Both: bytes of a TCP connection."""

    connection_id: str
    data: bytes


class TcpClose(_Message, frozen=True, tag="tcp_close"):
    """Both: it has ended."""

    connection_id: str
    reason: Words | None = None


#: Messages about a TCP connection, which have its number where others have that of a request.
TCP: Final = (TcpOpenOk, TcpOpenError, TcpData, TcpClose)

Both = TunnelClose | WsFrame | WsClose | TcpData | TcpClose
ClientMessage = (
    Auth
    | TunnelOpen
    | ResponseStart
    | ResponseBody
    | ResponseEnd
    | WsUpgradeOk
    | WsUpgradeError
    | TcpOpenOk
    | TcpOpenError
    | Pong
    | Both
)
ServerMessage = AuthOk | AuthError | TunnelReady | RequestStart | RequestBody | WsUpgrade | TcpOpen | Ping | Both
Message = ClientMessage | ServerMessage

# --- bytes --------------------------------------------------------------------------------------------------

_limits: Final = Form(Limits)


def _read_limits(data: bytes, at: int) -> Any:
    return _limits.read(data, packing.find_fields(data, _limits.names, at))


TYPES[Limits] = _limits.write, _read_limits

_forms: Final = {kind: Form(kind) for kind in get_args(Message)}
_by_tag: Final = {form.tag: form for form in _forms.values()}
_names: Final = frozenset({TYPE}.union(*(form.names for form in _forms.values())))


def encode(message: Message) -> bytes:
    """Encode a message as a WebSocket message."""
    return b"".join(_forms[type(message)].write(message))


def decode(data: bytes) -> Message | None:
    """Decode a binary WebSocket message; None if the original would ignore it.

    Raises LimitExceeded (a ProtocolError) for one that is longer than ``MESSAGE_LIMIT``, or has more values or header
    fields in it than their limits; its ``code`` is what the link is to be closed with.
    """
    if len(data) > MESSAGE_LIMIT:
        raise LimitExceeded("a message is longer than the limit", 1009)
    try:
        found = packing.find_fields(data, _names)
        form = _by_tag.get(packing.octets(data, found[TYPE])[0]) if TYPE in found else None
        if form is None:
            return None
        message: Message = form.read(data, found)
    except LimitExceeded:
        raise
    except ProtocolError:
        return None
    return message


def id_in(beginning: bytes) -> str:
    """Decode the id of the exchange from the beginning of a message; empty if it is not in it."""
    try:
        size, at = packing.map_size(beginning, 0)
        for _ in range(min(size, len(beginning))):
            name, at = packing.octets(beginning, at)
            if name in (b"request_id", b"connection_id"):
                return packing.octets(beginning, at)[0].decode()
            at, _ = packing.skip(beginning, at)
    except (ProtocolError, UnicodeDecodeError):
        pass
    return ""
