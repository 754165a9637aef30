"""Settings of a client: its server, its key, and the tunnels that it opens."""

from collections.abc import Mapping
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import GetJsonSchemaHandler, PrivateAttr, field_validator, model_validator
from pydantic_core import CoreSchema

from sellia.client.settings.inspector import InspectorSettings
from sellia.client.settings.tunnel import TUNNEL_LIMIT, TunnelDefaults, TunnelSettings
from sellia.client.settings.values import checked_authorities, checked_proxy, checked_server, link_url
from sellia.relay.http.hosts import is_loopback
from sellia.settings import LogLevel, Seconds, Secret, Settings, setting, wrong


class _ByName:
    """JSON Schema of tunnels: in a file they are a map by name."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        listed = handler(core)
        return {"type": "object", "additionalProperties": listed["items"], "maxProperties": TUNNEL_LIMIT}


TunnelsField = Annotated[tuple[TunnelSettings, ...], _ByName]


class ProfileSettings(Settings):
    """One of several servers, chosen by its name."""

    server: str = setting(..., "URL of the tunnel server, such as https://example.com.")
    api_key: Secret | None = setting(None, "API key for this server; better stored by `sellia auth login`.")
    ca: str | None = setting(None, "PEM file with the certificate of the authority that signed the server's.")
    proxy: Secret | None = setting(None, "HTTP proxy to reach this server through, or none.")

    @field_validator("server")
    @classmethod
    def _check_server(cls, value: str) -> str:
        return checked_server(value)

    @field_validator("ca")
    @classmethod
    def _check_ca(cls, value: str | None) -> str | None:
        return checked_authorities(value)

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: Secret | None) -> Secret | None:
        return checked_proxy(value)


class ClientSettings(InspectorSettings):
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
    proxy: Secret | None = setting(
        None,
        "HTTP proxy to reach the server through, as http://USER:PASSWORD@HOST:PORT, or none; by default what "
        "HTTPS_PROXY, HTTP_PROXY and NO_PROXY say.",
        flag="URL",
        variable="SELLIA_PROXY",
    )
    profile: str | None = setting(
        None, "Which of the profiles counts: their server, key and authority.", flag="NAME", variable="SELLIA_PROFILE"
    )
    profiles: Mapping[str, ProfileSettings] | None = setting(
        None, "Servers by name, as in `work: {server: https://tunnel.example.com}`.", merged=True
    )
    tunnels: TunnelsField = setting(..., "Describe 1 to 256 tunnels by name, each with a target.", merged=True)
    defaults: TunnelDefaults | None = setting(None, "What counts for each tunnel that does not say it itself.")
    log_level: LogLevel = setting(
        "info",
        "info, or debug: a line for each request and WebSocket frame.",
        path="log.level",
        flag="info|debug",
        variable="SELLIA_LOG_LEVEL",
    )
    log_file: str | None = setting(
        None,
        "File that the log is appended to, which only its owner can read.",
        path="log.file",
        flag="FILE",
        min_length=1,
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
    service_connect_timeout: Seconds = setting(
        10.0, "Seconds until the service must have accepted a connection.", path="timeouts.service_connect"
    )
    drain_timeout: Seconds = setting(
        30.0, "Seconds that exchanges may go on after the client is told to stop.", path="timeouts.drain"
    )

    RENAMED = {
        "connect_timeout": "service_connect_timeout",
        "timeouts.connect": "service_connect_timeout",
    }

    _files: tuple[str, ...] = PrivateAttr(())
    _key_from: str = PrivateAttr("")
    _log_from: str = PrivateAttr("")

    @property
    def files(self) -> tuple[str, ...]:
        """Paths of the settings files that describe the tunnels."""
        return self._files

    @property
    def key_from(self) -> str:
        """The flag, variable or file that the key comes from, for people; empty where that is not known."""
        return self._key_from

    @property
    def log_from(self) -> str:
        """The flag or file that the path of the log comes from, as `key_from`."""
        return self._log_from

    @field_validator("proxy")
    @classmethod
    def _check_proxy(cls, value: Secret | None) -> Secret | None:
        return checked_proxy(value)

    @field_validator("ca")
    @classmethod
    def _check_ca(cls, value: str | None) -> str | None:
        return checked_authorities(value)

    @field_validator("server")
    @classmethod
    def _check_server(cls, value: str) -> str:
        return checked_server(value)

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if not 1 <= len(self.tunnels) <= TUNNEL_LIMIT:
            raise wrong(f"must be 1 to {TUNNEL_LIMIT} tunnels", "Describe each with at least a target.", "tunnels")
        if self.ping_timeout <= self.ping_interval:
            hint = "A link must have the time to answer a ping: make the timeout longer."
            raise wrong(f"must be longer than {self.path('ping_interval')}", hint, "ping_timeout")
        for what, kind in (("subdomain", "name"), ("remote_port", "port")):
            same: dict[object, list[TunnelSettings]] = {}
            for tunnel in self.tunnels:
                if getattr(tunnel, what) is not None:
                    same.setdefault(getattr(tunnel, what), []).append(tunnel)
            for name, tunnels in same.items():
                if len(tunnels) > 1 and not all(tunnel.pool for tunnel in tunnels):
                    raise wrong(f"two tunnels ask for the {what} {name}", f"Give each a {kind} of its own.", "tunnels")
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
        return link_url(self.server)
