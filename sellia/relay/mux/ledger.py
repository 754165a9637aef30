"""The session's account of what its streams hold, as the halves of a stream keep it."""

from typing import Protocol


class Ledger(Protocol):
    """Sums over all streams of a session, in bytes of cost (payload and ``RECORD_COST`` for each record)."""

    #: Delivered to legs and not yet taken by their sockets.
    held: int
    #: Waiting in outboxes, and as openings.
    queued: int

    def settled(self, number: int) -> None:
        """The leg of a stream that the peer has ended has taken all that it was given."""
