"""What ngrok's settings files of both versions have in common: the agent, and tunnels by name."""

import re
from typing import Final

from sellia.cli.importers.ngrok_inspector import set_inspected, set_inspector
from sellia.cli.importers.result import (
    KEY,
    Imported,
    ImportedTunnel,
    set_access,
    set_auth,
    set_domain,
    set_fields,
    set_host,
    set_port,
    set_subdomain,
    set_target,
    withhold,
)
from sellia.cli.importers.source import Path, Source
from sellia.text import printable

_ITS_SERVICE: Final = "belongs to ngrok's service; the server of this client is yours"

#: Keys of the agent that have no counterpart as settings.
_AGENT: Final = {
    "authtoken": KEY,
    "api_key": "is of ngrok's own API, which Sellia does not have",
    "connect_timeout": "is an option of the command here: --connect-timeout ends it when no server was reached",
    "console_ui": "is an option of the command here: --quiet, or --json for programs",
    "console_ui_color": "is your terminal's to say",
    "crl_noverify": "has no counterpart: OpenSSL verifies the server's certificate, without revocation lists",
    "dns_resolver_ips": "has no counterpart: the machine's own resolver is asked",
    "inspect_db_size": "was left out: inspector.memory has a number of bytes, or a size such as 64 MiB",
    "log": "has no counterpart: the log is on standard error, or in log.file",
    "log_format": "is an option of the command here: --json prints events for programs",
    "metadata": _ITS_SERVICE,
    "region": _ITS_SERVICE,
    "remote_management": _ITS_SERVICE,
    "root_cas": "was for ngrok's servers; an authority of your own server is given as ca",
    "connect_cas": "was for ngrok's servers; an authority of your own server is given as ca",
    "connect_interface": "has no counterpart: the machine's routes decide",
    "server_addr": _ITS_SERVICE,
    "connect_url": _ITS_SERVICE,
    "update": "has no counterpart: the client is updated from your server's page, or by pip",
    "update_channel": "has no counterpart: the client is updated from your server's page, or by pip",
    "update_check": "has no counterpart: the client does not look for updates",
    "web_addr": "was left out: inspector.listen has a port, or an address of this machine with one",
    "web_allow_hosts": "was left out: inspector.hosts has names of hosts",
}

#: Keys of a tunnel that kept visitors out.
_PROTECTION: Final = {
    "ip_restriction": "let some addresses in only, in a way that is not known; give the tunnel allow and deny",
    "oauth": "had visitors log in; give the tunnel an auth, or let the service ask for a login",
    "oidc": "had visitors log in; give the tunnel an auth, or let the service ask for a login",
    "saml": "had visitors log in; give the tunnel an auth, or let the service ask for a login",
    "mutual_tls_cas": "asked visitors for certificates; let a proxy in front of the server do that",
    "verify_webhook": "checked signatures of webhooks; let the service check them",
    "user_agent_filter": "kept programs out by their User-Agent; let the service do that",
    "traffic_policy": "had rules for visitors; look at each, and let the service or a proxy do what protects",
    "policy": "had rules for visitors; look at each, and let the service or a proxy do what protects",
}

#: Keys of a tunnel that have no counterpart, and kept nobody out.
_TUNNEL: Final = {
    "inspect": "was left out: a tunnel's inspect is true or false",
    "metadata": _ITS_SERVICE,
    "description": _ITS_SERVICE,
    "bind_tls": "is the server's to say: its --https, or a proxy in front of it",
    "schemes": "is the server's to say: its --https, or a proxy in front of it",
    "circuit_breaker": "has no counterpart: every request reaches the service",
    "compression": "has no counterpart: responses pass as the service compresses them",
    "websocket_tcp_converter": "has no counterpart: WebSockets pass as such",
    "labels": "belongs to ngrok's edges; give the tunnel a subdomain",
    "app_protocol": "has no counterpart: services are spoken to in HTTP/1.1",
    "pooling_enabled": "has no counterpart for a tunnel of this kind: its name has one client",
    "bindings": "has no counterpart: a tunnel is public, below your server's domain",
    "terminate_at": "has no counterpart: TLS ends at the server, or a proxy in front of it",
    "agent_tls_termination": "has no counterpart: TLS ends at the server, or a proxy in front of it",
    "crt": "is of no use in a tunnel of this kind",
    "key": "is of no use in a tunnel of this kind",
    "request_header": "changes header fields in a way that is not known",
    "response_header": "changes header fields in a way that is not known",
    "proxy_proto": "has no counterpart: X-Forwarded-For says who the visitor is",
}

