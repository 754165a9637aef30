"""Who takes nothing of what is sent.  It is looked at once a second and costs nothing in between."""


class Stall:
    """For how long a peer has taken nothing of what waits for it.

    What is added in the meantime is not mistaken for progress: only when less waits than before something was taken.
    As long as something waits, nothing is added without end, because a stream's window bounds it.
    """

    __slots__ = ("_left", "_since")

    def __init__(self, now: float) -> None:
        self._left = 0
        self._since = now

    def seconds(self, left: int, now: float) -> float:
        """So many octets wait now."""
        if left < self._left:
            self._since = now
        self._left = left
        return now - self._since
