"""Pipe in memory that joins two sessions of one process, as a link and its far end would.

Need
    Our session hands parcels to its link whenever that is writable, and must not be called from inside of a call of
    its own.  What it sends has to wait while the real link is full, and what the counterpart sends must not.

Invariants
    * A session is never called from inside of ``send``: messages wait for :meth:`MemoryPipe.pump`, which the caller
      runs
      before the turn of the reactor ends.
    * Messages arrive in order.  What has arrived is acknowledged at once, so nothing is kept for sending again.

Bounds
    A queue takes messages until it has ``QUEUED`` bytes, and then no more until it has been emptied.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from sellia.protocol import native
from sellia.protocol.limits import PARCEL_TARGET
from sellia.protocol.messages import Ack
from sellia.relay.mux.session import Session

#: Octets in one queue after which the session that fills it has to wait.
QUEUED: Final = PARCEL_TARGET


class _Direction:
    """One direction: the link that the sender sees.  ``open`` says whether messages may move on."""

    __slots__ = ("_open", "_pipe", "messages", "receiver", "sender", "size")

    def __init__(self, pipe: "MemoryPipe", sender: Session, receiver: Session, open: Callable[[], bool]) -> None:
        self._pipe = pipe
        self._open = open
        self.sender = sender
        self.receiver = receiver
        self.messages: deque[bytes] = deque()
        self.size = 0

    @property
    def writable(self) -> bool:
        return self.size < QUEUED and self._open()

    def send(self, message: bytes) -> None:
        self.messages.append(message)
        self.size += len(message)
        self._pipe.wake()

    def move(self) -> bool:
        """Hand over what may be handed over; return whether there was anything."""
        moved = False
        while self.messages and self._open() and not self._pipe.closed:
            message = self.messages.popleft()
            self.size -= len(message)
            moved = True
            if message[0] == native.PARCEL:
                self.receiver.receive(message)
            else:
                said = native.decode_link(message)
                if isinstance(said, Ack):
                    self.receiver.out.acknowledged(said.received)
        if moved and not self._pipe.closed:
            self.sender.out.acknowledged(self.receiver.received)
            self.sender.flush()
        return moved


class MemoryPipe:
    """Pipe to which both sessions are attached, and which carries what they say when it is pumped.

    ``open`` says whether what ``near`` sends may move on now: when it does again, flush ``near`` and call :meth:`wake`.
    ``wanted`` is called when there is something to pump.
    """

    def __init__(self, near: Session, far: Session, open: Callable[[], bool], wanted: Callable[[], None]) -> None:
        self.closed = False
        self._wanted = wanted
        self._waiting = False
        self._pumping = False
        self._out = _Direction(self, near, far, open)
        self._in = _Direction(self, far, near, _always)
        near.attach(self._out, near.received)
        far.attach(self._in, far.received)

    def wake(self) -> None:
        """Ask to be pumped: there may be something to carry."""
        if not self._waiting and not self.closed:
            self._waiting = True
            self._wanted()

    def pump(self) -> None:
        """Carry all that can be carried.  Raises ProtocolError as ``Session.receive`` does."""
        self._waiting = False
        if self._pumping:
            return
        self._pumping = True
        try:
            while self._in.move() | self._out.move():
                pass
        finally:
            self._pumping = False

    def close(self) -> None:
        """Stop carrying.  The sessions are for the caller to detach."""
        self.closed = True
        for way in (self._in, self._out):
            way.messages.clear()
            way.size = 0


def _always() -> bool:
    return True
