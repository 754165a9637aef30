"""Record of one WebSocket, for the log: opened, closed by whom, with what code, after how many frames and bytes.

The server and the client each tell it from where they stand, with the same words: ``websocket opened``, ``websocket
violation``, ``websocket closed``, and at debug level ``websocket frame`` for each frame.  Frame lines cost nothing
while no service of the process wants debug (`sellia.transports.reactor.verbosity`).

Bounds: a line takes over 100 us, so a flood of frames would slow down everybody else while somebody looks.  The frames
of one WebSocket have ``FRAME_LINES``; the next line, or a last one, says how many had none.  Violations have as many
lines as who counts them allows.

When it is over, the record knows why (`sellia.why.websocket`), and tells that to the log as well.

Times of frames cost nothing when they pass: whoever watches the WebSockets calls :meth:`WebSocketRecord.look` once a
second, and silences are as exact as that.

Counts: frames and payloads that passed between visitor and service, so that both ends tell the same.  A close frame
that Sellia has made is none of them, nor is what one side still sent when the other was gone.
"""

from collections.abc import Callable
from typing import Final, Literal, NamedTuple

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import Problem
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.text import field, shown_subprotocol, shown_target
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.verbosity import verbosity
from sellia.why.cause import Cause, Party
from sellia.why.websocket import Program, Told, WebSocketEnd, websocket_cause

Side = Literal["visitor", "service", "sellia"]

#: Lines about frames of one WebSocket.
FRAME_LINES: Final = Rate(200, 50.0)

_log = Logger()


class Circumstances(NamedTuple):
    """What is known of an end besides by whom it was, its code and its reason."""

    problem: Problem | None = None
    dropped: bool = False  #: whether the connection was lost without a close frame
    here: bool = True  #: whether it was made at this end of the link, if Sellia has made it
    sender: Side = "sellia"  #: whose frames broke a rule or a limit, if any did
    told: Told | None = None  #: what the other end of the link says of it


_PLAIN: Final = Circumstances()
_DROPPED: Final = Circumstances(dropped=True)


