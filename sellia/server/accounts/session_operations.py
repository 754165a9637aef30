"""Operations on what is there now: sessions of clients, and how the server is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from math import isfinite
from typing import Any

from sellia.errors import ProblemError
from sellia.problems import KICKED, NO_SUCH_THING
from sellia.protocol.http_api import NATIVE, ORIGINAL
from sellia.protocol.messages import TunnelKind
from sellia.server.accounts.holders import Holder, place_of
from sellia.server.accounts.key_store import MASTER_ID
from sellia.server.accounts.parts import Actor, Parts
from sellia.server.gateway.kinds import KINDS
from sellia.server.gateway.sessions import ServerSession
from sellia.storage.records import Event
from sellia.text import printable
from sellia.transports.original.server_side.bridge import AGENT


@dataclass(frozen=True, slots=True)
class LiveTunnel:
    """A tunnel of a session."""

    name: str
    kind: str
    url: str
    streams: int


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A client that is connected, or comes back within its window."""

    id: str
    log_name: str  #: as the log calls it
    account_id: str | None
    key_id: str
    key_prefix: str
    address: str
    agent: str
    dialect: str  #: ``native`` or ``original``
    state: str
    since: datetime  #: when it began
    rtt: float | None  #: seconds of the shortest round trip
    tunnels: tuple[LiveTunnel, ...]
    streams: int
    bytes_in: int  #: of its tunnels since they were opened
    bytes_out: int


def session_id(session: ServerSession) -> str:
    """Return by what a session is known outside: it says nothing of its token."""
    return f"ses_{sha256(session.token).hexdigest()[:16]}"


class SessionOperations:
    """Operations on the sessions of one server."""

    def __init__(self, parts: Parts, count: Callable[[], dict[str, Any]]) -> None:
        self._parts = parts
        self._count = count

    def sessions(self, account: str | None = None) -> list[LiveSession]:
        """Return all sessions, or those of an account, the oldest first.  Raises ProblemError."""
        wanted = None if account is None else self._parts.account(account).id
        found = [self._shown(each) for each in self._parts.gateway.sessions.values()]
        return [each for each in found if wanted in (None, each.account_id)]

    def session(self, session: str) -> LiveSession:
        """Return one session by its id.  Raises ProblemError."""
        return self._shown(self._find(session))

    def kick(self, session: str, *, reason: str = "", by: Actor) -> LiveSession:
        """End a session; its client is told so, and does not come back by itself.  Raises ProblemError."""
        parts, found = self._parts, self._find(session)
        shown = self._shown(found)
        why = printable(reason, 200)
        message = f"The operator of the server has ended this session: {why}" if why else ""
        parts.gateway.dismiss(found, KICKED, "an operator ended it", message)
        detail = {"session": shown.log_name, "account": shown.account_id, "reason": why}
        parts.recorder.event(
            Event(parts.today(), "session.kicked", by.account_id, by.key_prefix, by.address, shown.id, detail)
        )
        return shown

    def overview(self) -> dict[str, Any]:
        """Return how the server is: what ``/health`` tells its operator, and more."""
        parts = self._parts
        return {
            **self._count(),
            "database": parts.threads.state.value,
            "accounts": len(parts.live.accounts),
            "keys": len(parts.live.keys),
            "names": len(parts.live.names),
            "requests": parts.meters.asked,
            "at": parts.today(),
            "waiting": parts.recorder.waiting,
        }

    # --- inside ----------------------------------------------------------------------------------------------

    def _url(self, label: str, kind: str) -> str:
        gateway = self._parts.gateway
        return KINDS[TunnelKind(kind)].url(label, gateway.settings, gateway.public_port)

    def _find(self, wanted: str) -> ServerSession:
        for session in self._parts.gateway.sessions.values():
            if wanted in (session_id(session), session.name):
                return session
        raise ProblemError(NO_SUCH_THING, f"There is no session {printable(wanted, 64)!r}.")

    def _shown(self, session: ServerSession) -> LiveSession:
        parts, owner = self._parts, session.owner
        registry = parts.gateway.registry
        own = [(each.label, each.kind.value, each.tunnel_id) for each in registry.tunnels_of(session)]
        own += [(label, "http", number) for number, label in session.pools.items()]
        by_tunnel = session.mux.table.by_tunnel
        meters = [parts.meters.tunnel(label) for label, _, _ in own]
        key = parts.live.keys.get(owner.key)
        trip = session.link.trip if session.link is not None else None
        return LiveSession(
            session_id(session),
            session.name,
            owner.names.account_id if isinstance(owner.names, Holder) else None,
            owner.key,
            key.prefix if key is not None else "master" if owner.key == MASTER_ID else "",
            session.remote,
            session.agent,
            ORIGINAL if session.agent == AGENT else NATIVE,
            session.state.value,
            parts.today() - timedelta(seconds=parts.gateway.clock.seconds() - session.since),
            trip if trip is not None and isfinite(trip) else None,
            tuple(
                LiveTunnel(place_of(label)[1], kind, self._url(label, kind), by_tunnel.get(number, 0))
                for label, kind, number in own
            ),
            len(session.mux.streams),
            sum(each.bytes_in for each in meters if each is not None),
            sum(each.bytes_out for each in meters if each is not None),
        )
