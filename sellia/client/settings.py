"""Settings of a client: its server, its key, and the tunnels that it opens.

Flags, and the top level of the settings file, describe one tunnel; a list ``tunnels`` in the file describes any number
of them, all of which share one session.  ``SELLIA_PORT`` is the server's and is not read here.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Final, Literal, Self
from urllib.parse import SplitResult, urlsplit

from pydantic import field_validator, model_validator

from sellia.errors import ProblemError, SettingsError
from sellia.protocol.messages import TunnelOptions
from sellia.relay.http.hosts import is_loopback
from sellia.relay.names import validate_name
from sellia.relay.secrets import basic_auth_digest
from sellia.settings import (
    Given,
    LogLevel,
    Port,
    Rank,
    Seconds,
    Secret,
    Settings,
    Trail,
    check,
    gather,
    refuse_unknown,
    setting,
    wrong,
)
from sellia.text import printable

#: Path of a server's gateway, unless the server's URL has a path of its own.
GATEWAY_PATH: Final = "/ws"

#: Most tunnels of one client.
TUNNEL_LIMIT: Final = 256

_HOST: Final = re.compile(r"^(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*$")
_PATH: Final = re.compile(r"^(/[A-Za-z0-9._~-]+)*/?$")

#: Address of a service: a scheme, a host and a port, of which only the host is always there.
_TARGET: Final = re.compile(
    r"^(?:(?P<scheme>https?)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]?#]+)(?::(?P<port>[0-9]{1,5}))?/?$"
)

_SERVICE: Final = "Write it as https://localhost:8443, without a path, a user name or a password."


def _host(text: str) -> str:
    """Return a host in the form that is dialled: an address without brackets, or a name in lower case and ASCII."""
    bare = text.removeprefix("[").removesuffix("]") if text.startswith("[") else text
    try:
        return str(ip_address(bare))
    except ValueError:
        pass
    try:
        name = bare.encode("idna").decode("ascii").lower().removesuffix(".")
    except UnicodeError:
        name = ""
    if len(name) > 253 or not _HOST.match(name):
        raise wrong(f"{printable(text)[:80]} is not a host name or an address")
    return name


def _authorities(path: str | None) -> str | None:
    """Check that the file of certificates at ``path`` can be read; return the path."""
    if path is not None:
        from sellia.client.tls import authorities

        try:
            authorities(path)
        except OSError as error:
            raise wrong(f"cannot read {printable(path)}: {error.strerror}") from None
        except ValueError as error:
            raise wrong(f"{printable(path)} {error}") from None
    return path


class TunnelSettings(Settings):
    """One tunnel: the service that it exposes, and the name that it asks for."""

    port: Port = setting(
        ..., "Port of your service, such as 8080, or its address, such as https://localhost:8443.", flag="PORT"
    )
    local_host: str = setting("localhost", "Host of your service, such as localhost or ::1.", flag="HOST")
    local_scheme: Literal["http", "https"] = setting(
        "http", "http or https: what your service speaks.", flag="http|https"
    )
    subdomain: str | None = setting(
        None, "Name to ask for, of 3 to 63 letters, digits and hyphens; without it, the server picks one.", flag="NAME"
    )
    auth: Secret | None = setting(None, "USER:PASS that visitors must know.", flag="USER:PASS")
    auth_preflight: Literal["pass", "refuse"] = setting(
        "refuse",
        "pass or refuse: what becomes of CORS preflights, which never carry the password of auth.",
        flag="pass|refuse",
    )
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
    forwarded: bool = setting(
        True,
        "false to send your service no X-Forwarded-For, -Proto, -Host and -Port.",
        flag="switch",
    )
    local_verify: bool | None = setting(
        None, "Whether your https service's certificate must be valid; by default, except on loopback."
    )
    local_ca: str | None = setting(
        None, "A PEM file with the certificate of the authority that signed your https service's."
    )
    while_away_pings: bool = setting(
        True, "false to leave WebSocket pings unanswered while the client has lost its connection."
    )

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
        )

    @model_validator(mode="before")
    @classmethod
    def _split_target(cls, value: object) -> object:
        """Split a port that is a target, such as ``https://localhost:8443`` or ``192.168.1.5:80``."""
        port = value.get("port") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(port, str) or not re.search(r"[^0-9]", port.strip()):
            return value
        found = _TARGET.match(port.strip())
        if found is None and re.search("[/@]", port):
            # It is not repeated, because a password may be in it.
            raise wrong("is not the address of a service", _SERVICE, "port")
        if found is None:
            return value
        scheme, host, number = found["scheme"], found["host"], found["port"]
        given = {"local_scheme": scheme, "local_host": host}
        for name, part in given.items():
            if part is not None and value.get(name) is not None:
                raise wrong(f"names the {name.removeprefix('local_')}, and so does {name}", "Keep one.", "port")
        if number is None and scheme is None:
            return value
        return {
            **value,
            **{name: part for name, part in given.items() if part is not None},
            "port": number if number is not None else {"http": 80, "https": 443}[scheme],
        }

    @field_validator("local_ca")
    @classmethod
    def _check_local_ca(cls, value: str | None) -> str | None:
        return _authorities(value)

    @model_validator(mode="after")
    def _check_verification(self) -> Self:
        if self.local_ca is not None and self.local_verify is False:
            raise wrong("is of no use where local_verify is false", "Keep one of the two.", "local_ca")
        return self

    @field_validator("local_host")
    @classmethod
    def _check_local_host(cls, value: str) -> str:
        return _host(value)

    @field_validator("subdomain")
    @classmethod
    def _check_subdomain(cls, value: str | None) -> str | None:
        # The server has the last word, and may keep back other names; this saves a journey.
        if value is not None:
            try:
                return validate_name(value)
            except ProblemError as error:
                raise wrong(f"{printable(value)[:80]} cannot be the name of a tunnel: {error}") from None
        return None

    @field_validator("auth")
    @classmethod
    def _check_auth(cls, value: Secret | None) -> Secret | None:
        if value is not None:
            try:
                basic_auth_digest(value.get_secret_value())
            except ValueError as error:
                raise wrong(str(error), "Write it as USER:PASS, with a colon between the two.") from None
        return value


