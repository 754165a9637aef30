"""Private names of Twisted and Autobahn that Sellia leans on: what each is for, and what becomes without it.

Need
    A relay that must not copy, log or wait where the libraries do reaches below what they promise to keep.  Such names
    may go with any release; whoever upgrades must learn of it from a sentence at the start, not from a broken tunnel.

How
    A name whose use looks before it leaps is *optional*: without it Sellia degrades, as ``otherwise`` says.  All others
    are *required*: :func:`require` raises SettingsError for one that is missing, before a service is made.
    ``tests/test_private_names.py`` finds every private name in the source that is not listed here, and fails for any
    that an upgrade took away, optional ones included.

Designs not chosen
    *Exact versions in setup.py*: whoever installs Sellia beside other programs could not update a library for its
    security fixes.
"""

import inspect
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import version
from types import CodeType
from typing import Any, Final

from sellia.errors import SettingsError


@dataclass(frozen=True, slots=True)
class PrivateName:
    """One name below ``owner``, a class or a module; ``used_in`` is a module of Sellia's.

    ``otherwise`` says what becomes without it, and is empty for a name without which nothing works.
    """

    library: str
    owner: str
    name: str
    used_in: str
    purpose: str
    otherwise: str = ""

    @property
    def exists(self) -> bool:
        """Whether the library that is installed has it."""
        try:
            return has(_found(self.owner), self.name)
        except (ImportError, AttributeError):
            return False


def _names(
    library: str, owner: str, names: str, used_in: str, purpose: str, otherwise: str = ""
) -> tuple[PrivateName, ...]:
    return tuple(PrivateName(library, owner, name, used_in, purpose, otherwise) for name in names.split())


_PARSER: Final = "autobahn.websocket.protocol.WebSocketProtocol"
_DESCRIPTOR: Final = "twisted.internet.abstract.FileDescriptor"
_CHANNEL: Final = "twisted.web.http.HTTPChannel"

