"""Leg of a request that asks to switch to a protocol which its tunnel lists (`sellia.relay.http.upgrades`).

The service decides, as for a WebSocket.  Behind its 101 the connection is a `TcpPipe`: bytes both ways, each way until
it ends.  Any other answer goes to the visitor whole, and the connection ends behind it, because what the visitor may
have sent on in the meantime is not HTTP.

The direction of the request stays open behind its body, whose end its Content-Length tells; a 101 that comes before
that end is no answer (RFC 9110, 7.8).
"""

from typing import Any, Final

from twisted.logger import Logger

from sellia.problems import UPGRADE_TIMEOUT, VISITOR_GONE, Problem
from sellia.protocol.messages import Headers, ResponseHead
from sellia.relay.mux.observer import EndedBy
from sellia.server.ingress.ends import cause_of
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.leg_channel import Shared
from sellia.server.ingress.pooled import answered
from sellia.server.ingress.response_lines import check_switching, switching_head
from sellia.server.ingress.states import RequestBody, Response
from sellia.text import field, printable, shown_target
from sellia.transports.reactor.lines import line
from sellia.transports.tcp.pipe import TcpPipe
from sellia.why.cause import Cause, Fact

_LOST: Final = VISITOR_GONE, "the visitor's connection was lost"

_log = Logger()


class VisitorSwitchLeg(VisitorHttpLeg):
    """Leg of a request until its service has answered.  ``tunnel`` is the name for the log."""

    __slots__ = ("tunnel",)

    tunnel: str

    def request_ended(self, trailers: Headers) -> None:
        self.incoming = RequestBody.COMPLETE

    def head_received(self, head: ResponseHead) -> None:
        if head.status != 101 or self.response is not Response.AWAITED:
            if head.status >= 200:
                self.keep_alive = False
            super().head_received(head)
            return
        try:
            check_switching(head)
            if not self.request_complete:
                raise ValueError("the service changed the protocol before it had the whole request")
        except ValueError as error:
            self._refuse_response(str(error))
            return
        self._switch(head)

    def timed_out(self, problem: Problem) -> None:
        super().timed_out(UPGRADE_TIMEOUT)

    def _switch(self, head: ResponseHead) -> None:
        stream, connection, request = self.stream, self.connection, self.request
        assert stream is not None
        self.response = Response.OVER
        if self.observer is not None:
            self.observer.response(stream.id, head)
        if self.placement is not None:
            head = answered(self, head)
        connection.write(switching_head(head, request.switch))
        owner = SwitchedConnection(connection.ingress, connection.transport, self)
        owner.pipe = pipe = TcpPipe(
            connection.let_go(),
            stream,
            connection.ingress.turn,
            owner,
            side="visitor",
            lost=_LOST,
            visitor=self.visitor,
            observer=self.observer,
        )
        connection.become(pipe)
        connection.ingress.connections.add(owner)
        if stream.paused:
            pipe.pause_sending()


class SwitchedConnection:
    """Owner of a visitor's connection that has switched; the ingress watches it, once a second."""

    busy = False  #: a drain waits for its stream

    pipe: TcpPipe

    def __init__(self, ingress: Shared, transport: Any, leg: VisitorSwitchLeg) -> None:
        self._ingress = ingress
        self._transport = transport
        self._tunnel = leg.tunnel
        self._target = leg.request.target
        self._protocol = leg.request.switch
        self._began = ingress.clock.seconds()

    def check(self, now: float) -> None:
        """End a connection whose visitor is gone."""
        self.pipe.end_if_gone()

    def drop(self) -> None:
        """Cut the connection: the server stops."""
        self._transport.abortConnection()

    def drain(self) -> None:
        """Do nothing: it ends when visitor and service end it, or with the server."""

    def why(self, problem: Problem, message: str) -> Cause | None:
        """Return why it ends by a problem, and tell that."""
        pipe, clock = self.pipe, self._ingress.clock
        seconds = round(clock.seconds() - self._began, 3)
        counts: dict[str, Fact | None] = {"bytes_in": pipe.received, "bytes_out": pipe.sent, "seconds": seconds}
        return cause_of(clock, pipe.stream, self._tunnel, problem, message, counts)

    def pipe_over(self, by: EndedBy, problem: Problem | None, message: str, cause: Cause | None) -> None:
        """Watch it no more, and log."""
        self._ingress.connections.discard(self)
        end = line(self._ingress.clock, "connection closed")
        if end is not None:
            _log.info(
                "connection closed: id={id} tunnel={tunnel} path={path} protocol={protocol} visitor={visitor} by={by} "
                "word={word} bytes_in={came} bytes_out={went} seconds={seconds:.3f}{end}",
                id=self.pipe.stream.id,
                tunnel=field(self._tunnel),
                path=field(shown_target(self._target)),
                protocol=field(printable(self._protocol, 64)),
                visitor=field(self.pipe.visitor),
                by=by,
                word=field(problem.code if problem is not None else "-"),
                came=self.pipe.received,
                went=self.pipe.sent,
                seconds=self._ingress.clock.seconds() - self._began,
                end=end,
            )
