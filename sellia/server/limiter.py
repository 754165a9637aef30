"""Limits that the ingress and the gateway share: connections, rates, guesses, and the log of what was refused.

A limit by address counts the address that the visitor or client really has: that of the connection, or behind a
trusted proxy the one that the proxy tells; of an IPv6 address its /64.  A trusted proxy itself has no bound of its own,
since everybody comes from it.

Each limit has a name, which is what ``/health`` counts it by, what its line in the log says, and what
``docs/security.rst`` lists.
"""

from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia.errors import ProblemError
from sellia.problems import (
    BAD_FRAME,
    BAD_SERVICE_RESPONSE,
    FRAME_TOO_LARGE,
    HEADER_TOO_LARGE,
    INTERNAL,
    OVERLOADED,
    RATE_LIMITED,
    TARGET_TOO_LONG,
    TOO_MANY_FRAMES,
    UNAUTHORIZED,
)
from sellia.protocol.messages import Headers, ServerLimits
from sellia.relay.http.forwarded import UNIX, counted_address
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.token_bucket import Buckets, Rate
from sellia.relay.limits.websocket import AT_THE_SERVER, UNLIMITED, FrameLimits
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import ExchangeLimits
from sellia.relay.passwords import Credentials, Users
from sellia.relay.secrets import parse_authorization
from sellia.server.passwords import PasswordChecks
from sellia.server.places import Place, Places
from sellia.server.settings import ServerSettings
from sellia.text import field
from sellia.transports.link.base import LinkMixin
from sellia.transports.link.keeper import Link
from sellia.transports.tls import handshake_fault
from sellia.transports.websocket.pipe import WebSocketLeg
from sellia.transports.websocket.record import WebSocketRecord

_log = Logger()

#: Seconds for a stream to end after its response is complete by its length.
END_WAIT: Final = 30.0

#: Names of all limits, as `LimitLog` counts them.
LIMITS: Final = frozenset(
    """
    header_size target_length header_time body_rate unread idle
    connections connections_per_address descriptors tls_handshake proxy_header
    request_rate visitor_rate websocket_rate frame_size empty_frames websocket_violations
    session_streams tunnel_streams away_requests session_queue session_credit sessions_memory
    failed_passwords password_checks failed_keys link_rate sessions sessions_per_owner
    tunnel_rate tunnels tunnels_per_owner tunnels_per_client hello_time key_lookups link_violations
    original_exchanges ports_per_owner admin_calls tcp_connections udp_flows udp_flows_per_address
    account_streams account_requests account_bytes
    """.split()
)

#: Names of limits that are reached by a request's head, by its problem.
HEAD_LIMITS: Final = {
    HEADER_TOO_LARGE: "header_size",
    TARGET_TOO_LONG: "target_length",
}


