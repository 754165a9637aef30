"""The observer of an exchange: told of everything that passes on a stream, where an inspector, metrics or an access log
would listen.

Need
    What a visitor and a service say to each other passes through legs, at both ends of the link, and is kept nowhere.
    Whoever shows it, counts it or writes it down must see it without taking part: the legs know one Protocol, and
    nothing of what stands behind it.

Invariants
    * Each event is told once at each end, in the order in which it passed, and what passes in pieces is told in pieces.
    * A stream's first event is ``request`` and its last one ``ended``; nothing is told of it after that, but why it has
      ended where only the other end of the link has found out.
    * Only what passes between visitor and service is told: not the answers and close frames that Sellia makes, nor
      what one side still sends once this end knows that the other is gone.  Pings that an end answers by itself are not
      told.

Bounds
    An observer is told of bytes that exist anyway and may keep them; bounding what it keeps is its own affair, and so
    is the time that it takes, for it is called in the middle of a turn of the reactor.  It must not raise: the
    exchange would end as a fault of ours.

Cost
    A leg holds ``None`` where nobody observes, and then pays for one look at an attribute per event.

Designs not chosen
    *A leg around the leg*: it does not survive a WebSocket's handshake, after which the connection itself becomes the
    stream's leg; and it would cost a call per event where nobody observes.  *One event class for each kind*: an object
    per frame, on the path that is to have none.  *Whole messages*: the relay does not assemble them, and an observer
    that wants to can, with a bound of its own.  *An answer from the observer*: what may change or refuse a request is
    a check at its admission, which may wait; an observer may not.
"""

from typing import Literal, Protocol

from msgspec import structs

from sellia.protocol.messages import Headers, Opening, ResponseHead
from sellia.why.cause import Cause

#: Who ended an exchange: one of the two, or the relay itself, for a limit or because it stops.
EndedBy = Literal["visitor", "service", "sellia"]


class StreamObserver(Protocol):
    """Receiver of what passes on the streams of one session, by stream number."""

    def request(self, stream_id: int, opening: Opening) -> None:
        """A stream opens with a request, a handshake, a TCP connection or a flow, as it came from the visitor."""

    def rewritten(self, stream_id: int, target: bytes, headers: Headers) -> None:
        """The service is asked for ``target`` with ``headers``, which is not what the visitor sent.

        Told right after ``request``, and only by a client that changes it.
        """

    def sent(self, stream_id: int) -> None:
        """The request goes to a connection to the service; told again if it goes to another one.  Not at the server."""

    def response(self, stream_id: int, head: ResponseHead) -> None:
        """The head of the service's answer passes: any number of interim ones (1xx), then at most one final one.

        A short body that came in one record with the head is not in ``head``, but told as ``body`` right after it.
        """

    def body(self, stream_id: int, from_visitor: bool, data: bytes) -> None:
        """Bytes of a body, or of a TCP connection, pass; never empty, and without a chunked body's framing."""

    def trailers(self, stream_id: int, from_visitor: bool, headers: Headers) -> None:
        """A body ends with trailer fields, of which there is at least one."""

    def frame(self, stream_id: int, from_visitor: bool, first: int, payload: bytes) -> None:
        """A whole WebSocket frame passes: ``first`` is its first byte (fin, rsv, opcode), the payload is unmasked."""

    def frame_begun(self, stream_id: int, from_visitor: bool, first: int, length: int) -> None:
        """The head of a frame passes whose payload of ``length`` bytes follows in pieces."""

    def frame_continued(self, stream_id: int, from_visitor: bool, payload: bytes) -> None:
        """The next piece of that payload passes, unmasked."""

    def explained(self, stream_id: int, cause: Cause) -> None:
        """The exchange ends in a way that is not plainly good, and this is why: right before ``ended``, or later."""

    def ended(self, stream_id: int, by: EndedBy, code: int | str | None, reason: str) -> None:
        """The exchange is over at this end.

        ``code`` is the close code of a WebSocket, the code of the problem that broke the exchange off, or None where
        there was neither; ``reason`` explains it in a sentence and may be empty.  A request that was answered whole was
        ended by the service.
        """


def head_alone(head: ResponseHead) -> ResponseHead:
    """Return a response's head as an observer is told of it: without the body that came in one record with it."""
    return structs.replace(head, body=b"") if head.body else head
