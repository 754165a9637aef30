"""The server as one Twisted service: built from settings, started and stopped with its parent."""

from random import Random, SystemRandom
from typing import Any, Protocol

from twisted.application.service import MultiService
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.web.server import Site

from sellia import __version__
from sellia.private_names import require
from sellia.protocol.messages import TunnelKind
from sellia.relay.http.hosts import public_url
from sellia.relay.ports import PortMemory, parse_range
from sellia.relay.registry import TunnelRegistry
from sellia.server.base_domain.api import Api
from sellia.server.base_domain.base_domain import BaseDomain
from sellia.server.base_domain.offer import Offer
from sellia.server.base_domain.pages import base_site
from sellia.server.dns import Dns
from sellia.server.drain import Drain
from sellia.server.gateway.domains import DomainProofs
from sellia.server.gateway.gateway import Gateway
from sellia.server.gateway.keys import KeyStore
from sellia.server.gateway.pools import Holder
from sellia.server.ingress.ingress import Ingress
from sellia.server.ingress.tcp import TcpIngress
from sellia.server.ingress.udp import UdpIngress
from sellia.server.limiter import Limiter
from sellia.server.listeners.accepting import pause_where_full
from sellia.server.listeners.endpoints import ListeningService
from sellia.server.listeners.factory import VisitorFactory
from sellia.server.listeners.ports import Listen, PortListeners
from sellia.server.listeners.proxy_protocol import ProxyProtocolFactory
from sellia.server.listeners.sni import SniFactory, share
from sellia.server.reload import compare, tell
from sellia.server.settings import BACKLOG, ServerSettings, check_door
from sellia.server.settings.values import address_and_port
from sellia.transports.reactor.verbosity import verbosity
from sellia.transports.udp.flow import DATAGRAM_LIMIT
from sellia.transports.websocket.startup import prepare_autobahn

_log = Logger()


class Tenancy(Protocol):
    """Accounts of a server, as it uses them; they are a service besides."""

    @property
    def keys(self) -> KeyStore:
        """Their key store."""

    @property
    def ports(self) -> PortMemory:
        """The ports that their tunnels have had."""

    @property
    def proofs(self) -> DomainProofs:
        """The domains that they have shown to be theirs."""

    @property
    def operations(self) -> Any:
        """What can be asked of them, once they are attached: `sellia.server.accounts.operations.Operations`."""

    def attach(self, gateway: Gateway, ingress: Ingress) -> None:
        """Hold a gateway's clients, and their visitors, to the accounts."""

    def set_settings(self, settings: ServerSettings) -> None:
        """Take other settings from now on."""

    def setServiceParent(self, parent: Any) -> None:
        """Start and stop with a service."""


