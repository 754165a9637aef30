"""Choice among the members of a pool: which of several clients behind one name gets a visitor's request.

Need
    Requests go where least is under way; a member whose service refuses them, or fails its health check, is passed over
    for a while; a visitor that is to stay with one member does, and one that leaves takes no other member's visitors
    with it.

Invariants (``tests/relay/test_pool.py`` tries them with any pool)
    * A member that must not be asked, because its service fails its check, is never chosen.
    * Of two members one is never chosen while another is *better placed*: attached and in service, then attached, then
      away and in service, then away.
    * Among equals in that, without an affinity, whoever has fewest exchanges is chosen; of several, whoever was chosen
      longest ago.

Bounds
    A member is remembered with its last ``REFUSALS`` refusals.  A choice looks at each member once.

Designs not chosen
    *Two members at random, and the better of them* (power of two choices): pays where there are hundreds, and makes two
    members behave unevenly.  *A ring of hashes*: for as few members, rendezvous hashing needs no table, and is even.
    *Weights*: nobody has asked.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Final, Protocol, TypeVar

#: Refusals within so many seconds that take a member out of service.
REFUSALS: Final = 3
REFUSAL_SECONDS: Final = 10.0

#: Seconds for which it is out the first time, and at most: they double each time that it is no better afterwards.
OUT_SECONDS: Final = 10.0
OUT_LIMIT: Final = 60.0

#: Bytes of what tells a member from others in cookies and hashes.
MARK: Final = 8


class Standing:
    """Record of one member: what its service has refused, and what its client says of its health."""

    __slots__ = ("_out_for", "_refusals", "chosen", "fault", "mark", "out_until")

    def __init__(self, mark: bytes) -> None:
        #: What tells it from others.
        self.mark = mark
        #: Number of the choice that it was last the result of.
        self.chosen = 0
        #: What its client says is wrong with its service; empty if nothing is.
        self.fault = ""
        #: Time until which it is passed over.
        self.out_until = 0.0
        self._out_for = OUT_SECONDS
        self._refusals: list[float] = []

    def refused(self, now: float) -> bool:
        """Count a refusal of the service; return whether the member is out of service from now on because of it."""
        self._refusals = [each for each in self._refusals if each > now - REFUSAL_SECONDS][1 - REFUSALS :]
        self._refusals.append(now)
        if len(self._refusals) < REFUSALS:
            return False
        again = now < self.out_until + self._out_for
        self._out_for = min(2.0 * self._out_for, OUT_LIMIT) if self.out_until and again else OUT_SECONDS
        self.out_until = now + self._out_for
        self._refusals.clear()
        return True


class Candidate(Protocol):
    """Member of a pool, as a choice sees it."""

    standing: Standing

    @property
    def attached(self) -> bool:
        """Whether it can be reached now."""

    @property
    def outstanding(self) -> int:
        """Number of its exchanges that are under way."""


CandidateT = TypeVar("CandidateT", bound=Candidate)


class Chooser:
    """Chooses members of one pool, in turn where nothing else decides."""

    __slots__ = ("_choices",)

    def __init__(self) -> None:
        self._choices = 0

    def choose(self, candidates: Iterable[CandidateT], now: float, affinity: str = "") -> CandidateT | None:
        """Return the candidate for a request, or None where none may be asked.

        Requests with one ``affinity`` that is not empty go to one member, as long as there is none better placed.
        """
        best: CandidateT | None = None
        place = outstanding = turn = 0
        for each in candidates:
            standing = each.standing
            if standing.fault:
                continue
            rank = (0 if each.attached else 2) + (now < standing.out_until)
            if best is not None and rank > place:
                continue
            count = -_weight(standing.mark, affinity) if affinity else each.outstanding
            if best is None or rank < place or (count, standing.chosen) < (outstanding, turn):
                best, place, outstanding, turn = each, rank, count, standing.chosen
        if best is not None:
            self._choices += 1
            best.standing.chosen = self._choices
        return best


def _weight(mark: bytes, affinity: str) -> int:
    """Return the weight of a member for a visitor (rendezvous hashing)."""
    digest = blake2b(affinity.encode("utf-8", "replace"), digest_size=8, key=mark).digest()
    return int.from_bytes(digest, "big")
