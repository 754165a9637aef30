"""Settings files of cloudflared (``config.yml``): rules of ``ingress``, which become tunnels by their host names."""

import re
from typing import Any, Final

from sellia.cli.importers.ngrok import seconds_of, set_log_file
from sellia.cli.importers.result import (
    KEY,
    UNKNOWN,
    Imported,
    ImportedTunnel,
    checked_target,
    set_domain,
    set_host,
    set_target,
    withhold,
)
from sellia.cli.importers.source import Path, Source
from sellia.text import printable

_ITS_NETWORK: Final = "belongs to Cloudflare's network; the server of this client is yours"
_ITS_UPDATES: Final = "has no counterpart: the client is updated from your server's page, or by pip"
_NO_METRICS: Final = "has no counterpart in a client; the server has metrics"
_POOL: Final = "has no counterpart: connections to a service are kept as long as their visitors stay"

#: Keys at the top of the file that have no counterpart.
_TOP: Final = {
    **dict.fromkeys(("tunnel", "credentials-file", "credentials-contents", "origincert", "token", "token-file"), KEY),
    **dict.fromkeys(("autoupdate-freq", "no-autoupdate", "is-autoupdated"), _ITS_UPDATES),
    **dict.fromkeys(
        ("region", "edge", "edge-ip-version", "edge-bind-address", "protocol", "ha-connections", "post-quantum")
        + ("max-edge-addr-retries", "rpc-timeout", "write-stream-timeout", "features", "tag", "label", "lb-pool")
        + ("api-url", "management-hostname", "service-op-ip", "name", "warp-routing", "compression-quality"),
        _ITS_NETWORK,
    ),
    **dict.fromkeys(("metrics", "metrics-update-freq", "trace-output", "management-diagnostics"), _NO_METRICS),
    **dict.fromkeys(("proxy-dns", "proxy-dns-port", "proxy-dns-address", "proxy-dns-upstream"), "is a DNS proxy's"),
    "pidfile": "has no counterpart: `sellia service` runs it as a unit of systemd",
    "logfile": "has no counterpart: the log is on standard error, or in log.file",
    "log-directory": "has no counterpart: log.file names one file",
    "log-format-output": "is an option of the command here: --json prints events for programs",
    "transport-loglevel": "has no counterpart: log.level is for all",
    "proto-loglevel": "has no counterpart: log.level is for all",
    "retries": "is an option of the command here: --no-retry; by default it tries for ever",
    "socks5": "is a SOCKS proxy's, which this version does not have",
    "bastion": "is a jump host's, which this version does not have",
}

#: Keys of ``originRequest`` that have no counterpart.
_ORIGIN: Final = {
    "originServerName": "has no counterpart: the certificate must be for the host of the service",
    "matchSNItoHost": "has no counterpart: the certificate must be for the host of the service",
    "tlsTimeout": "has no counterpart: a handshake has the time of a connection",
    "tcpKeepAlive": _POOL,
    "keepAliveConnections": _POOL,
    "keepAliveTimeout": _POOL,
    "noHappyEyeballs": "has no counterpart: all addresses of a service are tried",
    "disableChunkedEncoding": "has no counterpart: bodies pass as they come",
    "http2Origin": "has no counterpart: services are spoken to in HTTP/1.1",
    "bastionMode": "is a jump host's, which this version does not have",
    "proxyAddress": "is a SOCKS proxy's, which this version does not have",
    "proxyPort": "is a SOCKS proxy's, which this version does not have",
    "proxyType": "is a SOCKS proxy's, which this version does not have",
}

#: Keys of ``originRequest`` that kept visitors out.
_PROTECTION: Final = {
    "access": "let visitors in who had logged in at Cloudflare; give the tunnel an auth, or let the service ask",
    "ipRules": "let some addresses in only; give the tunnel allow and deny",
}

