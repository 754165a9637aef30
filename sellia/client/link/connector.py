"""Connector: keeps a link to the server, and reconnects with backoff for ever when it is lost.

Need
    A laptop changes networks, a server restarts.  The client comes back by itself, soon but not in a herd with all
    others, goes on with its session if the server still has it, and says truthfully what was lost if it has not.

Invariants
    * At most one link has said hello and is there.  When another opens while it waits for its welcome, it is closed
      before that one says hello, so that what hello claims to have arrived stays true.
    * Each hello has a higher number than the one before, so that the server can tell one that was under way for long
      from the present one.
    * The delays start over only when the server has accepted the session, never because a connection was made; or
      when the machine has slept, since nothing is known any more of what the delay was for.

Bounds
    The first attempt is immediate, unless the server has said that it stops; those after it follow
    :mod:`sellia.client.link.backoff`.  Some are made beside each other (:mod:`sellia.client.link.attempts`).  A link
    that has said hello has ``LONGEST_PATIENCE`` seconds for the answer.

What is taken of Twisted's ``ReconnectingClientFactory``: ``retries`` counts the attempts, ``_callID`` is the one timer
for the next, and ``stopTrying`` cancels it, clears ``continueTrying`` and has its connector, which is the
:class:`~sellia.client.link.attempts.Attempts`, give up.  Its ``retry`` is replaced, because it has one rule for when to
try again, and :mod:`sellia.client.link.backoff` has several.
"""

from enum import Enum
from random import Random
from typing import Any, Final

from autobahn.twisted.websocket import WebSocketClientFactory
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IDelayedCall
from twisted.internet.protocol import ReconnectingClientFactory
from twisted.logger import Logger

from sellia import __version__
from sellia.client.link.attempts import Attempt, Attempts
from sellia.client.link.backoff import FIRST_DELAY, GROWTH, LONGEST_DELAY, LONGEST_PATIENCE, QUICK_LEAST, Backoff
from sellia.client.link.caller import DISMISSALS, Caller
from sellia.client.link.route import Route
from sellia.client.proxies import DIRECT, Proxies
from sellia.errors import ProtocolError
from sellia.protocol.messages import SUBPROTOCOL, VERSION, Goodbye, Hello, LinkMessage, Refused, Welcome
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.limits.token_bucket import Rate
from sellia.text import field
from sellia.transports.link.keeper import Link
from sellia.transports.link.native import ClientLink
from sellia.transports.link.opening import moved_to
from sellia.transports.reactor.waiting import cancel

#: Interval of looks at the clock in seconds, and the lateness of one that means that the machine has slept.
BEAT: Final = 1.0
SLEPT: Final = 3.0

#: Lateness of a timer in seconds that means that the process was busy, and answers may wait to be read.
BUSY: Final = 0.2

#: Rate of log lines about one kind of event that a server can cause.
LINES: Final = Rate(20, 0.1)

_AGENT: Final = f"sellia/{__version__}"

_log = Logger()


class LinkPhase(Enum):
    """How far the present link has come."""

    NONE = "none"  #: there is no link that has said hello
    GREETED = "greeted"  #: hello is said, and not answered
    WELCOMED = "welcomed"  #: it carries a session
    DISMISSED = "dismissed"  #: the server has said goodbye, or broken the protocol; the link closes


