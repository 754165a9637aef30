"""The private end of the tunnel: it keeps a link to a server and dials the service for each stream.

The names below are the Python API of the client, described in ``docs/api.rst``.  They are loaded when they are first
used: twistd lists its plugins, and the command line its help, without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sellia.client.events import (
        Connected,
        Event,
        LinkBack,
        LinkLost,
        Listener,
        Problem,
        Reconnecting,
        Refused,
        RequestFinished,
        RequestStarted,
        RequestWaiting,
        ResponseStreaming,
        ServerStopping,
        TunnelClosed,
        WebSocketClosed,
        WebSocketOpened,
        WebSocketRefused,
    )
    from sellia.client.service import ClientService
    from sellia.client.settings import ClientSettings, TunnelSettings

__all__ = [
    "ClientService",
    "ClientSettings",
    "Connected",
    "Event",
    "LinkBack",
    "LinkLost",
    "Listener",
    "Problem",
    "Reconnecting",
    "Refused",
    "RequestFinished",
    "RequestStarted",
    "RequestWaiting",
    "ResponseStreaming",
    "ServerStopping",
    "TunnelClosed",
    "TunnelSettings",
    "WebSocketClosed",
    "WebSocketOpened",
    "WebSocketRefused",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = {"ClientService": "service", "ClientSettings": "settings", "TunnelSettings": "settings"}.get(name, "events")
    return getattr(import_module(f"{__name__}.{home}"), name)
