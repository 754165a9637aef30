"""Exponential backoff with full jitter: the time from the start of one attempt to the start of the next.

Need
    A visitor is waiting: when the network is back after half a second, so should the client be, and not after the
    delay that it happened to have drawn.  But a server that restarts has lost all of its clients in one moment, and
    must not have them all back in another.

How
    The first attempt after a loss is immediate.  For ``QUICK_FOR`` seconds after it, attempts that *fail* (refused,
    unreachable) follow each other after ``QUICK_LEAST`` to ``QUICK_MOST`` seconds, if there is a session to go on with.
    From then on delays grow by half each from ``FIRST_DELAY``, and each is cut by a random factor between 0 and 1 (full
    jitter).  They grow to ``LONGEST_IN_WINDOW`` while the server keeps the session, and after that to
    ``LONGEST_DELAY``.  Who has been told that the server stops, or been refused, leaves out all that is quick and
    begins with ``POLITE_DELAY``.

    An attempt that has *no answer* is different: what it is waiting for may come, and a slow server must not be asked
    again and again.  Another is made beside it after ``BESIDE_LEAST`` to ``BESIDE_MOST`` seconds while the connection
    is not there, which is what a network that swallows everything looks like.  Where it is there and the server says
    nothing, it is after ``PATIENCE`` seconds, or three times as long as the last welcome took, and twice as long after
    each time that was too little, up to ``LONGEST_PATIENCE``; within the window up to ``LONGEST_IN_WINDOW``, unless
    three times the last welcome is more.  Never before the delay is over.

Arithmetic
    *An outage of less than* ``QUICK_FOR``: attempts are on average 62 ms apart and the return of the network falls
    somewhere between two, so the next is E(x²) / 2E(x) = 35 ms away on average, and 100 ms at most.  After an outage of
    2 s, half of all clients are back within 0.35 s, and 99 of 100 within 2 s.

    *A herd*: n clients whose delays have grown to d make n / (d / 2) attempts a second, which is 0.2 n / d in 100 ms.
    Delays that grow by half and are cut to half on average come to d = (T - 1) / 1.5 in a loss that has lasted for T
    seconds, the quick second left out: 0.3 n / (T - 1) in 100 ms.  A server that was killed and is away for 2.2 s
    meets a quarter of its clients in its busiest 100 ms, one that is away for 4 s a tenth.  One that says goodbye
    meets a fifth of them at the soonest.  Who is away for less than the quick second meets all at once, as they do who
    lose all of their links and stay: it is what an immediate first attempt means.

    Within the window delays stop at 5 s, so from T = 9 s on it is 4 of 100 in 100 ms, and all are back within 5 s.

    *Work made in vain*: forty attempts at most in the quick second.

Pure: time and chance are passed in.
"""

from random import Random
from typing import Final

#: Seconds after a loss for which failed attempts are repeated quickly, and between two of these, at random.
QUICK_FOR: Final = 1.0
QUICK_LEAST: Final = 0.025
QUICK_MOST: Final = 0.1

#: Backoff: the first delay in seconds, the first after a refusal, the factor of growth, and the longest delay.
FIRST_DELAY: Final = 0.25
POLITE_DELAY: Final = 1.0
GROWTH: Final = 1.5
LONGEST_DELAY: Final = 30.0

#: Seconds: the longest delay, and the longest wait for a welcome, while the server keeps the session.
LONGEST_IN_WINDOW: Final = 5.0

#: Seconds without a connection after which another attempt is made beside the first, at random.
BESIDE_LEAST: Final = 0.25
BESIDE_MOST: Final = 0.5

#: Seconds without a welcome, from the start of an attempt, after which another is made beside it: first and longest.
PATIENCE: Final = 2.0
LONGEST_PATIENCE: Final = 10.0

#: Timeout of an attempt, in seconds.  Longer than any patience: what is under way at a server that is busy is
#: nearer to its answer than whatever could be begun instead.
ATTEMPT_TIME: Final = 30.0


class Backoff:
    """Backoff of one client."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._delay = FIRST_DELAY
        self._quick_until = self._window_until = 0.0
        self._patience = PATIENCE
        self._unanswered = 0

    def lost(self, now: float, window: float) -> None:
        """Start over after the loss of a link; ``window``: seconds for which the server keeps the session, or 0."""
        self._delay = FIRST_DELAY
        self._quick_until = now + QUICK_FOR if window > 0.0 else now
        self._window_until = now + window

    def unwanted(self) -> None:
        """Leave out the quick attempts: the server stops, or refuses for now, and has told every client so."""
        self._quick_until = 0.0
        self._delay = max(self._delay, POLITE_DELAY)

    def welcomed(self, after: float) -> None:
        """Adapt the patience to a welcome that came ``after`` seconds from the attempt's start."""
        self._patience = max(PATIENCE, 3.0 * after)
        self._unanswered = 0

    def unanswered(self) -> None:
        """Double the patience: a connection stayed without a word for as long as ``without_welcome`` said."""
        self._unanswered = min(self._unanswered + 1, 10)

    def after_failure(self, now: float) -> float:
        """Return the seconds from the start of an attempt, ``now``, to the next, if it fails.  Called once for each."""
        if now < self._quick_until:
            return self._random.uniform(QUICK_LEAST, QUICK_MOST)
        delay = self._delay
        self._delay = min(delay * GROWTH, LONGEST_IN_WINDOW if now < self._window_until else LONGEST_DELAY)
        return delay * self._random.random()

    def without_connection(self, delay: float) -> float:
        """Return the same for an attempt without a connection; ``delay`` is what ``after_failure`` returned."""
        return max(delay, self._random.uniform(BESIDE_LEAST, BESIDE_MOST))

    def without_welcome(self, now: float, delay: float) -> float:
        """Return the same for a connection without a word from the server."""
        longest = LONGEST_PATIENCE
        if now < self._window_until:
            longest = min(longest, max(self._patience, LONGEST_IN_WINDOW))
        return max(delay, min(self._patience * 2.0**self._unanswered, longest))
