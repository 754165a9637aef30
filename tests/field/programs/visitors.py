"""Visitors of many kinds, each with an HTTP of its own, at one and the same service."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from tests.field.install import APPS, Apt, Pip, Requirement, Several, command
from tests.field.program import Outcome, Program, Way
from tests.field.programs.asgi import serving
from tests.field.programs.proxies import LARGE, serve_caddy

RUBY = 'require "net/http"; require "digest"; print Digest::SHA256.hexdigest(Net::HTTP.get(URI(ARGV[0])))'
PHP = 'echo hash("sha256", file_get_contents($argv[1]));'
WHOLE = hashlib.sha256(LARGE).hexdigest()


def visit(way: Way) -> Outcome:
    """Each fetches the same file of 4 MB."""
    url = way.url("/large.bin")
    target = way.kit.work / "fetched.bin"
    request = f"GET /large.bin HTTP/1.0\\r\\nHost: {way.authority}\\r\\n\\r\\n"
    visitors = {
        "wget": ["sh", "-c", 'wget -q -O - "$1" | sha256sum', "sh", url],
        "BusyBox wget": ["sh", "-c", 'busybox wget -q -O - "$1" | sha256sum', "sh", url],
        "curl, HTTP/1.0": ["sh", "-c", 'curl -s --http1.0 "$1" | sha256sum', "sh", url],
        "curl, Upgrade: h2c": ["sh", "-c", 'curl -s --http2 "$1" | sha256sum', "sh", url],
        "lynx": ["sh", "-c", 'lynx -source "$1" | sha256sum', "sh", url],
        "aria2, 4 ranges": ["sh", "-c", ARIA2, "sh", url, str(way.kit.work), target.name],
        "nc -N": ["sh", "-c", NETCAT, "sh", request, way.host, str(way.port)],
        "PHP": ["php8.2", "-r", PHP, url],
        "Ruby": ["ruby", "-e", RUBY, url],
    }
    outcome: Outcome = {}
    with way.cutting(0.2):
        for name, words in visitors.items():
            found = way.run_by_name(*words).split()
            outcome[name] = "whole" if found and found[0] == WHOLE else f"damaged: {' '.join(found)[:80]}"
            target.unlink(missing_ok=True)
        said = way.run_by_name("ab", "-k", "-q", "-n", "200", "-c", "8", way.url("/"))
    complete = re.search(r"Complete requests: +(\d+)", said)
    failed = re.search(r"Failed requests: +(\d+)", said)
    outcome["ab -k"] = f"{complete and complete[1]} requests, {failed and failed[1]} failed"
    return outcome


ARIA2 = 'aria2c -q -x4 -s4 -k1M -d "$2" -o "$3" --allow-overwrite=true "$1" && sha256sum < "$2/$3"'
NETCAT = 'printf "$1" | nc -N "$2" "$3" | sed \'1,/^\\r$/d\' | sha256sum'

VISITORS = Program(
    "visitors",
    "wget, curl, lynx, aria2, nc, ab and others",
    "each fetches a file of 4 MB, link cuts all the while; ab with 200 requests",
    serve_caddy,
    visit,
    needs=Apt(
        {
            "ab": "apache2-utils",
            "wget": "wget",
            "busybox": "busybox",
            "lynx": "lynx",
            "aria2c": "aria2",
            "nc": "netcat-openbsd",
            "php8.2": "php8.2-cli",
            "ruby": "ruby",
            "caddy": "caddy",
        }
    ),
)


class Compiled(Requirement):
    """A Java program of ours in ``apps`` that needs no library."""

    def __init__(self, source: str) -> None:
        self.source = source

    def __repr__(self) -> str:
        return f"Compiled({self.source!r})"

    def install(self, folder: Path) -> None:
        command(["javac", "-d", str(folder / "classes"), str(APPS / self.source)], folder)

    def version(self, folder: Path) -> str:
        return command(["java", "-version"], folder).partition('"')[2].partition('"')[0]


def visit_java(way: Way) -> Outcome:
    words = ["java", "-cp", way.kit.folder / "classes", "Visitor"]
    with way.cutting(0.3):
        return {"seen": way.run_by_name(*words, way.url("/stream"), way.url("/echo", "ws")).strip()}


JAVA = Program(
    "java-http",
    "java.net.http",
    "a file, for which it offers HTTP/2, a POST and a WebSocket, link cuts all the while",
    serving("asgi_app:app", "--port", "PORT", module="uvicorn"),
    visit_java,
    needs=Several(Pip("uvicorn[standard]==0.54.0"), Compiled("Visitor.java")),
    better={"seen": "directly, Uvicorn takes the POST with its offer of HTTP/2 for an empty one"},
)
