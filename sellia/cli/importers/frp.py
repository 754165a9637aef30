"""Settings files of frpc in TOML (and YAML, and JSON), version 0.52 and later: ``proxies``, which become tunnels."""

import re
from typing import Any, Final

from sellia.cli.importers.ngrok import set_log_file, set_proxy, set_proxy_protocol
from sellia.cli.importers.result import (
    KEY,
    Imported,
    ImportedTunnel,
    set_auth,
    set_domain,
    set_fields,
    set_host,
    set_port,
    set_subdomain,
    set_target,
)
from sellia.cli.importers.source import Path, Source

_LINK: Final = "has no counterpart: the link is one WebSocket, over TLS where the server's URL is https"
_NO_ADMIN: Final = "has no counterpart: `sellia status` and `reload` ask a client, whose inspector shows what passes"
_NO_CHECK: Final = "has no counterpart: a request is answered with 502 while the service is down"

#: Keys at the top of the file that have no counterpart.
_COMMON: Final = {
    "serverAddr": "is the address of an frps: put the URL of your Sellia server into server",
    "serverPort": "is the port of an frps: put the URL of your Sellia server into server",
    "auth": KEY,
    "user": "went before the names of proxies, which name tunnels only here",
    "clientID": "has no counterpart",
    "loginFailExit": "is an option of the command here: --no-retry, or --connect-timeout",
    "log.to": "has no counterpart: the log is on standard error, or in log.file",
    "log.maxDays": "has no counterpart: let logrotate or the journal do it",
    "log.disablePrintColor": "is said by NO_COLOR in the environment",
    "webServer": _NO_ADMIN,
    "natHoleStunServer": "is for connections past the server, which this version does not have",
    "transport": _LINK,
    "dnsServer": "has no counterpart: the machine's own resolver is asked",
    "udpPacketSize": "has no counterpart: datagrams pass as they come",
    "featureGates": "has no counterpart",
    "virtualNet": "is for virtual networks, which Sellia does not have",
    "metadatas": "has no counterpart: a server has no plugins",
    "includes": "names further files: import each of them",
    "store": "has no counterpart",
    "version": "is frp's",
    "name": "is frp's",
}

#: Keys of a proxy that have no counterpart.
_PROXY: Final = {
    "transport.bandwidthLimit": "is the server's to say: its rates",
    "transport.bandwidthLimitMode": "is the server's to say: its rates",
    "transport.useEncryption": _LINK,
    "transport.useCompression": "has no counterpart: data passes as the service compresses it",
    "transport.proxyProtocolVersion": "has no counterpart: X-Forwarded-For says who the visitor is",
    "loadBalancer": "has no counterpart for a tunnel of this kind: its name has one client",
    "healthCheck": _NO_CHECK,
    "metadatas": "has no counterpart: a server has no plugins",
    "annotations": "has no counterpart: the server's admin page has no remarks on tunnels",
    "requestHeaders": "changes header fields in a way that is not known",
    "responseHeaders": "changes header fields in a way that is not known",
    "routeByHTTPUser": "has no counterpart: a path or a name decides about the service",
    "enabled": "is said by `sellia start NAME` here, or autostart",
}

#: What is said of proxies of a kind that there is not.
_KINDS: Final = {
    "https": "its service ends TLS itself, and here the server does, or a proxy in front of it",
    "tcpmux": "it is for TCP by way of CONNECT, which Sellia does not have",
    "stcp": "only other clients of frp reached it, and a tunnel here is public",
    "xtcp": "only other clients of frp reached it, and a tunnel here is public",
    "sudp": "only other clients of frp reached it, and a tunnel here is public",
}

#: What is said of plugins that have no counterpart.
_PLUGINS: Final = {
    "http_proxy": "it is an HTTP proxy of frp's own",
    "socks5": "it is a SOCKS proxy of frp's own",
    "tls2raw": "TLS ended at frpc, and ends at the server here, or at a proxy in front of it",
    "virtual_net": "it is a virtual network, which Sellia does not have",
}


def convert(tree: dict[str, Any]) -> Imported:
    """Return what becomes of a file."""
    return convert_source(Source(tree), Imported("frp"))


def convert_source(source: Source, imported: Imported) -> Imported:
    """Carry over keys that are spelled as in TOML."""
    level = source.text("log", "level")
    if level in ("debug", "trace"):
        imported.put("log.level", "debug")
    elif level and level != "info":
        source.remark(("log", "level"), "became info, which is the least")
    set_log_file(source, ("log", "to"), imported)
    set_proxy(source, ("transport", "proxyURL"), imported)
    started = set(source.texts("start"))
    for index in source.children("proxies"):
        _set_proxy(source, ("proxies", index), imported, started)
    if not source.children("visitors"):
        source.take("visitors")
    for index in source.children("visitors"):
        source.name(("visitors", index), "reached a service of another client, which tunnels here do not do")
    source.name_all((), _COMMON)
    return imported.finish(source)