PRIVATE_NAMES: Final[tuple[PrivateName, ...]] = (
    *_names(
        "Twisted",
        "twisted.internet.epollreactor.EPollReactor",
        "_poller _selectables _doReadOrWrite doIteration doPoll",
        "sellia.transports.reactor.polling",
        "a loop of the reactor without a log context for each event",
        "the reactor keeps its own loop, and each request costs some 15 % more CPU",
    ),
    *_names(
        "Twisted",
        _DESCRIPTOR,
        "dataBuffer offset _tempDataLen connected disconnecting",
        "sellia.transports.reactor.sockets",
        "writing to a socket at once where nothing waits in its transport",
    ),
    *_names(
        "Twisted",
        "twisted.internet.base.ReactorBase",
        "seconds getDelayedCalls",
        "sellia.process",
        "timers that follow a monotonic clock",
    ),
    *_names(
        "Twisted",
        "twisted.internet.base.DelayedCall",
        "seconds time",
        "sellia.process",
        "timers that follow a monotonic clock",
    ),
    *_names(
        "Twisted",
        "twisted.internet.endpoints.SSL4ServerEndpoint",
        "_sslContextFactory",
        "sellia.server.listeners.endpoints",
        "certificates that are renewed while the server runs, and the alert for clients without HTTP/1.1",
        "a new certificate is taken up by the next start only",
    ),
    *_names(
        "Twisted",
        "twisted.internet.ssl.CertificateOptions",
        "_context",
        "sellia.server.listeners.renewal",
        "certificates that are renewed while the server runs",
        "a new certificate is taken up by the next start only",
    ),
    *_names(
        "Twisted",
        "twisted.internet._sslverify",
        "IOpenSSLTrustRoot",
        "sellia.client.tls",
        "authorities that are trusted beside those of the machine",
    ),
    *_names(
        "Twisted",
        "twisted.protocols.tls.TLSMemoryBIOProtocol",
        "_tlsConnection",
        "sellia.transports.tls_half_close",
        "ends of one direction over TLS",
        "close_notify ends both directions of a connection",
    ),
    *_names(
        "Twisted",
        _CHANNEL,
        "_dataBuffer _networkProducer",
        "sellia.server.embedding.resource_request",
        "WebSockets through a Resource in a twisted.web Site",
    ),
    *_names(
        "Twisted",
        _CHANNEL,
        "_waitingForTransport",
        "sellia.server.embedding.resource_request",
        "pipelined requests that wait for a transport which is full",
        "such requests are served at once",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "processData onFrameBegin onFrameData onFrameEnd current_frame inside_message data state "
        "_protocol_violation _perMessageCompress",
        "sellia.transports.websocket.frames",
        "Autobahn's judgement of frames without its message layer",
    ),
    *_names(
        "Twisted",
        "twisted.web.http.Request",
        "_disconnected",
        "sellia.server.base_domain.site_channel",
        "pages of a Site whose visitor has left",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "onCloseFrame",
        "sellia.transports.original.server_side.bridge",
        "the goodbye of a client that speaks the original dialect",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "_dataReceived current_frame_masker",
        "sellia.transports.link.autobahn",
        "one frame at a time for Autobahn",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "_fail_connection sendCloseFrame sendData",
        "sellia.transports.link.base",
        "ends of links in Sellia's words",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "remoteCloseCode remoteCloseReason",
        "sellia.transports.link.lost_reason",
        "reasons with which the other side closes a link",
        "a link that was closed counts as one that broke off",
    ),
    *_names(
        "Autobahn",
        _PARSER,
        "closeHandshakeTimeoutCall",
        "sellia.transports.link.autobahn",
        "freeing a link's memory when it is lost",
        "a link that was closed stays in memory for some seconds",
    ),
    *_names(
        "Autobahn",
        "autobahn.websocket.protocol.WebSocketClientProtocol",
        "processHandshake failHandshake",
        "sellia.transports.link.native",
        "reasons in words where something else than a Sellia server answers",
    ),
    *_names(
        "Autobahn",
        "autobahn.websocket.protocol",
        "create_xor_masker",
        "sellia.transports.websocket.masking",
        "payloads that are masked in pieces",
    ),
    *_names(
        "Autobahn",
        "_nvx_xormasker",
        "ffi lib",
        "sellia.transports.websocket.masking",
        "payloads that are masked where they stand",
        "large frames are masked in Python, a thousand times slower",
    ),
)


def has(owner: Any, name: str) -> bool:
    """Whether ``owner`` has an attribute of that name, or its methods use one: those of instances are found so."""
    if hasattr(owner, name):
        return True
    if not inspect.isclass(owner):
        return False
    methods = (each for kind in owner.__mro__ for each in vars(kind).values())
    return any(name in code.co_names for code in map(_code, methods) if code is not None)


@cache
def require(side: str, names: tuple[PrivateName, ...] = PRIVATE_NAMES) -> None:
    """Raise SettingsError if a name is missing without which a ``server`` or ``client`` (``side``) does not work.

    Looks once for each process.
    """
    rooms = ("sellia.transports", "sellia.process", f"sellia.{side}")
    lacking = [each for each in names if not each.otherwise and each.used_in.startswith(rooms) and not each.exists]
    if lacking:
        first = lacking[0]
        what = ", ".join(f"{each.owner.rpartition('.')[2]}.{each.name}" for each in lacking)
        raise SettingsError(
            f"{first.library} {version(first.library)} lacks {what}, which this Sellia needs for {first.purpose}.",
            "install the versions that Sellia's constraints.txt names, or a newer Sellia",
        )


def _found(path: str) -> Any:
    """The module or class at this dotted path."""
    try:
        return import_module(path)
    except ImportError:
        module, _, name = path.rpartition(".")
        if not module:
            raise
        return getattr(import_module(module), name)


def _code(method: object) -> CodeType | None:
    code = getattr(inspect.unwrap(method) if callable(method) else method, "__code__", None)
    return code if isinstance(code, CodeType) else None
