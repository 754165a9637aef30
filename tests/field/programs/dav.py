"""WebDAV: Apache's mod_dav with TLS in front, judged by litmus, whose COPY and MOVE name the public URL."""

from __future__ import annotations

import re

from tests.e2e.fronts import certificate
from tests.field.install import Apt, Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import digest

APACHE = """
ServerRoot /usr/lib/apache2
PidFile {work}/pid
ServerName localhost
Listen 127.0.0.1:{port}
LoadModule mpm_event_module modules/mod_mpm_event.so
LoadModule authz_core_module modules/mod_authz_core.so
LoadModule dav_module modules/mod_dav.so
LoadModule dav_fs_module modules/mod_dav_fs.so
LoadModule dir_module modules/mod_dir.so
LoadModule mime_module modules/mod_mime.so
TypesConfig /etc/mime.types
User www-data
Group www-data
DavLockDB {work}/lock
ErrorLog /dev/stderr
DocumentRoot {work}/files
<Directory {work}/files>
    Require all granted
    Dav On
</Directory>
"""

TLS = """
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend https
    bind 127.0.0.1:{port} ssl crt {pem} alpn http/1.1
    http-request set-header X-Forwarded-Proto https
    default_backend behind
backend behind
    server behind 127.0.0.1:{target}
"""


def tls_front(kit: Kit, target: int) -> int:
    """TLS in front of ``target``."""
    port = kit.free_port()
    cert, key = certificate()
    pem, config = kit.work / "pem", kit.work / f"haproxy-{port}.cfg"
    pem.write_text(cert.read_text() + key.read_text())
    config.write_text(TLS.format(port=port, pem=pem, target=target))
    kit.start(kit.bin("haproxy"), "-f", config, "-db", port=port)
    return port


def serve_apache(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "files").mkdir()
    (kit.work / "apache.conf").write_text(APACHE.format(work=kit.work, port=port))
    for path in (kit.work, kit.work / "files"):
        path.chmod(0o777)
    kit.start(kit.bin("apache2"), "-X", "-f", kit.work / "apache.conf", port=port)
    return port


def serve_wsgidav(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "files").mkdir()
    options = ["--host", "127.0.0.1", f"--port={port}", f"--root={kit.work}/files", "--auth", "anonymous"]
    kit.start(kit.bin("wsgidav"), *options, "--no-config", port=port)
    return port


def litmus(way: Way, scheme: str) -> Outcome:
    """Each of litmus' suites but the one for locks."""
    suites = ["basic", "copymove", "props", "http"]
    environment = {"TESTS": " ".join(suites), "HOME": str(way.kit.work)}
    with way.cutting(0.15):
        output = way.run_by_name("litmus", "-k", f"{scheme}://{way.authority}/", env=environment, deadline=240.0)
    outcome: Outcome = {}
    for suite, tests, passed in re.findall(r"summary for `(\w+)': of (\d+) tests run: (\d+) passed", output):
        outcome[suite] = f"{passed} of {tests}"
    outcome["failed"] = re.findall(r"(\w+)\.+ FAIL", output, re.MULTILINE)
    return outcome


APACHE_DAV = Program(
    "litmus",
    "litmus, Apache mod_dav",
    "all of litmus 0.13 but locks, with TLS in front, link cuts all the while",
    serve_apache,
    lambda way: litmus(way, "https"),
    needs=Apt({"litmus": "litmus", "apache2": "apache2-bin", "haproxy": "haproxy"}),
    front=tls_front,
    server_options=("--open", "--trust-proxy", "127.0.0.1"),
    better={
        "props": "directly behind TLS, Apache refuses a Destination that says https",
        "copymove": "directly behind TLS, Apache refuses a Destination that says https",
        "failed": "directly behind TLS, Apache refuses a Destination that says https",
    },
)
WSGIDAV = Program(
    "wsgidav",
    "WsgiDAV",
    "all of litmus 0.13 but locks, link cuts all the while",
    serve_wsgidav,
    lambda way: litmus(way, "http"),
    needs=Pip("wsgidav==4.3.3", "cheroot"),
)


def serve_rclone(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "store").mkdir()
    kit.start(kit.bin("rclone"), "serve", "webdav", kit.work / "store", "--addr", f"127.0.0.1:{port}", port=port)
    return port


def visit_rclone(way: Way) -> Outcome:
    """Its own client copies files there and back, and moves one, with the link cut all the while."""
    options = [
        "--config",
        way.kit.work / "none",
        "--webdav-url",
        way.url(""),
        "--retries",
        "1",
        "--low-level-retries",
        "1",
    ]
    up, down = way.kit.work / f"up-{way.port}", way.kit.work / f"down-{way.port}"
    up.mkdir(exist_ok=True)
    for number in range(4):
        (up / f"file {number} ü.bin").write_bytes(bytes([number]) * 3_000_000)
    name = f"copy-{way.port}-{way.proxy is not None}"
    with way.cutting(0.4):
        way.run_by_name("rclone", "copy", up, f":webdav:{name}", *options)
        way.run_by_name("rclone", "moveto", f":webdav:{name}/file 0 ü.bin", f":webdav:{name}/moved.bin", *options)
        way.run_by_name("rclone", "copy", f":webdav:{name}", down / name, *options)
    return {path.name: digest(path.read_bytes()) for path in sorted((down / name).iterdir())}


RCLONE = Program(
    "rclone",
    "rclone, as WebDAV's server and client",
    "four files of 3 MB there and back, a move, link cuts all the while, nothing tried twice",
    serve_rclone,
    visit_rclone,
    needs=Apt({"rclone": "rclone"}),
)
