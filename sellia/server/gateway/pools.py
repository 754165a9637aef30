"""Pools of a gateway: who may join one, and what becomes of it as its members come and go.

The first client that asks for a name with ``TunnelOptions.pool`` makes a pool, which is what the name is bound to.
Others join it where all of this holds: they have shown the same key; all ask for a pool; and what they ask of the
server is the same, because a visitor cannot know which of them will answer.  An address is no key: neighbours behind
one router would share what they do not know of each other.

A pool counts as one name of its owner's account, and each place in it as a tunnel of its client.  When the last member
goes, the name is free or held as that of any tunnel is.
"""

import secrets
from typing import Final, TypeAlias, cast

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from sellia.errors import ProblemError
from sellia.problems import FORBIDDEN, NAME_TAKEN, TOO_MANY_TUNNELS
from sellia.protocol.messages import OpenTunnel, ServiceHealth, TunnelKind
from sellia.relay.limits.limit_log import LimitLog
from sellia.relay.passwords import Credentials
from sellia.relay.pool import MARK
from sellia.relay.ports import called
from sellia.relay.registry import Tunnel, TunnelRegistry
from sellia.server.gateway.pool import MEMBERS, Member, MemberSession, Pool
from sellia.server.gateway.sessions import ServerSession
from sellia.text import field, printable

#: What names are bound to.
Holder: TypeAlias = ServerSession | Pool

#: Characters of what a client says is wrong with its service.
_FAULT: Final = 200

_STICKY: Final = ("", "cookie", "address")

#: Options that are a client's own affair, or compared as ``auth``.
_OWN: Final = frozenset(("slot", "passwords", "digests"))

_log = Logger()


