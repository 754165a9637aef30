"""Settings files of frpc in INI, before version 0.52: its keys are brought into the spelling of TOML."""

from collections.abc import Iterator
from typing import Any, Final

from sellia.cli.importers.frp import convert_source
from sellia.cli.importers.result import Imported
from sellia.cli.importers.source import Path, Source, dotted

#: Keys of ``[common]``, and what they are called now.
_COMMON: Final = {
    "server_addr": "serverAddr",
    "server_port": "serverPort",
    "nat_hole_stun_server": "natHoleStunServer",
    "http_proxy": "transport.proxyURL",
    "log_file": "log.to",
    "log_level": "log.level",
    "log_max_days": "log.maxDays",
    "disable_log_color": "log.disablePrintColor",
    "authentication_method": "auth.method",
    "authenticate_heartbeats": "auth.heartbeats",
    "authenticate_new_work_conns": "auth.newWorkConns",
    "token": "auth.token",
    "admin_addr": "webServer.addr",
    "admin_port": "webServer.port",
    "admin_user": "webServer.user",
    "admin_pwd": "webServer.password",
    "assets_dir": "webServer.assetsDir",
    "pprof_enable": "webServer.pprofEnable",
    "user": "user",
    "login_fail_exit": "loginFailExit",
    "dns_server": "dnsServer",
    "start": "start",
    "udp_packet_size": "udpPacketSize",
    "includes": "includes",
    **{
        key: f"transport.{key}"
        for key in (
            *("dial_server_timeout", "dial_server_keepalive", "pool_count", "tcp_mux", "tcp_mux_keepalive_interval"),
            *("protocol", "connect_server_local_ip", "connect_server_interface", "quic_keepalive_period"),
            *("quic_max_idle_timeout", "quic_max_incoming_streams", "tls_enable", "tls_cert_file", "tls_key_file"),
            *("tls_trusted_ca_file", "tls_server_name", "disable_custom_tls_first_byte"),
            *("heartbeat_interval", "heartbeat_timeout"),
        )
    },
}

#: Beginnings of keys, of ``[common]`` and of proxies.
_COMMON_BEGINNINGS: Final = {"oidc_": "auth.oidc.", "meta_": "metadatas."}
_PROXY_BEGINNINGS: Final = {
    "meta_": "metadatas.",
    "header_": "requestHeaders.set.",
    "health_check_": "healthCheck.",
    "plugin_header_": "plugin.requestHeaders.set.",
}

#: Keys of proxies, and what they are called now.
_PROXY: Final = {
    "type": "type",
    "local_ip": "localIP",
    "local_port": "localPort",
    "remote_port": "remotePort",
    "bandwidth_limit": "transport.bandwidthLimit",
    "bandwidth_limit_mode": "transport.bandwidthLimitMode",
    "use_encryption": "transport.useEncryption",
    "use_compression": "transport.useCompression",
    "proxy_protocol_version": "transport.proxyProtocolVersion",
    "group": "loadBalancer.group",
    "group_key": "loadBalancer.groupKey",
    "http_user": "httpUser",
    "http_pwd": "httpPassword",
    "subdomain": "subdomain",
    "custom_domains": "customDomains",
    "locations": "locations",
    "route_by_http_user": "routeByHTTPUser",
    "host_header_rewrite": "hostHeaderRewrite",
    "multiplexer": "multiplexer",
    "sk": "secretKey",
    "allow_users": "allowUsers",
    "plugin": "plugin.type",
    "plugin_local_addr": "plugin.localAddr",
    "plugin_unix_path": "plugin.unixPath",
    "plugin_local_path": "plugin.localPath",
    "plugin_strip_prefix": "plugin.stripPrefix",
    "plugin_http_user": "plugin.httpUser",
    "plugin_http_passwd": "plugin.httpPassword",
    "plugin_user": "plugin.username",
    "plugin_passwd": "plugin.password",
    "plugin_crt_path": "plugin.crtPath",
    "plugin_key_path": "plugin.keyPath",
    "plugin_host_header_rewrite": "plugin.hostHeaderRewrite",
}

#: Keys whose value is a list.
_LISTS: Final = ("start", "custom_domains", "locations", "allow_users", "includes")


def convert(tree: dict[str, dict[str, str]]) -> Imported:
    """Return what becomes of a file; ``tree`` has its sections."""
    written: dict[Path, str] = {}
    made: dict[str, Any] = {}
    for section, keys in tree.items():
        if section == "common":
            _move(section, keys, made, (), _COMMON, _COMMON_BEGINNINGS, written)
            continue
        place = "visitors" if keys.get("role") == "visitor" else "proxies"
        path: Path = (place, len(made.setdefault(place, [])))
        item: dict[str, Any] = {"name": section.removeprefix("range:")}
        made[place].append(item)
        written[*path, "name"] = f"[{section}]"
        written[path] = f"[{section}]"
        _move(section, keys, item, path, _PROXY, _PROXY_BEGINNINGS, written)

    def shown(path: Path) -> str:
        for end in range(len(path), 0, -1):
            if path[:end] in written:
                return written[path[:end]]
        return dotted(path)

    return convert_source(Source(made, shown, flat=True), Imported("frp, in INI"))


def _move(
    section: str,
    keys: dict[str, str],
    item: dict[str, Any],
    path: Path,
    names: dict[str, str],
    beginnings: dict[str, str],
    written: dict[Path, str],
) -> None:
    """Put keys of a section into ``item``, which is at ``path``, under their new names."""
    for key, value in keys.items():
        new = names.get(key) or next(_begun(key, beginnings), key)
        steps = new.split(".")
        group = item
        for step in steps[:-1]:
            group = group.setdefault(step, {})
        group[steps[-1]] = [each.strip() for each in value.split(",")] if key in _LISTS else value
        where: Path = (*path, *steps)
        written[where] = f"[{section}] {key}"
        for end in range(len(path) + 1, len(where)):
            written.setdefault(where[:end], f"[{section}] {key}")


def _begun(key: str, beginnings: dict[str, str]) -> Iterator[str]:
    """Yield the new name of a key by how it begins; a dot in what follows is part of it."""
    for begin, new in sorted(beginnings.items(), key=lambda pair: -len(pair[0])):
        if key.startswith(begin):
            yield new + key.removeprefix(begin).replace(".", "-")