def _set_proxy(source: Source, path: Path, imported: Imported, started: set[str]) -> None:
    name = source.text(*path, "name")
    tunnel = imported.tunnel(name)
    kind = source.text(*path, "type") or "tcp"
    plugin = source.text(*path, "plugin", "type")
    tunnel.settings["autostart"] = not started or name in started
    if plugin:
        kind = _set_plugin(source, path, tunnel, kind, plugin)
        for key in ("localIP", "localPort"):
            source.name((*path, key), "is of no use beside a plugin")
    else:
        _set_address(source, path, tunnel)
    if kind in ("tcp", "udp"):
        set_port(source, (*path, "remotePort"), tunnel, source.text(*path, "remotePort"), kind)
        if kind == "tcp":
            set_proxy_protocol(source, (*path, "transport", "proxyProtocolVersion"), tunnel)
    elif kind == "https" and not plugin:
        tunnel.settings["kind"] = "tls"
        set_proxy_protocol(source, (*path, "transport", "proxyProtocolVersion"), tunnel)
    elif kind != "http":
        tunnel.withheld.append(_KINDS.get(kind, "it is of a kind that is not known"))
        source.remark((*path, "type"), _KINDS.get(kind, "is not known to Sellia").replace("it is for", "is for", 1))
    if kind not in ("tcp", "udp"):
        _set_names(source, path, tunnel)
    user, password = source.text(*path, "httpUser"), source.text(*path, "httpPassword")
    if user or password:
        set_auth(source, (*path, "httpUser"), tunnel, [f"{user}:{password}"])
    _set_locations(source, path, tunnel)
    if kind == "http":
        if source.text(*path, "loadBalancer", "group"):
            tunnel.settings["pool"] = True
            source.name(
                (*path, "loadBalancer", "groupKey"), "is of no use here: clients with the same key share a name"
            )
        for part in (path, (*path, "plugin")):
            _set_headers(source, part, tunnel)
    for part in (path, (*path, "plugin")):
        source.name((*part, "hostHeaderRewrite"), "is of no use in a tunnel of this kind")
    _name_plugin(source, (*path, "plugin"))
    for key in ("secretKey", "allowUsers", "multiplexer", "remotePort"):
        source.name((*path, key), "is of no use without a tunnel of this kind")
    source.name_all(path, _PROXY)


def _set_headers(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    host = source.text(*path, "hostHeaderRewrite")
    if host:
        set_host(source, (*path, "hostHeaderRewrite"), tunnel.settings, host)
    set_fields(source, (*path, "requestHeaders", "set"), tunnel, "request_headers", "set")
    set_fields(source, (*path, "responseHeaders", "set"), tunnel, "response_headers", "set")


def _set_address(source: Source, path: Path, tunnel: ImportedTunnel, scheme: str = "") -> None:
    host, port = source.text(*path, "localIP") or "127.0.0.1", source.text(*path, "localPort")
    if not re.fullmatch("[0-9]{1,5}", port):
        source.remark((*path, "localPort"), "is not a port")
        tunnel.withheld.append("it has no port")
        return
    where = f"[{host}]" if ":" in host and not host.startswith("[") else host
    set_target(source, (*path, "localPort"), tunnel, f"{scheme}{where}:{port}")


def _set_plugin(source: Source, path: Path, tunnel: ImportedTunnel, kind: str, plugin: str) -> str:
    """Carry over a plugin; return the kind of tunnel that the proxy is with it."""
    inner = (*path, "plugin")
    address = source.text(*inner, "localAddr")
    if plugin in ("http2http", "https2http", "http2https", "https2https"):
        set_target(source, (*inner, "localAddr"), tunnel, f"{plugin.partition('2')[2]}://{address}")
        kind = "http"
    elif plugin == "unix_domain_socket":
        set_target(source, (*inner, "unixPath"), tunnel, f"unix:{source.text(*inner, 'unixPath')}")
    elif plugin == "static_file":
        kind = "http"
        _set_files(source, inner, tunnel)
    else:
        tunnel.withheld.append(_PLUGINS.get(plugin, "its plugin is not known"))
        source.remark((*inner, "type"), _PLUGINS.get(plugin, "is not known to Sellia"))
    return kind


def _name_plugin(source: Source, inner: Path) -> None:
    """Name keys of a plugin that have no counterpart."""
    advices = {
        "crtPath": "is of no use: TLS ends at the server, or a proxy in front of it",
        "keyPath": "is of no use: TLS ends at the server, or a proxy in front of it",
        "requestHeaders": "changes header fields in a way that is not known",
        "enableHTTP2": "has no counterpart: the server speaks HTTP/1.1",
    }
    source.name_all(inner, advices)
    source.name(inner, "is of no use without this plugin")


def _set_files(source: Source, inner: Path, tunnel: ImportedTunnel) -> None:
    """Carry over a directory that frpc served, and the path under which it did."""
    directory, prefix = source.text(*inner, "localPath"), source.text(*inner, "stripPrefix").strip("/")
    if directory and not directory.startswith(("/", "~", "./", "../")):
        directory = f"./{directory}"
    if directory.startswith("."):
        source.remark((*inner, "localPath"), "is relative now to the directory of the settings file")
    if set_target(source, (*inner, "localPath"), tunnel, directory) and prefix:
        tunnel.settings["paths"] = {f"/{prefix}": {"target": tunnel.settings.pop("target"), "strip": True}}
    user, password = source.text(*inner, "httpUser"), source.text(*inner, "httpPassword")
    if user or password:
        set_auth(source, (*inner, "httpUser"), tunnel, [f"{user}:{password}"])


def _set_names(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    subdomain, domains = source.text(*path, "subdomain"), source.texts(*path, "customDomains")
    if subdomain:
        set_subdomain(source, (*path, "subdomain"), tunnel, subdomain)
    for each in domains:
        set_domain(source, (*path, "customDomains"), tunnel, each)


def _set_locations(source: Source, path: Path, tunnel: ImportedTunnel) -> None:
    """Carry over the paths that a proxy is for; with ``/`` among them, it is for all."""
    locations = source.texts(*path, "locations")
    if not locations or "/" in locations or "target" not in tunnel.settings:
        return
    target = tunnel.settings.pop("target")
    tunnel.settings["paths"] = {"/" + each.strip("/"): target for each in locations}
