"""The memory bound of all sessions together: what waits in the process for slow visitors, slow links, and acks.

Each session has bounds of its own, and two thousand that use them up would take more memory than there is.  So all
together have one, ``sessions_memory``: beyond it, the session with the most waiting gives some up, until the sum is
within the bound.  Its streams with the most waiting are reset as overloaded; a session that keeps as much without any
stream, as what its client does not acknowledge, ends.

Bounds: the sum is taken once a second, and every ``SOON`` seconds while it is above half of the bound, so that it is
exceeded by what comes in that time.
"""

from collections.abc import Callable, Iterable
from typing import Final

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from sellia.server.gateway.sessions import ServerSession

#: Seconds between two checks while more than half of the bound is in use.
SOON: Final = 0.05


class FootprintLimit:
    """Bounds the memory of the sessions that ``sessions`` returns; ``end`` ends one."""

    def __init__(
        self,
        limit: int,
        clock: IReactorTime,
        sessions: Callable[[], Iterable[ServerSession]],
        end: Callable[[ServerSession], None],
    ) -> None:
        #: Bytes that all sessions together may have waiting.
        self.limit = limit
        self._clock = clock
        self._sessions = sessions
        self._end = end
        self._call: IDelayedCall | None = None

    def check(self) -> None:
        """Make the sessions with most waiting give some up, while all together are above the bound."""
        sizes = {each: each.footprint for each in self._sessions()}
        total = sum(sizes.values())
        while total > self.limit and sizes:
            fattest = max(sizes, key=sizes.__getitem__)
            before = sizes[fattest]
            fattest.mux.load.shed(total - self.limit)
            after = fattest.footprint
            if after >= before:
                self._end(fattest)
                after = 0
            sizes[fattest] = after
            total += after - before
        if total * 2 > self.limit and self._call is None:
            self._call = self._clock.callLater(SOON, self._again)

    def stop(self) -> None:
        """Cancel the next check."""
        call, self._call = self._call, None
        if call is not None:
            call.cancel()

    def _again(self) -> None:
        self._call = None
        self.check()
