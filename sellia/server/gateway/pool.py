"""A pool: several clients behind one name, as one upstream.

Need
    Whoever asks for a name finds the service while any of the clients that hold it has one.  A request is given to one
    member (`sellia.relay.pool` chooses), and to another as long as no service has heard of it.

When a request is given to another member
    Where its member's client could not connect to the service; where the client says that it has not asked; where the
    link was lost, or the session ended, before the opening was sent; where the member has no room.  At most once for
    each member, with as much of its body as was kept.  In all other cases the service may have acted on it, and the
    visitor is told what happened.

Invariants
    * Nothing is opened on a member that has left, or whose service fails its health check.
    * What is kept for a request is let go of with the first record of an answer, and with the exchange.

Bounds
    ``MEMBERS`` of a pool; ``KEPT`` bytes of a request's body, and ``ALL_KEPT`` of all requests of a pool.

Cost
    A tunnel that has no pool pays for one look at an attribute for each piece of a body, and a few for each request.
"""

from collections.abc import Callable
from typing import Final, Protocol, cast

from msgspec import structs

from sellia.errors import ProblemError
from sellia.problems import (
    CLIENT_AWAY,
    CLIENT_GONE,
    NOT_ASKED,
    OVERLOADED,
    SERVICE_REFUSED,
    SERVICE_TLS_FAILED,
    SERVICE_UNHEALTHY,
    SERVICE_UNREACHABLE,
    Problem,
)
from sellia.protocol.messages import (
    Headers,
    HttpRequest,
    Notice,
    Opening,
    ResponseHead,
    UpgradeRequest,
    WebSocketRequest,
)
from sellia.relay.mux.session import Session
from sellia.relay.mux.stream import Stream
from sellia.relay.mux.upstream import PlacedLeg, Upstream, VisitorLeg
from sellia.relay.pool import Chooser, Standing
from sellia.relay.sticky import StickyCookies, take_off

#: Clients of one pool.
MEMBERS: Final = 64

#: Bytes of one request's body that are kept for another member, and of all of a pool together.
KEPT: Final = 64 * 1024
ALL_KEPT: Final = 4 * 1024 * 1024

#: Problems that a client tells before its service has heard of a request.
_UNHEARD: Final = frozenset((SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_TLS_FAILED, NOT_ASKED, CLIENT_AWAY))

#: Those of the service itself, which take its member out of service.
_REFUSED: Final = frozenset((SERVICE_REFUSED, SERVICE_UNREACHABLE, SERVICE_TLS_FAILED))


class MemberSession(Upstream, Protocol):
    """Session of a client, as its place in a pool sees it."""

    mux: Session

    @property
    def name(self) -> str:
        """What it is called in the log."""


class Member:
    """A tunnel of one session in a pool."""

    __slots__ = ("_counts", "_out", "cookies", "number", "session", "standing")

    def __init__(self, session: MemberSession, number: int, mark: bytes) -> None:
        self.session = session
        #: Number of the tunnel in the session.
        self.number = number
        # Choices look at these for each request.
        self._out = session.mux.out
        self._counts = session.mux.table.by_tunnel
        self.standing = Standing(mark)
        #: Fields that set the cookie which names it, by whether it is for TLS alone.
        self.cookies: dict[bool, tuple[bytes, bytes]] = {}

    @property
    def attached(self) -> bool:
        """Whether its link is there."""
        return self._out.attached

    @property
    def outstanding(self) -> int:
        """Number of its exchanges that are under way."""
        return self._counts.get(self.number, 0)

    def has_room(self) -> bool:
        """Return whether another exchange breaks no limit."""
        return self.session.refusal(self.number) is None


