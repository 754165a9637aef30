"""The server, the public end of the tunnel: visitors arrive at its ingress, links at its gateway.

The names below are the Python API of the server, described in ``docs/api.rst``.  They are loaded when they are first
used: twistd lists its plugins without them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sellia.server.embedding.resource import GatewayResource, TunnelResource
    from sellia.server.service import ServerService
    from sellia.server.settings import ServerSettings

__all__ = ["GatewayResource", "ServerService", "ServerSettings", "TunnelResource"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = {"ServerService": "service", "ServerSettings": "settings"}.get(name, "embedding.resource")
    return getattr(import_module(f"{__name__}.{home}"), name)