#: How keys of ``originRequest`` are spelled at the top of a file without ``ingress``.
_OLD_NAMES: Final = {
    "proxy-connect-timeout": "connectTimeout",
    "no-tls-verify": "noTLSVerify",
    "origin-ca-pool": "caPool",
    "http-host-header": "httpHostHeader",
    "origin-server-name": "originServerName",
    "proxy-tls-timeout": "tlsTimeout",
    "proxy-tcp-keepalive": "tcpKeepAlive",
    "proxy-keepalive-connections": "keepAliveConnections",
    "proxy-keepalive-timeout": "keepAliveTimeout",
    "proxy-no-happy-eyeballs": "noHappyEyeballs",
    "no-chunked-encoding": "disableChunkedEncoding",
    "http2-origin": "http2Origin",
    "proxy-address": "proxyAddress",
    "proxy-port": "proxyPort",
}

#: A pattern that is no more than the beginning of a path, and what may end it.
_PREFIX: Final = re.compile(r"\^?(/[A-Za-z0-9_~/-]*)(?:\.\*|/\.\*|/\?|\(/\.\*\)\?|\$)?")


def convert(tree: dict[str, Any]) -> Imported:
    """Return what becomes of a file."""
    source, imported = Source(tree), Imported("cloudflared")
    level = source.text("loglevel")
    if level == "debug":
        imported.put("log.level", "debug")
    elif level and level != "info":
        source.remark(("loglevel",), "became info, which is the least")
    set_log_file(source, ("logfile",), imported)
    grace = seconds_of(source.peek("grace-period"))
    if grace:
        source.take("grace-period")
        imported.put("timeouts.drain", grace)
    hosts: dict[str, ImportedTunnel] = {}
    for index in source.children("ingress"):
        _set_rule(source, ("ingress", index), imported, hosts)
    if not imported.tunnels:
        _set_single(source, imported)
    _set_common(source, imported)
    source.name_all((), _TOP)
    return imported.finish(source)


def _set_rule(source: Source, path: Path, imported: Imported, hosts: dict[str, ImportedTunnel]) -> None:
    host, service = source.text(*path, "hostname"), source.text(*path, "service")
    if not host and service.startswith("http_status:"):
        return  # the server answers for names that nobody has
    tunnel = hosts.get(host)
    if tunnel is None:
        tunnel = hosts[host] = imported.tunnel(host.removeprefix("*.").partition(".")[0] or "others")
        tunnel.settings["autostart"] = True
        _set_host(source, (*path, "hostname"), tunnel, host)
    prefix = _set_service(source, path, tunnel, service)
    host = source.text(*path, "originRequest", "httpHostHeader")
    if host and prefix is not None:
        paths = tunnel.settings.get("paths")
        own: dict[str, Any] = tunnel.settings if paths is None else {"target": paths[prefix]}
        set_host(source, (*path, "originRequest", "httpHostHeader"), own, host)
        if paths is not None:
            paths[prefix] = own
    _set_origin(source, (*path, "originRequest"), tunnel)


def _set_host(source: Source, path: Path, tunnel: ImportedTunnel, host: str) -> None:
    if host and host != "*":
        set_domain(source, path, tunnel, host)
    else:
        source.remark((*path[:-1], "service"), "was for every other host name, and a tunnel has a name of its own")


def _set_service(source: Source, path: Path, tunnel: ImportedTunnel, service: str) -> str | None:
    """Set the target of a rule: the tunnel's only one, or that of one of its paths.  Return which, if it was set."""
    pattern, key = source.text(*path, "path"), (*path, "service")
    source.name((*path, "rewrite"), "has no counterpart: paths pass as they come, or without their prefix (strip)")
    target = _target(source, key, tunnel, service)
    if target is None:
        return None
    found = _PREFIX.fullmatch(pattern or "/")
    if found is None:
        source.remark((*path, "path"), "is a pattern, and paths here are prefixes such as /api: the rule was left out")
        tunnel.withheld.append("a rule of it was left out, whose path is a pattern")
        return None
    prefix = found[1].rstrip("/") or "/"
    if pattern and not pattern.startswith("^"):
        source.remark((*path, "path"), "matched anywhere in a path, and is a prefix now")
    given = checked_target(source, key, tunnel, target)
    if given is None:
        return None
    settings = tunnel.settings
    if prefix == "/" and not {"target", "paths"} & settings.keys():
        settings["target"] = given
        return prefix
    if "paths" not in settings:
        first = {name: settings.pop(name) for name in ("target", "host") if name in settings}
        settings["paths"] = {"/": first if "host" in first else first["target"]} if first else {}
    if prefix in settings["paths"]:
        source.remark(key, "is of a second rule for the same path, and was left out")
        return None
    settings["paths"][prefix] = given
    return prefix