class Limiter:
    """Applies and counts the shared limits of one server."""

    def __init__(self, settings: ServerSettings, clock: IReactorTime) -> None:
        self._clock = clock
        self.places = Places(settings.connections, settings.connections_per_address)
        self.connections = self.places.quota
        #: Places of links that carry no session yet.
        self._of_links: dict[Any, Place] = {}
        self.refusals = LimitLog()
        self._remarks = LimitLog()
        #: Buckets of requests, by the tunnel's name; None where they are not limited.
        self.requests: Buckets[str] | None = None
        #: Rate of the frames of one address on all its WebSockets of a tunnel; None where it is not limited.
        self.frame_rate: Rate | None = None
        self._frame_rates: Buckets[Any] = Buckets(_UNUSED)
        #: Limits on the exchanges of every session.
        self.exchanges = ExchangeLimits(settings.tunnel_streams, settings.away_requests)
        #: Streams whose responses are complete, with the time by which they must end.
        self._unended: dict[Stream | None, float] = {}
        #: Functions that are called once a second with the time.
        self.each_second: list[Callable[[float], object]] = []
        #: Buckets of wrong passwords, by address and tunnel.
        self.passwords: Buckets[tuple[str, str]] = Buckets(
            Rate(settings.auth_failures_burst, settings.auth_failures_rate),
        )
        #: Passwords whose hashes are computed beside the reactor.
        self.hashing = PasswordChecks()
        #: Number of connections that are being refused for want of a place.
        self.turned_away = 0
        #: Limits of frames on a WebSocket, and the limits that clients are told.
        self.frames, self.told = _frame_limits(settings), _told(settings)
        self._unread_timeout = settings.unread_timeout
        self.set_limits(settings)

    def set_limits(self, settings: ServerSettings) -> None:
        """Apply other limits from now on; what is open stays open, and what is counted stays counted."""
        self.places.set_bounds(settings.connections, settings.connections_per_address)
        if not settings.rate_limit:
            self.requests = self.frame_rate = None
        else:
            rate = Rate(settings.request_burst, settings.request_rate)
            if self.requests is None:
                self.requests = Buckets(rate)
            self.requests.set_rate(rate)
            self.frame_rate = Rate(settings.websocket_burst, settings.websocket_rate)
            self._frame_rates.set_rate(self.frame_rate)
        self.frames, self.told = _frame_limits(settings), _told(settings)
        self._unread_timeout = settings.unread_timeout
        self.exchanges.tunnel_streams = settings.tunnel_streams
        self.exchanges.away_requests = settings.away_requests
        self.passwords.set_rate(Rate(settings.auth_failures_burst, settings.auth_failures_rate))

    def count(self, limit: str) -> int | None:
        """Count a limit that was reached.  Return how many log lines were suppressed, or None to suppress this one."""
        assert limit in LIMITS, limit
        return self.refusals.count(limit, self._clock.seconds())

    def rate_limited_log(self, topic: str) -> int | None:
        """Like `count`, for any event a peer can cause; only names of limits enter the totals."""
        return (self.refusals if topic in LIMITS else self._remarks).count(topic, self._clock.seconds())

    def refused(self, limit: str, peer: str, answer: str | int, fault: str = "") -> None:
        """Count a limit that was reached, and log it, unless there were too many lines about it just now.

        ``fault`` is what was wrong, where the name of the limit does not say it.
        """
        suppressed = self.count(limit)
        if suppressed is not None:
            _log.info(
                "limit reached: limit={limit} peer={peer} answer={answer} suppressed={suppressed}{fault}",
                limit=limit,
                peer=field(peer),
                answer=answer,
                suppressed=suppressed,
                fault=fault and f" fault={field(fault)}",
            )

    def too_often(self, limit: str, peer: str, wait: float, detail: str = "") -> ProblemError:
        """Count what happened too often; return the refusal that says to wait ``wait`` seconds."""
        self.refused(limit, peer, 429)
        return ProblemError(RATE_LIMITED, detail, ceil(wait))

    # --- connections ---------------------------------------------------------------------------------------

    def handshake_failed(self, peer: str, reason: Failure) -> None:
        """Log why a TLS handshake failed, unless there were too many lines about others just now."""
        suppressed = self.rate_limited_log("tls_failed")
        if suppressed is not None:
            _log.info(
                "TLS handshake failed: peer={peer} suppressed={suppressed} reason={reason}",
                peer=field(peer),
                suppressed=suppressed,
                reason=field(handshake_fault(reason)),
            )

    def cannot_accept(self, cause: str) -> None:
        """Log that the system has no room for another connection, and whose limit that is."""
        suppressed = self.count("descriptors")
        if suppressed is not None:
            _log.warn(
                "connections wait to be accepted: limit=descriptors connections={connections} suppressed={suppressed}: "
                "{cause}",
                connections=self.connections.count,
                suppressed=suppressed,
                cause=cause,
            )

    def full(self, peer: str, *, trusted: bool) -> str | None:
        """Return the limit that keeps out another connection of ``peer``, or None if there is a place for it."""
        count = self.connections.count
        limit = self.places.full(_own(peer, trusted))
        if limit is None and self.connections.count < count:
            self.refused("connections", peer, "closed the longest idle")
        return limit

    def acquire(self, peer: str, *, trusted: bool) -> Place:
        """Take a place for a connection; release it when the connection is gone."""
        return self.places.acquire(_own(peer, trusted))

    def crowded(self, visitor: str) -> bool:
        """Return whether a visitor behind a trusted proxy has as many connections of its own as it may."""
        return visitor not in ("", UNIX) and self.connections.crowded(counted_address(visitor))

    def until_lost(self, protocol: Any, place: Place, visitor: str) -> Callable[[Failure], None]:
        """Return the ``connectionLost`` of a connection that has become ``protocol``.

        It is a WebSocket or a link, and one visitor's alone: where it came through a trusted proxy, it counts for the
        visitor from now on.
        """
        if visitor and visitor != UNIX:
            place.charge(counted_address(visitor))
        if isinstance(protocol, LinkMixin):
            self._of_links[protocol] = place

        def lost(reason: Failure = connectionDone) -> None:
            place.release()
            self._of_links.pop(protocol, None)
            protocol.connectionLost(reason)

        return lost

    def link_waits(self, link: Link) -> None:
        """Count a link that carries no session as idle."""

        def evict() -> None:
            self._give_back(link)
            link.drop("the server needed its place")

        self.places.idle(link, evict)

    def link_carries(self, link: Link) -> None:
        """Release the place of a link that carries a session: sessions have bounds of their own."""
        self.places.busy(link)
        self._give_back(link)

    def _give_back(self, link: Link) -> None:
        place = self._of_links.pop(link, None)
        if place is not None:
            place.release()

    # --- ends of streams -----------------------------------------------------------------------------------

    def awaits_end(self, stream: Stream) -> None:
        """Give a stream ``END_WAIT`` seconds to end: its response is complete."""
        self._unended[stream] = self._clock.seconds() + END_WAIT

    def ended(self, stream: Stream | None) -> None:
        """Forget a stream that has ended."""
        self._unended.pop(stream, None)

    def _end_streams(self, now: float) -> None:
        """Reset the streams whose time is up: nobody else would, and they count for their client."""
        unended = self._unended
        while unended:
            stream, due = next(iter(unended.items()))
            if due > now:
                return
            del unended[stream]
            if stream is not None:
                stream.reset(BAD_SERVICE_RESPONSE, "the response was complete, and its end did not come")

    # --- WebSockets ----------------------------------------------------------------------------------------

    def watch(self, pipes: Iterable[WebSocketLeg], now: float) -> None:
        """Check all WebSockets for visitors who read nothing or send too much, and all else.  Call it once a second."""
        self._end_streams(now)
        for check in self.each_second:
            try:
                check(now)
            except Exception:
                _log.failure("a defect of Sellia's own: what is due once a second was not done")
        for pipe in list(pipes):
            try:
                self._look(pipe, now)
            except Exception:  # the others are to be looked at all the same, and again in a second
                _log.failure("a defect of Sellia's own: a WebSocket could not be looked at")
                pipe.drop(INTERNAL.close_reason("a defect of Sellia's own"))

    def _look(self, pipe: WebSocketLeg, now: float) -> None:
        pipe.record.look(now)
        if pipe.unread(now) >= self._unread_timeout:
            self.refused("unread", pipe.visitor, "closed")
            took = f"unread: nothing taken for {self._unread_timeout:g} s"
            pipe.drop(f"{took}; timeouts.unread {AT_THE_SERVER}")
        elif pipe.gone:
            pipe.drop()
        elif self.frame_rate is not None and self._outruns(pipe, now) and not pipe.ending:
            too_fast = f"more than {self.frame_rate.per_second:,g} frames a second; websocket_rate {AT_THE_SERVER}"
            if pipe.close(RATE_LIMITED.close_code or 1013, RATE_LIMITED.close_reason(too_fast)):
                self.refused("websocket_rate", pipe.visitor, 1013)

    def _outruns(self, pipe: WebSocketLeg, now: float) -> bool:
        """Return whether a visitor sends more frames than it may, on all its WebSockets of a tunnel together."""
        came = pipe.newly_come()
        if not came:
            return False
        if pipe.counts_as is None:
            pipe.counts_as = counted_address(pipe.visitor), pipe.tunnel
        return self._frame_rates.spend(pipe.counts_as, now, came) > 0.0

    def websocket_violated(self, story: WebSocketRecord) -> int | None:
        """Count a visitor's frames that broke a rule or a limit, like `count`; the record logs it."""
        return self.count(_FRAMES.get(story.violation or BAD_FRAME, "websocket_violations"))

    # --- passwords -----------------------------------------------------------------------------------------

    def check_password(
        self, label: str, auth: Credentials, headers: Headers, visitor: Callable[[], str]
    ) -> "ProblemError | None | Deferred[ProblemError | None]":
        """Return why a request may not use a tunnel that asks for a password, or None if it may.

        After too many wrong ones the right one is not looked at either, or the limit would be none.
        """
        credentials = parse_authorization(headers)
        if credentials is None:
            return ProblemError(UNAUTHORIZED)
        now = self._clock.seconds()
        address = visitor()
        key = counted_address(address), label
        wait = self.passwords.look(key, now)
        if wait:
            return self.too_often("failed_passwords", address, wait)
        right = auth.matches(credentials)
        if right:
            return None
        hashing = self.hashing
        if right is None and isinstance(auth, Users) and hashing.is_waiting(auth, credentials):
            return hashing.verify(auth, credentials).addCallback(_unless_right)
        if right is None and isinstance(auth, Users):
            if not hashing.has_room(auth):
                self.refused("password_checks", address, 503)
                return ProblemError(OVERLOADED, "Too many passwords wait to be compared.")
            # What is under way has been guessed: or all would be looked at that come together.
            self.passwords.take(key, now)
            return hashing.verify(auth, credentials).addCallback(_unless_right)
        self.passwords.take(key, now)
        return ProblemError(UNAUTHORIZED)