class Connector(WebSocketClientFactory, ReconnectingClientFactory):
    """Makes links to the gateway at ``url`` (ws or wss), one at a time, for ``caller``.

    ``retries`` are the attempts since the last link was lost.  ``ca`` names a file with authorities that are trusted
    besides those of this machine.  Without ``retry``, there is one attempt at a time, and none after a failure or a
    loss, which the caller is told to give up for.
    """

    protocol = ClientLink
    noisy = False
    initialDelay = delay = FIRST_DELAY
    factor = GROWTH
    maxDelay = LONGEST_DELAY  # type: ignore[assignment]  # Twisted says int, and takes any number
    _callID: IDelayedCall | None

    def __init__(
        self,
        url: str,
        key: str | None,
        caller: Caller,
        reactor: Any,
        random: Random,
        ca: str | None = None,
        proxies: Proxies = DIRECT,
        retry: bool = True,
    ) -> None:
        super().__init__(url=url, protocols=[SUBPROTOCOL], useragent=_AGENT, reactor=reactor)
        self.setProtocolOptions(
            failByDrop=False,
            openHandshakeTimeout=0,
            closeHandshakeTimeout=5,
            serverConnectionDropTimeout=2,
            echoCloseCodeReason=True,
        )
        self.clock: Any = reactor
        self._ca = ca
        self._proxies = proxies
        self._retry = retry
        self.route = self._route_to(url)
        #: The link that has said hello, if there is one.
        self.link: Link | None = None
        self._caller = caller
        self._key = key
        self._delays = Backoff(random)
        self._phase = LinkPhase.NONE
        #: Hellos that were said.
        self.hellos = 0
        #: The youngest attempt and its start, from which ``delay`` counts; after the loss of a link, the loss.
        self._youngest: Attempt | None = None
        self._began_at = 0.0
        #: Start of the attempt that ``link`` comes from.
        self._opener_began_at = 0.0
        self._due_at = 0.0
        self._answer: IDelayedCall | None = None
        self._beat: IDelayedCall | None = None
        self._beat_due = 0.0
        self._closed: list[Deferred[None]] = []
        self._remarks = LimitLog(LINES)
        self.connector = self.attempts = Attempts(self, self.route.endpoint, reactor, self.route.where)

    def setSessionParameters(self, *parameters: Any, **named: Any) -> None:
        super().setSessionParameters(*parameters, **named)
        if ":" in self.host:  # Autobahn writes an address of IPv6 into Host without its brackets
            self.host = f"[{self.host}]"

    @property
    def server(self) -> str:
        """The URL at which the server is dialled."""
        return self.route.url

    @property
    def stopping(self) -> bool:
        """Whether no more links are to be made."""
        return not self.continueTrying

    def start(self) -> None:
        """Dial, and reconnect until :meth:`stop`."""
        self._next_beat()
        self._dial()

    def stop(self) -> None:
        """Make no more links.  Closing the present one is up to the caller."""
        for timer in (self._beat, self._answer):
            cancel(timer)
        self.stopTrying()

    def closed(self, seconds: float) -> Deferred[None]:
        """Return a Deferred that fires when there is no link any more; the link is dropped after ``seconds``."""
        done: Deferred[None] = Deferred()
        link = self.link
        if link is None:
            done.callback(None)
            return done
        late = self.clock.callLater(seconds, link.drop, "it did not close in time")
        done.addCallback(lambda _: cancel(late))
        self._closed.append(done)
        return done

    # --- time ----------------------------------------------------------------------------------------------

    def _next_beat(self) -> None:
        self._beat_due = self.clock.seconds() + BEAT
        self._beat = self.clock.callLater(BEAT, self._on_beat)

    def _on_beat(self) -> None:
        late = self.clock.seconds() - self._beat_due
        self._next_beat()
        if late >= SLEPT:
            _log.info("the machine has slept: seconds={late:.0f}", late=late)
            if self.link is not None and self._phase is not LinkPhase.GREETED:
                self.link.look()
            else:
                self._wake()
        self._caller.beat()

    def _wake(self) -> None:
        """Start over after a sleep of the machine: whatever was waited for is over."""
        cancel(self._answer)
        link, self.link = self.link, None
        self._phase = LinkPhase.NONE
        if link is not None:
            link.drop("the machine has slept")
        self.attempts.give_up("the machine has slept")
        self._start_over()

    def _start_over(self) -> None:
        """Dial at once, and begin the backoff anew."""
        self._delays.lost(self.clock.seconds(), self._caller.window())
        self._schedule(self._began_at + QUICK_LEAST)

    # --- attempts: their Starter ---------------------------------------------------------------------------

    def _schedule(self, moment: float) -> None:
        """Set the timer of the next attempt to ``moment``."""
        self._unschedule()
        now = self.clock.seconds()
        self._due_at = max(now, moment)
        if self.continueTrying:
            self._callID = self.clock.callLater(self._due_at - now, self._due)

    def _unschedule(self) -> None:
        cancel(self._callID)
        self._callID = None

    def retry(self, connector: Any = None) -> None:
        """Make the next attempt after ``delay``, counted from this attempt's start, or from the link's loss."""
        self._schedule(self._began_at + self.delay)

    def _due(self) -> None:
        """Make the next attempt, unless this process was too busy to see what became of those under way."""
        self._callID = None
        now = self.clock.seconds()
        silent = self.attempts.connected_ones or self.link is not None
        if not self._retry and (len(self.attempts) or silent):
            return
        if now - self._due_at >= BUSY and (silent or len(self.attempts)):
            self._schedule(now + self._delays.without_connection(self.delay))
            return
        if silent:
            self._delays.unanswered()
        self._dial()

    def _dial(self) -> None:
        self._began_at = now = self.clock.seconds()
        self.delay = self._delays.after_failure(now)
        self._schedule(now + self._delays.without_connection(self.delay))
        self.retries += 1
        self._youngest = attempt = self.attempts.make()
        attempt.dial(self.attempts.endpoint)

    def build_link(self, address: IAddress | None) -> ClientLink:
        link: Any = self.buildProtocol(address)
        link.keeper = self
        link.clock = self.clock
        self.route.prepare(link)
        link.otherwise = original_link
        return link

    def attempt_connected(self, attempt: Attempt) -> None:
        if attempt is self._youngest:
            self._schedule(self._began_at + self._delays.without_welcome(self.clock.seconds(), self.delay))

    def attempt_failed(self, attempt: Attempt, why: str) -> None:
        if attempt is self._youngest and self.link is None:
            self.retry()
        self._caller.link_lost(why)
        if not self._retry and self.link is None:
            self._caller.unreachable(why)

    def login_refused(self, why: str) -> None:
        self._delays.unwanted()
        self.delay = self._delays.after_failure(self._began_at)
        self._caller.login_refused(why)

    def attempt_silent(self, attempt: Attempt, why: str) -> None:
        if self.link is None:
            self._caller.link_lost(why)

    def _route_to(self, url: str) -> Route:
        return Route(url, self.clock, timeout=LONGEST_PATIENCE, ca=self._ca, proxies=self._proxies)

    def _follow(self, url: str) -> None:
        """Dial another URL from now on, at once."""
        self.attempts.give_up("the server has moved")
        self.route = route = self._route_to(url)
        self.attempts.endpoint, self.attempts.where = route.endpoint, route.where
        self.setSessionParameters(url=url, protocols=[SUBPROTOCOL], useragent=_AGENT)
        self._caller.moved(url)
        self._began_at = self.clock.seconds()
        self._schedule(self._began_at)

    # --- links: a LinkKeeper -------------------------------------------------------------------------------

    def link_opened(self, link: Link) -> None:
        if self.stopping:
            link.drop("the client was stopped")
            return
        attempt = self.attempts.opened(link)
        if attempt is None:
            link.drop("another connection was quicker")
            return
        self._opener_began_at = attempt.started
        silent, self.link = self.link, link
        self._phase = LinkPhase.GREETED
        if silent is not None:
            silent.drop(self._no_answer)
        cancel(self._answer)
        self._answer = self.clock.callLater(LONGEST_PATIENCE, link.drop, self._no_answer)
        now = self.clock.seconds()
        self._schedule(now + self._delays.without_welcome(now, self.delay))
        self.hellos += 1
        token, received = self._caller.resume_state()
        link.say(
            Hello(version=VERSION, agent=_AGENT, key=self._key, session=token, received=received, attempt=self.hellos)
        )

    def link_message(self, link: Link, message: LinkMessage) -> None:
        if link is not self.link:
            return
        if isinstance(message, Welcome):
            if self._phase is not LinkPhase.GREETED:
                raise ProtocolError("a second welcome on one link")
            self._phase = LinkPhase.WELCOMED
            self._settled()
            self._delays.welcomed(self.clock.seconds() - self._opener_began_at)
            self._caller.welcomed(link, message)
            self.retries = 0
        elif isinstance(message, Refused):
            self._settled()
            self._delays.unwanted()
            link.close(1000, "refused")
            self._caller.refused(message)
        elif isinstance(message, Goodbye):
            self._phase = LinkPhase.DISMISSED
            if message.word in DISMISSALS:
                return self._caller.refused(Refused(message.word, message.message, True))
            self._delays.lost(self.clock.seconds(), 0.0)
            self._caller.dismissed(message)
            link.reason = "the server has stopped"
            link.close(1000, "goodbye")
        else:
            raise ProtocolError("a link message that only a client sends")

    def link_faulty(self, link: Link, code: int, fault: str) -> None:
        _log.warn(
            "link closed: the peer broke the protocol: peer={peer} code={code} fault={fault}",
            peer=field(link.remote),
            code=code,
            fault=field(fault),
        )

    def rate_limited_log(self, topic: str) -> int | None:
        return self._remarks.count(topic, self.clock.seconds())

    def link_broken(self, link: Link, error: ProtocolError) -> None:
        if link is self.link:
            self._phase = LinkPhase.DISMISSED
            self._caller.broken(error)

    def link_lost(self, link: Link, reason: str) -> None:
        if link is not self.link:
            answer = getattr(link, "handshake_answer", None)
            elsewhere = moved_to(answer, self.server) if answer is not None and not self.stopping else None
            if elsewhere is not None and self.link is None:
                self._follow(elsewhere)
            else:
                self.attempts.lost(link, reason)
            return
        self.link = None
        self._settled()
        closed, self._closed = self._closed, []
        for each in closed:
            each.callback(None)
        if self.stopping:
            return
        phase, self._phase = self._phase, LinkPhase.NONE
        self._caller.link_lost(reason)
        if not self._retry:
            self._caller.unreachable(reason)
            return
        now = self.clock.seconds()
        if phase is LinkPhase.DISMISSED:
            self._delays.unwanted()
        elif phase is LinkPhase.WELCOMED:
            self._start_over()
            return
        self._began_at, self.delay = now, self._delays.after_failure(now)
        self.retry()

    @property
    def _no_answer(self) -> str:
        return f"{self.route.where} opened a link, and then did not answer in time"

    def _settled(self) -> None:
        """Stop waiting: the server has answered, or the link is gone."""
        cancel(self._answer)
        self._unschedule()
        self.attempts.give_up("another connection was quicker")


def original_link() -> Any:
    """Return the class of links of the original dialect, which few servers speak: it is imported for those."""
    from sellia.transports.original.client_side.bridge import OriginalClientLink

    return OriginalClientLink
