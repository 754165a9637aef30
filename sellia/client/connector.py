"""Keeps a link to the server: dials, says hello, and dials again for ever when the link is lost.

Need
    A laptop changes networks, a server restarts.  The client comes back by itself, soon but not in a herd with all
    others, goes on with its session if the server still has it, and says truthfully what was lost if it has not.

Invariants
    * At most one link is being made or is there.
    * A link of our own that is replaced is closed before the next is dialled.
    * The delay starts over only when the server has accepted the session, never because a connection was made; or
      when the machine has slept, since nothing is known any more of what the delay was for.

Bounds
    The first attempt is immediate, unless the server has said that it stops; then delays grow by half from
    ``FIRST_DELAY`` to ``LONGEST_DELAY``, each cut by a random factor between 0 and 1 (full jitter), and counted from
    the start of the attempt before.  An attempt has ``PATIENCE`` seconds until the server's welcome, or three times as
    long as the last one took, and twice as long after each that had too little, up to ``LONGEST_PATIENCE``: where a
    network swallowed everything for a while, a new connection comes through long before an old one, but a slow server
    must not be asked again and again.

Twisted's ``ReconnectingClientFactory`` counts, delays and stops; it is given a connector that dials endpoints, since
only those try IPv6 and IPv4 alike.
"""

from random import Random
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.internet.ssl import optionsForClientTLS
from twisted.logger import Logger
from twisted.python.failure import Failure

from sellia import __version__
from sellia.errors import ProtocolError
from sellia.protocol.messages import SUBPROTOCOL, VERSION, Goodbye, Hello, LinkMessage, Refused, Welcome
from sellia.relay.text import printable
from sellia.transports.link import ClientLink, LinkMixin

FIRST_DELAY: Final = 0.25
LONGEST_DELAY: Final = 30.0

#: Seconds from dialling to the server's welcome, at first and at most.
PATIENCE: Final = 2.0
LONGEST_PATIENCE: Final = 10.0

#: Seconds between two looks at the clock, and by how many one must be late for the machine to have slept.
BEAT: Final = 1.0
SLEPT: Final = 3.0

_log = Logger()


class Caller(Protocol):
    """Whose link it is: :class:`~sellia.client.session.ClientSession`."""

    def resume_state(self) -> tuple[bytes | None, int]:
        """The token of the session to go on with, and how many of its parcels have arrived."""

    def welcomed(self, link: LinkMixin, welcome: Welcome) -> None:
        """The server has accepted: the link is to carry a session."""

    def refused(self, refused: Refused) -> None:
        """The server has not."""

    def dismissed(self, goodbye: Goodbye) -> None:
        """The server has ended the session."""

    def broken(self, error: ProtocolError) -> None:
        """The server broke the protocol; the session cannot go on."""

    def link_lost(self, reason: str, attempts: int) -> None:
        """A link is lost, or could not be made; another attempt follows unless the connector was stopped."""

    def beat(self) -> None:
        """Another second is over."""


class _Dialler:
    """What ``ReconnectingClientFactory`` takes for a connector."""

    def __init__(self, connector: "Connector", endpoint: Any) -> None:
        self._connector = connector
        self._endpoint = endpoint
        self._attempt: Deferred[Any] | None = None

    def connect(self) -> None:
        """Dial once."""
        self._attempt = self._endpoint.connect(self._connector)
        assert self._attempt is not None
        self._attempt.addErrback(self._failed)

    def stopConnecting(self) -> None:
        """Give up an attempt under way."""
        if self._attempt is not None:
            self._attempt.cancel()

    def _failed(self, failure: Failure) -> None:
        self._connector.clientConnectionFailed(self, failure)