#: What names end in that are ngrok's own to give.
_DOMAINS: Final = (
    *(".ngrok.io", ".ngrok.app", ".ngrok.dev", ".ngrok.pizza", ".ngrok.pro"),
    *(".ngrok-free.app", ".ngrok-free.dev", ".ngrok-free.pizza", ".ngrok-free.pro"),
)

_DURATION: Final = re.compile(r"(?:[0-9.]+(?:h|ms|m|s))+")
_PART: Final = re.compile(r"([0-9.]+)(h|ms|m|s)")
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def seconds_of(value: object) -> float | None:
    """Return a duration of Go (``1m30s``), or a number of seconds; None for anything else."""
    text = str(value)
    try:
        if _DURATION.fullmatch(text):
            return sum(float(amount) * _UNITS[unit] for amount, unit in _PART.findall(text))
        return float(text)
    except ValueError:
        return None


def set_agent(source: Source, agent: Path, imported: Imported) -> None:
    """Carry over what is said of the agent."""
    level = source.text(*agent, "log_level")
    if level == "debug":
        imported.put("log.level", "debug")
    elif level and level != "info":
        source.remark((*agent, "log_level"), "became info, which is the least")
    set_log_file(source, (*agent, "log"), imported)
    set_proxy(source, (*agent, "proxy_url"), imported)
    set_pings(source, (*agent, "heartbeat_interval"), (*agent, "heartbeat_tolerance"), imported)
    set_inspector(source, agent, imported)
    source.name_all(agent, _AGENT)


def set_log_file(source: Source, path: Path, imported: Imported) -> None:
    """Carry over where the log goes, if that is a file."""
    file = source.peek(*path)
    if not isinstance(file, str) or not file or file in ("console", "stdout", "stderr", "false"):
        return
    source.take(*path)
    imported.put("log.file", file)
    if not file.startswith("/"):
        source.remark(path, "starts from the directory of the settings file here")


def set_proxy(source: Source, path: Path, imported: Imported) -> None:
    """Carry over the URL of an HTTP proxy."""
    url = source.peek(*path)
    if isinstance(url, str) and url.startswith(("http://", "https://")):
        imported.put("proxy", source.text(*path))
    else:
        source.name(path, "is not an http:// proxy, which is the only kind that is spoken to")


def set_pings(source: Source, interval: Path, timeout: Path, imported: Imported) -> None:
    """Carry over how often the link is pinged, and when it is given up, where the one is shorter than the other."""
    every, after = (seconds_of(source.peek(*path)) for path in (interval, timeout))
    if not 0 < (5.0 if every is None else every) < (15.0 if after is None else after):
        for path in (interval, timeout):
            source.name(path, "was left out: a link is given up some time after it was pinged, by default 15 s after 5")
        return
    for path, value, name in ((interval, every, "timeouts.ping_interval"), (timeout, after, "timeouts.ping")):
        if value is not None:
            source.take(*path)
            imported.put(name, value)


def set_tunnels(source: Source, imported: Imported) -> None:
    """Carry over ``tunnels``, by name."""
    for name in source.children("tunnels"):
        path: Path = ("tunnels", name)
        tunnel = imported.tunnel(str(name))
        kind = source.text(*path, "proto") or "http"
        set_address(source, (*path, "addr"), tunnel)
        set_kind(source, path, tunnel, kind)
        if kind == "tcp":
            port = source.text(*path, "remote_addr") or source.text(*path, "url")
            set_port(source, (*path, "remote_addr"), tunnel, port.rpartition(":")[2])
            set_proxy_protocol(source, (*path, "proxy_proto"), tunnel)
        elif kind == "tls":
            set_tls(source, (*path, "crt"), (*path, "key"), tunnel)
            set_proxy_protocol(source, (*path, "proxy_proto"), tunnel)
        for key in ("subdomain", "domain", "hostname", "url"):
            host = _host(source.text(*path, key))
            if host and kind != "tcp":
                set_public_host(source, (*path, key), tunnel, host)
        for host in map(_host, source.texts(*path, "hostnames")):
            set_public_host(source, (*path, "hostnames"), tunnel, host)
        for key in ("basic_auth", "auth"):
            set_auth(source, (*path, key), tunnel, source.texts(*path, key))
        set_rest(source, path, tunnel)


