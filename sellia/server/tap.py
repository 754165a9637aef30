"""``twistd sellia-server``: reads the options, checks them, and puts the server's service together."""

import os
from collections.abc import Callable
from typing import Any, Final

from twisted.application.service import IService
from twisted.logger import Logger

from sellia.process import OneLineOptions, allow_descriptors, take_over
from sellia.server.places import SPARE
from sellia.server.settings import ServerSettings, load

#: Descriptors for what is not a connection: listeners, logs, files that are being read; and for places in excess.
_OTHERS: Final = 128 + SPARE

#: Connections that are enough for most.
_MANY: Final = 5_000

_log = Logger()


class Options(OneLineOptions):
    """The flags of a server; once they are parsed, ``settings`` holds all that was set, from wherever it came."""

    synopsis = "[options]"
    longdesc = (
        "Runs a tunnel server: visitors of NAME.DOMAIN reach the service of the client that opened the tunnel NAME. "
        "What is not given here is taken from the environment (SELLIA_HOST, _PORT, _DOMAIN, _USE_HTTPS, _MASTER_KEY, "
        "_OPEN, _REQUIRE_AUTH, _LOG_LEVEL, or each with _FILE added for the path of a file with the value), then from "
        "the file that --config names, in YAML."
    )
    optParameters = [
        [
            "host",
            None,
            None,
            "Address to listen on; :: is IPv6 and IPv4. [default: 0.0.0.0, or loopback for localhost]",
        ],
        ["port", None, None, "TCP port to listen on. [default: 3000]"],
        ["domain", None, None, "Base domain, of which tunnels are subdomains. [default: localhost]"],
        ["master-key", None, None, "API key that clients must then show; better given as SELLIA_MASTER_KEY_FILE."],
        ["log-level", None, None, "info, or debug: a line for each request and frame. [default: info]"],
        ["config", None, None, "Settings file, in YAML."],
    ]
    optFlags = [
        ["https", None, "Public URLs say https: a reverse proxy, or an ssl: endpoint, does TLS."],
        ["open", None, "Let everybody open tunnels: needed beyond loopback where there is no master key."],
        ["require-auth", None, "Refuse to start without a master key; where one is set it is required anyway."],
        ["no-rate-limit", None, "Do without the limits of how often something may happen."],
    ]

    settings: ServerSettings

    def __init__(self) -> None:
        super().__init__()
        self._listen: list[str] = []
        self._trust_proxy: list[str] = []

    def opt_listen(self, endpoint: str) -> None:
        """Twisted endpoint to listen on instead of host and port, as unix:/run/sellia.sock; can be repeated."""
        self._listen.append(endpoint)

    def opt_trust_proxy(self, networks: str) -> None:
        """Address or network of a reverse proxy whose forwarded headers are believed; commas, or repeated."""
        self._trust_proxy.append(networks)

    def postOptions(self) -> None:
        flags: dict[str, object] = {
            "host": self["host"],
            "port": self["port"],
            "listen": self._listen or None,
            "domain": self["domain"],
            "https": True if self["https"] else None,
            "require_auth": True if self["require-auth"] else None,
            "open": True if self["open"] else None,
            "master_key": self["master-key"],
            "log_level": self["log-level"],
            "trust_proxy": self._trust_proxy or None,
            "rate_limit": False if self["no-rate-limit"] else None,
        }
        self.settings = load(flags, os.environ, self["config"])


def makeService(options: Options) -> IService:
    """The server as one service, on the reactor that twistd runs."""
    from twisted.internet import reactor

    from sellia.server.service import make_service
    from sellia.transports.reactor.polling import poll_plainly

    memory = take_over(reactor)
    poll_plainly(reactor)
    service: Any = make_service(_fitting(options.settings), reactor)
    memory.setServiceParent(service)
    return service


def _fitting(settings: ServerSettings, allow: Callable[[int], int] = allow_descriptors) -> ServerSettings:
    """The settings with no more connections, and sessions, than the process may have descriptors for.

    At that limit the system would refuse connections one by one, those of clients as well, and a line in the log each.
    The default is cut to what there is without a word, as long as that is much.  A quarter is for clients, at least.
    """
    wanted = settings.connections + settings.sessions
    room = max(2, allow(wanted + _OTHERS) - _OTHERS)
    if room >= wanted:
        return settings
    sessions = min(settings.sessions, max(room // 4, room - settings.connections))
    connections = min(settings.connections, room - sessions)
    cut = {"connections"} if connections < settings.connections else set()
    cut |= {"sessions"} if sessions < settings.sessions else set()
    if room < _MANY or cut & settings.model_fields_set:
        _log.warn(
            "{connections} connections and {sessions} clients are accepted at once, and not {wanted} together: this "
            "process may have no more files open. Raise that limit (LimitNOFILE= of systemd, or `ulimit -n`), or set "
            "connections to {connections} and sessions to {sessions}",
            connections=connections,
            sessions=sessions,
            wanted=wanted,
        )
    return settings.model_copy(
        update={
            "connections": connections,
            "connections_per_address": min(connections, settings.connections_per_address),
            "sessions": sessions,
            "links_per_key": min(sessions, settings.links_per_key),
        }
    )