class Pool:
    """An `Upstream` that spreads exchanges over its members.

    ``sticky`` says by what visitors stay with a member, and ``told`` is called when one is passed over because of what
    its service has refused.
    """

    def __init__(
        self,
        label: str,
        sticky: str,
        secret: bytes,
        now: Callable[[], float],
        told: Callable[["Pool", Member], None] | None = None,
    ) -> None:
        self.label = label
        self.members: list[Member] = []
        self._by_mark: dict[bytes, Member] = {}
        self._chooser = Chooser()
        self._by_address = sticky == "address"
        self.cookies = StickyCookies(secret, label) if sticky == "cookie" else None
        self._now = now
        self._told = told
        #: Member that had room when it was asked for last.
        self._roomy: Member | None = None
        #: Bytes of requests that are kept.
        self.kept = 0

    # --- its members ---------------------------------------------------------------------------------------

    def join(self, session: MemberSession, number: int, mark: bytes) -> Member:
        """Add a member."""
        member = Member(session, number, mark)
        self.members.append(member)
        self._by_mark[mark] = member
        return member

    def leave(self, member: Member) -> None:
        """Take a member out: it gets nothing new, and finishes what it has."""
        self.members.remove(member)
        del self._by_mark[member.standing.mark]

    def clear(self) -> None:
        """Take all members out: the name is another's."""
        self.members.clear()
        self._by_mark.clear()

    def member(self, session: MemberSession, number: int) -> Member | None:
        """Return a session's member by the number of its tunnel."""
        return next((each for each in self.members if each.session is session and each.number == number), None)

    # --- an Upstream ---------------------------------------------------------------------------------------

    @property
    def attached(self) -> bool:
        return any(each.attached for each in self.members)

    @property
    def closed(self) -> bool:
        return not self.members

    def open(self, opening: Opening, leg: VisitorLeg, *, end: bool = False) -> Stream:
        exchange = PooledExchange(self, opening, cast(PlacedLeg, leg), end)
        return exchange.place()

    def refusal(self, tunnel_id: int) -> str | None:
        limit = None
        for each in self.members:
            limit = each.session.refusal(each.number)
            if limit is None:
                self._roomy = each
                break
        return limit

    def notify(self, notice: Notice, now: float) -> None:
        for each in self.members:
            each.session.notify(structs.replace(notice, tunnel=each.number), now)

    # --- for its exchanges ---------------------------------------------------------------------------------

    def choose(self, tried: list[Member], mark: bytes | None, visitor: str) -> Member | None:
        """Return the member for an exchange, which has ``tried`` some; the one with this ``mark`` if it is well."""
        now = self._now()
        roomy, self._roomy = self._roomy, None
        mine = self._by_mark.get(mark) if mark is not None else None
        if mine is not None and mine not in tried:
            standing = mine.standing
            well = mine.attached and not standing.fault and now >= standing.out_until
            if well and (mine is roomy or mine.has_room()):
                return mine
        affinity = visitor if self._by_address else ""
        if not tried:
            chosen = self._chooser.choose(self.members, now, affinity)
            if chosen is None or chosen is roomy or chosen.has_room():
                return chosen
        left = [each for each in self.members if each not in tried and each.has_room()]
        return self._chooser.choose(left, now, affinity)

    def known(self, mark: bytes) -> bool:
        """Return whether there is a member with this mark."""
        return mark in self._by_mark

    def refused(self, member: Member, problem: Problem) -> None:
        """Note that a member's service has refused an exchange, if that is what the problem says."""
        if problem in _REFUSED and member.standing.refused(self._now()) and self._told is not None:
            self._told(self, member)

    def why_nobody(self) -> ProblemError:
        """Return why no member can be asked."""
        if not self.members:
            return ProblemError(CLIENT_GONE)
        return ProblemError(SERVICE_UNHEALTHY if all(each.standing.fault for each in self.members) else OVERLOADED)


class PooledExchange:
    """The `Placement` of one exchange."""

    __slots__ = ("_end", "_leg", "_mark", "_pieces", "_pool", "_size", "_trailers", "_tried", "opening")

    def __init__(self, pool: Pool, opening: Opening, leg: PlacedLeg, end: bool) -> None:
        self._pool = pool
        self._leg = leg
        self._end = end
        self._tried: list[Member] = []
        #: Mark of the member that the visitor's cookie names.
        self._mark: bytes | None = None
        if pool.cookies is not None and isinstance(opening, HttpRequest | WebSocketRequest | UpgradeRequest):
            headers, values = take_off(opening.headers)
            if values:
                opening = structs.replace(opening, headers=headers)
                marks = (pool.cookies.mark_in(value, pool.known) for value in values)
                self._mark = next((mark for mark in marks if mark is not None), None)
        self.opening = opening
        #: What has come of the body; None where it is not kept.
        self._pieces: list[bytes] | None = []
        self._size = 0
        #: Trailers of a request that is complete.
        self._trailers: Headers | None = None
        leg.placement = self

    def place(self) -> Stream:
        """Open the stream at the member that is best now.  Raises ProblemError."""
        pool, opening = self._pool, self.opening
        while True:
            member = pool.choose(self._tried, self._mark, opening.visitor)
            if member is None:
                raise pool.why_nobody()
            self._tried.append(member)
            try:
                if opening.tunnel != member.number:
                    opening = structs.replace(opening, tunnel=member.number)
                return member.session.open(opening, self._leg, end=self._end)
            except ProblemError as error:
                if error.problem not in (OVERLOADED, CLIENT_GONE):
                    raise

    def keep(self, data: bytes) -> None:
        pieces = self._pieces
        if pieces is None:
            return
        size = len(data)
        if self._size + size > KEPT or self._pool.kept + size > ALL_KEPT:
            self.reached()
            return
        self._size += size
        self._pool.kept += size
        pieces.append(data)

    def complete(self, trailers: Headers) -> None:
        self._trailers = trailers

    def again(self, problem: Problem) -> Stream | None:
        pool = self._pool
        pool.refused(self._tried[-1], problem)
        pieces = self._pieces
        if problem not in _UNHEARD or pieces is None or (problem is CLIENT_AWAY and not self._may_move()):
            return None
        try:
            stream = self.place()
        except ProblemError:
            return None
        for piece in pieces:
            stream.send_data(piece)
        if self._trailers is not None and not self._end:
            stream.end(self._trailers)
        return stream

    def _may_move(self) -> bool:
        """Return whether there is a member to go to from one whose link is away, or that has left the pool."""
        members, tried = self._pool.members, self._tried
        gone = tried[-1] not in members
        return any(gone or (each.attached and not each.standing.fault) for each in members if each not in tried)

    def reached(self) -> None:
        self._pieces = None
        self._pool.kept -= self._size
        self._size = 0

    def answered(self, head: ResponseHead, secure: Callable[[], bool]) -> ResponseHead:
        if self._size:
            self.reached()
        cookies = self._pool.cookies
        if cookies is None or self._mark is not None:
            return head
        member, over_tls = self._tried[-1], secure()
        field = member.cookies.get(over_tls)
        if field is None:
            field = member.cookies[over_tls] = cookies.field(member.standing.mark, secure=over_tls)
        return structs.replace(head, headers=[*head.headers, field])