#: Settings that, at the top level of the file, describe the one tunnel.
_ONE_TUNNEL: Final = tuple(TunnelSettings.model_fields)


class ClientSettings(Settings):
    """All that a client needs to know, checked."""

    server: str = setting(
        ..., "URL of the tunnel server, such as https://example.com.", flag="URL", variable="SELLIA_SERVER"
    )
    api_key: Secret | None = setting(
        None,
        "API key that the owner of the server gave you; better given as SELLIA_API_KEY_FILE.",
        flag="KEY",
        variable="SELLIA_API_KEY",
    )
    ca: str | None = setting(
        None,
        "PEM file with the certificate of the authority that signed the server's, if it is private.",
        flag="FILE",
    )
    tunnels: tuple[TunnelSettings, ...] = setting(..., "Describe 1 to 256 tunnels, each with a port.")
    log_level: LogLevel = setting(
        "info",
        "info, or debug: a line for each request and WebSocket frame.",
        path="log.level",
        flag="info|debug",
        variable="SELLIA_LOG_LEVEL",
    )
    ping_interval: Seconds = setting(
        5.0,
        "Seconds of silence on the link before it is pinged, if the server does not say less.",
        path="timeouts.ping_interval",
    )
    ping_timeout: Seconds = setting(
        15.0,
        "Seconds of silence on the link before it is given up, if the server does not say less.",
        path="timeouts.ping",
    )
    connect_timeout: Seconds = setting(
        10.0, "Seconds until the service must have accepted a connection.", path="timeouts.connect"
    )
    drain_timeout: Seconds = setting(
        30.0, "Seconds that exchanges may go on after the client is told to stop.", path="timeouts.drain"
    )

    @field_validator("ca")
    @classmethod
    def _check_ca(cls, value: str | None) -> str | None:
        return _authorities(value)

    @field_validator("server")
    @classmethod
    def _check_server(cls, value: str) -> str:
        try:
            url = urlsplit(value)
            port = url.port
        except ValueError:
            raise wrong("is not a URL") from None
        _check_parts(url, value)
        host = _host(url.hostname or "")
        where = f"[{host}]" if ":" in host else host
        path = url.path.rstrip("/")
        scheme = {"ws": "http", "wss": "https"}.get(url.scheme, url.scheme)
        return f"{scheme}://{where}" + (f":{port}" if port is not None else "") + path

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not 1 <= len(self.tunnels) <= TUNNEL_LIMIT:
            raise wrong(f"must be 1 to {TUNNEL_LIMIT} tunnels", "Describe each with at least a port.", "tunnels")
        if self.ping_timeout <= self.ping_interval:
            hint = "A link must have the time to answer a ping: make the timeout longer."
            raise wrong(f"must be longer than {self.path('ping_interval')}", hint, "ping_timeout")
        names = [tunnel.subdomain for tunnel in self.tunnels if tunnel.subdomain is not None]
        for name in names:
            if names.count(name) > 1:
                raise wrong(
                    f"two tunnels ask for the subdomain {name}", "Give each tunnel a name of its own.", "tunnels"
                )
        return self

    @property
    def cautions(self) -> tuple[str, ...]:
        """Sentences that the user should know about the settings."""
        url = urlsplit(self.server)
        if self.api_key is None or url.scheme == "https" or is_loopback(url.hostname or ""):
            return super().cautions
        plain = f"The API key goes to {url.netloc} over http, and everybody on the way can read it: use https:// there."
        return (*super().cautions, plain)

    @property
    def link_url(self) -> str:
        """The URL of links, ``ws:`` or ``wss:``, with its path, and with a port where ``server`` has one."""
        url = urlsplit(self.server)
        return f"{'wss' if url.scheme == 'https' else 'ws'}://{url.netloc}{url.path or GATEWAY_PATH}"


