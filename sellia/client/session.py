"""The client's end of a session: its tunnels, and the legs that it opens for visitors.

It outlives links.  When the server no longer has the session (it restarted, or the resume window is over), a new one
takes its place under the same names, and what was in progress is reported as lost.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, Final

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from sellia.client.connector import Connector
from sellia.client.events import Connected, Event, LinkBack, LinkLost, Problem
from sellia.client.events import Refused as RefusedEvent
from sellia.client.exchange import Report
from sellia.client.local import LocalService
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.errors import ProtocolError, RefusedError
from sellia.protocol.messages import (
    CloseTunnel,
    GoAway,
    Goodbye,
    HttpRequest,
    Opening,
    OpenTunnel,
    Refused,
    SessionMessage,
    TunnelReady,
    TunnelRefused,
    WebSocketRequest,
    Welcome,
)
from sellia.relay.leg import Leg
from sellia.relay.session import Session
from sellia.relay.stream import Stream
from sellia.relay.text import printable
from sellia.transports.link import LinkMixin
from sellia.transports.turn import turn_of

#: Seconds for the link to close after goodbye.
GOODBYE_WAIT: Final = 2.0

#: Seconds until a name that was ours, and is taken, is asked for again.
NAME_RETRY: Final = 2.0

_log = Logger()


class OpenedTunnel:
    """One tunnel: what was asked for, and what the server gave."""

    __slots__ = ("name", "number", "refused", "retry", "service", "settings", "url")

    def __init__(self, number: int, settings: TunnelSettings, service: LocalService) -> None:
        self.number = number
        self.settings = settings
        self.service = service
        #: The name it got, which it asks for again after a reconnection.
        self.name: str | None = None
        self.url = ""
        self.refused = False
        self.retry: IDelayedCall | None = None


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
        self._turn = turn_of(reactor)
        self._listening = report
        self.tunnels = {
            number: OpenedTunnel(number, tunnel, service)
            for number, (tunnel, service) in enumerate(zip(settings.tunnels, services, strict=True), 1)
        }
        self.connector = Connector(settings.link_url, key, self, reactor, random)
        self.session: Session | None = None
        self._token: bytes | None = None
        self._lost_at: float | None = None
        self._attempts = 0
        #: Fires with None when the client has stopped, or fails when the server refused it for good.
        self.finished: Deferred[None] = Deferred()

    # --- for the service -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Connect, and stay connected."""
        self.connector.start()

    def stop(self) -> Deferred[None]:
        """Say goodbye: visitors are told at once.  Fires when the link is closed, or soon after if it does not."""
        self.connector.stop()
        link = self.connector.link
        for tunnel in self.tunnels.values():
            if tunnel.retry is not None and tunnel.retry.active():
                tunnel.retry.cancel()
        if link is not None:
            if self.session is not None:
                self.session.flush()
            link.say(Goodbye("client-gone", "the client was stopped"))
        self._end_session("client-gone", "the client was stopped")
        if link is not None:
            link.close(1000, "goodbye")
        stopped = self.connector.closed(GOODBYE_WAIT)
        stopped.addCallback(lambda _: None if self.finished.called else self.finished.callback(None))
        return stopped

    # --- a session's owner ---------------------------------------------------------------------------------

    def flush_wanted(self) -> None:
        assert self.session is not None
        self._turn.later(self.session.flush)

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        tunnel = self.tunnels.get(opening.tunnel)
        if tunnel is None or not isinstance(opening, HttpRequest | WebSocketRequest):
            raise ProtocolError("a stream was opened for a tunnel that this client does not have")
        return tunnel.service.open_leg(stream, opening, end, self._listening)

    def message_received(self, message: SessionMessage) -> None:
        if isinstance(message, TunnelReady):
            self._ready(message)
        elif isinstance(message, TunnelRefused):
            self._tunnel_refused(message)
        elif isinstance(message, CloseTunnel):
            self._report(Problem(f"The server has closed a tunnel: {printable(message.message or message.word)}"))
        elif not isinstance(message, GoAway):
            raise ProtocolError("a session message that only a client sends")

    def leg_failed(self, stream: Stream, error: Exception) -> None:
        _log.error("a defect of Sellia's own ended an exchange: id={id} error={error!r}", id=stream.id, error=error)

    # --- the connector's caller ----------------------------------------------------------------------------

    def resume_state(self) -> tuple[bytes | None, int]:
        if self.session is None:
            return None, 0
        return self._token, self.session.received

    def welcomed(self, link: LinkMixin, welcome: Welcome) -> None:
        resumed = welcome.resumed and self.session is not None
        if self._lost_at is not None:
            after = self._clock.seconds() - self._lost_at
            self._report(LinkBack(after, self._attempts, resumed))
            _log.info("link back: after={after:.3f}s resumed={resumed}", after=after, resumed=resumed)
        self._lost_at = None
        if not resumed:
            self._end_session("session-expired", "the server no longer had the session")
            self.session = Session(self, even=False)
            self._token = welcome.session
        session = self.session
        assert session is not None
        received = welcome.received if resumed else 0
        link.carry(session, received, welcome.ping_interval, welcome.ping_timeout)
        if not resumed:
            for tunnel in self.tunnels.values():
                if not tunnel.refused:
                    self._ask(tunnel)

    def refused(self, refused: Refused) -> None:
        message = printable(refused.message)
        self._report(RefusedEvent(printable(refused.word, 64), message, refused.final))
        _log.warn("the server refused this client: {word}: {message}", word=printable(refused.word, 64), message=message)
        if refused.final:
            self._give_up(RefusedError(refused.word, message))

    def dismissed(self, goodbye: Goodbye) -> None:
        _log.info("the server ended the session: {word}", word=printable(goodbye.word, 64))
        self._end_session(goodbye.word, "the server ended the session")

    def broken(self, error: ProtocolError) -> None:
        self._end_session("internal", "the server broke the protocol")

    def link_lost(self, reason: str, attempts: int) -> None:
        self._attempts = attempts
        if self.connector.stopping:
            return
        if self._lost_at is None:
            self._lost_at = self._clock.seconds()
        self._report(LinkLost(reason))
        _log.info(
            "link lost: server={server} reason={reason} attempt={attempts}",
            server=self.connector.server,
            reason=reason,
            attempts=attempts,
        )

    # --- tunnels -------------------------------------------------------------------------------------------

    def _ask(self, tunnel: OpenedTunnel) -> None:
        auth = tunnel.settings.auth
        if self.session is not None:
            self.session.say(
                OpenTunnel(
                    tunnel.number,
                    "http",
                    tunnel.name or tunnel.settings.subdomain,
                    auth.get_secret_value() if auth is not None else None,
                )
            )

    def _ready(self, ready: TunnelReady) -> None:
        tunnel = self.tunnels.get(ready.tunnel)
        if tunnel is None:
            raise ProtocolError("a tunnel is ready that was not asked for")
        tunnel.name, tunnel.url = ready.name, ready.url
        tunnel.service.name = ready.name
        self._report(Connected(ready.name, ready.url))
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
        again = not refused.final and tunnel.name is not None
        self._report(RefusedEvent(printable(refused.word, 64), message, not again))
        _log.warn("the server refused a tunnel: {word}: {message}", word=printable(refused.word, 64), message=message)
        if again:
            tunnel.retry = self._clock.callLater(NAME_RETRY, self._ask, tunnel)
            return
        tunnel.refused = True
        if all(each.refused for each in self.tunnels.values()):
            self._give_up(RefusedError(refused.word, message))

    def _report(self, event: Event) -> None:
        if self._listening is not None:
            self._listening(event)

    # --- ends ----------------------------------------------------------------------------------------------

    def _end_session(self, word: str, message: str) -> None:
        session, self.session = self.session, None
        self._token = None
        if session is None:
            return
        if session.streams:
            count = len(session.streams)
            self._report(Problem(f"{count} connection{'s were' if count > 1 else ' was'} lost: {message}."))
        session.close(word, message)

    def _give_up(self, error: RefusedError) -> None:
        self.connector.stop()
        self._end_session("client-gone", "the server refused the client")
        link = self.connector.link
        if link is not None:
            link.close(1000, "goodbye")
        if not self.finished.called:
            self.finished.errback(error)
