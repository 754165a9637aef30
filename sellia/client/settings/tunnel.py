"""Settings of one tunnel: its name, the services that it exposes, and how visitors come to them."""

import re
from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Annotated, Final, Literal, Self

import msgspec
from pydantic import AfterValidator, BeforeValidator, field_validator, model_validator

from sellia.client.settings.access import AccessSettings
from sellia.client.settings.headers import rules_of, spelled_out
from sellia.client.settings.kinds import (
    check_certificate,
    check_kind,
    check_pool,
    check_static,
    check_target,
    check_wildcard,
    checked_domains,
    checked_path,
)
from sellia.client.settings.old import OLD, old_target
from sellia.client.settings.path import (
    PathsAsWritten,
    PathSettings,
    RouteSettings,
    TargetField,
    checked_paths,
    shown_routes,
)
from sellia.client.settings.values import checked_authorities, checked_host, checked_target
from sellia.errors import ProblemError
from sellia.protocol.messages import TunnelOptions
from sellia.relay.http.rewriting import HeaderRules
from sellia.relay.http.upgrades import PROTOCOLS, upgrade_fault
from sellia.relay.names import validate_subdomain
from sellia.settings import Port, Seconds, setting, wrong
from sellia.settings.values import one_or_more
from sellia.targets import Target, TargetKind
from sellia.text import printable

#: Most tunnels of one client.
TUNNEL_LIMIT: Final = 256

#: Name of a tunnel in the file.
NAME: Final = re.compile(r"^[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$")


#: Domains of an owner's own; one text counts as a list of one.
Domains = Annotated[tuple[str, ...], BeforeValidator(one_or_more), AfterValidator(checked_domains)]


