"""Settings of a client: its server, its key, and the tunnels that it opens.

``tunnels`` in the file describes any number of tunnels by name, all of which share one session; flags describe one.
`load` brings both into one form, and is the one place that turns settings into tunnels.  ``SELLIA_PORT`` is the
server's and is not read here.
"""

from sellia.client.settings.examine import examine, examine_here
from sellia.client.settings.headers import FieldChanges
from sellia.client.settings.keys import KnownServers, UnknownServer
from sellia.client.settings.load import load, load_here
from sellia.client.settings.model import ClientSettings, ProfileSettings
from sellia.client.settings.path import PATH_LIMIT, PathSettings, RouteSettings, shown_routes
from sellia.client.settings.select import NoSuchTunnel, choose, choose_again
from sellia.client.settings.tunnel import TUNNEL_LIMIT, TunnelDefaults, TunnelSettings
from sellia.client.settings.values import GATEWAY_PATH

__all__ = [
    "GATEWAY_PATH",
    "PATH_LIMIT",
    "TUNNEL_LIMIT",
    "ClientSettings",
    "FieldChanges",
    "KnownServers",
    "NoSuchTunnel",
    "PathSettings",
    "ProfileSettings",
    "RouteSettings",
    "TunnelDefaults",
    "TunnelSettings",
    "UnknownServer",
    "examine",
    "examine_here",
    "choose",
    "choose_again",
    "load",
    "load_here",
    "shown_routes",
]
