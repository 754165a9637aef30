"""The client's end of a session: its state, and the legs that it opens for visitors.

It outlives links.  When the server no longer has the session (it restarted, or the resume window is over), a new one
takes its place under the same names, and what was in progress is reported as lost.  The client assumes that its session
has expired after ``resume_window`` and ``ping_timeout`` together without a link.

When the client is told to stop, it tells the server so, finishes what is under way, and closes WebSockets; only then
it says goodbye.
"""

from collections.abc import Callable
from random import Random
from typing import Any, Final, cast

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from sellia.client.changes import Changes
from sellia.client.events import Event, Report, ServerStopping, UnderWay
from sellia.client.events import Problem as ProblemEvent
from sellia.client.events import Refused as RefusedEvent
from sellia.client.link.connector import Connector
from sellia.client.local.routes import Routes
from sellia.client.notices import tell_notice
from sellia.client.openings import STOPPED, Holder, open_stream
from sellia.client.outage import OutageReporter
from sellia.client.persistence import FOR_EVER, FirstLink, Persistence, no_link
from sellia.client.proxies import DIRECT, Proxies
from sellia.client.resume_window import ResumeWindow
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.client.states import SessionEvent, SessionState, State
from sellia.client.terms import Terms, frame_limits
from sellia.client.tunnels import Tunnels
from sellia.client.under_way import under_way
from sellia.errors import ProtocolError, ProxyLoginError, RefusedError, SelliaError, UnreachableError
from sellia.problems import CLIENT_GONE, INTERNAL, SESSION_EXPIRED, VISITOR_GONE, WRONG_KEY, Problem, problem_of
from sellia.protocol.messages import (
    MEANWHILE,
    CloseTunnel,
    GoAway,
    Goodbye,
    Meanwhile,
    Notice,
    Opening,
    Refused,
    Reset,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
    VisitorLeft,
    Welcome,
)
from sellia.relay.limits.token_bucket import Bucket, Rate
from sellia.relay.mux.counters import LinkCounters
from sellia.relay.mux.leg import Leg
from sellia.relay.mux.observer import StreamObserver
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.text import defect, field, printable
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.reactor.waiting import wait_for
from sellia.transports.udp.flow import end_flows
from sellia.transports.websocket.pipe import WebSocketLeg
from sellia.why.cause import cause_id, session_name
from sellia.why.link import opening_cause

#: Seconds for the link to close after goodbye.
GOODBYE_WAIT: Final = 2.0

#: Seconds: the shortest interval of pings that is accepted from a server, which could otherwise keep the client busy.
LEAST_INTERVAL: Final = 0.05

#: Messages about tunnels and visitors that a server may send at once, besides four for each tunnel.
_SAYINGS: Final = 100

#: Seconds between two looks at what is still open when the client stops.
_STEP: Final = 0.05

_log = Logger()