def _as_url(text: str) -> str:
    """Suggest a URL for a text that is none; of what could be a password nothing is repeated."""
    if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?", text):
        return "Write it as http://localhost:3000 or https://example.com."
    scheme = "http" if is_loopback(text.partition(":")[0]) else "https"
    return f"Write it as {scheme}://{text}."


def _check_parts(url: SplitResult, text: str) -> None:
    """Refuse what a server's URL cannot have.  None of it is repeated, because a password may be in it."""
    if url.scheme not in ("http", "https", "ws", "wss") or not url.netloc:
        raise wrong("is not an http, https, ws or wss URL", _as_url(text))
    if url.username is not None or url.password is not None:
        raise wrong("must not contain a user or password", "Give the API key with --api-key or SELLIA_API_KEY.")
    if url.query or url.fragment or not _PATH.match(url.path):
        raise wrong("must not contain more than a host, a port and a path", "Write it as https://example.com.")
    if url.port == 0:
        raise wrong("has no valid port")


def load(flags: Mapping[str, object], environment: Mapping[str, str], config: str | None = None) -> ClientSettings:
    """Return the settings of a client; ``flags`` are by setting, None where not given.  Raises `SettingsError`."""
    given = gather(ClientSettings, TunnelSettings, flags=flags, environment=environment, config=config)
    refuse_unknown(ClientSettings, given, _ONE_TUNNEL)
    return check(ClientSettings, _with_tunnels(given))


def _with_tunnels(given: Mapping[str, Given]) -> dict[str, Given]:
    """Bring the one tunnel that flags and the file's top level describe into the form of a list of tunnels."""
    rest = {name: each for name, each in given.items() if name not in _ONE_TUNNEL}
    one = {name: each for name, each in given.items() if name in _ONE_TUNNEL}
    listed = rest.get("tunnels")
    strongest = max(one.values(), key=lambda each: each.rank, default=None)
    if listed is not None and strongest is not None and strongest.rank is Rank.FILE:
        raise SettingsError(
            f"{strongest.place}: is not used beside tunnels",
            "Move it into the tunnel that it is meant for, or describe a single tunnel without the list.",
        )
    if listed is not None and strongest is not None:
        raise SettingsError(
            f"{strongest.place}: cannot be given together with the tunnels of {printable(listed.path)}",
            "Say it in the file, in the tunnel that it is meant for, or leave the file out.",
        )
    if strongest is not None or listed is None:
        if "port" not in one:
            place = strongest.place + ": " if strongest is not None else ""
            raise SettingsError(
                f"{place}it is not said which port to expose", "Give the port that your service listens on, as in 8080."
            )
        parts: dict[Trail, str] = {(0, name): each.place for name, each in one.items()}
        value = [{name: each.value for name, each in one.items()}]
        rest["tunnels"] = Given(value, one["port"].place, one["port"].rank, parts)
    if "server" not in rest:
        raise SettingsError(
            "it is not said which server to connect to", "Give --server https://example.com or SELLIA_SERVER."
        )
    return rest
