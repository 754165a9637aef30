"""
Caddy and nginx in front of Sellia, run with the very files in ``conf/`` that people are given.

What is changed for a test is only what the files say is theirs to change: domain, ports, upstream and certificate, and
that they listen on loopback alone. Caddy takes most of it from its environment; nginx's file is text with a domain
in it, and gets the ``http`` block around it that every nginx has.
"""

from __future__ import annotations

import atexit
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.e2e.case import watched
from tests.e2e.stage import DIRECT, Reach, program, run
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
    """A server as the files' comments start it, shared by both proxies."""
    return watched(start_server("--https", "--trust-proxy", "127.0.0.1", domain=DOMAIN))


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


def start_nginx(upstream_port: int) -> Front:
    """nginx with ``conf/nginx.conf`` inside the usual ``http`` block, in the foreground, listening on loopback."""
    nginx = program("nginx")
    cert, key = certificate()
    home = Path(tempfile.mkdtemp(dir=workplace()))
    https_port, http_port = free_port(), free_port()
    shipped = (ROOT / "conf" / "nginx.conf").read_text()
    changes = {
        "/etc/letsencrypt/live/example.com/fullchain.pem": str(cert),
        "/etc/letsencrypt/live/example.com/privkey.pem": str(key),
        "example.com": DOMAIN,
        "127.0.0.1:3000": f"127.0.0.1:{upstream_port}",
        "    listen [::]:80;\n": "",
        "    listen [::]:443 ssl http2;\n": "",
        "listen 80;": f"listen 127.0.0.1:{http_port};",
        "listen 443 ": f"listen 127.0.0.1:{https_port} ",
    }
    (home / "sellia.conf").write_text(replaced(shipped, changes))
    temporary = "".join(
        f"    {kind}_temp_path {home}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (home / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {home}/nginx.pid;\nerror_log stderr warn;\n"
        "events {}\n"
        f"http {{\n    access_log off;\n{temporary}    include {home}/sellia.conf;\n}}\n"
    )
    argv = [nginx, "-e", "stderr", "-p", str(home), "-c", str(home / "nginx.conf")]
    return _listening(Front(Process(argv, name="nginx"), https_port, http_port))


def _listening(started: Front) -> Front:
    started.process.wait_for_port(started.https_port)
    started.process.wait_for_port(started.http_port)
    return started