class WebSocketRecord:
    """Counters of one WebSocket and the cause of its end, logged when it is over.  ``at_visitor`` tells whose it is.

    ``suppressed`` is asked when there is a violation: how many before it got no line, None if this one is to have none.
    ``id`` is that of the cause of its end.  ``proxied`` tells of a proxy in front (`WebSocketEnd`), and ``listening``
    whether somebody listens at the service's address.
    """

    __slots__ = (
        "_at_visitor",
        "_circumstances",
        "_clock",
        "_closed",
        "_heard_at",
        "_id",
        "_listening",
        "_looked_at",
        "_proxied",
        "_seen",
        "_spoke_at",
        "_lines",
        "_settled",
        "_started",
        "_unshown",
        "_logged",
        "_suppressed",
        "by",
        "cause",
        "how",
        "linked",
        "pings_unanswered",
        "bytes_received",
        "frames_received",
        "code",
        "number",
        "reason",
        "seconds",
        "target",
        "tunnel",
        "violation",
        "visitor",
        "bytes_sent",
        "frames_sent",
    )

    def __init__(
        self,
        number: int,
        tunnel: str,
        target: bytes,
        visitor: str,
        *,
        at_visitor: bool,
        clock: IReactorTime,
        subprotocol: str = "",
        closed: "Callable[[WebSocketRecord], None] | None" = None,
        suppressed: "Callable[[WebSocketRecord], int | None] | None" = None,
        id: str = "",
        proxied: str = "",
        listening: "Callable[[], bool | None] | None" = None,
    ) -> None:
        self.number = number
        self.tunnel = tunnel
        self.target = target
        self.visitor = visitor
        self._at_visitor = at_visitor
        self._clock = clock
        self._closed = closed
        self._suppressed = suppressed
        self._lines: Bucket | None = None
        self._unshown = 0
        self._settled: tuple[int, int] | None = None
        self._started = self._heard_at = self._spoke_at = self._looked_at = clock.seconds()
        #: Frames that had been received and sent when that was last looked at.
        self._seen = (0, 0)
        self._id, self._proxied, self._listening = id, proxied, listening
        self._circumstances = _PLAIN
        #: Why it has ended; None while it has not, and where that was plainly good.
        self.cause: Cause | None = None
        #: How the connection was lost, as far as that is known.
        self.how = ""
        #: Whether there was a link, and how many pings of this socket's peer had no answer, when it ended.
        self.linked, self.pings_unanswered = True, 0
        self.frames_received = self.bytes_received = self.frames_sent = self.bytes_sent = 0
        self.by: Side | None = None
        #: The word of the violation that ended it, if one did.
        self.violation: Problem | None = None
        self.code: int | None = None
        self.reason = ""
        self.seconds = 0.0
        end = line(clock, "websocket")
        #: Whether its opening was logged: then its end is, too.
        self._logged = end is not None
        if end is not None:
            _log.info(
                "websocket opened: id={id} tunnel={tunnel} path={path} visitor={visitor} "
                "subprotocol={subprotocol}{end}",
                id=number,
                tunnel=field(tunnel),
                path=field(shown_target(target)),
                visitor=field(visitor),
                subprotocol=field(shown_subprotocol(subprotocol)),
                end=end,
            )

    def received(self, first: int, size: int) -> None:
        """Count a frame from the socket, which is passed on; its payload may still be to come."""
        self.frames_received += 1
        self.bytes_received += size
        if verbosity.debug:
            self._frame("visitor" if self._at_visitor else "service", first, size)

    def sent(self, first: int, size: int) -> None:
        """Count a frame of the other side, which is sent to the socket."""
        self.frames_sent += 1
        self.bytes_sent += size
        if verbosity.debug:
            self._frame("service" if self._at_visitor else "visitor", first, size)

    def look(self, now: float) -> None:
        """Note what has passed since this was last called, about once a second."""
        received, sent = self._seen
        if received != self.frames_received:
            self._heard_at = now
        if sent != self.frames_sent:
            self._spoke_at = now
        self._seen = self.frames_received, self.frames_sent
        self._looked_at = now

    def ended(self, by: Side, code: int | None, reason: str, how: Circumstances = _PLAIN) -> None:
        """Note who ended the WebSocket: the first who is said to have done so."""
        if self.by is None:
            self.by, self.code, self.reason = by, code, reason
            self._circumstances = how

    def dropped(self, by: Side, reason: str, told: Told | None = None) -> None:
        """Note that one side's connection was lost without a close frame; ``told`` is what the other end says of it."""
        self.ended(by, None, reason, _DROPPED if told is None else Circumstances(dropped=True, told=told))

    def settle(self, frames: int, size: int) -> None:
        """Set how much of what was received here the other socket has been sent: nothing more will be."""
        self._settled = max(0, min(frames, self.frames_received)), max(0, min(size, self.bytes_received))

    def violated(self, violation: ProtocolError, sender: Side) -> None:
        """Note that the sender's frames broke the protocol, or a limit of Sellia's; the WebSocket will be closed."""
        self.violation = violation.problem
        by: Side = "sellia" if isinstance(violation, LimitExceeded) else sender
        self.ended(by, violation.code, violation.reason, Circumstances(violation.problem, sender=sender))
        suppressed = 0 if self._suppressed is None else self._suppressed(self)
        if suppressed is not None:
            _log.warn(
                "websocket violation: id={id} tunnel={tunnel} path={path} visitor={visitor} by={by} from={sender} "
                "code={code} reason={reason} suppressed={suppressed}",
                id=self.number,
                tunnel=field(self.tunnel),
                path=field(shown_target(self.target)),
                visitor=field(self.visitor),
                by=by,
                sender=sender,
                code=violation.code,
                reason=field(violation.reason),
                suppressed=suppressed,
            )

    @property
    def from_visitor(self) -> tuple[int, int]:
        """Frames and bytes that the visitor sent."""
        return (self.frames_received, self.bytes_received) if self._at_visitor else (self.frames_sent, self.bytes_sent)

    @property
    def to_visitor(self) -> tuple[int, int]:
        """Frames and bytes that were sent to the visitor."""
        return (self.frames_sent, self.bytes_sent) if self._at_visitor else (self.frames_received, self.bytes_received)

    @property
    def taken(self) -> tuple[int, int]:
        """Frames and bytes of the other side that went to the socket."""
        return self.frames_sent, self.bytes_sent

    def over(self) -> None:
        """Close the record: the socket is gone."""
        self.seconds = self._clock.seconds() - self._started
        self.cause = self.explain()
        if self._settled is not None:
            self.frames_received, self.bytes_received = self._settled
        if verbosity.debug and self._unshown:
            _log.debug(
                "websocket frames without a line: id={id} suppressed={suppressed}",
                id=self.number,
                suppressed=self._unshown,
            )
        if self.cause is not None:
            tell_cause(self._clock, self.cause, self.tunnel)
        if self._logged:
            self._log_end()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed(self)

    def explain(self) -> Cause | None:
        """Return why it ends, as far as that is known now; None where it is plainly good."""
        here: Program = "server" if self._at_visitor else "client"
        there: Program = "client" if self._at_visitor else "server"
        how, by = self._circumstances, self.by
        now = self._clock.seconds()
        received = 0.0 if self._seen[0] != self.frames_received else now - self._heard_at
        sent = 0.0 if self._seen[1] != self.frames_sent else now - self._spoke_at
        gone = how.dropped and by == "service" and not self._at_visitor
        frames, size = self._undelivered()
        party: Party = by if by in ("visitor", "service") else here if how.here else there
        return websocket_cause(
            WebSocketEnd(
                self._id or f"--{self.number}",
                here,
                party,
                self.code,
                self.reason,
                dropped=how.dropped or by is None,
                problem=how.problem,
                sender="unknown" if how.sender == "sellia" else how.sender,
                told=how.told,
                how=self.how if how.dropped else "",
                proxied=self._proxied,
                seconds=now - self._started,
                silent_in=received if self._at_visitor else sent,
                silent_out=sent if self._at_visitor else received,
                pings_unanswered=self.pings_unanswered,
                linked=self.linked,
                listening=self._listening() if gone and self._listening is not None else None,
                counts={"undelivered": frames, "undelivered_bytes": size} if frames else {},
            )
        )

    def _undelivered(self) -> tuple[int, int]:
        """Return how many frames from the socket, and bytes in them, the other socket was not sent."""
        if self._settled is None:
            return 0, 0
        return self.frames_received - self._settled[0], self.bytes_received - self._settled[1]

    def _log_end(self) -> None:
        frames_in, bytes_in = self.from_visitor
        frames_out, bytes_out = self.to_visitor
        _log.info(
            "websocket closed: id={id} tunnel={tunnel} path={path} by={by} code={code} reason={reason} "
            "frames_in={frames_in} bytes_in={bytes_in} frames_out={frames_out} bytes_out={bytes_out} "
            "seconds={seconds:.3f}{cause}",
            id=self.number,
            tunnel=field(self.tunnel),
            path=field(shown_target(self.target)),
            by=self.by or "sellia",
            code="-" if self.code is None else self.code,
            reason=field(self.reason),
            frames_in=frames_in,
            bytes_in=bytes_in,
            frames_out=frames_out,
            bytes_out=bytes_out,
            seconds=self.seconds,
            cause="" if self.cause is None else f" cause={self.cause.id}",
        )

    def _frame(self, by: Side, first: int, size: int) -> None:
        lines = self._lines
        if lines is None:
            lines = self._lines = Bucket(FRAME_LINES)
        if lines.take(self._clock.seconds()):
            self._unshown += 1
            return
        suppressed, self._unshown = self._unshown, 0
        _log.debug(
            "websocket frame: id={id} from={by} opcode={opcode} size={size} fin={fin} rsv={rsv} "
            "suppressed={suppressed}",
            id=self.number,
            by=by,
            opcode=first & 0x0F,
            size=size,
            fin=first >> 7,
            rsv=first >> 4 & 7,
            suppressed=suppressed,
        )
