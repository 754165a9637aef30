"""Reverse proxies as the service: one application behind each, as people have it at home or in a container."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.field.contract import contract, http_contract
from tests.field.install import Apt, Npm, Pip, Requirement, Several
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import ask

TRIED = "Uvicorn behind it: requests, an upload, a stream, a WebSocket, close codes both ways"
HTTP_TRIED = "Uvicorn behind it: requests, an upload, a stream"
UVICORN = Pip("uvicorn[standard]==0.54.0")


def serve_app(kit: Kit) -> int:
    """The application of the contract."""
    port = kit.free_port()
    folder = Path(kit.app("asgi_app.py")).parent
    options = ["--ws-max-size", "100000000"]
    kit.start(kit.python, "-m", "uvicorn", "asgi_app:app", "--port", port, *options, port=port, cwd=folder)
    return port


def configured(*argv: str, config: str) -> Callable[[Kit], int]:
    """Serve by a program with a configuration file, in which ``PORT``, ``APP``, ``WORK`` and ``CONFIG`` are put in."""

    def serve(kit: Kit) -> int:
        port = kit.free_port()
        file = kit.work / "config"
        places = {"PORT": str(port), "APP": str(serve_app(kit)), "WORK": str(kit.work), "CONFIG": str(file)}

        def fill(text: str) -> str:
            for name, value in places.items():
                text = text.replace(name, value)
            return text

        kit.work.chmod(0o777)
        file.write_text(fill(config))
        words = [fill(word) for word in argv]
        kit.start(kit.bin(words[0]), *words[1:], port=port)
        return port

    return serve


def behind(
    name: str, title: str, needs: Requirement, serve: Callable[[Kit], int], *, websockets: bool = True, notes: str = ""
) -> Program:
    """One of the family; the version in the table is the proxy's."""
    visit = contract if websockets else http_contract
    tried = TRIED if websockets else HTTP_TRIED
    return Program(name, title, tried, serve, visit, needs=needs, notes=notes)


VARNISH = behind(
    "varnish",
    "Varnish",
    Several(UVICORN, Apt({"varnishd": "gcc libc6-dev varnish"})),
    configured(
        *("varnishd", "-F", "-a", "127.0.0.1:PORT", "-n", "WORK/varnish", "-f", "CONFIG", "-s", "malloc,64m"),
        *("-p", "http_req_hdr_len=64k", "-p", "http_req_size=128k", "-p", "workspace_client=256k"),
        config='vcl 4.1;\nbackend app { .host = "127.0.0.1"; .port = "APP"; }\n'
        "sub vcl_recv { if (req.http.upgrade) { return (pipe); } return (pass); }\n"
        "sub vcl_pipe { if (req.http.upgrade) { set bereq.http.upgrade = req.http.upgrade;"
        " set bereq.http.connection = req.http.connection; } }\n",
    ),
)
APACHE = behind(
    "apache-proxy",
    "Apache, mod_proxy",
    Several(UVICORN, Apt({"apache2": "apache2"})),
    configured(
        *("apache2", "-X", "-f", "CONFIG"),
        config="ServerName localhost\nListen 127.0.0.1:PORT\nPidFile WORK/pid\nErrorLog /dev/stderr\n"
        "LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so\n"
        "LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so\n"
        "LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so\n"
        "LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so\n"
        "ProxyPass / http://127.0.0.1:APP/ upgrade=websocket\n",
    ),
)
HAPROXY = behind(
    "haproxy-proxy",
    "HAProxy as the service",
    Several(UVICORN, Apt({"haproxy": "haproxy"})),
    configured(
        *("haproxy", "-db", "-f", "CONFIG"),
        config="defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
        "frontend web\n  bind 127.0.0.1:PORT\n  default_backend app\nbackend app\n  server app 127.0.0.1:APP\n",
    ),
)
LIGHTTPD = behind(
    "lighttpd-proxy",
    "lighttpd, mod_proxy",
    Several(UVICORN, Apt({"lighttpd": "lighttpd"})),
    configured(
        *("lighttpd", "-D", "-f", "CONFIG"),
        config='server.modules = ("mod_proxy")\nserver.document-root = "WORK"\nserver.bind = "127.0.0.1"\n'
        'server.port = PORT\nserver.errorlog = "/dev/stderr"\nserver.stream-response-body = 1\n'
        'server.stream-request-body = 1\nproxy.server = ("" => (("host" => "127.0.0.1", "port" => "APP")))\n'
        'proxy.header = ("upgrade" => "enable")\n',
    ),
)
SQUID = behind(
    "squid",
    "Squid as an accelerator",
    Several(UVICORN, Apt({"squid": "squid"})),
    configured(
        *("squid", "-N", "-n", "fieldPORT", "-f", "CONFIG"),
        config="http_port 127.0.0.1:PORT accel defaultsite=localhost vhost\n"
        "cache_peer 127.0.0.1 parent APP 0 no-query originserver\nhttp_access allow all\ncache deny all\n"
        "pid_filename WORK/squid.pid\naccess_log none\ncache_log WORK/cache.log\ncoredump_dir WORK\n"
        "request_header_max_size 64 KB\nmemory_cache_shared off\ncache_effective_user proxy\n"
        "shutdown_lifetime 1 second\n",
    ),
    websockets=False,
)


def serve_mitmproxy(kit: Kit) -> int:
    port, app = kit.free_port(), serve_app(kit)
    options = ["--mode", f"reverse:http://127.0.0.1:{app}", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    folders = ["--set", f"confdir={kit.work}", "--set", "keep_host_header=true"]
    kit.start(kit.bin("mitmdump"), "-q", *options, *folders, port=port)
    return port


MITMPROXY = behind("mitmproxy", "mitmproxy", Pip("mitmproxy", "uvicorn[standard]==0.54.0"), serve_mitmproxy)


def serve_node_proxy(kit: Kit) -> int:
    port, app = kit.free_port(), serve_app(kit)
    kit.node("node_proxy.js", port, app, port=port)
    return port


NODE_PROXY = behind("http-proxy", "http-proxy (Node)", Several(UVICORN, Npm("http-proxy@1.18.1")), serve_node_proxy)


def serve_syncthing(kit: Kit) -> int:
    port = kit.free_port()
    options = ["--no-browser", f"--gui-address=127.0.0.1:{port}", f"--home={kit.work}", "--gui-apikey=key"]
    kit.start(kit.bin("syncthing"), "serve", *options, "--no-default-folder", port=port)
    return port


def visit_syncthing(way: Way) -> Outcome:
    """Its check of the host, which only names of this machine pass."""
    page = ask(way, "/", during=way.cut)
    with_key = ask(way, "/rest/system/ping", headers={"X-API-Key": "key"})
    return {"page": f"{page.status} {page.text.strip()[:40]}", "with its key": f"{with_key.status}"}


SYNCTHING = Program(
    "syncthing",
    "Syncthing",
    "its check of the host, its interface with the key",
    serve_syncthing,
    visit_syncthing,
    needs=Apt({"syncthing": "syncthing"}),
    notes="needs insecureSkipHostcheck for its page",
)