def set_public_host(source: Source, path: Path, tunnel: ImportedTunnel, host: str) -> None:
    """Ask for a host name: below a domain of ngrok's for the same name here, also as a wildcard; else as a domain."""
    if "." not in host or host.lower().endswith(_DOMAINS):
        if "subdomain" not in tunnel.settings:
            set_subdomain(source, path, tunnel, host.removeprefix("*."))
        if host.startswith("*.") and "subdomain" in tunnel.settings:
            tunnel.settings["wildcard"] = True
    else:
        set_domain(source, path, tunnel, host)


def set_kind(source: Source, path: Path, tunnel: ImportedTunnel, kind: str) -> None:
    """Withhold a tunnel of a kind that there is not."""
    if kind not in ("http", "https", "tcp", "tls"):
        what = printable(kind, 20)
        tunnel.withheld.append(f"it is for {what}, and tunnels of this version are for HTTP, WebSockets, TCP and TLS")
        source.remark(path, f"is a tunnel for {what}, which this version does not have")


def set_tls(source: Source, cert: Path, key: Path, tunnel: ImportedTunnel) -> None:
    """Make a tunnel one for TLS, which passes through, or ends at the client where it has files of a certificate."""
    tunnel.settings["kind"] = "tls"
    for path, name in ((cert, "cert"), (key, "key")):
        value = source.peek(*path)
        if isinstance(value, str) and "-----BEGIN" in value:
            source.name(path, "has the PEM text itself: put it into a file, and name that")
            tunnel.withheld.append(f"its {name} is not in a file")
        else:
            file = source.text(*path)
            if file:
                tunnel.settings[name] = file
            if file and not file.startswith(("/", "~")):
                source.remark(path, "is relative now to the directory of the settings file")


def set_proxy_protocol(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    """Carry over which version of the PROXY protocol a service is spoken to with."""
    version = str(source.peek(*path)).removeprefix("v")
    if version in ("1", "2"):
        source.take(*path)
        tunnel.settings["proxy_protocol"] = int(version)


def set_rest(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    """Carry over what a tunnel changes in header fields, and name all of its keys that have no counterpart."""
    pooled = source.peek(*path, "pooling_enabled")
    if pooled is False or (pooled is True and tunnel.settings.get("kind", "http") == "http"):
        source.take(*path, "pooling_enabled")
        tunnel.settings |= {"pool": True} if pooled else {}
    host = source.text(*path, "host_header")
    if host == "rewrite":
        tunnel.settings["headers"] = "local"
    elif host and host != "preserve":
        set_host(source, (*path, "host_header"), tunnel.settings, host)
    for group in ("request_header", "response_header"):
        for action in ("add", "remove"):
            set_fields(source, (*path, group, action), tunnel, f"{group}s", action)
    set_inspected(source, (*path, "inspect"), tunnel.settings)
    set_access(source, path, tunnel, "ip_restriction.allow_cidrs", "ip_restriction.deny_cidrs")
    for key, advice in _PROTECTION.items():
        if source.has(*path, key):
            withhold(source, (*path, key), tunnel, advice)
    source.name_all(path, _TUNNEL)


def set_address(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    """Carry over the address of a tunnel's service."""
    address = source.text(*path)
    if address.endswith("://"):  # the scheme alone is short for this machine
        address += "localhost"
    elif re.fullmatch(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", address):  # and a host alone for its port 80
        address = f"http://{address}"
    if address:
        set_target(source, path, tunnel, address)
    else:
        tunnel.withheld.append("it has no address")


def _host(text: str) -> str:
    """Return the host of ``https://a.example:443``, or ``a.example``; empty where only a scheme is given."""
    return text.partition("://")[2].partition(":")[0] if "://" in text else text.partition(":")[0]
