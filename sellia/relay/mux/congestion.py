"""Congestion control: how much of a session may be in flight on a link, so that nobody waits for bulk.

Need
    A link delivers in order.  What has been handed to it waits in the transport, in two kernels, in every proxy between
    and in the bottleneck's own buffer, and whatever comes later waits behind it: at 1 Mbit/s, 256 KiB of somebody's
    download are two seconds for everybody else.  None of these places can be asked how much is in it.  But acks come
    from the very end of the way, and tell all of it together.

How
    A round trip is measured with a ping that is sent behind a parcel: its pong says that everything before it has
    arrived.  The shortest one is what the way itself takes (``base``).  Bytes that were under way, divided by the time
    until all of them had arrived, are the rate (Little's law).  What may be under way, the *window*, is to make a round
    trip of ``base + delay``, where the delay is ``DELAY`` and as much more as round trips differ from one to the next
    (``jitter``), because some ways are like that:

    * longer than that, for ``SAMPLES`` pings on end: the window becomes ``rate × (base + delay)``, and again at the
      soonest after half of a round trip;
    * not longer, and the window was in use: it grows, to four times as much in a round trip until one has been
      longer by more than half of the delay, and by a quarter in a round trip after that.

    After a pause the whole window would come to the bottleneck at once.  So where less has been under way, only a
    *burst* may be, which is what the way carries in ``DELAY``, and from there on as many more as are acknowledged.
    (RFC 7661 calls that validating a window.)

    Bulk waits while more than the window is unacknowledged.  Credit, resets and what is said of the session do not.
    Parcels are a fifth of the window at most, and a sixteenth once it has been too large: a small record waits for the
    whole parcel before it.  Pings are as dense, for what they acknowledge in one lump is sent in one lump, too.

    So both ends together hold the queue at that delay, whichever of them makes it, and share it: the larger window
    loses more when it is too large.  A delay that stays when the window is at its least is not of our making (another's
    download, or a way that has become longer), and is counted as part of ``base`` from then on.

What it costs
    Where a round trip is never that much longer than the shortest, nothing but some pings: the window grows to the
    limit of what may be unacknowledged at all.  An exchange whose parcels acknowledge each other asks for nothing.

Bounds
    ``LEAST`` to ``MOST`` bytes.  A peer allows a hundred pings a second.  Each ``SHARE`` of the window and half of a
    burst brings one, of ``PINGS`` at most, and of a large window not within ``GAP`` seconds of another.  But there is
    always one where bulk waits and none is under way: its answer is either late, or makes the window grow, which has
    soon outgrown what waits.

What it cannot do
    The first ``FIRST`` bytes on a new link, and what a lost link left to be sent again, are sent before anything is
    known.  A segment that is lost delays what follows it, as in every TCP connection.  Where round trips differ by more
    than a tenth of a second from one to the next, most of a fast link may go unused.

Designs not chosen
    *The kernel's numbers* (TCP_INFO): say nothing of what waits in a proxy, which is where most links end.  *Delay
    alone*, as LEDBAT (RFC 6817) adds and takes bytes by how far it is from the target: slow to learn a rate that is a
    thousand times another.  *BBR's model of the bottleneck*: needs to empty the queue again and again to see the
    shortest round trip; here a link is idle often enough, and pings of idle links count.  *Sending at a rate*: a
    timer for each parcel, where acks do as well.  *A timer for acks at the receiver*: the sender knows when it needs
    one.

Pure: the link says what time it is.
"""

from collections import deque
from typing import Final

from sellia.protocol.limits import ACK_EVERY, KIB, PARCEL_TARGET, REPLAY_LIMIT
from sellia.relay.limits.token_bucket import Bucket, Rate

#: Seconds that a round trip may be longer because of what is under way.  At 1 Mbit/s with 200 ms, this and the jitter
#: that it makes itself use 90 % of the link one way, pauses between transfers included.  RFC 6817 allows 100 ms.
DELAY: Final = 0.04

#: Bytes that may be under way at first, at least and at most.
FIRST: Final = 16 * KIB
LEAST: Final = 4 * KIB
MOST: Final = REPLAY_LIMIT

#: Bytes of the smallest parcel that is aimed for, and of the smallest burst.
SMALLEST_PARCEL: Final = 2 * KIB
SMALLEST_BURST: Final = 2 * SMALLEST_PARCEL

#: Bytes under way with which a round trip tells something of a rate.
TELLING: Final = 2 * KIB

#: Times that a window grows in a round trip, at first and later.
STEEP: Final = 4.0
GENTLE: Final = 1.25

#: The part of a window, as a divisor, after which it is time for a ping.
SHARE: Final = 10

#: A window with which the peer acknowledges, unasked, before it is full.
ACKED_ANYWAY: Final = 2 * ACK_EVERY

#: Pings at once, and a second in the long run; and seconds between two where acks come anyway.
PINGS: Final = Rate(50, 60.0)
GAP: Final = 0.02

