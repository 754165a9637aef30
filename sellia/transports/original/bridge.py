"""Bridge to an original peer: the owner of the counterpart session, which speaks natively for it, and its legs.

How a role uses it
    Subclass :class:`Bridge`.  The link makes one when it is told to carry a session, hands every message of the
    original peer to :meth:`Bridge.heard`, and calls :meth:`Bridge.wake` when its transport has drained and
    :meth:`Bridge.close` when it lets the session go.

    * What *our* session opens comes as :meth:`Bridge.stream_opened`, which returns a :class:`BridgeLeg`; what it says
      of itself (tunnels) as :meth:`Bridge.message_received`.  What the original opens, the role opens with
      ``self.session.open(opening, leg)``.
    * What the original says about an exchange goes to its leg, as ``takers`` say; whatever else it says comes as
      :meth:`Bridge.told`, and what it says of itself is said on to our session with ``self.session.send_control(...)``.
    * :meth:`Bridge.send` says something to the original peer.  It never blocks, and is not to be used for more than
      what a call of a leg or one message of the peer gives cause to: legs are told no more than fits while the
      transport is full.

    A leg that hands its stream what the original has sent does so inside of ``with self.sending():``, which keeps
    account for :mod:`pressure`; and it calls :meth:`Bridge.forget` when the original has nothing more to say about it.

Invariants
    * An id is known from the leg's :meth:`Bridge.register` to its :meth:`Bridge.forget`.  What is said about any other
      is late, or nonsense, and is dropped.
    * What reaches our session is what a native peer could have sent: heads are checked, framing is made right, and
      whatever of the original's has no place is dropped here.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any, ClassVar, Final, Protocol, TypeVar

from twisted.logger import Logger

from sellia.errors import ProtocolError
from sellia.problems import BAD_SERVICE_RESPONSE, INTERNAL, OVERLOADED, Problem
from sellia.protocol.messages import Opening, SessionMessage
from sellia.protocol.original import messages as original
from sellia.protocol.original.messages import MESSAGE_LIMIT, TCP
from sellia.relay.mux.leg import Leg, StrictLeg
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.text import defect, field, shown_target
from sellia.transports.link.keeper import LinkKeeper
from sellia.transports.original.memory_pipe import MemoryPipe
from sellia.transports.original.pressure import Pressure
from sellia.transports.reactor.batching import batch_of

L = TypeVar("L", bound="BridgeLeg")

#: What an exchange can end with that somebody has to mend.
_WORTH_A_LINE: Final = frozenset((BAD_SERVICE_RESPONSE, OVERLOADED))

_TOO_SLOW: Final = "the reader is too slow for a peer that cannot be told to wait"

_log = Logger()


class OriginalPeer(Protocol):
    """What a bridge asks of the link to its original peer."""

    clock: Any
    keeper: LinkKeeper
    remote: str

    @property
    def writable(self) -> bool:
        """Whether the transport takes more."""

    def send(self, message: bytes) -> None:
        """Send one message."""

    def guarded(self, call: Callable[[], None]) -> None:
        """Call this; what it raises ends the link."""

    def pause_reading(self) -> None:
        """Leave the socket unread for a while."""

    def resume_reading(self) -> None:
        """Read on."""

    def came_late(self) -> None:
        """Count a message about an exchange that is not known.  Raises LimitExceeded when there are too many."""


class Bridge:
    """Bridge of one link, for one session.  ``even`` says whether the counterpart stands for a server."""

    #: For each type of message that is about an exchange: the kind of its leg, and that leg's method.
    takers: ClassVar[dict[type, tuple[type["BridgeLeg"], Callable[[Any, Any], None]]]] = {}

    def __init__(self, link: OriginalPeer, session: Session, *, even: bool) -> None:
        self.link = link
        self._turn = batch_of(link.clock)
        self.session = Session(self, self._turn.schedule, even=even)
        self.pressure = Pressure(link.clock, link.pause_reading, link.resume_reading)
        self._legs: dict[str, BridgeLeg] = {}
        self._pipe = MemoryPipe(
            session, self.session, lambda: link.writable, lambda: self._turn.schedule(self._end_of_turn)
        )

    # --- for the link --------------------------------------------------------------------------------------

    def heard(self, message: original.Message) -> None:
        """Give a message of the original peer to its leg.  May raise ProtocolError."""
        taker = self.takers.get(type(message))
        if taker is None:
            self.told(message)
            return
        kind, take = taker
        number = message.connection_id if isinstance(message, TCP) else message.request_id  # type: ignore[union-attr]
        leg = self._legs.get(number)
        if isinstance(leg, kind):
            take(leg, message)
        else:
            self.link.came_late()

    def told(self, message: original.Message) -> None:
        """Act on a message of the original peer that is for no leg.  May raise ProtocolError."""
        raise NotImplementedError

    def wake(self) -> None:
        """Carry what has waited for the link: it takes more."""
        self._pipe.wake()

    def settle(self) -> None:
        """Carry at once what our session has said."""
        self._pipe.pump()

    def close(self, problem: Problem, message: str) -> None:
        """End what is under way and tell the original side as far as it can be: its link has no session any more."""
        self._pipe.close()
        self.pressure.close()
        self.session.close(problem, message)
        self._legs.clear()

    # --- for legs ------------------------------------------------------------------------------------------

    def send(self, message: original.Message) -> None:
        """Send a message to the original peer."""
        self.link.send(original.encode(message))

    def register(self, leg: "BridgeLeg", request_id: str = "") -> str:
        """Register the leg by this id, or by a new one; return the id."""
        if not request_id:
            request_id = new_id()
        self._legs[request_id] = leg
        return request_id

    def leg_of(self, request_id: str, kind: type[L]) -> L | None:
        """Return the leg of that kind which is registered by this id."""
        leg = self._legs.get(request_id)
        return leg if isinstance(leg, kind) else None

    def exceeded(self, request_id: str) -> bool:
        """Fail the exchange whose message was too long to be read; return whether there is such an exchange."""
        leg = self._legs.get(request_id)
        if leg is not None:
            leg.exceeded()
        return leg is not None

    def knows(self, request_id: str) -> bool:
        """Whether a leg is registered by this id."""
        return request_id in self._legs

    def forget(self, leg: "BridgeLeg") -> None:
        """Unregister a leg about which the original has no more to say."""
        self._legs.pop(leg.request_id, None)

    # --- the counterpart's owner ---------------------------------------------------------------------------

    def stream_opened(self, stream: Stream, opening: Opening, end: bool) -> Leg:
        raise ProtocolError("a stream was opened where none can be")

    def message_received(self, message: SessionMessage) -> None:
        raise NotImplementedError

    def leg_failed(self, number: int, leg: Leg, error: Exception) -> None:
        format = "a defect of Sellia's own ended an exchange: id={id} error={error}"
        _log.error(format, id=number, error=defect(error))
        if isinstance(leg, BridgeLeg) and not leg.over:
            leg.reset_received(INTERNAL, "")

    # --- inside --------------------------------------------------------------------------------------------

    def _end_of_turn(self) -> None:
        self.link.guarded(self._pipe.pump)
        self.pressure.look()


def new_id() -> str:
    """Return an id as the original makes them."""
    return token_hex(16)


class BridgeLeg(StrictLeg):
    """Leg of a stream at the counterpart; a subclass for each kind of exchange translates what passes."""

    __slots__ = ("bridge", "over", "request_id", "stream")

    stream: Stream

    def __init__(self, bridge: Bridge) -> None:
        self.bridge = bridge
        self.request_id = ""
        #: Whether nothing more will pass, either way.
        self.over = False

    @contextmanager
    def sending(self) -> Iterator[Stream]:
        """Account for what the original has sent and the stream is handed inside of this context."""
        stream = self.stream
        before = stream.queued
        yield stream
        self.bridge.pressure.grew(self, stream.queued - before)

    def fail(self, problem: Problem, message: str) -> None:
        """End the exchange and say why to our side; the original's is told what :meth:`tell_end` can tell."""
        if self.over:
            return
        self.finish(problem, message)
        self.stream.reset(problem, message)

    def exceeded(self) -> None:
        """Fail the exchange: the original has sent a message about it that is longer than the limit."""
        self.fail(BAD_SERVICE_RESPONSE, f"The other side sent more than {MESSAGE_LIMIT} bytes in one message.")

    def give_up(self) -> None:
        """Reset the exchange as overloaded: the stream's reader is too slow."""
        self.over = False  # its end may have been said already, and waits behind the rest
        self.fail(OVERLOADED, _TOO_SLOW)

    def tell_end(self, problem: Problem, message: str) -> None:
        """Tell the original side that the exchange has ended before its end, if there is a way to say it."""

    def described(self) -> bytes:
        """Return what it is about: a request's target, with whatever helps before it.  The log shows no query."""
        raise NotImplementedError

    # --- from the stream -----------------------------------------------------------------------------------

    def reset_received(self, problem: Problem, message: str) -> None:
        if not self.over:
            self.finish(problem, message)
        else:
            self.bridge.pressure.flows(self)

    def pause_sending(self) -> None:
        self.bridge.pressure.waits(self)

    def resume_sending(self) -> None:
        self.bridge.pressure.flows(self)

    def finish(self, problem: Problem, message: str) -> None:
        """End the leg's part, and tell the original side."""
        self.over = True
        self.bridge.pressure.flows(self)
        self.bridge.forget(self)
        self.tell_end(problem, message)
        if problem in _WORTH_A_LINE:
            link = self.bridge.link
            suppressed = link.keeper.rate_limited_log("original_exchanges")
            if suppressed is not None:
                _log.warn(
                    "{what} failed: {word}: {cause} peer={peer} suppressed={suppressed}",
                    what=shown_target(self.described()),
                    word=problem.code,
                    cause=field(message),
                    peer=field(link.remote),
                    suppressed=suppressed,
                )