class Connector(WebSocketClientFactory, ReconnectingClientFactory):
    """Makes links to the gateway at ``url`` (ws or wss), for ``caller``."""

    protocol = ClientLink
    noisy = False
    initialDelay = delay = FIRST_DELAY
    maxDelay = LONGEST_DELAY  # type: ignore[assignment]  # Twisted says int, and takes any number
    factor = 1.5

    def __init__(self, url: str, key: str | None, caller: Caller, reactor: Any, random: Random) -> None:
        parts = urlsplit(url)
        secure = parts.scheme == "wss"
        host = parts.hostname or "localhost"
        port = parts.port or (443 if secure else 80)
        super().__init__(
            url=url,
            protocols=[SUBPROTOCOL],
            useragent=f"sellia/{__version__}",
            reactor=reactor,
        )
        self.setProtocolOptions(
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=5,
            serverConnectionDropTimeout=2,
            echoCloseCodeReason=True,
        )
        self.server = url
        self.clock: Any = reactor
        self.link: LinkMixin | None = None
        self.stopping = False
        self._caller = caller
        self._key = key
        self._random = random
        self._attempts = 0
        self._beat: IDelayedCall | None = None
        self._beat_due = 0.0
        self._opening: LinkMixin | None = None
        self._answer: IDelayedCall | None = None
        self._patience = PATIENCE
        self._unanswered = 0
        self._dialled_at = 0.0
        self._why = ""
        self._closed: list[Deferred[None]] = []
        endpoint: Any = HostnameEndpoint(reactor, host, port, timeout=LONGEST_PATIENCE)
        if secure:
            endpoint = wrapClientTLS(optionsForClientTLS(host), endpoint)
        self._dialler = _Dialler(self, endpoint)

    def start(self) -> None:
        """Dial, and never stop trying."""
        self._next_beat()
        self._dial()

    def stop(self) -> None:
        """Make no more links.  The present one is the caller's to close."""
        self.stopping = True
        if self._beat is not None and self._beat.active():
            self._beat.cancel()
        self.stopTrying()
        self._give_up("the client was stopped")

    def closed(self, seconds: float) -> Deferred[None]:
        """Fires when there is no link any more, and drops it after so many seconds."""
        done: Deferred[None] = Deferred()
        link = self.link
        if link is None:
            done.callback(None)
            return done
        late = self.clock.callLater(seconds, link.drop, "it did not close in time")
        done.addCallback(lambda _: late.cancel() if late.active() else None)
        self._closed.append(done)
        return done

    def redial(self) -> None:
        """Dial at once, with all delays before us, instead of waiting for a delay or for an answer."""
        self.delay = self.initialDelay
        if self._callID is not None:
            self.retries = 1
            self._callID.reset(0)
        elif self.link is None:
            self.retries = 0
            self._give_up("the machine has slept")

    def be_patient(self) -> None:
        """The server has said that it stops: there is no use in dialling at once, and everybody else would, too."""
        self.retries = max(self.retries, 1)
        self._dialled_at = self.clock.seconds()

    def _next_beat(self) -> None:
        self._beat_due = self.clock.seconds() + BEAT
        self._beat = self.clock.callLater(BEAT, self._on_beat)

    def _on_beat(self) -> None:
        late = self.clock.seconds() - self._beat_due
        self._next_beat()
        if late >= SLEPT:
            _log.info("the machine has slept: seconds={late:.0f}", late=late)
            if self.link is not None:
                self.link.look()
            else:
                self.redial()
        self._caller.beat()

    # --- Twisted -------------------------------------------------------------------------------------------

    def buildProtocol(self, addr: IAddress | None) -> ClientLink:
        link: Any = super().buildProtocol(addr)
        link.keeper = self
        link.clock = self.clock
        link.remote = self.server
        self._opening = link
        return link

    def clientConnectionFailed(self, connector: Any, reason: Failure) -> None:
        why, self._why = self._why, ""
        self._answered()
        if not self.stopping:
            self._lost(why or printable(reason.getErrorMessage()).rstrip("."))

    def retry(self, connector: Any = None) -> None:
        """As ReconnectingClientFactory does, but at once for the first time and with full jitter after that."""
        if not self.continueTrying or self.stopping:
            return
        self.retries += 1
        if self.retries == 1:
            delay = 0.0
        else:
            passed = self.clock.seconds() - self._dialled_at
            delay = max(0.0, self.delay * self._random.random() - passed)
            self.delay = min(self.delay * self.factor, self.maxDelay)
        self._callID = self.clock.callLater(delay, self._dial)

    def _dial(self) -> None:
        self._callID = None
        self._dialled_at = self.clock.seconds()
        patience = min(self._patience * 2.0**self._unanswered, LONGEST_PATIENCE)
        self._answer = self.clock.callLater(patience, self._no_answer)
        self._dialler.connect()

    def _no_answer(self) -> None:
        self._unanswered = min(self._unanswered + 1, 10)
        link = self.link
        if link is not None:
            link.drop("the server did not answer in time")
        else:
            self._give_up("the server did not answer in time")

    def _give_up(self, why: str) -> None:
        """End the attempt under way, if there is one that has not come to a link."""
        self._answered()
        opening = self._opening
        if opening is not None:
            opening.drop(why)
        elif self.link is None:
            self._why = why
            self._dialler.stopConnecting()
            self._why = ""

    # --- links: a LinkKeeper -------------------------------------------------------------------------------

    def link_opened(self, link: LinkMixin) -> None:
        if self.stopping:
            link.drop("the client was stopped")
            return
        if link.websocket_protocol_in_use != SUBPROTOCOL:  # type: ignore[attr-defined]
            link.drop("the server does not speak Sellia's protocol: is the URL that of a Sellia server?")
            return
        self.link = link
        self._opening = None
        token, received = self._caller.resume_state()
        link.say(Hello(version=VERSION, agent=f"sellia/{__version__}", key=self._key, session=token, received=received))

    def link_message(self, link: LinkMixin, message: LinkMessage) -> None:
        if isinstance(message, Welcome):
            if self._answer is None:
                raise ProtocolError("a second welcome on one link")
            self._answered()
            self.resetDelay()
            self._attempts = self._unanswered = 0
            self._patience = max(PATIENCE, 3.0 * (self.clock.seconds() - self._dialled_at))
            self._caller.welcomed(link, message)
        elif isinstance(message, Refused):
            self._answered()
            link.close(1000, "refused")
            self._caller.refused(message)
        elif isinstance(message, Goodbye):
            self.be_patient()
            self._caller.dismissed(message)
            link.close(1000, "goodbye")
        else:
            raise ProtocolError("a link message that only a client sends")

    def link_broken(self, link: LinkMixin, error: ProtocolError) -> None:
        self._caller.broken(error)

    def link_lost(self, link: LinkMixin, reason: str) -> None:
        if self._opening is link:
            self._opening = None
        if self.link is link:
            self.link = None
        self._answered()
        closed, self._closed = self._closed, []
        for each in closed:
            each.callback(None)
        self._lost(reason)

    def _answered(self) -> None:
        answer, self._answer = self._answer, None
        if answer is not None and answer.active():
            answer.cancel()

    def _lost(self, reason: str) -> None:
        self._attempts += 1
        self._caller.link_lost(reason, self._attempts)
        self.retry()
