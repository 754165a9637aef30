"""
Reverse proxies in front of Sellia, run with the very files in ``conf/`` that people are given.

What is changed for a test is only what the files say is theirs to change: domain, ports, upstream and certificate, and
that they listen on loopback alone. Caddy takes most of it from its environment; nginx's and Apache's files are text
with a domain in it, and get what is around them in every nginx and Apache.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.e2e.case import watched
from tests.e2e.stage import DIRECT, Reach, curl, program, run
from tests.processes import ROOT, Process, free_port, start_client, start_server

DOMAIN = "sellia.test"


@dataclass(frozen=True)
class Front:
    """A running proxy: its process, where it takes https and where http."""

    process: Process
    https_port: int
    http_port: int


@cache
def workplace() -> Path:
    """A directory for this run's certificate and the proxies' own files."""
    temporary = tempfile.TemporaryDirectory()
    atexit.register(temporary.cleanup)
    return Path(temporary.name)


@cache
def certificate() -> tuple[Path, Path]:
    """A certificate for the domain and the names below it, signed by itself, and its key."""
    cert, key = workplace() / "fullchain.pem", workplace() / "privkey.pem"
    names = f"subjectAltName=DNS:{DOMAIN},DNS:*.{DOMAIN}"
    options = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]
    files = ["-subj", f"/CN={DOMAIN}", "-addext", names, "-keyout", str(key), "-out", str(cert)]
    made = run([program("openssl"), "req", *options, *files])
    if made.status:
        raise AssertionError(f"openssl: {made.errors}")
    return cert, key


@cache
def server() -> Process:
    """A server as the files' comments start it, shared by all proxies."""
    return watched(start_server("--open", "--https", "--trust-proxy", "127.0.0.1", domain=DOMAIN))


@cache
def server_with_interim_responses() -> Process:
    """One that passes interim responses on to every proxy."""
    config = workplace() / "interim.yaml"
    config.write_text("open: true\nhttps: true\ntrust_proxy: 127.0.0.1\ninterim_responses: 127.0.0.1\n")
    return watched(start_server("--config", str(config), domain=DOMAIN))


@cache
def upstream(service_port: int, name: str) -> int:
    """The port that a proxy hands ``name``'s requests to: Sellia's, or in a direct run the service's."""
    if DIRECT:
        return service_port
    watched(start_client(server().port, service_port, name, domain=DOMAIN))
    return server().port


@cache
def front(start: Callable[[int], Front], upstream_port: int) -> Front:
    """The proxy that ``start`` starts, one for each upstream."""
    return start(upstream_port)


def place(start: Callable[[int], Front], service_port: int, name: str) -> Reach:
    """Where visitors find a service behind the proxy that ``start`` starts and, behind that, Sellia."""
    return Reach(front(start, upstream(service_port, name)).https_port, f"{name}.{DOMAIN}")


def replaced(text: str, changes: dict[str, str]) -> str:
    """``text`` with each key replaced by its value; a key that is not there is a mistake."""
    for old, new in changes.items():
        if old not in text:
            raise AssertionError(f"the file no longer has {old!r}")
        text = text.replace(old, new)
    return text


def start_caddy(upstream_port: int) -> Front:
    """Caddy with ``conf/Caddyfile``, its environment set, listening on loopback."""
    caddy = program("caddy")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    shipped = (ROOT / "conf" / "Caddyfile").read_text()
    config = home / "Caddyfile"
    config.write_text(replaced(shipped, {"\thttp_port ": "\tdefault_bind 127.0.0.1\n\thttp_port "}))
    environment = {
        "SELLIA_DOMAIN": DOMAIN,
        "SELLIA_UPSTREAM": f"127.0.0.1:{upstream_port}",
        "SELLIA_CERT": str(cert),
        "SELLIA_KEY": str(key),
        "SELLIA_HTTPS_PORT": str(https_port),
        "SELLIA_HTTP_PORT": str(http_port),
        "SELLIA_CADDY_ADMIN": "off",
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
    }
    argv = [caddy, "run", "--config", str(config), "--adapter", "caddyfile"]
    return _listening(Front(Process(argv, name="caddy", env=environment), https_port, http_port))


def nginx_version() -> tuple[int, ...]:
    """The version of the nginx that is installed."""
    told = run([program("nginx"), "-v"]).errors
    return tuple(int(part) for part in told.partition("nginx/")[2].split()[0].split("."))


def shipped_nginx(changes: dict[str, str]) -> str:
    """``conf/nginx.conf`` with these changes and, for an older nginx, with those that it says are for an older one."""
    text = (ROOT / "conf" / "nginx.conf").read_text()
    if nginx_version() < (1, 25, 1):
        [script] = [line.split("'")[1] for line in text.splitlines() if "sed -i" in line]
        changed = run(["sed", script], stdin=text.encode())
        text = changed.output.decode()
    return replaced(text, changes)


