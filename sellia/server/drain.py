"""Graceful shutdown of a server: exchanges end, WebSockets are closed, clients are told.

Steps
    1. New visitors get 503 and are told when to come back; clients are told with go-away.  Links stay, and those that
       are lost may come back, because exchanges need them.  Listeners stay, so that visitors get an answer, and so
       that ``/ready`` says 503 to whoever balances load.
    2. HTTP exchanges come to their end.  WebSockets are closed with 1012, a few at a time, because all who were on
       them will want to connect elsewhere.
    3. As soon as nothing is open any more, or when the time is up: the listeners close, clients are told goodbye, and
       whatever is left is told that the server restarts.
    4. Closing handshakes are waited for, a moment, so that nobody sees a connection break that was closed.  Whoever
       has connected just before the listeners closed is read and answered.

Bounds
    ``seconds`` for 1 and 2, ``FAREWELL`` for 4.  WebSockets are closed at ``PACE`` a second, or faster when that would
    take more than ``SPREAD`` of the time.
"""

from collections import deque
from typing import Final

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from sellia.problems import SERVER_DRAINING
from sellia.server.gateway.gateway import Gateway
from sellia.server.ingress.ingress import Ingress
from sellia.transports.reactor.waiting import wait_for
from sellia.transports.websocket.pipe import WebSocketLeg

#: WebSockets closed a second, if there is time for that.
PACE: Final = 10.0

#: Part of the time in which all WebSockets are closed.
SPREAD: Final = 0.8

#: Seconds for closing handshakes after the listeners have closed.
FAREWELL: Final = 3.0

#: Seconds, of these, for what visitors sent before the listeners closed.
LAST_WORDS: Final = 0.1

#: Seconds between two checks of what is still open.
_STEP: Final = 0.05

_log = Logger()


class Drain:
    """Shuts one server down: call :meth:`finish_up`, stop listening, then call :meth:`part`."""

    def __init__(self, gateway: Gateway, ingress: Ingress, seconds: float) -> None:
        self._gateway = gateway
        self._ingress = ingress
        self._clock = gateway.clock
        self._seconds = seconds
        self._waiting: deque[WebSocketLeg] = deque()
        self._began = 0.0
        self._pace = PACE
        self._closed = 0
        self._quiet_from = 0.0

    def finish_up(self) -> "Deferred[bool]":
        """Begin nothing new; the Deferred fires when all is over, with False if the time was not enough."""
        self._began = self._clock.seconds()
        self._gateway.drain(self._seconds)
        self._ingress.drain()
        self._waiting.extend(self._ingress.pipes.open)
        self._pace = max(PACE, len(self._waiting) / (self._seconds * SPREAD))
        if self._busy():
            _log.info(
                "draining: streams={streams} websockets={websockets} within={seconds:g}s",
                streams=self._gateway.health()["streams"],
                websockets=len(self._waiting),
                seconds=self._seconds,
            )
        finished = wait_for(self._clock, self._look, self._seconds, _STEP)
        finished.addCallback(self._tell)
        return finished

    def part(self) -> "Deferred[bool]":
        """End all sessions; the Deferred fires when all connections are closed, or after ``FAREWELL`` seconds."""
        self._gateway.stop()
        self._quiet_from = self._clock.seconds() + (LAST_WORDS if self._ingress.connections else 0.0)
        return wait_for(self._clock, self._parted, FAREWELL, _STEP)

    # --- inside --------------------------------------------------------------------------------------------

    def _look(self) -> bool:
        if not self._waiting:  # handshakes that were under way have become WebSockets
            self._waiting.extend(pipe for pipe in self._ingress.pipes.open if not pipe.ending)
        due = int((self._clock.seconds() - self._began) * self._pace) + 1
        for _ in range(min(due - self._closed, len(self._waiting))):
            pipe = self._waiting.popleft()
            if pipe.close(SERVER_DRAINING.close_code or 1012, SERVER_DRAINING.close_reason()):
                self._closed += 1
            else:
                self._waiting.append(pipe)
        return not self._busy()

    def _busy(self) -> bool:
        self._gateway.turn.run()  # what has been said in this turn leaves, or is seen to wait
        return self._ingress.busy or any(
            each.link is not None and not each.mux.quiet for each in self._gateway.sessions.values()
        )

    def _parted(self) -> bool:
        self._gateway.turn.run()
        if self._clock.seconds() < self._quiet_from:
            return False
        return not self._ingress.busy and not self._gateway.open_links

    def _tell(self, finished: bool) -> bool:
        if not finished:
            _log.warn(
                "drained in part: streams={streams} websockets={websockets} are cut off after {seconds:g}s",
                streams=self._gateway.health()["streams"],
                websockets=len(self._ingress.pipes.open),
                seconds=self._seconds,
            )
        return finished
