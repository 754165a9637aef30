"""How much of a session may be under way on a link at once, so that nobody waits for what is bulky.

Need
    A link delivers in order.  What has been handed to it waits in the transport, in two kernels, in every proxy between
    and in the bottleneck's own buffer, and whatever comes later waits behind it: at 1 Mbit/s, 256 KiB of somebody's
    download are two seconds for everybody else.  None of these places can be asked how much is in it.  But acks come
    from the very end of the way, and tell all of it together.

How
    A round trip is measured with a ping that is sent behind a parcel: its pong says that everything before it has
    arrived.  The shortest one is what the way itself takes (``base``).  Octets that were under way, divided by the time
    until all of them had arrived, are the rate (Little's law).  What may be under way, the *window*, is to make a round
    trip of ``base + delay``, where the delay is half of ``base``, ``LEAST_DELAY`` at least and ``MOST_DELAY`` at most,
    and as much more as round trips differ from one to the next (``jitter``), because some ways are like that:

    * longer than that, for ``SAMPLES`` pings on end: the window becomes ``rate × (base + delay)``;
    * not longer, and the window was in use: it grows, to twice as much until it has been too large for the first time,
      and by a sixteenth after that, which is a quarter in a round trip.

    Bulk waits while more than the window is unacknowledged.  Credit, resets and what is said of the session do not.
    Parcels are a fifth of the window at most, for a small record waits for the whole parcel before it.

    So both ends together hold the queue at that delay, whichever of them makes it, and share it: the larger window
    loses more when it is too large.  A delay that stays when the window is at its least is not of our making (another's
    download, or a way that has become longer), and is counted as part of ``base`` from then on.

What it costs
    Where a round trip is never that much longer than the shortest, nothing but some pings: the window grows to the
    limit of what may be unacknowledged at all.  An exchange whose parcels acknowledge each other asks for nothing.

Bounds
    ``LEAST`` to ``MOST`` octets.  A peer allows a hundred pings a second.  With a window below ``ACKED_ANYWAY`` each
    quarter of it brings one: if their answers are quick, the window has soon grown out of that; if not, four in
    ``LEAST_DELAY`` at most.  Above, there are ``GAP`` seconds between two, because acks come without being asked for.

What it cannot do
    The first ``FIRST`` octets on a new link, and what a lost link left to be sent again, are sent before anything is
    known.  A segment that is lost delays what follows it, as in every TCP connection.  Where round trips differ by more
    than a tenth of a second from one to the next, a part of the link may go unused.

Designs not chosen
    *The kernel's numbers* (TCP_INFO): say nothing of what waits in a proxy, which is where most links end.  *Delay
    alone*, as LEDBAT (RFC 6817) adds and takes octets by how far it is from the target: slow to learn a rate that is a
    thousand times another.  *BBR's model of the bottleneck*: needs to empty the queue again and again to see the
    shortest round trip; here a link is idle often enough, and pings of idle links count.  *A timer for acks at the
    receiver*: the sender knows when it needs one.

Pure: the link says what time it is.
"""

from collections import deque
from typing import Final

from sellia.protocol.limits import ACK_EVERY, KIB, PARCEL_TARGET, REPLAY_LIMIT

#: Seconds that a round trip may be longer because of what is under way.  At 1 Mbit/s with 200 ms, 60 ms and the jitter
#: that it makes itself use 98 % of the link one way and 83 % of it both ways.  RFC 6817 allows 100 ms.
LEAST_DELAY: Final = 0.05
MOST_DELAY: Final = 0.06

#: Octets that may be under way at first, at least and at most.
FIRST: Final = 32 * KIB
LEAST: Final = 8 * KIB
MOST: Final = REPLAY_LIMIT

#: Octets of the smallest parcel that is aimed for.
SMALLEST_PARCEL: Final = 4 * KIB

#: A window with which the peer acknowledges, unasked, before it is full.
ACKED_ANYWAY: Final = 2 * ACK_EVERY

#: Seconds between two pings, where acks come anyway.
GAP: Final = 0.02

#: Round trips, one after the other, of which the shortest counts: a busy moment is none of the way's doing.
SAMPLES: Final = 4

#: Pings that are remembered: more than are ever under way to a peer that answers.
_REMEMBERED: Final = 32


class Pace:
    """What one end of one link knows of the way to the other."""

    __slots__ = ("_asked", "_base", "_jitter", "_last", "_number", "_rates", "_steep", "_trips", "window")

    def __init__(self) -> None:
        self.window = FIRST
        self._base = float("inf")
        self._jitter = 0.0
        self._steep = True
        self._number = 0
        self._last = float("-inf")
        #: Number, moment, parcels that had been sent, and octets that were under way.
        self._asked: deque[tuple[int, float, int, int]] = deque(maxlen=_REMEMBERED)
        self._trips: deque[float] = deque(maxlen=SAMPLES)
        self._rates: deque[float] = deque(maxlen=SAMPLES)

    @property
    def parcel(self) -> int:
        """What a parcel should aim for, in octets."""
        return min(PARCEL_TARGET, max(SMALLEST_PARCEL, self.window // 5))

    @property
    def quarter(self) -> int:
        """After so many octets it is time for the next ping."""
        return self.window // 4

    def may_ask(self, now: float) -> bool:
        """Whether a ping may be sent now, and is worth its cost."""
        return self.window < ACKED_ANYWAY or now - self._last >= GAP

    def ask(self, now: float, parcels: int, under_way: int) -> int:
        """The number for a ping that is sent now, behind so many parcels, of which so many octets are under way."""
        self._number += 1
        self._last = now
        self._asked.append((self._number, now, parcels, under_way))
        return self._number

    def answered(self, number: int, now: float) -> int:
        """A pong has come: how many parcels have arrived at the peer.  0 if the ping was not one of these."""
        asked = self._asked
        while asked and asked[0][0] <= number:
            sent_number, moment, parcels, under_way = asked.popleft()
            if sent_number == number:
                self._learn(now - moment, under_way)
                return parcels
        return 0

    def _learn(self, trip: float, under_way: int) -> None:
        """A round trip took so long, with so many octets under way at its beginning."""
        self._base = min(self._base, trip)
        if under_way < SMALLEST_PARCEL:
            return
        if self._trips:
            # Only what is shorter counts, twice: longer may be of our own making, as while the window grows.
            self._jitter += (2.0 * max(0.0, self._trips[-1] - trip) - self._jitter) / 8
        self._trips.append(trip)
        self._rates.append(under_way / max(trip, 1e-6))
        allowed = self._base + min(MOST_DELAY, max(LEAST_DELAY, self._base / 2)) + self._jitter
        if trip <= allowed:
            if under_way * 4 >= self.window:
                growth = self.window if self._steep else self.window // 16
                self.window = min(MOST, self.window + growth)
        elif len(self._trips) == SAMPLES and min(self._trips) > allowed:
            self._steep = False
            if self.window <= LEAST:
                self._base = min(self._trips)
            else:
                self.window = max(LEAST, min(self.window, int(max(self._rates) * allowed)))