class TunnelDefaults(AccessSettings):
    """What ``defaults`` may say for all tunnels of a file, and each tunnel for itself."""

    request_timeout: Seconds | None = setting(
        None,
        "Seconds until the head of a response must be there. [default: the server's, 600]",
        flag="SECONDS",
    )
    upgrade_timeout: Seconds | None = setting(
        None, "Seconds until an upgrade must be answered. [default: the server's, 60]"
    )
    while_away: Literal["wait", "refuse"] = setting(
        "wait", "wait or refuse: what a new request does while the client has lost its connection to the server."
    )
    while_away_pings: bool = setting(
        True, "false to leave WebSocket pings unanswered while the client has lost its connection."
    )
    forwarded: bool = setting(
        True,
        "false to send your service no X-Forwarded-For, -Proto, -Host and -Port.",
        flag="switch",
    )
    host_header: str | None = setting(
        None,
        "public, local, hybrid or a host name: short for headers, or for host.",
        flag="SET|HOST",
    )
    upgrades: tuple[str, ...] = setting(
        (),
        "Protocols besides WebSocket that requests may switch to: tcp for docker attach, SPDY/3.1 for kubectl.",
        max_length=PROTOCOLS,
    )
    local_verify: bool | None = setting(
        None, "Whether your https service's certificate must be valid; by default, except on loopback."
    )
    local_ca: str | None = setting(
        None, "A PEM file with the certificate of the authority that signed your https service's."
    )
    spa: bool = setting(
        False, "true to answer with index.html for pages that are no files of a directory.", flag="switch"
    )
    listing: bool = setting(False, "true to list a directory that has no index.html.", flag="switch")
    autostart: bool = setting(False, "Whether `sellia start` opens the tunnel when it is given no names.")
    inspect: bool = setting(True, "false to keep what passes in this tunnel out of the inspector.")

    @property
    def options(self) -> TunnelOptions:
        """The options that the server is told."""
        return TunnelOptions(
            request_timeout=self.request_timeout or 0.0,
            upgrade_timeout=self.upgrade_timeout or 0.0,
            while_away=self.while_away,
            while_away_pings=self.while_away_pings,
            auth_preflight=self.auth_preflight,
            forwarded=self.forwarded,
            allow=list(self.allow),
            deny=list(self.deny),
            passwords=list(self.logins[1:]),
            digests=list(self.digests),
            methods=list(self.methods),
            max_body=self.max_body or 0,
            visitor_burst=self.visitor_rate.at_once if self.visitor_rate is not None else 0,
            visitor_rate=self.visitor_rate.per_second if self.visitor_rate is not None else 0.0,
            upgrades=[each.lower() for each in self.upgrades],
        )

    @field_validator("host_header")
    @classmethod
    def _check_host_header(cls, value: str | None) -> str | None:
        spelled_out(value)
        return value

    @field_validator("upgrades")
    @classmethod
    def _check_upgrades(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            fault = upgrade_fault(each)
            if fault:
                raise wrong(f"{printable(each)[:80]} {fault}")
        return value

    @field_validator("local_ca")
    @classmethod
    def _check_local_ca(cls, value: str | None) -> str | None:
        return checked_authorities(value)

    @model_validator(mode="after")
    def _check_verification(self) -> Self:
        if self.local_ca is not None and self.local_verify is False:
            raise wrong("is of no use where local_verify is false", "Keep one of the two.", "local_ca")
        return self


class TunnelSettings(TunnelDefaults):
    """One tunnel: its name in the file, the services that it exposes, and the public name that it asks for.

    ``port``, ``local_host`` and ``local_scheme`` are how the version before spelled ``target``.
    """

    name: str = setting("", "Name of the tunnel in the file and for `sellia start`: letters, digits, - and _.")
    kind: Literal["http", "tcp", "udp", "tls"] = setting(
        "http",
        "http, tcp, udp or tls: requests to a name, connections or datagrams to a port, or TLS that passes through.",
        flag="http|tcp|udp|tls",
    )
    target: TargetField | None = setting(
        None, "Your service: a port such as 8080, an address such as https://localhost:8443, or ./dist.", flag="TARGET"
    )
    paths: Annotated[Mapping[str, PathSettings], PathsAsWritten] | None = setting(
        None, "Targets by path, as in `/: 5173` and `/api: 8000`; the longest path that fits wins."
    )
    subdomain: str | None = setting(
        None,
        "Name to ask for, of 3 to 63 letters, digits and hyphens; api.NAME and *.NAME are yours with it. Without it, "
        "the server picks one.",
        flag="NAME",
    )
    wildcard: bool = setting(
        False, "Take requests for all names below yours, too: those of *.NAME.DOMAIN.", flag="switch"
    )
    domain: Domains = setting(
        (),
        "Domain of your own, such as shop.example.org; the server says which DNS record to make. Can be repeated.",
        flag="NAME",
    )
    remote_port: Port | None = setting(
        None, "Port of the server to ask for; without it, the server picks one.", flag="PORT"
    )
    proxy_protocol: Literal[1, 2] | None = setting(
        None, "1 or 2: tell your service who connects, by a header of the PROXY protocol in that version.", flag="1|2"
    )
    cert: str | None = setting(
        None, "PEM file with a certificate, to end TLS here and send your service what was in it.", flag="FILE"
    )
    key: str | None = setting(None, "PEM file with the certificate's private key.", flag="FILE")
    pool: bool = setting(
        False, "Share the name with other clients that ask for it with --pool and the same key.", flag="switch"
    )
    sticky: Literal["cookie", "address"] | None = setting(
        None, "cookie or address: by what a visitor of a pool stays with one of its clients.", flag="cookie|address"
    )
    health: str | None = setting(
        None,
        "Path of your service that is asked for every 10 s; while it fails, a pool's visitors go to other clients.",
        flag="PATH",
    )
    idle_timeout: Seconds | None = setting(
        None, "Seconds without a byte after which a connection is ended. [default: never]", flag="SECONDS"
    )
    port: str | None = setting(None, "Old name of target.", flag="PORT")
    local_host: str | None = setting(None, "Old: part of target now.", flag="HOST")
    local_scheme: Literal["http", "https"] | None = setting(None, "Old: part of target now.", flag="http|https")

    @property
    def options(self) -> TunnelOptions:
        """The options that the server is told."""
        return msgspec.structs.replace(
            super().options,
            idle_timeout=self.idle_timeout or 0.0,
            slot=self.slot,
            pool=self.pool,
            sticky=self.sticky or "",
            wildcard=self.wildcard,
            domains=list(self.domain),
            # The client takes off what the service is not to be told.
            forwarded=self.forwarded or any(route.rules.asks_origin for route in self.routes),
        )

    @property
    def wanted(self) -> str | None:
        """The public name to ask for, which is a port where there is no name."""
        return self.subdomain if self.remote_port is None else str(self.remote_port)

    @property
    def slot(self) -> str:
        """What tells this tunnel from others of its owner: its name in the file, or else where it leads."""
        if self.kind in ("http", "tls"):
            return ""
        mark = self.name if self.name and not self.name.isdigit() else shown_routes(self.routes)
        return sha256(mark.encode("utf-8", "surrogateescape")).hexdigest()[:16]

    @property
    def routes(self) -> tuple[RouteSettings, ...]:
        """Where requests go, the longest prefix first."""
        if self.paths is None:
            target = self.target or old_target(self.port, self.local_host, self.local_scheme)
            return (RouteSettings("/", self._completed(target), rules=self._rules()),)
        longest_first = sorted(self.paths.items(), key=lambda item: len(item[0]), reverse=True)
        return tuple(
            RouteSettings(prefix, self._completed(each.target, each.spa, each.listing), each.strips, self._rules(each))
            for prefix, each in longest_first
        )

    def _rules(self, path: PathSettings | None = None) -> HeaderRules:
        """Return the rules for header fields of one of its paths, or of all."""
        return rules_of(self, path, self.host_header, self.forwarded)

    def _completed(self, target: Target, spa: bool | None = None, listing: bool | None = None) -> Target:
        """Return a target with what the tunnel's other settings say of it."""
        verify = self.local_verify if target.verify is None else target.verify
        plain = target.kind is TargetKind.ADDRESS and target.scheme == "http"
        return replace(
            target,
            scheme={"http": "http", "udp": "udp"}.get(self.kind, "tcp") if plain else target.scheme,
            verify=verify if target.secure else None,
            ca=self.local_ca if target.secure else None,
            spa=self.spa if spa is None else spa,
            listing=self.listing if listing is None else listing,
        )

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value and not NAME.match(value):
            raise wrong(f"{printable(value)[:80]} cannot name a tunnel", "Take letters, digits, -, _ and dots.")
        return value

    @field_validator("target", mode="before")
    @classmethod
    def _parse_target(cls, value: object) -> object:
        return checked_target(value)

    @field_validator("paths", mode="before")
    @classmethod
    def _spell_out_paths(cls, value: object) -> object:
        if not isinstance(value, Mapping):
            return value
        return {
            str(prefix): each if isinstance(each, Mapping | PathSettings) else {"target": each}
            for prefix, each in value.items()
        }

    @field_validator("paths")
    @classmethod
    def _check_paths(cls, value: Mapping[str, PathSettings] | None) -> Mapping[str, PathSettings] | None:
        return None if value is None else checked_paths(value)

    @field_validator("proxy_protocol", mode="before")
    @classmethod
    def _read_version(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value in ("1", "2") else value

    @field_validator("health")
    @classmethod
    def _check_health(cls, value: str | None) -> str | None:
        return checked_path(value)

    @field_validator("port", mode="before")
    @classmethod
    def _check_port(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("local_host")
    @classmethod
    def _check_local_host(cls, value: str | None) -> str | None:
        return None if value is None else checked_host(value)

    @field_validator("subdomain")
    @classmethod
    def _check_subdomain(cls, value: str | None) -> str | None:
        # The server has the last word, and may keep back other names; this saves a journey.
        if value is not None:
            try:
                return validate_subdomain(value)
            except ProblemError as error:
                raise wrong(f"{printable(value)[:80]} cannot be the name of a tunnel: {error}") from None
        return None

    @model_validator(mode="after")
    def _check_services(self) -> Self:
        given = [name for name in ("target", "paths", "port") if getattr(self, name) is not None]
        if not given:
            raise wrong("it is not said what to expose", _WHAT)
        if len(given) > 1:
            raise wrong(f"says what {given[0]} says, too", "Keep one of the two.", given[1])
        if "port" not in given:
            for old in OLD:
                if getattr(self, old) is not None:
                    raise wrong(f"is part of {given[0]} now", "Write it there, as in https://localhost:8443.", old)
        elif self.port is not None:
            old_target(self.port, self.local_host, self.local_scheme)
        check_kind(self)
        check_wildcard(self.wildcard, self.subdomain, self.domain)
        check_pool(self.pool, self.sticky, self.health)
        check_certificate(self.cert, self.key)
        files = any(route.target.kind is TargetKind.FILES for route in self.routes)
        check_static(files, spa=self.spa, listing=self.listing)
        for route in self.routes:
            check_target(self.kind, route.target)
            if route.target.insecure and (self.local_ca is not None or self.local_verify):
                contrary = "local_ca" if self.local_ca is not None else "local_verify"
                raise wrong("contradicts https+insecure", "Write https:// in the target, or leave it out.", contrary)
        return self


_WHAT: Final = "Give the port of your service or its address as its target, as in 8080 or https://localhost:8443."