#: Round trips, one after the other, of which the shortest counts: a busy moment is none of the way's doing.
SAMPLES: Final = 4

#: Pings that are remembered: more than are ever under way to a peer that answers.
_REMEMBERED: Final = 32


class CongestionWindow:
    """Congestion window of one end of a link, measured by round trips."""

    __slots__ = (
        "_asked",
        "_base",
        "_grown",
        "_jitter",
        "_last",
        "_learnt",
        "_number",
        "_pings",
        "_rate",
        "_rates",
        "_shrunk",
        "_spread",
        "_steep",
        "_trips",
        "shortest",
        "window",
    )

    def __init__(self) -> None:
        self.window = FIRST
        self._base = float("inf")
        #: Seconds of the shortest round trip of all; the base may become longer.
        self.shortest = float("inf")
        self._jitter = 0.0
        self._steep = True
        self._rate = 0.0
        #: When the window was made larger, and when smaller.
        self._grown = self._shrunk = float("-inf")
        self._number = 0
        self._last = float("-inf")
        self._pings = Bucket(PINGS)
        #: The last round trip that the jitter was learned from, and when: those that overlap tell the same.
        self._spread, self._learnt = 0.0, float("-inf")
        #: Number, moment, parcels that had been sent, and bytes that were under way.
        self._asked: deque[tuple[int, float, int, int]] = deque(maxlen=_REMEMBERED)
        self._trips: deque[float] = deque(maxlen=SAMPLES)
        self._rates: deque[float] = deque(maxlen=SAMPLES)

    @property
    def parcel(self) -> int:
        """Target size of a parcel, in bytes."""
        return min(PARCEL_TARGET, max(SMALLEST_PARCEL, self.window // (5 if self._steep else 16)))

    @property
    def burst(self) -> int:
        """Bytes that may be sent at once after a pause; not less than the window where that is large."""
        if self.window >= ACKED_ANYWAY:
            return self.window
        least = FIRST if self._steep else SMALLEST_BURST
        return min(self.window, max(least, int(self._rate * DELAY)))

    @property
    def share(self) -> int:
        """Bytes after which the next ping is due, if it may be sent."""
        return min(self.window // SHARE, self.burst // 2)

    def may_ask(self, now: float, blocked: bool) -> bool:
        """Return whether a ping may be sent now; ``blocked``: bulk waits for what its answer would acknowledge."""
        if blocked and not self._asked:
            return True
        return not self._pings.look(now) and (self.window < ACKED_ANYWAY or now - self._last >= GAP)

    def ask(self, now: float, parcels: int, under_way: int) -> int:
        """Return the number of a ping that is sent behind ``parcels``, with ``under_way`` bytes of them in flight."""
        self._number += 1
        self._last = now
        self._pings.spend(now)
        self._asked.append((self._number, now, parcels, under_way))
        return self._number

    def answered(self, number: int, now: float) -> int:
        """Measure with a pong; return how many parcels have arrived at the peer, 0 for the pong of another ping."""
        asked = self._asked
        while asked and asked[0][0] <= number:
            sent_number, moment, parcels, under_way = asked.popleft()
            if sent_number == number:
                self._learn(now - moment, under_way, now)
                return parcels
        return 0

    def _learn(self, trip: float, under_way: int, now: float) -> None:
        """Adjust the window to a round trip that began with so many bytes in flight."""
        self._base = min(self._base, trip)
        self.shortest = min(self.shortest, trip)
        if under_way < TELLING:
            return
        if now - self._learnt >= self._spread / 4:
            if self._spread:
                # Only what is shorter counts, twice: longer may be of our own making, as while the window grows.
                self._jitter += (2.0 * max(0.0, self._spread - trip) - self._jitter) / 8
            self._learnt, self._spread = now, trip
        self._trips.append(trip)
        self._rates.append(under_way / max(trip, 1e-6))
        self._rate = max(self._rates[-1], self._rate * 0.95)
        allowed = self._base + DELAY + self._jitter
        if trip > allowed - DELAY / 2:
            self._steep = False
        if trip <= allowed:
            self._grow(trip, under_way, now)
        elif len(self._trips) == SAMPLES and min(self._trips) > allowed:
            if self.window <= LEAST:
                self._base = min(self._trips)
            elif now - self._shrunk >= trip / 2:
                self._shrunk = now
                self.window = max(LEAST, min(self.window, int(max(self._rates) * allowed)))

    def _grow(self, trip: float, under_way: int, now: float) -> None:
        """Widen the window if it was in use, by more after a whole round trip than after a part of one."""
        if under_way * (4 if self._steep else 1.5) < self.window:
            return
        growth: float = STEEP if self._steep else GENTLE
        growth **= min(1.0, (now - self._grown) / max(trip, 1e-6))
        self.window = min(MOST, int(self.window * growth))
        self._grown = now
