"""Numbers of streams: each end opens those of one parity, in rising order, and none twice."""

from sellia.errors import ProtocolError


class StreamNumbers:
    """Numbers given out and seen at one end; ``even``: it opens streams with even numbers (the server does)."""

    __slots__ = ("_last_of_peer", "_next", "peer_parity")

    def __init__(self, even: bool) -> None:
        self._next = 2 if even else 1
        self.peer_parity = 1 - (self._next & 1)
        self._last_of_peer = 0

    def take(self) -> int:
        """Return the number of the next stream that is opened here."""
        number = self._next
        self._next += 2
        return number

    def check(self, number: int) -> None:
        """Raise ProtocolError unless the peer may open a stream with this number now."""
        if number & 1 != self.peer_parity or number <= self._last_of_peer:
            raise ProtocolError("a stream was opened with a number that is not the peer's next")

    def opened(self, number: int) -> None:
        """Note a number that the peer has opened a stream with."""
        self._last_of_peer = number

    def known(self, number: int) -> bool:
        """Whether a stream of this number has ever been opened."""
        if number & 1 == self.peer_parity:
            return 0 < number <= self._last_of_peer
        return 0 < number < self._next
