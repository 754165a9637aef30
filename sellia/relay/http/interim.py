"""Rate limit of the interim responses (1xx) of an exchange: by rate and size, not by their number.

A service that works for an hour may send one every few seconds.  What comes faster than the rate is dropped, as any
proxy may (RFC 9110, section 15.2), because an end that refused it would blame a burst that an outage of the link made.
"""

from typing import Final

from sellia.protocol.messages import Headers

#: Interim responses that pass at once, and in a second in the long run; each 2 KiB of one count as one more.
BURST: Final = 100
PER_SECOND: Final = 10.0


class InterimPace:
    """Token bucket for interim responses.  ``now`` is in seconds and never goes back."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, now: float) -> None:
        self._tokens = float(BURST)
        self._at = now

    def take(self, now: float, size: int) -> bool:
        """Return whether one more passes now, with a header section of ``size`` bytes."""
        cost = 1.0 + size // 2048
        self._tokens = min(float(BURST), self._tokens + (now - self._at) * PER_SECOND)
        self._at = now
        if self._tokens < cost:
            return False
        self._tokens -= cost
        return True


def section_size(headers: Headers) -> int:
    """Return the bytes of a header section as it stands on the wire."""
    return sum(len(name) + len(value) + 4 for name, value in headers)
