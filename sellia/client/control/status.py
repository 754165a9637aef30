"""What a client tells of itself: its process, its link, its tunnels, and who is in them.  No secrets.

Every field of the JSON object is described in ``docs/cli.rst``; they are only ever added.
"""

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

import sellia
from sellia.client.events import UnderWay
from sellia.client.service import ClientService
from sellia.client.tunnel import Tunnel
from sellia.client.under_way import under_way
from sellia.text import printable


@dataclass(frozen=True, slots=True)
class About:
    """How a client was started: its command, and the file that its output goes to once it is detached."""

    command: str
    log: str | None = None


def status_of(client: ClientService, about: About, since: float, now: float) -> dict[str, Any]:
    """Return what a client does at ``now``; both times are in seconds since the epoch."""
    return {
        "pid": os.getpid(),
        "command": about.command,
        "version": sellia.__version__,
        "since": moment(since),
        "seconds": round(max(0.0, now - since), 3),
        "directory": _directory(),
        "log": about.log,
        "server": client.settings.server,
        "link": _link(client),
        "stopping": client.session.stopping,
        **counts(client.under_way()),
        "tunnels": [_tunnel(tunnel, client) for tunnel in client.session.tunnels],
    }


def counts(open_now: UnderWay) -> dict[str, int]:
    """Return how many exchanges of each kind are open."""
    requests, websockets, connections, *_ = open_now
    return {"requests": requests, "websockets": websockets, "connections": connections}


def moment(seconds: float) -> str:
    """Return seconds since the epoch as a time of RFC 3339, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None


def _link(client: ClientService) -> dict[str, Any]:
    session = client.session.session
    outages = client.session.outages
    up = session is not None and session.attached
    trip = client.round_trip
    return {
        "state": "up" if up else "lost" if outages.lasts else "connecting",
        "seconds": round(outages.lasted, 3),
        "round_trip": round(trip, 6) if up and isfinite(trip) else None,
        "reason": None if up else printable(outages.reason) or None,
    }


def _name(tunnel: Tunnel) -> str | None:
    """Return what a tunnel is called: by its settings, or where these only number it, in public."""
    name = tunnel.settings.name
    return name if name and not name.isdigit() else tunnel.name or tunnel.settings.wanted


def _tunnel(tunnel: Tunnel, client: ClientService) -> dict[str, Any]:
    session = client.session.session
    streams = [each for each in session.streams.values() if each.tunnel == tunnel.number] if session is not None else []
    pipes = [pipe for service in tunnel.routes for pipe in service.pipes.open]
    settings = tunnel.settings
    return {
        "name": _name(tunnel),
        "kind": tunnel.kind.value,
        "state": tunnel.state.value,
        "subdomain": tunnel.name or settings.wanted,
        "url": tunnel.url or None,
        "urls": [tunnel.url, *tunnel.more] if tunnel.url else [],
        "targets": [{"path": route.prefix, "target": str(route.target)} for route in settings.routes],
        "protected": settings.auth is not None or settings.auth_file is not None,
        **counts(under_way(streams, pipes)),
    }
