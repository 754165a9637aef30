"""Visitor's end of a stream that was opened from the inspector."""

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IDelayedCall

from sellia.problems import RESPONSE_TIMEOUT, Problem
from sellia.protocol.messages import Ending, Headers, ResponseHead
from sellia.relay.mux.stream import Stream
from sellia.transports.reactor.waiting import cancel


class VisitLeg:
    """Visitor's end of a request: what comes is the capture's to keep, and is dropped here."""

    def __init__(self, clock: Any, patience: float, over: Callable[["VisitLeg"], None]) -> None:
        self._over = over
        self.stream: Stream
        self.ended = False
        self._timer: IDelayedCall | None = clock.callLater(patience, self._late)

    def _late(self) -> None:
        self.stream.reset(RESPONSE_TIMEOUT)
        self.finish()

    def finish(self) -> None:
        """End: nothing more passes."""
        if not self.ended:
            self.ended = True
            self._answered()
            self._over(self)

    def _answered(self) -> None:
        timer, self._timer = self._timer, None
        cancel(timer)

    # --- a Leg ------------------------------------------------------------------------------------------------

    def head_received(self, head: ResponseHead) -> None:
        if head.status >= 200 or head.status == 101:
            self._answered()

    def data_received(self, data: bytes) -> None:
        """Drop it."""

    def frame_received(self, first: int, payload: bytes) -> None:
        """Drop it."""

    def frame_begun(self, first: int, length: int) -> None:
        """Drop it."""

    def frame_continued(self, payload: bytes) -> None:
        """Drop it."""

    def ending_received(self, ending: Ending) -> None:
        """Nothing: the capture knows."""

    def end_received(self, trailers: Headers) -> None:
        if not self.stream.local_ended:
            self.stream.end()
        self.finish()

    def reset_received(self, problem: Problem, message: str) -> None:
        self.finish()

    def pause_sending(self) -> None:
        """Nothing: all that is sent is in memory anyway."""

    def resume_sending(self) -> None:
        """Nothing."""