_UNUSED: Final = Rate(1, 1.0)


def _unless_right(right: bool) -> ProblemError | None:
    return None if right else ProblemError(UNAUTHORIZED)


_FRAMES: Final = {FRAME_TOO_LARGE: "frame_size", TOO_MANY_FRAMES: "empty_frames"}


def _frame_limits(settings: ServerSettings) -> FrameLimits:
    """Return the limits of frames on a WebSocket."""
    return FrameLimits(
        settings.websocket_frame_limit or UNLIMITED,
        settings.websocket_message_limit or UNLIMITED,
        settings.websocket_fragments,
        Rate(settings.control_burst, settings.control_rate),
        settings.websocket_empty_fragments,
    )


def _told(settings: ServerSettings) -> ServerLimits:
    """Return the limits that clients are told."""
    return ServerLimits(
        request_timeout=settings.request_timeout_limit,
        websocket_frame_limit=settings.websocket_frame_limit or 0,
        websocket_message_limit=settings.websocket_message_limit or 0,
        websocket_fragments=settings.websocket_fragments,
        websocket_empty_fragments=settings.websocket_empty_fragments,
        control_burst=settings.control_burst,
        control_rate=settings.control_rate,
        while_away_pings=settings.while_away_pings,
    )


def _own(peer: str, trusted: bool) -> str | None:
    """Return the address that a connection is charged to; None for a proxy's, and for one on a unix socket."""
    return None if trusted or peer == UNIX else counted_address(peer)