class ServerService(MultiService):
    """Service of ingress, gateway and listeners.  ``stopService`` drains before it fires (`sellia.server.drain`).

    With ``listen`` False it has no listeners of its own: visitors and clients come by way of somebody else's
    `Site`, through the resources in :mod:`sellia.server.embedding.resource`.  Public URLs then say ``public_port``, or
    ``port``.  ``keys`` is the key store, the master key of the settings by default;
    ``port_memory`` keeps which ports tunnels had, and ``domain_proofs`` who has shown control of domains, by default
    for as long as the process runs.  With ``accounts``, all of these are theirs (`sellia.server.accounts`).
    """

    #: The admin API on its endpoint, if there is one.
    admin: Any = None

    def __init__(
        self,
        settings: ServerSettings,
        reactor: Any,
        random: Random | None = None,
        *,
        listen: bool = True,
        keys: KeyStore | None = None,
        port_memory: PortMemory | None = None,
        domain_proofs: DomainProofs | None = None,
        accounts: Tenancy | None = None,
    ) -> None:
        super().__init__()
        require("server")
        if listen and keys is None:
            check_door(settings)
        self._listens = listen
        self._has_keys = keys is not None
        if accounts is not None:
            keys, port_memory, domain_proofs = accounts.keys, accounts.ports, accounts.proofs
        self.accounts = accounts
        self.settings = settings
        self.registry: TunnelRegistry[Holder] = TunnelRegistry(
            hold_seconds=settings.resume_window, per_owner=settings.tunnels_per_owner, total=settings.tunnels
        )
        self.guard = Limiter(settings, reactor)
        random = random or SystemRandom()
        self._reactor = reactor
        self.ports = PortListeners(self._kinds_with_ports(), self.registry, reactor, random, port_memory)
        self.ports.offers_tls = settings.tls_tunnels and listen
        self.registry.released = self.ports.settle
        zones = Dns(reactor, self._dns_server)
        self.gateway = Gateway(
            settings, self.registry, reactor, random, self.guard, keys, self.ports, domain_proofs, zones
        )
        site, strangers_site = self._sites = self._base_sites()
        rooms = BaseDomain(self.gateway, self.registry, site, reactor.seconds, strangers_site)
        self.ingress = Ingress(settings, self.registry, rooms, reactor, self.guard)
        if accounts is not None:
            accounts.attach(self.gateway, self.ingress)
            accounts.setServiceParent(self)
            self._serve_admin(accounts.operations, rooms)
        self._tcp = TcpIngress(self.ingress)
        self._udp = UdpIngress(self.ingress)
        self.factory = VisitorFactory(self.ingress)
        self.listening = ListeningService(
            settings.endpoints if listen else (),
            self.factory,
            reactor,
            proxied=ProxyProtocolFactory(self.ingress, self.factory),
            passing=SniFactory(self._tcp, None),
            share=share(self._tcp) if settings.tls_tunnels else None,
            failed=self.guard.cannot_accept,
            certificates=settings.tls_cert if listen else (),
        )
        self.listening.setServiceParent(self)
        self._stopping: list[Deferred[None]] = []

    def _serve_admin(self, operations: Any, rooms: BaseDomain) -> None:
        """Serve the admin APIs that the settings ask for."""
        from sellia.server.admin.service import serve_admin

        self.admin = serve_admin(self, operations, rooms, self._sites, self._reactor, listen=self._listens)

    def _dns_server(self) -> tuple[str, int] | None:
        """Return the DNS server that the settings name."""
        return address_and_port(self.settings.dns_server) if self.settings.dns_server is not None else None

    def _kinds_with_ports(self) -> dict[TunnelKind, tuple[range, Listen]]:
        """Return the kinds of tunnels that the settings give ports to, each with its range."""
        kinds: dict[TunnelKind, tuple[range, Listen]] = {}
        if self.settings.tcp_ports is not None:
            kinds[TunnelKind.TCP] = parse_range(self.settings.tcp_ports), self._listen_tcp
        if self.settings.udp_ports is not None:
            kinds[TunnelKind.UDP] = parse_range(self.settings.udp_ports), self._listen_udp
        return kinds

    def _listen_udp(self, port: int, label: str) -> Any:
        """Listen on a port for the datagrams of the tunnel with that label."""
        address = self.settings.tunnel_address
        return self._reactor.listenUDP(port, self._udp.port(label), interface=address, maxPacketSize=DATAGRAM_LIMIT + 1)

    def _listen_tcp(self, port: int, label: str) -> Any:
        """Listen on a port for the visitors of the tunnel with that label."""
        factory, address = self._tcp.factory(label), self.settings.tunnel_address
        listening = self._reactor.listenTCP(port, factory, backlog=BACKLOG, interface=address)
        pause_where_full(listening, self._reactor, self.guard.cannot_accept)
        return listening

    def _base_sites(self) -> list[Site]:
        """Return the base domain's sites, for the operator and for strangers."""
        api, offer = Api(self.gateway), Offer(self._reactor)
        return [
            base_site(self.settings, health, lambda: self.gateway.public_port, api, offer)
            for health in (self.gateway.health, self.gateway.brief_health)
        ]

    def startService(self) -> None:
        verbosity.begin(self.settings.log_level)
        prepare_autobahn()
        self.gateway.draining = self.ingress.draining = False
        super().startService()
        if not self.gateway.public_port:  # whichever was free
            for address in self.listening.addresses():
                port = getattr(address, "port", None)
                if port:
                    self.gateway.public_port = port
                    break
        self.ingress.start()
        _log.info(
            "Sellia {version} serves {url}",
            version=__version__,
            url=public_url(None, self.settings.domain, self.gateway.public_port, self.settings.https),
        )
        self._tell_of_open_door()
        for caution in self.settings.cautions:
            _log.warn("{caution}", caution=caution)

    def reload(self, wanted: ServerSettings) -> None:
        """Run with other settings from now on, as far as that needs no restart, and log what has changed.

        Raises `SettingsError` where they cannot be used, and then nothing has changed (`sellia.server.reload`).
        """
        running = self.settings
        change = compare(running, wanted, any_door=self._has_keys or not self._listens)
        endpoints, named = (change.settings.endpoints, change.settings.tls_cert) if self._listens else ((), ())
        use_certificates = self.listening.prepare_certificates(endpoints, named)
        self.settings = settings = change.settings
        self.guard.set_limits(settings)
        self.gateway.set_limits(settings)
        self.ingress.set_settings(settings)
        if self.accounts is not None:
            self.accounts.set_settings(settings)
        if self.admin is not None:
            self.admin.set_settings(settings)
        self.ports.offer(self._kinds_with_ports())
        for site in self._sites:
            site.resource.settings = settings
        if self.running:
            verbosity.end(running.log_level)
            verbosity.begin(settings.log_level)
        tell(change, running, wanted, use_certificates())
        sessions = len(self.gateway.sessions)
        if "master_key" in change.changed and sessions:
            _log.warn(
                "{sessions} sessions go on that were opened before the key changed; a restart would end them",
                sessions=sessions,
            )

    def _tell_of_open_door(self) -> None:
        settings = self.settings
        if settings.key_required or self._has_keys:
            return
        if self._listens and settings.local_only and not (settings.https or settings.trust_proxy):
            _log.info("no master key is set: every program on this machine may open tunnels")
        else:
            _log.warn("no master key is set: everybody who reaches this server may open tunnels")

    def stopService(self) -> Deferred[None]:
        if not self.running:
            return maybeDeferred(super().stopService)
        stopped: Deferred[None] = Deferred()
        self._stopping.append(stopped)
        if len(self._stopping) == 1:
            Deferred.fromCoroutine(self._stop()).addBoth(self._stopped)
        return stopped

    def _stopped(self, result: Any) -> None:
        stopping, self._stopping = self._stopping, []
        for each in stopping:
            each.callback(result)

    async def _stop(self) -> None:
        drain = Drain(self.gateway, self.ingress, self.settings.drain_timeout)
        finished = drain.finish_up()
        await self.ports.stop()  # a port has no words for a visitor who comes now
        await finished
        await self.listening.stop_listening()
        await drain.part()
        self.ingress.stop()
        verbosity.end(self.settings.log_level)
        await maybeDeferred(super().stopService)


def make_service(settings: ServerSettings, reactor: Any) -> ServerService:
    """The service that ``twistd sellia-server`` runs.  Raises SettingsError where its database cannot be used."""
    if not settings.keeps_accounts:
        return ServerService(settings, reactor)
    from sellia.server.accounts.start import open_accounts

    return ServerService(settings, reactor, accounts=open_accounts(settings, reactor))
