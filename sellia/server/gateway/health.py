"""Health of a gateway in numbers, as ``/health`` and the drain show them to those who run the server."""

from typing import Any, Protocol

from sellia import __version__
from sellia.relay.mux.counters import LinkCounters
from sellia.server.gateway.sessions import ServerSession
from sellia.server.limiter import Limiter


class Tunnels(Protocol):
    """The registry, as far as its names are counted."""

    @property
    def count(self) -> int:
        """The number of bound names."""


class Counted(Protocol):
    """The gateway, as far as it is counted."""

    draining: bool
    sessions: dict[bytes, ServerSession]
    counters: LinkCounters
    guard: Limiter

    @property
    def registry(self) -> Tunnels:
        """The names of tunnels."""

    @property
    def link_count(self) -> int:
        """The number of sessions that have a link."""


def health_of(gateway: Counted) -> dict[str, Any]:
    """Return the version, what there is of everything, and how often each limit was reached."""
    return {
        "version": __version__,
        "draining": gateway.draining,
        "sessions": len(gateway.sessions),
        "links": gateway.link_count,
        "tunnels": gateway.registry.count,
        "streams": sum(len(each.mux.streams) for each in gateway.sessions.values()),
        **gateway.counters.as_dict(),
        "connections": gateway.guard.connections.count,
        "limits": gateway.guard.refusals.as_dict(),
    }
