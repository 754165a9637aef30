"""Interface of the account of what all streams of a session hold, which the halves of a stream keep."""

from typing import Protocol


class Ledger(Protocol):
    """Sums over all streams of a session, in bytes of cost (payload and ``RECORD_COST`` for each record)."""

    #: Delivered to legs and not yet taken by their sockets.
    held: int
    #: Waiting in outboxes, and as openings.
    queued: int

    def settled(self, number: int) -> None:
        """Note that the leg of a stream which the peer has ended has taken all that it was given."""
