"""The settings of a server: fields with their defaults, bounds, flags, variables and places in the file."""

from collections.abc import Mapping
from typing import ClassVar, Self

from pydantic import model_validator

from sellia.server.settings.limits import LimitSettings
from sellia.server.settings.listening import endpoint_of, is_local, is_local_name, port_of_urls
from sellia.server.settings.relations import check_together
from sellia.server.settings.values import (
    ADMIN_ENDPOINT,
    AdminEndpoint,
    DatabaseSecret,
    Directory,
    DnsServer,
    Domain,
    Endpoints,
    Files,
    ForwardedFields,
    Host,
    Path,
    Peers,
    PortRange,
)
from sellia.settings import LogLevel, Port, Seconds, Secret, setting


class ServerSettings(LimitSettings):
    """All that a server needs to know, checked."""

    RENAMED: ClassVar[Mapping[str, str]] = {
        "links_per_key": "sessions_per_owner",
        "tunnels_per_key": "tunnels_per_owner",
        "failed_auth_burst": "auth_failures_burst",
        "failed_auth_rate": "auth_failures_rate",
    }

    host: Host | None = setting(
        None,
        "Address to listen on, such as 127.0.0.1; :: is IPv6 and IPv4. [default: 0.0.0.0, or loopback for localhost]",
        flag="ADDRESS",
        variable="SELLIA_HOST",
    )
    port: Port = setting(3000, "TCP port to listen on, from 1 to 65535.", flag="PORT", variable="SELLIA_PORT")
    listen: Endpoints = setting(
        (),
        "Twisted endpoint to listen on instead of host and port, such as unix:/run/sellia.sock; with haproxy: in front "
        "of it, one asks for the PROXY protocol. Can be repeated.",
        flag="ENDPOINT",
    )
    domain: Domain = setting(
        "localhost", "Base domain, of which tunnels are subdomains.", flag="NAME", variable="SELLIA_DOMAIN"
    )
    https: bool = setting(
        False,
        "Public URLs say https: a reverse proxy, or an ssl: endpoint, does TLS.",
        flag="switch",
        variable="SELLIA_USE_HTTPS",
    )
    public_port: Port | None = setting(
        None, "Port in public URLs, if it is neither the usual one for https nor the one listened on."
    )
    master_key: Secret | None = setting(
        None,
        "API key that clients must then show, a long random text (`openssl rand -hex 24` makes one); better given as "
        "SELLIA_MASTER_KEY_FILE.",
        flag="KEY",
        variable="SELLIA_MASTER_KEY",
    )
    open: bool = setting(
        False,
        "Let everybody open tunnels: needed beyond loopback, and behind a proxy, where there is no master key.",
        flag="switch",
        variable="SELLIA_OPEN",
    )
    require_auth: bool | None = setting(
        None,
        "Let in only those who have a key: one of an account, for which there must be a state_dir or a storage, or the "
        "master key; where that is set, it is required anyway.",
        flag="switch",
        variable="SELLIA_REQUIRE_AUTH",
    )
    state_dir: Directory | None = setting(
        None,
        "Directory for what the server remembers (accounts, keys, names, events, usage), in a database sellia.db; it "
        "is made where there is none. Without it, and without storage, nothing outlives the server.",
        flag="DIR",
        variable="SELLIA_STATE_DIR",
    )
    storage: DatabaseSecret | None = setting(
        None,
        "URL of another database than the one in the state directory: postgresql://USER:PASSWORD@HOST/DATABASE, or "
        "sqlite:///FILE; with a password in it better given as SELLIA_STORAGE_FILE.",
        flag="URL",
        variable="SELLIA_STORAGE",
    )
    admin_listen: AdminEndpoint | None = setting(
        None,
        "Twisted endpoint of the admin API, on loopback unless interface= says otherwise; none for no admin API. "
        f"[default: {ADMIN_ENDPOINT} where there are accounts]",
        flag="ENDPOINT",
        variable="SELLIA_ADMIN_LISTEN",
    )
    original_admin: bool = setting(
        False,
        "Answer the original Sellia's own admin commands, at /api/admin/ of the base domain.",
        flag="switch",
    )
    events_kept: Seconds = setting(
        90 * 86400.0, "Time after which an event is deleted, such as 90d.", path="retention.events"
    )
    usage_kept: Seconds = setting(
        800 * 86400.0, "Time after which a day's usage is deleted, such as 800d.", path="retention.usage"
    )
    trust_proxy: Peers = setting(
        (),
        "Address or network of a reverse proxy whose forwarded headers are believed, such as 127.0.0.1, 10.0.0.0/8 "
        "or unix; several with commas, or repeated.",
        flag="ADDRESS",
    )
    forwarded_fields: ForwardedFields = setting(
        (),
        "Names of further fields that trusted proxies set, such as X-Forwarded-Prefix: all other X-Forwarded-* but "
        "-For, -Proto, -Host and -Port are dropped.",
    )
    interim_responses: Peers = setting(
        (),
        "Addresses and networks of reverse proxies that know interim responses, such as 103 Early Hints: all others "
        "are sent none but a 100 that they asked for.",
    )
    tcp_ports: PortRange | None = setting(
        None,
        "Ports that tcp tunnels are given, such as 20000-29999; without it there are none.",
        flag="FIRST-LAST",
        variable="SELLIA_TCP_PORTS",
    )
    udp_ports: PortRange | None = setting(
        None,
        "Ports that udp tunnels are given, such as 20000-29999; without it there are none.",
        flag="FIRST-LAST",
        variable="SELLIA_UDP_PORTS",
    )
    tunnel_host: Host | None = setting(
        None, "Address on which the ports of tunnels listen. [default: that of --host]", flag="ADDRESS"
    )
    tls_tunnels: bool = setting(
        False,
        "Pass TLS through to tls tunnels, by the name that visitors ask for: at ssl: endpoints, which they share with "
        "the server's own TLS, and at those with sni: in front.",
        flag="switch",
    )
    tls_cert: Files = setting(
        (),
        "Certificate that ssl: endpoints show for the names in it, as for domains of tunnels: a PEM file, with the key "
        "in it or beside it, or a directory of those. Can be repeated.",
        flag="PATH",
        variable="SELLIA_TLS_CERT",
    )
    custom_domains: bool = setting(
        True, "false to give tunnels no domains of their owners' own, which they otherwise get with a DNS record."
    )
    dns_server: DnsServer | None = setting(
        None,
        "Address of the DNS server that is asked whose a domain is, such as 127.0.0.1:5353. [default: the system's]",
    )
    offer_client: bool = setting(
        True, "false to not offer the program that the server runs for download, with the client in it."
    )
    gateway_path: Path = setting("/ws", "Path on the base domain where clients connect.")
    log_level: LogLevel = setting(
        "info",
        "info, or debug: a line for each request and WebSocket frame.",
        path="log.level",
        flag="info|debug",
        variable="SELLIA_LOG_LEVEL",
    )

    rate_limit: bool = setting(
        True,
        "false to do without the limits of how often something may happen.",
        path="rates.enabled",
        flag="switch",
    )

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        check_together(self)
        return self

    @property
    def address(self) -> str:
        """The address to listen on where no endpoints are given: loopback for a server that is only tried out."""
        if self.host is not None:
            return self.host
        return "127.0.0.1" if is_local_name(self.domain) else "0.0.0.0"

    @property
    def tunnel_address(self) -> str:
        """The address that the ports of tunnels listen on."""
        return self.tunnel_host if self.tunnel_host is not None else self.address

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The Twisted endpoint strings to listen on."""
        return self.listen or (endpoint_of(self.address, self.port),)

    @property
    def keeps_accounts(self) -> bool:
        """Whether there is a place in which accounts can be kept."""
        return self.state_dir is not None or self.storage is not None

    @property
    def key_required(self) -> bool:
        """Whether only those who have a key are let in."""
        return self.master_key is not None or bool(self.require_auth)

    @property
    def local_only(self) -> bool:
        """Whether all listeners are on loopback, or unix sockets."""
        return all(is_local(each) for each in self.endpoints)

    @property
    def behind_proxy(self) -> bool:
        """Whether the settings say that a reverse proxy hands visitors on, so that listeners on loopback are public."""
        proxied = any(each.startswith("haproxy:") for each in self.endpoints)
        does_tls = any(each.startswith(("ssl:", "tls:")) for each in self.endpoints)
        return bool(self.trust_proxy) or proxied or (self.https and not does_tls)

    @property
    def url_port(self) -> int:
        """The port of public URLs: the one listened on, or with https, where a reverse proxy does TLS, 443."""
        return self.public_port or port_of_urls(self.https, self.listen, self.port)
