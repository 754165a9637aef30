"""Joins two sessions of one process, as a link joins those of two.

What either sends arrives at the other before the reactor's turn ends, never inside of the call that sends it: a session
must not be told something while it is in the middle of a flush.

Bounds
    Nothing waits here for longer than a turn, so a pipe is always writable; what a reader does not take is held back by
    the streams' credit, as on any link.
"""

from collections import deque
from collections.abc import Callable

from sellia.errors import ProtocolError
from sellia.protocol import native
from sellia.protocol.messages import Ack
from sellia.relay.session import Session
from sellia.transports.turn import Turn


class PipeEnd:
    """What one session sends into: its link, as far as it knows."""

    __slots__ = ("_pipe", "_waiting", "peer")

    writable = True

    def __init__(self, pipe: "Pipe", peer: Session) -> None:
        self._pipe = pipe
        self._waiting: deque[bytes] = deque()
        #: The session at which it arrives.
        self.peer = peer

    def send(self, message: bytes) -> None:
        """Queue one link message for the other session."""
        self._waiting.append(message)
        self._pipe.wanted()

    def deliver(self) -> None:
        """Hand over what waits."""
        waiting = self._waiting
        while waiting and not self._pipe.cut_off:
            message = waiting.popleft()
            if message[0] == native.PARCEL:
                self.peer.receive(message)
            else:
                said = native.decode_link(message)
                if isinstance(said, Ack):
                    self.peer.acknowledged(said.received)


class Pipe:
    """Between ``near`` and ``far``, both new.  ``broken`` is told when one of them breaks the protocol: our defect."""

    def __init__(self, near: Session, far: Session, turn: Turn, broken: Callable[[ProtocolError], None]) -> None:
        self.cut_off = False
        self._near = near
        self._far = far
        self._turn = turn
        self._broken = broken
        self._wanted = False
        self._ends = PipeEnd(self, far), PipeEnd(self, near)
        near.attach(self._ends[0], far.received)
        far.attach(self._ends[1], near.received)

    def cut(self) -> None:
        """Part the two.  What was on its way is lost."""
        if not self.cut_off:
            self.cut_off = True
            self._near.detach()
            self._far.detach()

    def wanted(self) -> None:
        """For the ends: something waits to be delivered."""
        if not self._wanted:
            self._wanted = True
            self._turn.later(self._deliver)

    def _deliver(self) -> None:
        self._wanted = False
        try:
            for end in self._ends:
                end.deliver()
        except ProtocolError as error:
            self.cut()
            self._broken(error)
