"""A request that is held before its service hears of it: its head, and as much of its body as its visitor may send."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from msgspec import structs

from sellia.client.events import Report
from sellia.client.inspector.answers import ApiError
from sellia.client.tunnel import Tunnel
from sellia.inspector.capture import SessionCapture
from sellia.problems import FORBIDDEN, Problem
from sellia.protocol.messages import Headers, HttpRequest, WebSocketRequest
from sellia.relay.mux.leg import StrictLeg
from sellia.relay.mux.stream import Stream

_DROPPED = "The owner of this tunnel has dropped the request at the inspector."


@dataclass(frozen=True, slots=True)
class Release:
    """What is changed of a request; None: nothing.  Fields are as they are to be sent, apart from the length."""

    method: bytes | None = None
    target: bytes | None = None
    headers: Headers | None = None
    body: bytes | None = None

    @property
    def changes(self) -> bool:
        """Whether anything is changed."""
        return any(each is not None for each in (self.method, self.target, self.headers, self.body))


class HeldRequest(StrictLeg):
    """Leg of the stream while the request is held.  ``gone`` is told when the visitor leaves meanwhile."""

    def __init__(
        self,
        tunnel: Tunnel,
        stream: Stream,
        opening: HttpRequest | WebSocketRequest,
        end: bool,
        report: Report | None,
        capture: SessionCapture,
        since: float,
        gone: Callable[["HeldRequest"], None],
    ) -> None:
        self.tunnel = tunnel
        self.opening = opening
        self.body: list[bytes] = []
        self.size = 0
        self.complete = end
        self._end = end
        self._trailers: Headers = []
        self._stream = stream
        self._report = report
        self._capture = capture
        self._since = since
        self._gone = gone
        self._over = False
        stream.stall()

    def check(self, release: Release) -> None:
        """Raise ApiError for changes that cannot be made."""
        if release.body is not None and not self.complete:
            raise ApiError(409, "not-whole", "The body is longer than what has come of it, so it cannot be changed.")
        if isinstance(self.opening, WebSocketRequest) and (release.body is not None or release.method is not None):
            raise ApiError(422, "bad-body", "A WebSocket's handshake has no body, and is a GET.")

    def let_go(self, release: Release | None, *, drop: bool = False) -> None:
        """Hand the request to its service, or answer it as refused."""
        if self._over:
            return
        self._over = True
        stream, capture = self._stream, self._capture
        opening, body, trailers = self.opening, self.body, self._trailers
        said: dict[str, Any] = {"started": self._since}
        if drop:
            capture.expect(stream.id, **said)
            capture.request(stream.id, opening)
            capture.ended(stream.id, "sellia", FORBIDDEN.code, _DROPPED)
            stream.reset(FORBIDDEN, _DROPPED)
            return
        if release is not None and release.changes:
            opening, body, trailers = self._changed(release)
            said["edited"] = True
        capture.expect(stream.id, **said)
        end = self.complete and not body and not trailers and not getattr(opening, "chunked", False)
        end = end or (self._end and not body)
        leg = self.tunnel.routes.open_leg(self.tunnel.kind, stream, opening, end, self._report, capture)
        stream.leg = leg
        if stream.sending.paused:
            leg.pause_sending()
        for data in body:
            leg.data_received(data)
        if self.complete and not end:
            leg.end_received(trailers)
        stream.flow()

    def _changed(self, release: Release) -> tuple[HttpRequest | WebSocketRequest, list[bytes], Headers]:
        opening, body, trailers = self.opening, self.body, self._trailers
        changes: dict[str, Any] = {}
        if release.target is not None:
            changes["target"] = release.target
        headers = release.headers if release.headers is not None else opening.headers
        if isinstance(opening, HttpRequest):
            if release.method is not None:
                changes["method"] = release.method
            if release.body is not None:
                body, trailers = [release.body] if release.body else [], []
                rest = [pair for pair in headers if pair[0].lower() != b"content-length"]
                headers = [*rest, (b"Content-Length", b"%d" % len(release.body))]
                changes["chunked"] = False
            elif release.headers is not None:
                headers = _framed_as(headers, opening.headers)
        return structs.replace(opening, headers=headers, **changes), body, trailers

    # --- a Leg ------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        self.body.append(data)
        self.size += len(data)

    def end_received(self, trailers: Headers) -> None:
        self.complete = True
        self._trailers = trailers

    def reset_received(self, problem: Problem, message: str) -> None:
        if not self._over:
            self._over = True
            self._capture.expect(self._stream.id, started=self._since)
            self._capture.request(self._stream.id, self.opening)
            self._capture.ended(self._stream.id, "visitor", problem.code, message)
            self._gone(self)

    def pause_sending(self) -> None:
        """Nothing: nothing is sent."""

    def resume_sending(self) -> None:
        """Nothing."""


def _framed_as(headers: Headers, before: Headers) -> Headers:
    """Return header fields with the length that was there before: the body is the same."""
    lengths = [pair for pair in before if pair[0].lower() == b"content-length"]
    return [*(pair for pair in headers if pair[0].lower() != b"content-length"), *lengths]
