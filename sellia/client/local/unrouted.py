"""Stream endpoint of a request that no service of its tunnel is for: the client answers it by itself.

The answer is a response like any other, so that every server passes it on.  A body is dropped as it comes.
"""

from typing import Final, NamedTuple

from twisted.logger import Logger

from sellia.client.events import Report, RequestFinished, RequestStarted, WebSocketRefused
from sellia.client.local.service import LocalService
from sellia.problems import BAD_REQUEST, Problem
from sellia.protocol.messages import Headers, HttpRequest, ResponseHead, UpgradeRequest, WebSocketRequest
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.stream import Stream
from sellia.text import decoded, field, shown_target
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.lines import line
from sellia.why.cause import Cause, Party
from sellia.why.words import remedy

_log = Logger()


class Answer(NamedTuple):
    """Response of the client's own; ``cause`` is what its user is told, ``text`` what the visitor is."""

    status: int
    reason: bytes
    text: bytes
    cause: str


NOWHERE: Final = Answer(
    404, b"Not Found", b"Nothing of this tunnel is at this path.\n", "no path of the tunnel leads there"
)
AMBIGUOUS: Final = Answer(
    400,
    b"Bad Request",
    b"This path can be read in several ways, which lead to different services of this tunnel.\n",
    "its path can be read in several ways, which lead to different services",
)


class UnroutedLeg(StrictLeg):
    """One such request.  ``service`` is any of the tunnel's, whose clock and name it has."""

    __slots__ = ()

    def __init__(
        self,
        service: LocalService,
        stream: Stream,
        opening: HttpRequest | WebSocketRequest | UpgradeRequest,
        report: Report | None,
        observer: StreamObserver | None,
        answer: Answer,
    ) -> None:
        websocket = isinstance(opening, WebSocketRequest)
        method = b"GET" if isinstance(opening, WebSocketRequest) else opening.method
        body = b"" if method == b"HEAD" else answer.text
        headers: Headers = [
            (b"Content-Type", b"text/plain; charset=utf-8"),
            (b"Content-Length", b"%d" % len(answer.text)),
            (b"Cache-Control", b"no-store"),
        ]
        head = ResponseHead(answer.status, answer.reason, headers, False, body)
        if observer is not None:
            observer.request(stream.id, opening)
            observer.response(stream.id, ResponseHead(answer.status, answer.reason, headers))
            if body:
                observer.body(stream.id, False, body)
        cause = _cause(service, stream, answer)
        if observer is not None:
            observer.explained(stream.id, cause)
            observer.ended(stream.id, "sellia", None, answer.cause)
        target = decoded(opening.target)
        if report is not None and websocket:
            report(WebSocketRefused(stream.id, target, answer.status, answer.cause, service.name, cause=cause))
        elif report is not None:
            what = decoded(method)
            report(RequestStarted(stream.id, what, target, opening.visitor, service.name))
            size, told, name = len(body), answer.cause, service.name
            report(RequestFinished(stream.id, what, target, answer.status, 0.0, 0, size, told, name, cause=cause))
        end = line(service.clock, "request unrouted")
        if end is not None:
            _log.info(
                "request without a service: tunnel={tunnel} path={path} status={status}{end}",
                id=stream.id,
                tunnel=field(service.name),
                path=field(shown_target(opening.target)),
                status=answer.status,
                end=end,
            )
        stream.send_head(head, True)

    def data_received(self, data: bytes) -> None:
        """Drop it."""

    def end_received(self, trailers: Headers) -> None:
        """Nothing to do: the answer has been given."""

    def reset_received(self, problem: Problem, message: str) -> None:
        """Nothing to do: the answer has been given."""

    def pause_sending(self) -> None:
        """Nothing more is sent."""

    def resume_sending(self) -> None:
        """Nothing more is sent."""


def _cause(service: LocalService, stream: Stream, answer: Answer) -> Cause:
    """Return why no service was asked, and tell the log."""
    who: Party = "client" if answer is NOWHERE else "visitor"
    what = "no-route" if answer is NOWHERE else BAD_REQUEST.code
    sentence = f"No service was asked: {answer.cause}."
    cause = Cause(stream.cause_id, who, what, sentence, remedy(what, who), {"status": answer.status})
    tell_cause(service.clock, cause, service.name)
    return cause
