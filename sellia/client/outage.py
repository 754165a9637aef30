"""Outages: losses of the link, and what the user and the log are told of them.

An outage is told once when it begins, again when its reason changes, every second while it lasts, and once when it is
over: with what it cost, as soon as all that happened at the server meanwhile is known.

Counted are WebSockets that end, and requests that fail.  A WebSocket counts once it ends, though its socket may take a
while to close; a request counts when its failure is told.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from twisted.logger import Logger

from sellia.client.events import Event, LinkBack, LinkLost, Reconnecting, Report, RequestFinished
from sellia.text import field
from sellia.transports.reactor.causes import tell_cause
from sellia.transports.websocket.pipe import WebSocketLeg
from sellia.why.cause import cause_id
from sellia.why.link import link_cause

_log = Logger()


class Outage:
    """Cost of one outage, counted from the loss of the link until all that the server did meanwhile is known."""

    __slots__ = ("_failed", "_pipes")

    def __init__(self, pipes: Iterable[WebSocketLeg]) -> None:
        self._pipes = [pipe for pipe in pipes if not pipe.ending]
        self._failed = 0
        for pipe in self._pipes:
            pipe.link_away()

    def heard(self, event: Event) -> None:
        """Count an event that was told to the listener."""
        if isinstance(event, RequestFinished) and event.error is not None:
            self._failed += 1

    @property
    def ended(self) -> int:
        """Number of WebSockets that have ended, and of requests that have failed."""
        return self._failed + sum(pipe.ending for pipe in self._pipes)

    @property
    def pings_answered(self) -> int:
        """Number of pings of services that were answered here."""
        return sum(pipe.pings_answered for pipe in self._pipes)


class OutageReporter:
    """Tells one outage after the other.  ``report`` is called with the events."""

    def __init__(self, clock: Any, report: Report) -> None:
        self._clock = clock
        self._report = report
        self._lost_at: float | None = None
        self._linked_at: float | None = None
        self._reason = ""
        #: Id of the cause of a loss of the present link, or of the last.
        self.link = cause_id("", 0, "l")
        #: The outage that is not over, or has not been told to be, and what is to be told then.
        self._outage: Outage | None = None
        self._untold: LinkBack | None = None
        #: How many `Meanwhile` the server has yet to say: one for each link that has gone on with the session.
        self._due = 0

    @property
    def lasts(self) -> bool:
        """Whether a link that there was is lost, and not back."""
        return self._lost_at is not None and self._linked_at is not None

    @property
    def lasted(self) -> float:
        """Seconds for which there has been a link, or none."""
        since = self._lost_at if self._lost_at is not None else self._linked_at
        return 0.0 if since is None else float(self._clock.seconds() - since)

    @property
    def reason(self) -> str:
        """Why there is no link, as far as that was told."""
        return self._reason

    def heard(self, event: Event) -> None:
        """Count what a leg tells the listener."""
        if self._outage is not None:
            self._outage.heard(event)

    def begin(self) -> bool:
        """Note that there is no link; return whether there was one, or none was missed, until now."""
        if self._lost_at is not None:
            return False
        self.settle()
        self._lost_at = self._clock.seconds()
        return True

    def count(self, pipes: Iterable[WebSocketLeg]) -> None:
        """Count what the outage costs a session, whose open WebSockets these are."""
        self._outage = Outage(pipes)

    def tell_lost(self, reason: str, server: str, attempts: int, *, first: bool) -> None:
        """Tell why there is no link; ``first``: there was one until now."""
        news, was = reason != self._reason, self._linked_at is not None
        if news:
            cause = link_cause(self.link, reason, "client", attempts=attempts or None) if first or not was else None
            if cause is not None:
                tell_cause(self._clock, cause, "")
            self._reason = reason
            self._report(LinkLost(reason, cause=cause))
        if first:
            _log.info("link lost: server={server} reason={reason}", server=field(server), reason=field(reason))
        elif news or attempts & (attempts - 1) == 0:  # the first attempts follow each other quickly
            format = "no link yet: server={server} reason={reason} attempts={attempts}"
            _log.info(format, server=field(server), reason=field(reason), attempts=attempts)

    def tell_waiting(self, window: float) -> None:
        """Tell how long there has been no link; ``window``: seconds for which the server keeps the session, or 0."""
        if self._lost_at is not None:
            seconds = self._clock.seconds() - self._lost_at
            self._report(Reconnecting(seconds, window if seconds < window else 0.0))

    def end(self, attempts: int, unacknowledged: tuple[int, int], *, resumed: bool, fenced: bool) -> None:
        """End the outage, if there was one; ``fenced``: the server will say `Meanwhile`, before which nothing is told.

        ``unacknowledged`` are the messages that go again, and their bytes.
        """
        self._due = self._due + 1 if resumed and fenced else 0
        lost_at, self._lost_at = self._lost_at, None
        self._linked_at = self._clock.seconds()
        self._reason = ""
        if lost_at is None:
            return
        self._untold = LinkBack(self._clock.seconds() - lost_at, attempts, resumed, *unacknowledged)
        if not (resumed and fenced):
            self.settle()

    def fence_passed(self) -> bool:
        """Tell the end of the outage, because the server has said `Meanwhile`; return whether one was due."""
        due = self._due > 0
        self._due -= due
        self.settle()
        return due

    def settle(self) -> None:
        """Tell the end of the outage, if it is over: what happened at the server is known, as far as it will be."""
        back, self._untold = self._untold, None
        if back is None:
            return
        outage, self._outage = self._outage, None
        ended, answered = (outage.ended, outage.pings_answered) if outage is not None else (0, 0)
        self._report(replace(back, ended=ended))
        _log.info(
            "link back: after={after:.3f}s attempts={attempts} resumed={resumed} resent_messages={messages} "
            "resent_bytes={bytes} ended={ended} pings_answered={answered}",
            after=back.after,
            attempts=back.attempts,
            resumed=back.resumed,
            messages=back.resent_messages,
            bytes=back.resent_bytes,
            ended=ended,
            answered=answered,
        )
