"""Settings files of ngrok, version 3: the ``agent``, a list of ``endpoints``, and ``tunnels`` as in version 2."""

from typing import Any

from sellia.cli.importers.ngrok import (
    set_address,
    set_agent,
    set_kind,
    set_proxy_protocol,
    set_public_host,
    set_rest,
    set_tls,
    set_tunnels,
)
from sellia.cli.importers.result import Imported, set_port, withhold
from sellia.cli.importers.source import Path, Source


def convert(tree: dict[str, Any]) -> Imported:
    """Return what becomes of a file."""
    source, imported = Source(tree), Imported("ngrok, version 3")
    source.take("version")
    set_agent(source, ("agent",), imported)
    for index in source.children("endpoints"):
        _set_endpoint(source, ("endpoints", index), imported)
    set_tunnels(source, imported)
    return imported.finish(source)


def _set_endpoint(source: Source, path: Path, imported: Imported) -> None:
    tunnel = imported.tunnel(source.text(*path, "name"))
    kind, _, host = source.text(*path, "url").rpartition("://")
    upstream: Path = (*path, "upstream", "url") if source.has(*path, "upstream", "url") else (*path, "upstream")
    set_address(source, upstream, tunnel)
    set_kind(source, path, tunnel, kind or "https")
    host, _, port = host.partition(":")
    if kind == "tcp":
        set_port(source, (*path, "url"), tunnel, port)
        set_proxy_protocol(source, (*path, "upstream", "proxy_protocol"), tunnel)
    elif kind == "tls":
        tls = (*path, "agent_tls_termination")
        authorities = (*tls, "mutual_tls_certificate_authorities")
        if source.has(*authorities):
            withhold(source, authorities, tunnel, "asked visitors for certificates; let the service do that")
        set_tls(source, (*tls, "server_certificate"), (*tls, "server_private_key"), tunnel)
        set_proxy_protocol(source, (*path, "upstream", "proxy_protocol"), tunnel)
    if host.endswith(".internal"):
        source.remark((*path, "url"), "was reachable within ngrok only; a tunnel here is public")
        tunnel.withheld.append("it was reachable within ngrok only")
    elif host and kind != "tcp":
        set_public_host(source, (*path, "url"), tunnel, host)
    for key, plain in (("protocol", "http1"), ("proxy_protocol", "")):
        if source.peek(*path, "upstream", key) == plain:
            source.take(*path, "upstream", key)
    advices = {
        "upstream.protocol": "has no counterpart: services are spoken to in HTTP/1.1",
        "upstream.proxy_protocol": "has no counterpart: X-Forwarded-For says who the visitor is",
    }
    source.name_all(path, advices)
    set_rest(source, path, tunnel)