def _target(source: Source, key: Path, tunnel: ImportedTunnel, service: str) -> str | None:
    """Return the target of a rule, or None if there is none."""
    scheme, _, rest = service.partition(":")
    if scheme in ("http", "https"):
        return f"{scheme}://{rest.lstrip('/').partition('/')[0]}"
    if scheme == "unix":
        return service
    if service == "hello_world":
        source.remark(key, "became a text; --hello-world was a page for tests")
        return "text:Hello from Sellia"
    if scheme == "http_status":
        source.remark(key, "answers with a status, which no target does: the rule was left out")
        tunnel.withheld.append("a rule of it was left out, which answered with a status")
    elif not service:
        tunnel.withheld.append("it has no service")
    else:
        what = printable(scheme, 20)
        source.remark(key, f"is for {what}: a tunnel here would have a port for everybody: say `kind: tcp`, and allow")
        tunnel.withheld.append(f"it is for {what}, and those who use cloudflared reached it")
    return None


def _set_origin(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    """Carry over what is said of a connection to a service, for one tunnel."""
    host = source.text(*path, "httpHostHeader")
    if host:
        set_host(source, (*path, "httpHostHeader"), tunnel.settings, host)
    unverified = source.take(*path, "noTLSVerify")
    if unverified is True:
        tunnel.settings["local_verify"] = False
        source.name((*path, "caPool"), "is of no use where no certificate is verified")
    authority = source.text(*path, "caPool")
    if authority:
        tunnel.settings["local_ca"] = authority
    if source.peek(*path, "access", "required") is False:
        source.take(*path, "access", "required")
        source.name((*path, "access"), "was not required of visitors, and has no counterpart")
    for key, advice in _PROTECTION.items():
        if source.has(*path, key):
            withhold(source, (*path, key), tunnel, advice)
    source.name((*path, "connectTimeout"), "is the same for all services here: timeouts.service_connect")
    source.name_all(path, _ORIGIN)


def _set_common(source: Source, imported: Imported) -> None:
    """Carry over ``originRequest`` at the top of the file, which is for all tunnels."""
    connect = seconds_of(source.peek("originRequest", "connectTimeout"))
    if connect:
        source.take("originRequest", "connectTimeout")
        imported.put("timeouts.service_connect", connect)
    common = ImportedTunnel("all")
    _set_origin(source, ("originRequest",), common)
    for tunnel in imported.tunnels:
        own = tunnel.settings
        given = {name: value for name, value in common.settings.items() if name not in own}
        if own.get("local_verify") is False:
            given.pop("local_ca", None)
        if any(isinstance(each, dict) and "host" in each for each in own.get("paths", {}).values()):
            given.pop("host", None)
        own |= given
        tunnel.withheld += common.withheld


def _set_single(source: Source, imported: Imported) -> None:
    """Carry over a file without rules, which has one service at its top."""
    service = source.text("url") or ("unix:" + source.text("unix-socket") if source.has("unix-socket") else "")
    if source.take("hello-world") is True:
        service = service or "hello_world"
    if not service:
        return
    host = source.text("hostname")
    tunnel = imported.tunnel(host.partition(".")[0] or "web")
    tunnel.settings["autostart"] = True
    if host:
        set_domain(source, ("hostname",), tunnel, host)
    target = _target(source, ("url",), tunnel, service)
    if target is not None:
        set_target(source, ("url",), tunnel, target)
    renamed: Any = {old: source.take(old) for old in _OLD_NAMES if source.has(old)}
    inner = Source({"originRequest": {_OLD_NAMES[old]: value for old, value in renamed.items()}}, _old_name)
    _set_origin(inner, ("originRequest",), tunnel)
    inner.name_rest(UNKNOWN)
    source.notes += inner.notes


def _old_name(path: Path) -> str:
    return next((old for old, new in _OLD_NAMES.items() if new == path[-1]), str(path[-1]))
