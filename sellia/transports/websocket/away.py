"""Pings of a WebSocket's peer that this end answers while the link is away.

Need
    Many services and visitors ping (RFC 6455, section 5.5.2) and close a WebSocket whose pong does not come in time, 20
    to 45 seconds into an outage, though the other side is there and only the link is not.  So each end of the link
    answers the pings of its own side for as long as the link is away.

Invariants
    * A ping is answered here or passed on, if there is no place for its pong.  One that was passed on just before the
      loss was noticed is answered as well, and its pong is then not passed on, should it come: each ping has one pong.
    * Pongs leave in the order of their pings, behind all that the peer has been sent, and never inside of a frame that
      is passed on in pieces.
    * A pong of the other side is held back only if it can answer nothing but what was answered here.

Bounds
    ``MOST`` pings are remembered each way, of which the oldest is forgotten first: it is then as if it had never been
    answered here.  The pings of a peer that does not read are passed on, and wait with all else that it says.  How
    often a peer may ping is bounded as ever (`sellia.relay.limits.websocket`).
"""

from collections import deque
from collections.abc import Callable
from typing import Final

#: Pings that are remembered until their pongs come.
MOST: Final = 64


class AwayPings:
    """Pings of one peer.  ``pong`` sends the answer to one; it returns False if there is no place for it now."""

    __slots__ = ("_answered", "_passed", "_pong", "count")

    def __init__(self, pong: Callable[[bytes], bool]) -> None:
        self._pong = pong
        #: Those that were passed on and not answered yet, and those that were both passed on and answered here.
        self._passed: deque[bytes] = deque(maxlen=MOST)
        self._answered: deque[bytes] = deque(maxlen=MOST)
        #: Pings that were answered here since the link was lost.
        self.count = 0

    @property
    def unanswered(self) -> int:
        """Number of pings that were passed on and have no answer, as far as they are remembered."""
        return len(self._passed)

    def received(self, payload: bytes, away: bool) -> bool:
        """Answer a ping of the peer, if the link is ``away``; return False if it is to be passed on."""
        if away and self.catch_up() and self._pong(payload):
            self.count += 1
            return True
        self._passed.append(payload)
        return False

    def lost(self) -> None:
        """Answer what was passed on before the link was lost, and will not be answered for a while."""
        self.count = 0
        self.catch_up()

    def catch_up(self) -> bool:
        """Answer what was passed on, as far as there is a place for pongs; return whether there is."""
        passed = self._passed
        while passed:
            if not self._pong(passed[0]):
                return False
            self._answered.append(passed.popleft())
            self.count += 1
        return True

    def returned(self, payload: bytes) -> bool:
        """Note a pong of the other side; return True if its ping was answered here, so that it is not passed on."""
        awaited = _took(self._passed, payload)
        return _took(self._answered, payload) and not awaited


def _took(pings: deque[bytes], payload: bytes) -> bool:
    """Take this ping and all before it out, which its pong answers as well; False if it is not there."""
    if payload not in pings:
        return False
    while pings.popleft() != payload:
        pass
    return True
