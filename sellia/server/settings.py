"""What can be set about a server, with its defaults and bounds.

The first dozen have flags, and some have variables; the rest are for the settings file only.  Times are in seconds,
sizes in octets (the file may say ``64 KiB``).
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Final, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from sellia.errors import SettingsError
from sellia.protocol import limits
from sellia.relay.http.forwarded import FIELDS_ADDED, TrustedPeers
from sellia.relay.http.hosts import canonical_domain
from sellia.settings import (
    BadSetting,
    Count,
    Given,
    LogLevel,
    Octets,
    PerSecond,
    Port,
    Rank,
    Seconds,
    Secret,
    Settings,
    check,
    gather,
    wrong,
)
from sellia.text import printable

#: Which variable sets what; each has a twin whose name ends in ``_FILE``.
VARIABLES: Final = {
    "host": "SELLIA_HOST",
    "port": "SELLIA_PORT",
    "domain": "SELLIA_DOMAIN",
    "https": "SELLIA_USE_HTTPS",
    "require_auth": "SELLIA_REQUIRE_AUTH",
    "master_key": "SELLIA_MASTER_KEY",
    "open": "SELLIA_OPEN",
    "log_level": "SELLIA_LOG_LEVEL",
}

#: Connections that may wait in the kernel until they are accepted; Twisted's own 50 is few for a public port.
_BACKLOG: Final = 1024

_GIVE_A_KEY: Final = (
    "Give --master-key, SELLIA_MASTER_KEY or SELLIA_MASTER_KEY_FILE: `openssl rand -hex 24` makes a key."
)

_ENDPOINT: Final = re.compile(r"^[A-Za-z][A-Za-z0-9_-]*:.+", re.DOTALL)
_PROXIED_TLS: Final = re.compile(r"^haproxy:(ssl|tls):")
_FORWARDED_FIELD: Final = re.compile(r"^x-forwarded-(?!(?:for|proto|host|port)$)[a-z0-9-]+$", re.IGNORECASE)
_PATH: Final = re.compile(r"^(/[A-Za-z0-9._~-]+)+$")


def _separated(value: object) -> object:
    """One text with commas in it, or a list of texts with commas in them, as one list."""
    if isinstance(value, str):
        value = [value]
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return [part.strip() for each in value for part in each.split(",") if part.strip()]
    return value


def _is_local_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _is_local(endpoint: str) -> bool:
    """Whether a Twisted endpoint listens on loopback, or on a unix socket; one of a kind that is unknown does not."""
    kind, *parts = split_endpoint(endpoint.removeprefix("haproxy:"))
    if kind == "unix":
        return True
    interface = next((part.removeprefix("interface=") for part in parts if part.startswith("interface=")), "")
    if _is_local_name(interface):
        return True
    try:
        return ip_address(interface).is_loopback
    except ValueError:
        return False


def split_endpoint(endpoint: str) -> list[str]:
    """The parts of a Twisted endpoint string, in which a backslash takes a colon's meaning away."""
    return [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:^|(?<=:))((?:[^:\\]|\\.)*)", endpoint)]


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


