"""Leg of a request whose admission is not decided yet, because a check of it answers later.

Need
    The connection goes on meanwhile as with any exchange: what is pipelined waits, a visitor that leaves is noticed,
    half-closed ones are probed, the answer is kept in its turn.

Bounds
    Reading is paused, so what is kept of a body is what came with the head in one read.  A check has ``WAIT`` seconds;
    the check is cancelled when they are over, and when the visitor leaves.
"""

from typing import Final

from twisted.internet.defer import Deferred

from sellia.errors import ProblemError
from sellia.problems import OVERLOADED, Problem
from sellia.protocol.messages import Headers
from sellia.relay.mux.upstream import Upstream
from sellia.relay.registry import Tunnel
from sellia.server.ingress.exchange import Channel, VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.states import RequestBody, Response

#: Seconds that all checks of a request have together.
WAIT: Final = 30.0

_TOO_LATE: Final = f"Whether this request may pass could not be found out within {WAIT:g} s."

Admission = Tunnel[Upstream] | ProblemError


class WaitingLeg(VisitorHttpLeg):
    """Request without a stream; :meth:`replay` hands what has come of its body to the exchange that it becomes."""

    __slots__ = ("_admission", "_pieces", "_trailers")

    def __init__(self, connection: Channel, request: Request, admission: "Deferred[Admission]") -> None:
        super().__init__(connection, request, connection.ingress.clock.seconds() + WAIT)
        self._admission = admission
        self._pieces: list[bytes] = []
        self._trailers: Headers | None = None

    def replay(self, exchange: VisitorHttpLeg) -> None:
        """Go on with ``exchange`` in the place of this one."""
        self.response = Response.OVER
        exchange.keep_alive = exchange.keep_alive and self.keep_alive
        for piece in self._pieces:
            exchange.body_received(piece)
        if self._trailers is not None:
            exchange.request_ended(self._trailers)

    # --- from the connection -------------------------------------------------------------------------------

    def body_received(self, data: bytes) -> None:
        self._pieces.append(data)

    def request_ended(self, trailers: Headers) -> None:
        self.incoming = RequestBody.COMPLETE
        self._trailers = trailers

    def await_service(self) -> None:
        """Do nothing: no service has been asked."""

    def visitor_gone(self) -> None:
        self.response = Response.OVER
        self._admission.cancel()

    def request_refused(self, problem: Problem, detail: str) -> None:
        self.fail(problem, detail)
        self._admission.cancel()

    def timed_out(self, problem: Problem) -> None:
        self.fail(OVERLOADED, _TOO_LATE)
        self._admission.cancel()
