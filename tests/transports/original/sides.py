"""A session whose output is flushed at the end of the reactor's turn, as it is in a process."""

from collections.abc import Callable

from twisted.internet.task import Clock

from sellia.transports.reactor.batching import batch_of
from tests.relay.scripts import Party


class Side(Party):
    """One of the two, flushed at the end of the reactor's turn."""

    def __init__(self, clock: Clock, *, even: bool) -> None:
        self._clock = clock
        super().__init__(even=even)

    def schedule(self, flush: Callable[[], None]) -> None:
        batch_of(self._clock).schedule(flush)
