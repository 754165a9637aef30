"""One exchange: a request and its response, a WebSocket with its timeline, or a connection."""

from sys import getsizeof
from typing import Any

import msgspec

from sellia.inspector.model import (
    EXCHANGE_COST,
    FIELD_COST,
    Body,
    End,
    Interim,
    Kind,
    LinkMark,
    LinkState,
    Origin,
)
from sellia.inspector.timeline import Timeline
from sellia.protocol.messages import Headers
from sellia.why.cause import Cause


class Exchange(msgspec.Struct, gc=False, kw_only=True):
    """An exchange, as far as it has come.

    ``sent_target`` and ``sent_headers`` are what the service was asked with, where that is not what the visitor sent.
    Times that have not come are None.
    """

    number: int  #: from 1, in the order in which they began
    kind: Kind
    tunnel: str = ""  #: name of the tunnel, as in the client's lines
    origin: Origin = "visitor"
    replay_of: str | None = None  #: id of the exchange that it repeats
    edited: bool = False  #: whether what was sent is not byte for byte what that one sent, or was changed on the way
    kept: bool = False  #: whether "clear" and eviction leave it alone

    visitor: str = ""  #: the visitor's address
    visitor_port: int = 0  #: 0: not told
    method: bytes = b""
    target: bytes = b""
    minor: int = 1  #: minor version of HTTP/1 that the visitor speaks
    request_headers: Headers = []
    sent_target: bytes | None = None
    sent_headers: Headers | None = None
    request_body: Body
    request_trailers: Headers = []

    interim: tuple[Interim, ...] = ()
    status: int | None = None
    reason: bytes = b""
    response_headers: Headers = []
    response_body: Body
    response_trailers: Headers = []

    timeline: Timeline | None = None

    started: float = 0.0  #: when the request's head arrived
    sent: float | None = None  #: when it was written to a connection to the service
    answered: float | None = None  #: when the head of the final response arrived
    ended: float | None = None

    link: LinkState | None = None
    marks: tuple[LinkMark, ...] = ()  #: losses of the link meanwhile
    end: End | None = None
    cause: Cause | None = None  #: why it ended, if that was not plainly good

    cost: int = EXCHANGE_COST  #: bytes that it counts for in the store
    evicted: bool = False  #: whether the store has let go of it
    touched: bool = False  #: whether every subscription knows that it has changed
    version: int = 0  #: grows with each change that subscriptions are told of

    @property
    def id(self) -> str:
        """Its number, as text: what an address and a command line name it by."""
        return str(self.number)

    @property
    def open(self) -> bool:
        """Whether something may still pass."""
        return self.ended is None

    @property
    def replayable(self) -> bool:
        """Whether the request can be repeated byte for byte: all of it is kept."""
        return self.kind in ("http", "websocket") and not self.request_body.truncated and not self.evicted

    def let_go(self) -> None:
        """Forget what may be large: whoever still holds the exchange, such as a stream that is open, holds little."""
        self.timeline = None
        self.request_body, self.response_body = Body(), Body()
        self.target = self.method = self.reason = b""
        self.request_headers, self.response_headers = [], []
        self.request_trailers, self.response_trailers = [], []
        self.sent_target = self.sent_headers = self.end = self.cause = None
        self.interim = ()
        self.visitor = ""


def new_exchange(number: int, kind: Kind, **values: Any) -> Exchange:
    """Return an exchange with bodies of its own."""
    exchange = Exchange(number=number, kind=kind, request_body=Body(), response_body=Body(), **values)
    exchange.cost += cost_of_head(exchange.request_headers) + len(exchange.target) + len(exchange.method)
    exchange.cost += len(exchange.visitor)
    return exchange


def cost_of_end(end: End, cause: Cause | None) -> int:
    """Return the bytes that the texts about an end cost."""
    cost = getsizeof(end.reason)
    if cause is not None:
        cost += sum(map(getsizeof, (cause.id, cause.what, cause.sentence, cause.remedy)))
        cost += sum(FIELD_COST + getsizeof(name) + getsizeof(fact) for name, fact in cause.evidence.items())
    return cost


def cost_of_head(headers: Headers) -> int:
    """Return the bytes that header fields cost."""
    return sum(FIELD_COST + len(name) + len(value) for name, value in headers)