def start_nginx(upstream_port: int) -> Front:
    """nginx with ``conf/nginx.conf`` inside the usual ``http`` block, in the foreground, listening on loopback."""
    nginx = program("nginx")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    changes = {
        "/etc/letsencrypt/live/example.com/fullchain.pem": str(cert),
        "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
        "example.com": DOMAIN,
        "127.0.0.1:3000": f"127.0.0.1:{upstream_port}",
        "listen [::]:80;": "",
        "listen [::]:443 ssl": "#",
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ": f"listen 127.0.0.1:{https_port} ",
    }
    (home / "sellia.conf").write_text(shipped_nginx(changes))
    temporary = "".join(
        f"    {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {home}/nginx.pid;\nerror_log stderr warn;\n"
        "events {}\n"
        f"http {{\n    access_log off;\n{temporary}    include {home}/sellia.conf;\n}}\n"
    )
    argv = [nginx, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    tested = run([*argv, "-t"])
    if tested.status or "[warn]" in tested.errors:
        raise AssertionError(f"nginx -t: {tested.errors}")
    return _listening(Front(Process(argv, name="nginx"), https_port, http_port))


def start_haproxy(upstream_port: int) -> Front:
    """HAProxy with ``conf/haproxy-http.cfg``, in the foreground, listening on loopback."""
    home = Path(tempfile.mkdtemp(dir=workplace()))
    cert, key = certificate()
    (home / "sellia.pem").write_text(cert.read_text() + key.read_text())
    https_port, http_port = free_port(), free_port()
    changes = {
        "bind :443 ssl crt /etc/haproxy/sellia.pem": f"bind 127.0.0.1:{https_port} ssl crt {home}/sellia.pem",
        "bind :80\n": f"bind 127.0.0.1:{http_port}\n",
        "server sellia 127.0.0.1:3000": f"server sellia 127.0.0.1:{upstream_port}",
    }
    config = home / "haproxy.cfg"
    config.write_text(replaced((ROOT / "conf" / "haproxy-http.cfg").read_text(), changes))
    tested = run([program("haproxy"), "-c", "-f", str(config)])
    if tested.status or "WARNING" in tested.errors:
        raise AssertionError(f"haproxy -c: {tested.errors}")
    argv = [program("haproxy"), "-f", str(config), "-db"]
    return _listening(Front(Process(argv, name="haproxy"), https_port, http_port))


APACHE_MODULES = (
    "mpm_event authz_core reqtimeout socache_shmcb ssl http2 headers rewrite proxy proxy_http proxy_wstunnel".split()
)


def start_apache(upstream_port: int) -> Front:
    """Apache with ``conf/apache.conf`` and the modules that it names, in the foreground, listening on loopback."""
    apache = program("apache2")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    changes = {
        "/etc/letsencrypt/live/example.com/fullchain.pem": str(cert),
        "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
        "example.com": DOMAIN,
        "127.0.0.1:3000": f"127.0.0.1:{upstream_port}",
        "*:80>": f"127.0.0.1:{http_port}>",
        "*:443>": f"127.0.0.1:{https_port}>",
    }
    modules = "".join(f"LoadModule {each}_module /usr/lib/apache2/modules/mod_{each}.so\n" for each in APACHE_MODULES)
    config = home / "apache2.conf"
    config.write_text(
        f"ServerRoot {home}\nServerName {DOMAIN}\nPidFile {home}/apache.pid\nErrorLog /dev/stderr\nLogLevel warn\n"
        f"{modules}User www-data\nGroup www-data\nDefaultRuntimeDir {home}\n"
        f"Listen 127.0.0.1:{http_port}\nListen 127.0.0.1:{https_port}\n"
        + replaced((ROOT / "conf" / "apache.conf").read_text(), changes)
    )
    argv = [apache, "-f", str(config), "-DFOREGROUND"]
    return _listening(Front(Process(argv, name="apache"), https_port, http_port))


def start_traefik(upstream_port: int) -> Front:
    """Traefik with ``conf/traefik.yml`` and ``conf/traefik-sellia.yml``, listening on loopback."""
    traefik = program("traefik")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    dynamic = home / "traefik-sellia.yml"
    dynamic.write_text(
        replaced(
            (ROOT / "conf" / "traefik-sellia.yml").read_text(),
            {
                "/etc/letsencrypt/live/example.com/fullchain.pem": str(cert),
                "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
                "127.0.0.1:3000": f"127.0.0.1:{upstream_port}",
            },
        )
    )
    static = home / "traefik.yml"
    changes = {
        '":80"': f'"127.0.0.1:{http_port}"',
        '":443"': f'"127.0.0.1:{https_port}"',
        "/etc/traefik/traefik-sellia.yml": str(dynamic),
    }
    static.write_text(replaced((ROOT / "conf" / "traefik.yml").read_text(), changes))
    started = Front(Process([traefik, f"--configFile={static}"], name="traefik"), https_port, http_port)
    _listening(started)
    place = Reach(https_port, DOMAIN)
    started.process.wait_for(lambda: curl(place, "/", "--cacert", str(cert), scheme="https").output, "its routes")
    return started


def start_envoy(upstream_port: int) -> Front:
    """Envoy with ``conf/envoy.yaml``, listening on loopback."""
    envoy = program("envoy")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    changes = {
        "/etc/letsencrypt/live/example.com/fullchain.pem": str(cert),
        "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
        "address: 0.0.0.0, port_value: 80 ": f"address: 127.0.0.1, port_value: {http_port} ",
        "address: 0.0.0.0, port_value: 443 ": f"address: 127.0.0.1, port_value: {https_port} ",
        "port_value: 3000 ": f"port_value: {upstream_port} ",
    }
    config = home / "envoy.yaml"
    config.write_text(replaced((ROOT / "conf" / "envoy.yaml").read_text(), changes))
    argv = [envoy, "-c", str(config), "--concurrency", "1", "--use-dynamic-base-id", "--log-level", "warning"]
    return _listening(Front(Process(argv, name="envoy"), https_port, http_port))


STARTERS: dict[str, Callable[[int], Front]] = {
    "nginx": start_nginx,
    "caddy": start_caddy,
    "haproxy": start_haproxy,
    "apache": start_apache,
    "traefik": start_traefik,
    "envoy": start_envoy,
}
"""How each is started in front of a port."""


def _listening(started: Front) -> Front:
    started.process.wait_for_port(started.https_port)
    started.process.wait_for_port(started.http_port)
    return started
