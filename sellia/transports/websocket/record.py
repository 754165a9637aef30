"""What happened to one WebSocket, for whoever greps the log for it: opened, closed by whom, with what, after how much.

The server and the client each tell it from where they stand, with the same words: ``websocket opened``, ``websocket
violation``, ``websocket closed``, and at debug level ``websocket frame`` for each frame.  Frame lines cost nothing
while no service of the process wants debug (`sellia.transports.reactor.verbosity`).

Bounds: a line takes over 100 us, so a flood of frames would slow down everybody else while somebody looks.  The frames
of one WebSocket have ``FRAME_LINES``; the next line, or a last one, says how many had none.  Violations have as many
lines as who counts them allows.

Counts: frames and payloads that passed between visitor and service, so that both ends tell the same.  A close frame
that Sellia has made is none of them, nor is what one side still sent when the other was gone.
"""

from collections.abc import Callable
from typing import Final, Literal

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.errors import LimitExceeded, ProtocolError
from sellia.problems import Problem
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.text import field, shown_subprotocol, shown_target
from sellia.transports.reactor.lines import line
from sellia.transports.reactor.verbosity import verbosity

Side = Literal["visitor", "service", "sellia"]

#: Lines about frames of one WebSocket.
FRAME_LINES: Final = Rate(200, 50.0)

_log = Logger()


class WebSocketRecord:
    """Counts and remembers; says so when the WebSocket is over.  ``at_visitor`` tells which socket is watched.

    ``suppressed`` is asked when there is a violation: how many before it got no line, None if this one is to have none.
    """

    __slots__ = (
        "_at_visitor",
        "_clock",
        "_closed",
        "_lines",
        "_settled",
        "_started",
        "_unshown",
        "_told",
        "_untold",
        "by",
        "came_bytes",
        "came_frames",
        "code",
        "number",
        "reason",
        "seconds",
        "target",
        "tunnel",
        "violation",
        "visitor",
        "went_bytes",
        "went_frames",
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
    ) -> None:
        self.number = number
        self.tunnel = tunnel
        self.target = target
        self.visitor = visitor
        self._at_visitor = at_visitor
        self._clock = clock
        self._closed = closed
        self._untold = suppressed
        self._lines: Bucket | None = None
        self._unshown = 0
        self._settled: tuple[int, int] | None = None
        self._started = clock.seconds()
        self.came_frames = self.came_bytes = self.went_frames = self.went_bytes = 0
        self.by: Side | None = None
        #: The word of the violation that ended it, if one did.
        self.violation: Problem | None = None
        self.code: int | None = None
        self.reason = ""
        self.seconds = 0.0
        end = line(clock, "websocket")
        #: Whether its opening got a line: then its end gets one, too.
        self._told = end is not None
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

    def came(self, first: int, size: int, whole: bool) -> None:
        """A frame came from the socket; not ``whole``: its payload is still to come."""
        self.came_frames += 1
        self.came_bytes += size
        if verbosity.debug:
            self._frame("visitor" if self._at_visitor else "service", first, size)

    def went(self, first: int, size: int, whole: bool) -> None:
        """A frame went to the socket."""
        self.went_frames += 1
        self.went_bytes += size
        if verbosity.debug:
            self._frame("service" if self._at_visitor else "visitor", first, size)

    def ended(self, by: Side, code: int | None, reason: str) -> None:
        """Somebody ended it.  The first to do so is the one who did."""
        if self.by is None:
            self.by, self.code, self.reason = by, code, reason

    def settle(self, frames: int, octets: int) -> None:
        """Of what came from this socket, so much went to the other one, and nothing more will."""
        self._settled = max(0, min(frames, self.came_frames)), max(0, min(octets, self.came_bytes))

    def violated(self, violation: ProtocolError, sender: Side) -> None:
        """The sender's frames broke the protocol, or a limit of Sellia's, and the WebSocket will be closed for it."""
        self.violation = violation.problem
        by: Side = "sellia" if isinstance(violation, LimitExceeded) else sender
        self.ended(by, violation.code, violation.reason)
        suppressed = 0 if self._untold is None else self._untold(self)
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
        """Frames and octets that the visitor sent."""
        return (self.came_frames, self.came_bytes) if self._at_visitor else (self.went_frames, self.went_bytes)

    @property
    def to_visitor(self) -> tuple[int, int]:
        """Frames and octets that went to the visitor."""
        return (self.went_frames, self.went_bytes) if self._at_visitor else (self.came_frames, self.came_bytes)

    @property
    def taken(self) -> tuple[int, int]:
        """Frames and bytes of the other side that went to the socket."""
        return self.went_frames, self.went_bytes

    def over(self) -> None:
        """The socket is gone."""
        self.seconds = self._clock.seconds() - self._started
        if self._settled is not None:
            self.came_frames, self.came_bytes = self._settled
        if verbosity.debug and self._unshown:
            _log.debug(
                "websocket frames without a line: id={id} suppressed={suppressed}",
                id=self.number,
                suppressed=self._unshown,
            )
        if self._told:
            self._tell_end()
        if self._closed is not None:
            closed, self._closed = self._closed, None
            closed(self)

    def _tell_end(self) -> None:
        frames_in, bytes_in = self.from_visitor
        frames_out, bytes_out = self.to_visitor
        _log.info(
            "websocket closed: id={id} tunnel={tunnel} path={path} by={by} code={code} reason={reason} "
            "frames_in={frames_in} bytes_in={bytes_in} frames_out={frames_out} bytes_out={bytes_out} "
            "seconds={seconds:.3f}",
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