class ClientSession:
    """Owner of the session and of its tunnels, and the connector's caller."""

    def __init__(
        self,
        settings: ClientSettings,
        routes_of: Callable[[TunnelSettings], Routes],
        report: Report | None,
        reactor: Any,
        random: Random,
        observe: Callable[[], StreamObserver] | None = None,
        proxies: Proxies = DIRECT,
        persistence: Persistence = FOR_EVER,
        visits: bool = True,
    ) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key is not None else None
        self._settings = settings
        self._clock = reactor
        self._turn = batch_of(reactor)
        self._listener = report
        #: Listener of the legs, whose events count for an outage as well; None where nobody wants to hear of visits.
        self._listening = self._heard if report is not None and visits else None
        #: Takes a request that is to be held before its service hears of it; None if none is.
        self.holder: Holder | None = None
        self._observe = observe
        self._observer: StreamObserver | None = None
        self._state = SessionState()
        self.outages = OutageReporter(reactor, self.report)
        self._window = ResumeWindow(reactor, self._expired)
        self.session: Session | None = None
        self.tunnels = Tunnels(settings.tunnels, routes_of, self, reactor)
        retry = self._retry = persistence.retry
        self.connector = Connector(settings.link_url, key, self, reactor, random, settings.ca, proxies, retry)
        self._first_link = FirstLink(reactor, persistence.connect_timeout, self._unreachable)
        #: What the server says of tunnels and refused visitors, most of which is a line for people.
        self._said = Bucket(Rate(_SAYINGS + 4 * len(settings.tunnels), 5.0))
        self._token: bytes | None = None
        self.counters = LinkCounters()
        self._terms = Terms(self.report, self.tunnels)
        #: Fires with None when the client has stopped, or fails when the server refused it for good.
        self.finished: Deferred[None] = Deferred()

    @property
    def stopping(self) -> bool:
        """Whether the client has been told to stop."""
        return self._state.now is State.LEAVING or self.connector.stopping

    def under_way(self) -> UnderWay:
        """Return what is open."""
        streams = self.session.streams.values() if self.session is not None else ()
        return under_way(streams, self._pipes())

    # --- for the service -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected."""
        self._first_link.start()
        self.connector.start()

    def take(self, settings: ClientSettings, *, rebuild: bool) -> Changes:
        """Take other settings for the same link, and say which tunnels have changed; see `Tunnels.apply`."""
        self._said = Bucket(Rate(_SAYINGS + 4 * len(settings.tunnels), 5.0))
        changes = self.tunnels.apply(settings.tunnels, settings.drain_timeout, rebuild=rebuild)
        self._settings = settings
        self.tunnels.compare_timeouts(self._terms.ceiling, (*changes.opened, *changes.altered))
        return changes

    def finish_up(self, seconds: float) -> "Deferred[bool]":
        """Take nothing new, close WebSockets, and fire when all is over: False if the time was not enough."""
        self._state.on(SessionEvent.TOLD_TO_STOP)
        self.tunnels.stop()
        session = self.session
        if session is None or not (session.streams or self._pipes()):
            return succeed(True)
        _log.info("stopping: streams={streams} within={seconds:g}s", streams=len(session.streams), seconds=seconds)
        session.send_control(GoAway(CLIENT_GONE.code, CLIENT_GONE.sentence, seconds))
        end_flows(session.streams, CLIENT_GONE, STOPPED)
        return wait_for(self._clock, self._finished, seconds, _STEP)

    def stop(self) -> Deferred[None]:
        """Say goodbye: visitors are told at once.  Fires when the link is closed, or soon after if it does not."""
        self._state.on(SessionEvent.TOLD_TO_STOP)
        self.tunnels.stop()
        self._first_link.over()
        self.connector.stop()
        self._state.on(SessionEvent.DONE)
        if self.session is not None:
            self.session.flush()
        self._leave(Goodbye(CLIENT_GONE.code, STOPPED), STOPPED)
        stopped = self.connector.closed(GOODBYE_WAIT)
        stopped.addCallback(lambda _: None if self.finished.called else self.finished.callback(None))
        return stopped

    # --- the owner of a relay session ----------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        leaving = self._state.now is State.LEAVING
        return open_stream(
            self.tunnels, stream, opening, end, self._listening, self._observer, self.holder, leaving=leaving
        )

    def message_received(self, message: SessionMessage) -> None:
        if isinstance(message, Meanwhile) and self.outages.fence_passed():
            return
        if not isinstance(message, VisitorLeft) and self._said.take(self._clock.seconds()):
            raise ProtocolError("the server says too much about tunnels", 1008)
        if isinstance(message, TunnelReady):
            self.tunnels.ready(message)
        elif isinstance(message, TunnelRefused):
            self.tunnels.refused(message)
        elif isinstance(message, CloseTunnel):
            self.tunnels.closed(message)
        elif isinstance(message, Notice):
            tunnel = self.tunnels.get(message.tunnel)
            if tunnel is not None:
                tell_notice(message, tunnel.name or "-", self.report, self._clock)
        elif isinstance(message, VisitorLeft):
            for service in self.tunnels.services:
                service.visitor_left(message.connection)
        elif isinstance(message, GoAway):
            self._state.on(SessionEvent.GO_AWAY)
            _log.info("the server stops: word={word}", word=field(printable(message.word, 64)))
            self.report(ServerStopping(message.seconds))
        elif not isinstance(message, Meanwhile):
            raise ProtocolError("a session message that only a client sends")

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        _log.error("a defect of Sellia's own ended an exchange: id={id} error={error}", id=number, error=defect(error))

    def _late_reset(self, number: int, reset: Reset) -> None:
        """Tell of a response that was complete here, and that the server has not delivered."""
        name = cast(Session, self.session).name
        for service in self.tunnels.services:
            cause = service.finished.reset(number, reset, service.name, cause_id(name, number))
            if cause is not None:
                tell_cause(self._clock, cause, service.name, quiet=cause.what == VISITOR_GONE.code)
                if self._observer is not None:
                    self._observer.explained(number, cause)

    # --- the owner of tunnels ------------------------------------------------------------------------------

    def say(self, message: SessionMessage) -> None:
        """Say something in the present session, if there is one."""
        if self.session is not None:
            self.session.send_control(message)

    def report(self, event: Event) -> None:
        """Tell the listener."""
        if self._listener is not None:
            self._listener(event)

    def all_refused(self, error: RefusedError) -> None:
        """End the client: the server has refused all tunnels for good."""
        self._state.on(SessionEvent.TUNNELS_REFUSED)
        self._give_up(error)

    # --- the connector's caller ----------------------------------------------------------------------------

    def resume_state(self) -> tuple[bytes | None, int]:
        return (self._token, self.session.received) if self.session is not None else (None, 0)

    def window(self) -> float:
        return self._window.seconds or 0.0 if self._token is not None else 0.0

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        frames = frame_limits(welcome)
        self._first_link.over()
        resumed = welcome.resumed and self.session is not None
        self._state.on(SessionEvent.RESUMED if resumed else SessionEvent.WELCOMED)
        self._window.open(welcome.resume_window if link.resumable else 0.0)
        if not resumed:
            self._end_session(SESSION_EXPIRED, "the server no longer had the session")
            self.session = Session(self, self._turn.schedule, even=False)
            self.session.late_reset = self._late_reset
            self._observer = self._observe() if self._observe is not None else None
            self._token, self.session.name = welcome.session, session_name(welcome.session)
        self.outages.link = cause_id(cast(Session, self.session).name, self.connector.hellos, "l")
        session = cast(Session, self.session)
        self.tunnels.take_limits(frames, answers_pings=welcome.limits.while_away_pings)
        settings = self._settings
        interval = max(LEAST_INTERVAL, min(welcome.ping_interval, settings.ping_interval))
        timeout = max(2.0 * interval, min(welcome.ping_timeout, settings.ping_timeout))
        link.carry(session, welcome.received if resumed else 0, interval, timeout)
        unacknowledged = session.out.unacknowledged
        if resumed:
            self.counters.went_on(unacknowledged)
        fenced = MEANWHILE in welcome.capabilities
        self.outages.end(self.connector.retries, unacknowledged, resumed=resumed, fenced=fenced)
        self._terms.tell(link.caveat, 0.0 if resumed else welcome.limits.request_timeout)
        if not resumed and self._state.now is State.THERE:
            self.tunnels.open_all(welcome.capabilities)

    def refused(self, refused: Refused) -> None:
        message = printable(refused.message)
        if refused.word == WRONG_KEY.code and self._settings.key_from:
            message = f"{message} The key is that of {self._settings.key_from}."
        final = refused.final or not self._retry
        cause = opening_cause(refused.id or self._refusal_id(), problem_of(refused.word), message)
        tell_cause(self._clock, cause, "")
        self.report(RefusedEvent(printable(refused.word, 64), message, final, cause=cause))
        _log.warn("the server refused the client: {word}: {message}", word=printable(refused.word, 64), message=message)
        self._state.on(SessionEvent.REFUSED_FOR_GOOD if final else SessionEvent.REFUSED)
        self._first_link.failed(f"the server refused the client: {message.rstrip('.')}")
        if final:
            self._give_up(RefusedError(refused.word, message))

    def _refusal_id(self) -> str:
        """Return an id of a refusal that the server has given none: that of the session that ends by it."""
        return cause_id(self.session.name if self.session is not None else "", 0, "r")

    def dismissed(self, goodbye: Goodbye) -> None:
        _log.info("the server ended the session: {word}", word=printable(goodbye.word, 64))
        self._state.on(SessionEvent.ENDED)
        self._end_session(problem_of(goodbye.word), "the server ended the session")

    def broken(self, error: ProtocolError) -> None:
        self._state.on(SessionEvent.ENDED)
        self._end_session(INTERNAL, "the server broke the protocol")

    def link_lost(self, reason: str) -> None:
        if self.connector.stopping:
            return
        self._first_link.failed(reason)
        known = self._window.seconds is not None
        self._state.on(SessionEvent.LINK_LOST)
        first = self.outages.begin()
        if first and self.session is not None:
            self.counters.links_lost += 1
            self.outages.count(self._pipes())
            if not self._window.start(self._settings.ping_timeout):
                self._state.on(SessionEvent.WINDOW_OVER)
                self._end_session(SESSION_EXPIRED, "the link was lost, and this server keeps nothing without one")
        self.outages.tell_lost(reason, self.connector.server, self.connector.retries, first=first and known)

    def unreachable(self, reason: str) -> None:
        if not self.stopping:
            self._unreachable(UnreachableError(no_link(reason)))

    def login_refused(self, reason: str) -> None:
        # A proxy may lock out whoever shows a wrong password often: it is tried again only if it was right before.
        if not self.stopping and self._window.seconds is None:
            self._unreachable(ProxyLoginError(no_link(reason)))

    def moved(self, url: str) -> None:
        self._terms.tell_moved(url)

    def beat(self) -> None:
        if self.session is not None:
            self.session.load.shed_queued()
        self.tunnels.sweep()
        if self._window.seconds is not None:
            self.outages.tell_waiting(self._window.seconds if self.session is not None else 0.0)

    # --- inside --------------------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        """Pass on what a leg tells the listener."""
        self.outages.heard(event)
        self.report(event)

    def _end_session(self, problem: Problem, message: str) -> None:
        self.outages.settle()
        session, self.session = self.session, None
        self._token = None
        self._window.cancel()
        self.tunnels.forget()
        if session is None:
            return
        if session.streams:
            count = len(session.streams)
            self.report(ProblemEvent(f"{count} connection{'s were' if count > 1 else ' was'} lost: {message}."))
        session.close(problem, message)
        for service in self.tunnels.services:
            service.disown()

    def _expired(self) -> None:
        """End a session that the server has ended by now."""
        self.counters.windows_expired += 1
        self._state.on(SessionEvent.WINDOW_OVER)
        self._end_session(SESSION_EXPIRED, "the link did not come back in time")

    def _finished(self) -> bool:
        """Close the WebSockets that can be closed now, and return whether nothing is open any more."""
        for pipe in (pipes := self._pipes()):
            pipe.close(CLIENT_GONE.close_code or 1001, CLIENT_GONE.close_reason(STOPPED))
        self._turn.run()
        session = self.session
        if pipes or session is None:
            return not pipes
        return session.quiet and (session.attached or not session.out.unacknowledged[0])

    def _pipes(self) -> list[WebSocketLeg]:
        return [pipe for service in self.tunnels.services for pipe in service.pipes.open]

    def _unreachable(self, error: UnreachableError) -> None:
        _log.warn("gave up: {error}", error=field(str(error)))
        self._state.on(SessionEvent.TOLD_TO_STOP)
        self.tunnels.stop()
        self._state.on(SessionEvent.DONE)
        self._give_up(error)

    def _give_up(self, error: SelliaError) -> None:
        self._first_link.over()
        self.connector.stop()
        goodbye = Goodbye(CLIENT_GONE.code, "the server refused all that the client asked for")
        self._leave(goodbye if self.session is not None else None, "the server refused the client")
        if not self.finished.called:
            self.finished.errback(error)

    def _leave(self, goodbye: Goodbye | None, lost: str) -> None:
        """Say goodbye, end the session and close the link; ``lost`` is why what was under way is lost."""
        link = self.connector.link
        if link is not None and goodbye is not None:
            link.say(goodbye)
        self._end_session(CLIENT_GONE, lost)
        if link is not None:
            link.close(1000, "goodbye")
