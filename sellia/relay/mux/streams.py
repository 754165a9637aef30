"""Table of the streams of a session: which are open, what they hold together, which go when that is too much.

Invariants (``check_invariants`` holds them in tests)
    * ``held`` is what the legs of ``open`` and ``leaving`` have been given and have not taken; ``queued`` is what waits
      in all outboxes, and as openings; ``by_tunnel`` counts the streams that were opened here.
    * A stream is in ``open`` or in ``leaving``, or in neither.
"""

from collections.abc import Callable
from itertools import chain

from sellia.relay.mux.leg import NULL_LEG
from sellia.relay.mux.stream import Stream


class StreamTable:
    """Streams of one session, and its `Ledger`.  ``peer_parity`` is that of the numbers of the peer's streams."""

    def __init__(self, peer_parity: int) -> None:
        self.open: dict[int, Stream] = {}
        #: Streams that have ended both ways while their legs still hold what they were given.
        self.leaving: dict[int, Stream] = {}
        self.held = 0
        self.queued = 0
        self.by_tunnel: dict[int, int] = {}
        #: How many of those in ``open`` were opened here, and by the peer.
        self.ours = self.peer_open = 0
        self._peer_parity = peer_parity

    def add(self, stream: Stream) -> None:
        """Count a stream that has been opened, for its tunnel if we opened it."""
        self.open[stream.id] = stream
        if stream.id & 1 == self._peer_parity:
            self.peer_open += 1
        else:
            self.ours += 1
            self.by_tunnel[stream.tunnel] = self.by_tunnel.get(stream.tunnel, 0) + 1

    def settled(self, number: int) -> None:
        """Note that the leg of a stream which the peer has ended has taken all that it was given."""
        self.leaving.pop(number, None)

    def finished(self, stream: Stream) -> None:
        """Forget a stream of which both directions have ended, once all of it has left.

        What its leg still holds counts until the leg calls ``flow`` or ``reset``.
        """
        sending, receiving = stream.sending, stream.receiving
        if not sending.drained:
            return
        self.remove(stream)
        if receiving.untaken and receiving.stalled:
            self.leaving[stream.id] = stream
        elif not sending.paused:
            sending.leg = receiving.leg = NULL_LEG  # or each would keep the other for the garbage collector to find

    def release(self, stream: Stream) -> None:
        """Count what the stream's leg held no more."""
        receiving = stream.receiving
        self.held -= receiving.untaken
        receiving.untaken = 0
        self.leaving.pop(stream.id, None)

    def end(self, stream: Stream) -> None:
        """End a stream now: nothing of it is sent or counted any more."""
        self.release(stream)
        self.remove(stream)
        stream.sending.ended = stream.receiving.ended = True
        stream.sending.discard()

    def clear(self) -> list[Stream]:
        """End all streams, and return those that were open, whose legs are to be told."""
        streams = list(self.open.values())
        for stream in tuple(self.leaving.values()):
            self.release(stream)
        self.open.clear()
        self.by_tunnel.clear()
        self.ours = self.peer_open = 0
        return streams

    def remove(self, stream: Stream) -> None:
        """Take a stream out of ``open``.  Harmless for one that is not there."""
        if self.open.pop(stream.id, None) is None:
            return
        if stream.id & 1 == self._peer_parity:
            self.peer_open -= 1
            return
        self.ours -= 1
        left = self.by_tunnel[stream.tunnel] - 1
        if left:
            self.by_tunnel[stream.tunnel] = left
        else:
            del self.by_tunnel[stream.tunnel]

    # --- too much ------------------------------------------------------------------------------------------

    def relieve_held(self, limit: int, drop: Callable[[Stream], None]) -> None:
        """``drop`` the streams whose legs hold most, until all together hold no more than ``limit`` bytes."""
        while self.held > limit:
            stream = max(chain(self.open.values(), self.leaving.values()), key=lambda each: each.untaken)
            if not stream.untaken:
                break
            drop(stream)

    def relieve_queued(self, limit: int, drop: Callable[[Stream], None]) -> None:
        """``drop`` the streams of which most waits to be sent, until no more than ``limit`` bytes do."""
        if self.queued <= limit:
            return
        for stream in sorted(self.open.values(), key=lambda each: each.sending.waiting, reverse=True):
            drop(stream)
            if self.queued <= limit:
                return

    def shed(self, excess: int, drop: Callable[[Stream], None]) -> None:
        """``drop`` the streams that keep most, held and waiting together, until ``excess`` bytes are released."""
        least = self.held + self.queued - excess
        streams = {stream: stream.untaken + stream.sending.waiting for stream in self.open.values()}
        streams.update((stream, stream.untaken) for stream in self.leaving.values())
        for stream in sorted(streams, key=streams.__getitem__, reverse=True):
            if self.held + self.queued <= least or not streams[stream]:
                return
            drop(stream)

    def check_invariants(self) -> None:
        """For tests: raise AssertionError where the module's invariants do not hold."""
        assert self.held == sum(stream.untaken for stream in chain(self.open.values(), self.leaving.values()))
        assert self.queued == sum(stream.sending.waiting for stream in self.open.values())
        ours = [stream.tunnel for number, stream in self.open.items() if number & 1 != self._peer_parity]
        assert self.by_tunnel == {tunnel: ours.count(tunnel) for tunnel in ours}
        assert self.ours == len(ours)
        assert self.peer_open == sum(number & 1 == self._peer_parity for number in self.open)
        assert not self.leaving.keys() & self.open.keys()
        for stream in self.open.values():
            stream.check_invariants()