class ServerSettings(Settings):
    """All that a server needs to know, checked."""

    host: str | None = Field(
        None,
        description="The address to listen on, as 0.0.0.0, 127.0.0.1 or :: (both families); without it, 0.0.0.0, or "
        "127.0.0.1 where the domain is localhost.",
    )
    port: Port = Field(3000, description="The TCP port to listen on, from 1 to 65535.")
    listen: Annotated[tuple[str, ...], BeforeValidator(_one_or_more)] = Field(
        (),
        description="Twisted endpoints instead of host and port, as tcp:3000:interface=127.0.0.1 or unix:/run/s.sock; "
        "with haproxy: in front of it, one asks for the PROXY protocol.",
    )
    domain: str = Field("localhost", description="The base domain: tunnels are its subdomains, as in example.com.")
    https: bool = Field(False, description="true if visitors use https, which makes public URLs say so.")
    public_port: Port | None = Field(
        None, description="The port in public URLs, if it is neither the usual one for https nor the one listened on."
    )
    require_auth: bool | None = Field(
        None, description="true to refuse to start without a master key; a master key is required wherever it is set."
    )
    master_key: Secret | None = Field(
        None, description="The API key that clients must show, a long random text: try `openssl rand -hex 24`."
    )
    open: bool = Field(False, description="true to let everybody open tunnels, on addresses beyond loopback as well.")
    trust_proxy: Annotated[tuple[str, ...], BeforeValidator(_separated)] = Field(
        (),
        description="Give the addresses and networks of reverse proxies, as in 127.0.0.1, 10.0.0.0/8, ::1 or unix.",
    )
    forwarded_fields: Annotated[tuple[str, ...], BeforeValidator(_separated)] = Field(
        (),
        description="Give the names of further fields that trusted proxies set, as in X-Forwarded-Prefix: all other "
        "X-Forwarded-* but -For, -Proto, -Host and -Port are dropped.",
    )
    interim_responses: Annotated[tuple[str, ...], BeforeValidator(_separated)] = Field(
        (),
        description="Give the addresses and networks of reverse proxies that know interim responses, as 103 Early "
        "Hints: all others are sent none but a 100 that they asked for.",
    )

    log_level: LogLevel = Field("info", description="info, or debug for a line on each request and WebSocket frame.")

    offer_client: bool = Field(
        True, description="Whether the server offers the program that it runs for download, with the client in it."
    )
    gateway_path: str = Field("/ws", description="Where clients connect on the base domain, as in /ws.")
    request_timeout: Seconds = Field(
        limits.REQUEST_TIMEOUT,
        description="Seconds until the head of a response must be there, for tunnels that set no limit of their own.",
    )
    upgrade_timeout: Seconds = Field(
        limits.UPGRADE_TIMEOUT,
        description="Seconds until an upgrade must be answered, for tunnels that set no limit of their own.",
    )
    request_timeout_limit: Seconds = Field(
        3600.0, description="The most seconds that a tunnel may set as its request_timeout or upgrade_timeout."
    )
    ping_interval: Seconds = Field(5.0, description="Seconds of silence on a link before it is pinged.")
    ping_timeout: Seconds = Field(15.0, description="Seconds of silence on a link before it is given up.")
    resume_window: Seconds = Field(120.0, description="Seconds that visitors wait for a client whose link is lost.")
    drain_timeout: Seconds = Field(
        30.0, description="Seconds that exchanges may go on after the server is told to stop."
    )
    header_limit: Octets = Field(64 * limits.KIB, description="The largest header section, as in 64 KiB.")
    header_fields: Count = Field(
        128, le=limits.HEADER_COUNT_LIMIT - FIELDS_ADDED, description="The most fields of a header section."
    )
    header_timeout: Seconds = Field(10.0, description="Seconds until the whole head of a request must be there.")
    target_limit: Octets = Field(8 * limits.KIB, description="The longest request target, as in 8 KiB.")
    session_credit: Octets = Field(
        limits.SESSION_HELD_LIMIT,
        description="What may wait for the slow visitors of one session before the slowest is cut off, as in 32 MiB.",
    )
    session_queue: Octets = Field(
        limits.SESSION_QUEUE_LIMIT,
        description="What may wait for the link of one session before what is largest is cut off, as in 64 MiB.",
    )
    sessions_memory: Octets = Field(
        1024 * limits.MIB,
        description="What may wait in all sessions together before the one with the most is relieved, as in 1 GiB.",
    )
    session_streams: Count = Field(
        limits.MAX_STREAMS, le=limits.MAX_STREAMS, description="The most exchanges at once of one session."
    )
    while_away_pings: bool = Field(
        True, description="false to leave WebSocket pings unanswered while a client has lost its connection."
    )
    away_requests: Count = Field(
        1_000, description="The most new requests of one client that wait while its connection to the server is lost."
    )
    tunnel_streams: Count = Field(limits.MAX_STREAMS // 2, description="The most exchanges at once of one tunnel.")
    websocket_frame_limit: Octets | None = Field(None, description="The largest WebSocket frame, as in 64 MiB.")
    websocket_message_limit: Octets | None = Field(
        None, description="The largest WebSocket message, as it is on the wire, as in 256 MiB."
    )
    websocket_fragments: Count = Field(131_072, description="The most fragments of one WebSocket message.")
    websocket_empty_fragments: Count = Field(1_000, description="The most fragments in a row that have no octet.")
    control_burst: Count = Field(
        2_000, description="Pings and pongs on a WebSocket at once, as after a link that was away for a while."
    )
    control_rate: PerSecond = Field(100.0, description="Pings and pongs on a WebSocket a second in the long run.")
    keep_alive: Seconds = Field(60.0, description="Seconds that an idle visitor's connection is kept open.")
    hello_timeout: Seconds = Field(10.0, description="Seconds until a client must have said who it is.")
    link_control_burst: Count = Field(1_000, description="Pings on a link at once, and as much that says nothing.")
    link_control_rate: PerSecond = Field(100.0, description="The same, a second in the long run.")

    connections: Count = Field(20_000, description="The most connections in all, of visitors and of clients.")
    connections_per_address: Count = Field(
        4_000,
        description="The most connections of one address: a thousand clients behind it make up to four attempts each.",
    )
    sessions: Count = Field(20_000, description="The most clients in all, those included whose link is lost.")
    links_per_key: Count = Field(
        2_000,
        description="The most clients with the master key, or without it from one address: two for each of a thousand.",
    )
    tunnels: Count = Field(10_000, description="The most tunnels in all.")
    tunnels_per_key: Count = Field(
        2_000, description="The most tunnels of those with the master key, or of those without it from one address."
    )
    tunnels_per_client: Count = Field(100, description="The most tunnels of one client.")
    handshake_timeout: Seconds = Field(
        10.0, description="Seconds until a TLS handshake, or the header of the PROXY protocol, must be complete."
    )
    body_rate: Octets = Field(
        100, description="The octets a second below which a request's body counts as too slow, as in 100."
    )
    body_grace: Seconds = Field(20.0, description="Seconds by which a request's body may lag behind that rate.")
    unread_timeout: Seconds = Field(
        300.0, description="Seconds for which a visitor may take nothing at all of what waits for it."
    )

    rate_limit: bool = Field(True, description="false to do without the limits of how often something may happen.")
    link_burst: Count = Field(
        2_000,
        description="New sessions of one key or address at once: a thousand clients behind it, which all come back.",
    )
    link_rate: PerSecond = Field(50.0, description="New sessions of one key or address a second in the long run.")
    tunnel_burst: Count = Field(
        200, description="Names that one client may ask for at once, as twice for each of as many as it may have."
    )
    tunnel_rate: PerSecond = Field(1.0, description="Names that one client may ask for a second in the long run.")
    request_burst: Count = Field(
        2_000,
        description="Requests to one tunnel at once: a page of 300 modules, loaded by several people in one moment.",
    )
    request_rate: PerSecond = Field(500.0, description="Requests a second to one tunnel in the long run.")
    websocket_burst: Count = Field(
        100_000, description="Frames that a visitor may send on a WebSocket at once, as 4 MiB in pieces of 64 octets."
    )
    websocket_rate: PerSecond = Field(
        10_000.0, description="Frames that a visitor may send on a WebSocket a second in the long run."
    )
    failed_auth_burst: Count = Field(
        10, description="Wrong keys, or wrong passwords for one tunnel, that one address may show at once."
    )
    failed_auth_rate: PerSecond = Field(
        0.1, description="Wrong keys, or wrong passwords for one tunnel, of one address a second in the long run."
    )

    @field_validator("host")
    @classmethod
    def _check_host(cls, value: str | None) -> str | None:
        if value is None:
            return None
        value = value.removeprefix("[").removesuffix("]")
        try:
            ip_address(value)
        except ValueError:
            try:
                return canonical_domain(value)
            except ValueError:
                raise wrong(f"{printable(value)[:80]} is not an address or a host name") from None
        return value

    @field_validator("listen")
    @classmethod
    def _check_listen(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _ENDPOINT.match(each):
                raise wrong(f"{printable(each)[:80]} is not a Twisted endpoint")
            if _PROXIED_TLS.match(each):
                hint = "The PROXY protocol comes before TLS: let the proxy do TLS, and listen with haproxy:tcp:..."
                raise wrong(f"{printable(each)[:80]} asks for both the PROXY protocol and TLS", hint)
        return value

    @field_validator("domain")
    @classmethod
    def _check_domain(cls, value: str) -> str:
        try:
            domain = canonical_domain(value)
        except ValueError:
            domain = ""
        # The longest name has 253 characters, and a tunnel's label with its dot takes up to 64 of them.
        if not domain or len(domain) > 253 - 64:
            hint = "Give the bare name, as in example.com: no https://, no port; names in other scripts as xn--..."
            raise wrong(f"{printable(value)[:80]} is not a domain name", hint)
        return domain

    @field_validator("trust_proxy", "interim_responses")
    @classmethod
    def _check_peers(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        try:
            TrustedPeers(value, (info.field_name or "").replace("trust_proxy", "trust-proxy"))
        except SettingsError as error:
            raise wrong(printable(str(error))) from None
        return value

    @field_validator("forwarded_fields")
    @classmethod
    def _check_forwarded_fields(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not _FORWARDED_FIELD.match(each):
                raise wrong(
                    f"{printable(each)[:80]} is not the name of a further X-Forwarded field",
                    "Names begin with X-Forwarded-, as in X-Forwarded-Prefix; -For, -Proto, -Host and -Port are "
                    "Sellia's own to write, and other fields pass without being named.",
                )
        return value

    @field_validator("gateway_path")
    @classmethod
    def _check_gateway_path(cls, value: str) -> str:
        if not _PATH.match(value):
            raise wrong("must be a plain path")
        return value

    @field_validator("header_limit", "target_limit")
    @classmethod
    def _check_head(cls, value: int) -> int:
        # What is let in must fit in one head message of a link, with the room that encoding takes.
        if value > limits.HEAD_LIMIT - 16 * limits.KIB:
            raise wrong(f"must not be above {(limits.HEAD_LIMIT - 16 * limits.KIB) // limits.KIB} KiB")
        return value

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.require_auth and self.master_key is None:
            raise wrong("keys are required, but there is no master key", _GIVE_A_KEY, "require_auth")
        if self.require_auth is False and self.master_key is not None:
            hint = "Leave require_auth out; for a server on which everybody may open tunnels, take the master key away."
            raise wrong("a master key is set, and is then required", hint, "require_auth")
        if self.open and self.master_key is not None:
            hint = "Keep one of the two: with a master key only its owners may open tunnels."
            raise wrong("cannot be given together with a master key", hint, "open")
        if self.session_credit < limits.MAX_CREDIT:
            least = f"must not be below {limits.MAX_CREDIT // limits.MIB} MiB, which one visitor may use up"
            raise wrong(least, "", "session_credit")
        if self.sessions_memory < self.session_credit:
            hint = "Give all sessions together at least what one may have."
            raise wrong("sessions_memory is smaller than session_credit", hint, "sessions_memory")
        if self.connections_per_address > self.connections:
            hint = "Give one address at most as many connections as there may be in all."
            raise wrong("connections_per_address is larger than connections", hint, "connections_per_address")
        for name in ("request_timeout", "upgrade_timeout"):
            if getattr(self, name) > self.request_timeout_limit:
                hint = "Raise request_timeout_limit, the most for any tunnel, to at least as much."
                most = f"request_timeout_limit ({self.request_timeout_limit:g} s)"
                raise wrong(f"{name} is longer than {most}", hint, name)
        if self.ping_timeout <= self.ping_interval:
            hint = "A link must have the time to answer a ping: make the timeout longer."
            raise wrong("ping_timeout is not longer than ping_interval", hint, "ping_timeout")
        return self

    @property
    def address(self) -> str:
        """The address to listen on where no endpoints are given: loopback for a server that is only tried out."""
        if self.host is not None:
            return self.host
        return "127.0.0.1" if _is_local_name(self.domain) else "0.0.0.0"

    @property
    def local_only(self) -> bool:
        """Whether all listeners are on loopback, or unix sockets."""
        return all(_is_local(each) for each in self.endpoints)

    @property
    def behind_proxy(self) -> bool:
        """Whether the settings say that a reverse proxy hands visitors on, so that listeners on loopback are public."""
        proxied = any(each.startswith("haproxy:") for each in self.endpoints)
        does_tls = any(each.startswith(("ssl:", "tls:")) for each in self.endpoints)
        return bool(self.trust_proxy) or proxied or (self.https and not does_tls)

    @property
    def endpoints(self) -> tuple[str, ...]:
        """Where to listen, as Twisted endpoint strings."""
        if self.listen:
            return self.listen
        interface = self.address.replace("\\", "\\\\").replace(":", "\\:")
        return (f"tcp:{self.port}:interface={interface}:backlog={_BACKLOG}",)

    @property
    def url_port(self) -> int:
        """The port of public URLs: what is listened on, or with https, where a reverse proxy does TLS, 443."""
        if self.public_port is not None:
            return self.public_port
        pattern, fallback = (r"(?:ssl|tls):([0-9]+)", 443) if self.https else (r"(?:haproxy:)?tcp:([0-9]+)", 80)
        if not self.listen:
            return fallback if self.https else self.port
        found = [match for match in (re.match(pattern, each) for each in self.listen) if match is not None]
        return int(found[0][1]) if found else fallback


def load(flags: Mapping[str, object], environment: Mapping[str, str], config: str | None = None) -> ServerSettings:
    """The settings of a server; ``flags`` are by setting, None where not given.  Raises `BadSetting`."""
    given = gather(flags=flags, variables=VARIABLES, environment=environment, config=config)
    _choose_listeners(given)
    settings = check(ServerSettings, given)
    check_door(settings)
    return settings


def check_door(settings: ServerSettings) -> None:
    """Refuse a server on which everybody could open tunnels without anybody having said so.  Raises `BadSetting`."""
    if settings.master_key is not None or settings.open:
        return
    hint = f"{_GIVE_A_KEY} For a server that is open to everybody, give --open (`open: true`)"
    if not settings.local_only:
        raise BadSetting(
            "without a master key everybody could open tunnels here",
            f"{hint}; to try it on this machine alone, --host 127.0.0.1.",
        )
    if settings.behind_proxy:
        raise BadSetting(
            "without a master key everybody could open tunnels here, through the reverse proxy in front",
            f"{hint}; to try it on this machine alone, leave out --https, --trust-proxy and haproxy: endpoints.",
        )


def _choose_listeners(given: dict[str, Given]) -> None:
    """Endpoints stand for host and port: the stronger source wins, and the same source must not give both."""
    listen = given.get("listen")
    others = {name: given[name] for name in ("host", "port") if name in given}
    if listen is None or not others:
        return
    strongest = max(others.values(), key=lambda other: other.rank)
    if strongest.rank == listen.rank:
        beside = listen.place if listen.rank is Rank.FLAG else "listen"
        raise BadSetting(
            f"{strongest.place}: cannot be given together with {beside}",
            "An endpoint names its own port and address, as in tcp:3000:interface=127.0.0.1: keep one of the two.",
        )
    for name in ["listen"] if strongest.rank > listen.rank else others:
        del given[name]
