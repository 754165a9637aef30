"""The client's end of a session: its tunnels, and the legs that it opens for visitors.

It outlives links.  When the server no longer has the session (it restarted, or the resume window is over), a new one
takes its place under the same names, and what was in progress is reported as lost.  A client whose link has not come
back within the window, and within the time after which the server must have noticed, knows that by itself.

When the client is told to stop, it tells the server so, finishes what is under way, and closes WebSockets; only then
it says goodbye.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.client.events import (
    Connected,
    Event,
    LinkBack,
    LinkLost,
    Reconnecting,
    Report,
    RequestRefused,
    ServerStopping,
)
from sellia.client.events import Problem as ProblemEvent
from sellia.client.events import Refused as RefusedEvent
from sellia.client.link.connector import Connector
from sellia.client.local.kinds import open_leg
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.client.outage import Outage
from sellia.client.reasons import shown_address
from sellia.client.settings import GATEWAY_PATH, ClientSettings, TunnelSettings
from sellia.errors import ProtocolError, RefusedError
from sellia.problems import CLIENT_GONE, INTERNAL, NAME_TAKEN, SESSION_EXPIRED, Problem, problem_of
from sellia.protocol.messages import (
    MEANWHILE,
    CloseTunnel,
    GoAway,
    Goodbye,
    Meanwhile,
    Notice,
    Opening,
    OpenTunnel,
    Refused,
    Reset,
    SessionMessage,
    TunnelKind,
    TunnelReady,
    TunnelRefused,
    VisitorLeft,
    WebSocketRequest,
    Welcome,
)
from sellia.relay.limits.websocket import as_told
from sellia.relay.mux.counters import LinkCounters
from sellia.relay.mux.leg import NULL_LEG, Leg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.text import defect, field, printable, shown_target
from sellia.transports.link.keeper import Link
from sellia.transports.reactor.batching import batch_of
from sellia.transports.reactor.waiting import wait_for
from sellia.transports.websocket.pipe import WebSocketLeg

#: Seconds for the link to close after goodbye.
GOODBYE_WAIT: Final = 2.0

#: Seconds: what a server may ask for at the least as interval of pings, and at the most as window.  A client that did
#: as a hostile server says would do nothing but look at its clock.
LEAST_INTERVAL: Final = 0.05
LONGEST_WINDOW: Final = 86_400.0

#: Seconds until a name that was ours, and is taken, is asked for again.
NAME_RETRY: Final = 2.0

#: Seconds between two looks at what is still open when the client stops.
_STEP: Final = 0.05

#: Characters of a tunnel's name (a DNS label), and of its URL.
_NAME_LIMIT: Final = 63
_URL_LIMIT: Final = 1024

_STOPPED: Final = "the client was stopped"

_log = Logger()


class OpenedTunnel:
    """One tunnel: what was asked for, and what the server gave."""

    __slots__ = ("kind", "name", "number", "refused", "retry", "routes", "service", "settings", "url")

    def __init__(self, number: int, settings: TunnelSettings, service: LocalService) -> None:
        self.number = number
        self.settings = settings
        self.service = service
        self.kind = TunnelKind.HTTP
        self.routes = Routes(service)
        #: The name it got, which it asks for again after a reconnection.
        self.name: str | None = None
        self.url = ""
        self.refused = False
        self.retry: IDelayedCall | None = None

    def cancel_retry(self) -> None:
        """It is asked for anew, or not any more."""
        retry, self.retry = self.retry, None
        if retry is not None and retry.active():
            retry.cancel()


class ClientSession:
    """Owner of the session, and the connector's caller."""

    def __init__(
        self,
        settings: ClientSettings,
        services: Sequence[LocalService],
        report: Report | None,
        reactor: Any,
        random: Random,
    ) -> None:
        key = settings.api_key.get_secret_value() if settings.api_key is not None else None
        self._clock = reactor
        self._turn = batch_of(reactor)
        self._listening = self._heard if report is not None else None
        self._listener = report
        #: The loss of the link that is not over, or has not been told to be, and what is to be told then.
        self._outage: Outage | None = None
        self._untold: LinkBack | None = None
        self.tunnels = {
            number: OpenedTunnel(number, tunnel, service)
            for number, (tunnel, service) in enumerate(zip(settings.tunnels, services, strict=True), 1)
        }
        self.connector = Connector(settings.link_url, key, self, reactor, random, settings.ca)
        self.session: Session | None = None
        self.counters = LinkCounters()
        #: Whether the client has been told to stop.
        self.stopping = False
        self._settings = settings
        self._services = services
        self._token: bytes | None = None
        self._lost_at: float | None = None
        self._why_lost = ""
        #: For how long the server keeps the session without a link; None until there was one.
        self._window: float | None = None
        self._expiry: IDelayedCall | None = None
        #: What the user has been told about links to this server, and about the longest timeout that it allows.
        self._caveat = ""
        self._ceiling = 0.0
        #: Fires with None when the client has stopped, or fails when the server refused it for good.
        self.finished: Deferred[None] = Deferred()

    # --- for the service -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected."""
        self.connector.start()

    def finish_up(self, seconds: float) -> "Deferred[bool]":
        """Take nothing new, close WebSockets, and fire when all is over: False if the time was not enough."""
        self.stopping = True
        for tunnel in self.tunnels.values():
            tunnel.cancel_retry()
        session = self.session
        if session is None or not (session.streams or self._pipes()):
            return succeed(True)
        _log.info("stopping: streams={streams} within={seconds:g}s", streams=len(session.streams), seconds=seconds)
        session.say(GoAway(CLIENT_GONE.code, CLIENT_GONE.sentence, seconds))
        return wait_for(self._clock, self._finished, seconds, _STEP)

    def stop(self) -> Deferred[None]:
        """Say goodbye: visitors are told at once.  Fires when the link is closed, or soon after if it does not."""
        self.stopping = True
        self.connector.stop()
        link = self.connector.link
        for tunnel in self.tunnels.values():
            tunnel.cancel_retry()
        if link is not None:
            if self.session is not None:
                self.session.flush()
            link.say(Goodbye(CLIENT_GONE.code, _STOPPED))
        self._end_session(CLIENT_GONE, _STOPPED)
        if link is not None:
            link.close(1000, "goodbye")
        stopped = self.connector.closed(GOODBYE_WAIT)
        stopped.addCallback(lambda _: None if self.finished.called else self.finished.callback(None))
        return stopped

    # --- a session's owner ---------------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        tunnel = self.tunnels.get(opening.tunnel)
        if tunnel is None:
            raise ProtocolError("a stream was opened for a tunnel that this client does not have")
        if self.stopping and isinstance(opening, WebSocketRequest):
            stream.reset(CLIENT_GONE, _STOPPED)
            return NULL_LEG
        return open_leg(tunnel.kind, tunnel.routes.service_for(opening), stream, opening, end, self._listening)

    def message_received(self, message: SessionMessage) -> None:
        if isinstance(message, TunnelReady):
            self._ready(message)
        elif isinstance(message, TunnelRefused):
            self._tunnel_refused(message)
        elif isinstance(message, CloseTunnel):
            self._report(ProblemEvent(f"The server has closed a tunnel: {printable(message.message or message.word)}"))
        elif isinstance(message, Notice):
            self._noticed(message)
        elif isinstance(message, VisitorLeft):
            for service in self._services:
                service.visitor_left(message.connection)
        elif isinstance(message, GoAway):
            _log.info("the server stops: word={word}", word=field(printable(message.word, 64)))
            self._report(ServerStopping(message.seconds))
        elif isinstance(message, Meanwhile):
            self._tell_back()
        else:
            raise ProtocolError("a session message that only a client sends")

    def _noticed(self, notice: Notice) -> None:
        """The server has refused a visitor: say so, unless the tunnel has been closed meanwhile."""
        tunnel = self.tunnels.get(notice.tunnel)
        if tunnel is None:
            return
        name = tunnel.name or "-"
        target = notice.target.decode("utf-8", "backslashreplace")
        _log.info(
            "refused by the server: tunnel={tunnel} method={method} target={target} visitor={visitor} status={status} "
            "word={word} suppressed={suppressed}",
            tunnel=field(name),
            method=field(printable(notice.method, 32)),
            target=field(shown_target(target)),
            visitor=field(notice.visitor),
            status=notice.status,
            word=field(printable(notice.word, 64)),
            suppressed=notice.suppressed,
        )
        self._report(
            RequestRefused(
                name,
                notice.method,
                target,
                notice.visitor,
                notice.status,
                notice.word,
                notice.message,
                notice.websocket,
                notice.suppressed,
            )
        )

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        format = "a defect of Sellia's own ended an exchange: id={id} error={error}"
        _log.error(format, id=number, error=defect(error))

    def _late_reset(self, number: int, reset: Reset) -> None:
        """The server has reset a stream that was over here: its answer was complete, and has not been delivered."""
        for service in self._services:
            service.finished.reset(number, reset, service.name)

    # --- the connector's caller ----------------------------------------------------------------------------

    def resume_state(self) -> tuple[bytes | None, int]:
        if self.session is None:
            return None, 0
        return self._token, self.session.received

    def window(self) -> float:
        return self._window or 0.0 if self._token is not None else 0.0

    def welcomed(self, link: Link, welcome: Welcome) -> None:
        times = (welcome.ping_interval, welcome.ping_timeout, welcome.resume_window)
        if not all(math.isfinite(each) and each > 0 for each in times):
            raise ProtocolError("a time in welcome is not one")
        ceiling = welcome.limits.request_timeout
        if not (math.isfinite(ceiling) and ceiling >= 0):
            raise ProtocolError("a limit in welcome is not one")
        frames = as_told(welcome.limits)
        resumed = welcome.resumed and self.session is not None
        self._cancel_expiry()
        self._window = min(welcome.resume_window, LONGEST_WINDOW) if link.resumable else 0.0
        if not resumed:
            self._end_session(SESSION_EXPIRED, "the server no longer had the session")
            self.session = Session(self, self._turn.later, even=False)
            self.session.late_reset = self._late_reset
            self._token = welcome.session
        session = self.session
        assert session is not None
        for service in self._services:
            service.frames = frames
        settings = self._settings
        interval = max(LEAST_INTERVAL, min(welcome.ping_interval, settings.ping_interval))
        timeout = max(2.0 * interval, min(welcome.ping_timeout, settings.ping_timeout))
        link.carry(session, welcome.received if resumed else 0, interval, timeout)
        for tunnel in self.tunnels.values():
            tunnel.service.answers_pings = tunnel.settings.while_away_pings and welcome.limits.while_away_pings
        self._back(session, resumed, fenced=MEANWHILE in welcome.capabilities)
        if link.caveat != self._caveat:
            self._caveat = link.caveat
            if self._caveat:
                self._report(ProblemEvent(self._caveat))
        if not resumed and ceiling and ceiling != self._ceiling:
            self._ceiling = ceiling
            self._compare_timeouts(ceiling)
        if not resumed and not self.stopping:
            for tunnel in self.tunnels.values():
                tunnel.cancel_retry()
                if not tunnel.refused:
                    self._ask(tunnel)

    def _compare_timeouts(self, ceiling: float) -> None:
        """Tell the user of each timeout that is longer than this server allows."""
        for tunnel in self.tunnels.values():
            for setting in ("request_timeout", "upgrade_timeout"):
                wanted = getattr(tunnel.settings, setting)
                if wanted is not None and wanted > ceiling:
                    name = tunnel.settings.subdomain or f"for port {tunnel.settings.port}"
                    self._report(
                        ProblemEvent(
                            f"The tunnel {name} has a {setting} of {wanted:g} s, and this server allows {ceiling:g} s: "
                            "its operator can raise timeouts.request_limit."
                        )
                    )

    def _back(self, session: Session, resumed: bool, *, fenced: bool) -> None:
        """There is a link again, or for the first time; ``fenced``: the server will say `Meanwhile`."""
        lost_at, self._lost_at = self._lost_at, None
        self._why_lost = ""
        messages, octets = session.out.unacknowledged
        if resumed:
            self.counters.went_on((messages, octets))
        if lost_at is None:
            return
        after = self._clock.seconds() - lost_at
        tries = self.connector.retries
        self._untold = LinkBack(after, tries, resumed, messages, octets)
        if not (resumed and fenced):
            self._tell_back()

    def _tell_back(self) -> None:
        """All that happened at the other side while the link was away is known, as far as it will be."""
        back, self._untold = self._untold, None
        if back is None:
            return
        outage, self._outage = self._outage, None
        ended, answered = (outage.ended, outage.pings_answered) if outage is not None else (0, 0)
        self._report(replace(back, ended=ended))
        _log.info(
            "link back: after={after:.3f}s attempts={attempts} resumed={resumed} resent_messages={messages} "
            "resent_bytes={octets} ended={ended} pings_answered={answered}",
            after=back.after,
            attempts=back.attempts,
            resumed=back.resumed,
            messages=back.resent_messages,
            octets=back.resent_bytes,
            ended=ended,
            answered=answered,
        )

    def refused(self, refused: Refused) -> None:
        message = printable(refused.message)
        self._report(RefusedEvent(printable(refused.word, 64), message, refused.final))
        _log.warn("the server refused the client: {word}: {message}", word=printable(refused.word, 64), message=message)
        if refused.final:
            self._give_up(RefusedError(refused.word, message))

    def dismissed(self, goodbye: Goodbye) -> None:
        _log.info("the server ended the session: {word}", word=printable(goodbye.word, 64))
        self._end_session(problem_of(goodbye.word), "the server ended the session")

    def broken(self, error: ProtocolError) -> None:
        self._end_session(INTERNAL, "the server broke the protocol")

    def link_lost(self, reason: str) -> None:
        if self.connector.stopping:
            return
        first = self._lost_at is None
        if first:
            self._tell_back()
            self._lost_at = self._clock.seconds()
            if self.session is not None:
                self.counters.links_lost += 1
                self._outage = Outage(self._pipes())
                if self._window:
                    wait = self._window + self._settings.ping_timeout
                    self._expiry = self._clock.callLater(wait, self._expired)
                else:
                    self._end_session(SESSION_EXPIRED, "the link was lost, and this server keeps nothing without one")
        news = reason != self._why_lost
        if news:
            self._why_lost = reason
            self._report(LinkLost(reason))
        server, tries = self.connector.server, self.connector.retries
        if first and self._window is not None:
            _log.info("link lost: server={server} reason={reason}", server=field(server), reason=field(reason))
        elif news or tries & (tries - 1) == 0:  # the first attempts follow each other quickly
            format = "no link yet: server={server} reason={reason} attempts={attempts}"
            _log.info(format, server=field(server), reason=field(reason), attempts=tries)

    def moved(self, url: str) -> None:
        secure = "https" + printable(url).removeprefix("wss")
        _log.info("the server redirects to https: url={url}", url=field(secure))
        secure = secure.removesuffix(GATEWAY_PATH)
        self._report(
            ProblemEvent(f"The server redirects to https, and is followed: give --server {secure} from now on.")
        )

    def beat(self) -> None:
        if self.session is not None:
            self.session.relieve_queue()
        if self._lost_at is not None and self._window is not None:
            seconds = self._clock.seconds() - self._lost_at
            waiting = self.session is not None and seconds < self._window
            self._report(Reconnecting(seconds, self._window if waiting else 0.0))

    # --- tunnels -------------------------------------------------------------------------------------------

    def _ask(self, tunnel: OpenedTunnel) -> None:
        auth = tunnel.settings.auth
        if self.session is not None:
            self.session.say(
                OpenTunnel(
                    tunnel.number,
                    tunnel.kind.value,
                    tunnel.name or tunnel.settings.subdomain,
                    auth.get_secret_value() if auth is not None else None,
                    tunnel.settings.options,
                )
            )

    def _ready(self, ready: TunnelReady) -> None:
        tunnel = self.tunnels.get(ready.tunnel)
        if tunnel is None:
            raise ProtocolError("a tunnel is ready that was not asked for")
        if not (_shown(ready.name, _NAME_LIMIT) and _shown(ready.url, _URL_LIMIT)):
            raise ProtocolError("a tunnel is ready under a name that is none")
        tunnel.name, tunnel.url = ready.name, ready.url
        tunnel.service.name = ready.name
        service = f"{tunnel.settings.local_scheme}://{shown_address(tunnel.settings.local_host, tunnel.settings.port)}"
        self._report(Connected(ready.name, ready.url, service))
        _log.info(
            "tunnel ready: {url} -> {scheme}://{host}:{port}",
            url=printable(ready.url),
            scheme=tunnel.settings.local_scheme,
            host=tunnel.settings.local_host,
            port=tunnel.settings.port,
        )

    def _tunnel_refused(self, refused: TunnelRefused) -> None:
        tunnel = self.tunnels.get(refused.tunnel)
        if tunnel is None:
            raise ProtocolError("a tunnel was refused that was not asked for")
        message = printable(refused.message)
        again = not refused.final and (tunnel.name is not None or refused.word != NAME_TAKEN.code)
        self._report(RefusedEvent(printable(refused.word, 64), message, not again))
        _log.warn("the server refused a tunnel: {word}: {message}", word=printable(refused.word, 64), message=message)
        if again:
            tunnel.retry = self._clock.callLater(NAME_RETRY, self._ask, tunnel)
            return
        tunnel.refused = True
        if all(each.refused for each in self.tunnels.values()):
            self._give_up(RefusedError(refused.word, message))

    def _report(self, event: Event) -> None:
        if self._listener is not None:
            self._listener(event)

    def _heard(self, event: Event) -> None:
        """A leg tells this."""
        if self._outage is not None:
            self._outage.heard(event)
        self._report(event)

    # --- ends ----------------------------------------------------------------------------------------------

    def _end_session(self, problem: Problem, message: str) -> None:
        self._tell_back()
        session, self.session = self.session, None
        self._token = None
        self._cancel_expiry()
        if session is None:
            return
        if session.streams:
            count = len(session.streams)
            self._report(ProblemEvent(f"{count} connection{'s were' if count > 1 else ' was'} lost: {message}."))
        session.close(problem, message)
        for service in self._services:
            service.disown()

    def _expired(self) -> None:
        """The server has ended the session by now."""
        self.counters.windows_expired += 1
        _log.info("the resume window is over: window={window:g}s", window=self._window)
        self._end_session(SESSION_EXPIRED, "the link did not come back in time")

    def _cancel_expiry(self) -> None:
        expiry, self._expiry = self._expiry, None
        if expiry is not None and expiry.active():
            expiry.cancel()

    def _finished(self) -> bool:
        """Whether nothing is open any more; closes the WebSockets that can be closed now."""
        pipes = self._pipes()
        for pipe in pipes:
            pipe.close(CLIENT_GONE.close_code or 1001, CLIENT_GONE.close_reason(_STOPPED))
        self._turn.run()
        session = self.session
        if pipes or session is None:
            return not pipes
        return session.quiet and (session.attached or not session.out.unacknowledged[0])

    def _pipes(self) -> list[WebSocketLeg]:
        return [pipe for service in self._services for pipe in service.pipes.open]

    def _give_up(self, error: RefusedError) -> None:
        self.connector.stop()
        link = self.connector.link
        if link is not None and self.session is not None:
            link.say(Goodbye(CLIENT_GONE.code, "the server refused all that the client asked for"))
        self._end_session(CLIENT_GONE, "the server refused the client")
        if link is not None:
            link.close(1000, "goodbye")
        if not self.finished.called:
            self.finished.errback(error)


def _shown(text: str, limit: int) -> bool:
    """Whether a server may well have said this: it is shown to people, asked for again, and named in logs."""
    return 0 < len(text) <= limit and text.isascii() and text.isprintable()