class Pools:
    """All pools of a gateway, which are in its registry."""

    def __init__(self, registry: TunnelRegistry[Holder], clock: IReactorTime) -> None:
        self._registry = registry
        self._clock = clock
        self._lines = LimitLog()
        self._secret = secrets.token_bytes(32)

    def check(self, session: ServerSession, wanted: OpenTunnel) -> None:
        """Raise ProblemError for a wish that no pool can fulfil."""
        options = wanted.options
        if options.sticky not in _STICKY:
            detail = f"This server knows no way to be sticky that is called {printable(options.sticky, 32)!r}."
            raise ProblemError(FORBIDDEN, detail)
        if not options.pool:
            if options.sticky:
                raise ProblemError(FORBIDDEN, "Only a pool can be sticky: ask for one with --pool.")
            return
        if wanted.kind != TunnelKind.HTTP:
            raise ProblemError(
                FORBIDDEN, f"A {printable(wanted.kind, 16)} tunnel cannot be a pool: only http ones can."
            )
        if not session.has_key:
            detail = "A pool needs an API key, so that nobody else at your address can join it: give --api-key."
            raise ProblemError(FORBIDDEN, detail)

    def find(
        self, session: ServerSession, label: str, wanted: OpenTunnel, auth: Credentials | None
    ) -> Tunnel[Holder] | None:
        """Return the tunnel of the pool that a client may join.  Raises ProblemError if it has no room."""
        bound = self._registry.by_name.get(label)
        if bound is None or not wanted.options.pool or bound.owner != session.owner.names:
            return None
        pool = bound.upstream
        if not isinstance(pool, Pool) or differences(bound, wanted, auth):
            return None
        if len(pool.members) >= MEMBERS:
            raise ProblemError(TOO_MANY_TUNNELS, f"The pool of this name has {MEMBERS} clients, which is the limit.")
        return bound

    def make(self, label: str, wanted: OpenTunnel) -> Pool:
        """Return an empty pool, to be bound to a name."""
        return Pool(label, wanted.options.sticky, self._secret, self._clock.seconds, self._passed_over)

    def join(self, tunnel: Tunnel[Holder], session: ServerSession, number: int) -> None:
        """Make a client's tunnel a member of the pool that ``tunnel`` leads to."""
        pool = tunnel.upstream
        assert isinstance(pool, Pool)
        pool.join(session, number, secrets.token_bytes(MARK))
        session.pools[number] = tunnel.label
        self.look(session)

    def why_taken(
        self, session: ServerSession, label: str, wanted: OpenTunnel, auth: Credentials | None
    ) -> ProblemError | None:
        """Return why a client cannot have a name of its own owner, where one of the two has to do with pools."""
        bound = self._registry.by_name.get(label)
        if bound is None or bound.owner != session.owner.names:
            return None
        if not isinstance(bound.upstream, Pool):
            detail = f"{called(label)} is in use by a client of yours that was started without --pool."
            return ProblemError(NAME_TAKEN, detail) if wanted.options.pool else None
        if not wanted.options.pool:
            return ProblemError(NAME_TAKEN, f"{called(label)} is in use by a pool of yours: join it with --pool.")
        differ = differences(bound, wanted, auth)
        if not differ:
            return None
        what = ", ".join(differ)
        detail = f"{called(label)} is in use by a pool of yours whose clients were started with another {what}."
        return ProblemError(NAME_TAKEN, detail)

    # --- what happens to members ---------------------------------------------------------------------------

    def look(self, session: ServerSession) -> None:
        """Note that the link of a session has come or gone."""
        for number in session.pools:
            pool, _ = self._member(session, number)
            if pool is not None and pool.attached:
                self._registry.back(pool)
            elif pool is not None:
                self._registry.away(pool)

    def adopt(self, session: ServerSession) -> None:
        """Move pools whose only client is this one to its owner, as when that one's address changes."""
        for number in session.pools:
            pool, _ = self._member(session, number)
            if pool is not None and all(each.session is session for each in pool.members):
                self._registry.adopt(pool, session.owner.names, session.owner.account)

    def health(self, session: ServerSession, message: ServiceHealth) -> None:
        """Note what a client says of its service."""
        pool, member = self._member(session, message.tunnel)
        if pool is None or member is None:
            return
        fault = "" if message.healthy else printable(message.reason, _FAULT) or "The service fails its health check."
        before, member.standing.fault = member.standing.fault, fault
        if bool(before) != bool(fault):
            self._tell("in service again" if message.healthy else "out of service", pool, session, fault)

    def leave(self, session: ServerSession, number: int, *, held: bool = False) -> Tunnel[Holder] | None:
        """Take a session's tunnel out of its pool; return the pool's own tunnel if its name is given up for that.

        What has not been sent to its client yet goes to another member.
        """
        pool, member = self._member(session, number)
        label = session.pools.pop(number, "")
        if pool is None or member is None:
            return None
        pool.leave(member)
        session.move_on(number)
        tunnel = self._registry.by_name.get(label)
        if pool.members:
            self._tell("left", pool, session, "")
            if not pool.attached:
                self._registry.away(pool)
            return None
        assert tunnel is not None
        self._registry.release(tunnel, self._clock.seconds(), held=held)
        return tunnel

    def leave_all(self, session: ServerSession, *, held: bool) -> list[Tunnel[Holder]]:
        """Take a session out of all its pools; return the tunnels of those whose names are given up for that."""
        left = [self.leave(session, number, held=held) for number in tuple(session.pools)]
        return [tunnel for tunnel in left if tunnel is not None]

    def sessions(self, pool: Pool) -> list[ServerSession]:
        """Return the sessions of a pool's members."""
        return [cast(ServerSession, each.session) for each in pool.members]

    def dissolve(self, pool: Pool) -> list[tuple[ServerSession, int]]:
        """Take all members out of a pool whose name somebody else has got; return their sessions and numbers."""
        members = [(cast(ServerSession, each.session), each.number) for each in pool.members]
        pool.clear()
        for session, number in members:
            del session.pools[number]
        return members

    # --- inside --------------------------------------------------------------------------------------------

    def _member(self, session: ServerSession, number: int) -> tuple[Pool, Member] | tuple[None, None]:
        bound = self._registry.by_name.get(session.pools.get(number, ""))
        if bound is None or not isinstance(bound.upstream, Pool):
            return None, None
        member = bound.upstream.member(session, number)
        return (bound.upstream, member) if member is not None else (None, None)

    def _passed_over(self, pool: Pool, member: Member) -> None:
        self._tell("out of service", pool, member.session, "its service has refused three requests within 10 s")

    def _tell(self, what: str, pool: Pool, session: MemberSession, why: str) -> None:
        suppressed = self._lines.count(what, self._clock.seconds())
        if suppressed is not None:
            _log.info(
                "pool member {what}: name={name} session={session} members={members} reason={why} "
                "suppressed={suppressed}",
                what=what,
                name=field(pool.label),
                session=field(session.name),
                members=len(pool.members),
                why=field(why or "-"),
                suppressed=suppressed,
            )


def differences(bound: Tunnel[Holder], wanted: OpenTunnel, auth: Credentials | None) -> list[str]:
    """Return the names of what a pool's members ask of the server and this client does not, or the other way round."""
    mine, theirs = wanted.options, bound.options
    names = [
        name for name in mine.__struct_fields__ if name not in _OWN and getattr(mine, name) != getattr(theirs, name)
    ]
    if (auth is None) != (bound.auth is None) or (auth is not None and auth != bound.auth):
        names.insert(0, "auth")
    return names
