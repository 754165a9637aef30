"""Servers and gateways as the service: nginx with PHP-FPM, Caddy, MQTT over WebSocket, websockify."""

from __future__ import annotations

import hashlib
import socket
import struct
import threading

from tests.field.install import Apt, Npm, Pip
from tests.field.program import Kit, Outcome, Program, Way, outcome_of
from tests.field.visitor import DEADLINE, ask, digest, websocket
from tests.processes import stop_listening

LARGE = bytes(range(256)) * 16_384

NGINX = """
daemon off;
worker_processes 1;
pid {work}/nginx.pid;
error_log stderr warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {work}/body; proxy_temp_path {work}/proxy; fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi; scgi_temp_path {work}/scgi;
    client_max_body_size 5m;
    gzip on; gzip_types text/plain; gzip_min_length 100;
    types {{ text/plain txt; }}
    server {{
        listen 127.0.0.1:{port};
        root {work}/site;
        location ~ \\.php$ {{
            fastcgi_pass unix:{work}/php.sock;
            fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
            fastcgi_param REQUEST_METHOD $request_method;
            fastcgi_param QUERY_STRING $query_string;
            fastcgi_param CONTENT_TYPE $content_type;
            fastcgi_param CONTENT_LENGTH $content_length;
            fastcgi_param HTTP_HOST $http_host;
        }}
        location /old {{ return 301 /new; }}
    }}
}}
"""
FPM = """
[global]
error_log = /dev/stderr
daemonize = no
[www]
user = nobody
listen = {work}/php.sock
listen.mode = 0666
pm = static
pm.max_children = 3
"""
PHP = """<?php
header("X-From: php");
setcookie("a", "1"); setcookie("b", "2");
echo strlen(file_get_contents("php://input")), " ", hash("sha256", file_get_contents("php://input"));
"""


def serve_nginx(kit: Kit) -> int:
    port = kit.free_port()
    kit.work.chmod(0o777)
    (kit.work / "site").mkdir()
    (kit.work / "site" / "large.bin").write_bytes(LARGE)
    (kit.work / "site" / "text.txt").write_text("a line of text\n" * 10_000)
    (kit.work / "site" / "digest.php").write_text(PHP)
    (kit.work / "fpm.conf").write_text(FPM.format(work=kit.work))
    (kit.work / "nginx.conf").write_text(NGINX.format(work=kit.work, port=port))
    kit.start(kit.bin("php-fpm8.2"), "-y", kit.work / "fpm.conf", line="ready to handle")
    kit.start(kit.bin("nginx"), "-e", "stderr", "-p", kit.work, "-c", kit.work / "nginx.conf", port=port)
    return port


def files(way: Way, path: str) -> Outcome:
    """What a server of files can do: the whole, ranges, conditions."""
    whole = ask(way, path, during=way.cut)
    part = ask(way, path, headers={"Range": "bytes=1000000-1999999"}, during=way.cut)
    several = ask(way, path, headers={"Range": "bytes=0-9,100-109"})
    tag = whole.headers["etag"]
    return {
        "file": f"{whole.status} {'whole' if whole.digest == digest(LARGE) else len(whole.body)}",
        "range": f"{part.status} {part.headers['content-range']} {digest(part.body)}",
        "ranges": f"{several.status} {several.headers['content-type'].partition(';')[0]}",
        "impossible range": ask(way, path, headers={"Range": "bytes=99999999-"}).status,
        "If-None-Match": ask(way, path, headers={"If-None-Match": tag}).status,
        "If-Match": ask(way, path, headers={"If-Match": '"other"'}).status,
    }


def too_large(way: Way) -> str:
    """What curl is told for a body of which nginx reads nothing."""
    file = way.kit.work / "too-large"
    file.write_bytes(bytes(20_000_000))
    options = [
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{http_code}\n",
        "-H",
        f"Host: {way.authority}",
        "--data-binary",
        f"@{file}",
    ]
    with way.cutting(0.3):
        statuses = [
            way.run("curl", *options, *more, f"http://127.0.0.1:{way.port}/digest.php?small").strip().splitlines()[-1]
            for more in ([], ["-H", "Expect:"], ["-H", "Transfer-Encoding: chunked"])
        ]
    return ", ".join(statuses)


def visit_nginx(way: Way) -> Outcome:
    body = LARGE[:3_000_000]
    way.soon(0.02, way.cut)
    posted = ask(way, "/digest.php", "POST", body, headers={"Content-Type": "application/octet-stream"})
    text = ask(way, "/text.txt", headers={"Accept-Encoding": "gzip"})
    moved = ask(way, "/old")
    location = moved.headers["location"].replace(f":{way.port}", "")
    return {
        **files(way, "/large.bin"),
        "gzip": f"{text.headers.get('content-encoding')} {len(text.body)}",
        "PHP": f"{posted.status} {posted.headers['x-from']} {posted.text == f'{len(body)} ' + _full(body)}",
        "too large": too_large(way),
        "redirect": f"{moved.status} {location if location.startswith('/') else location.rpartition('/')[2]}",
    }


def _full(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


NGINX_PHP = Program(
    "nginx-php",
    "nginx with PHP-FPM",
    "files with ranges and conditions, gzip, an upload to PHP, a redirect",
    serve_nginx,
    visit_nginx,
    needs=Apt({"php-fpm8.2": "php8.2-fpm", "nginx": "nginx-light"}),
)


def serve_caddy(kit: Kit) -> int:
    port = kit.free_port()
    (kit.work / "site").mkdir()
    (kit.work / "site" / "large.bin").write_bytes(LARGE)
    config = kit.work / "Caddyfile"
    config.write_text(
        f"{{\n  admin off\n  auto_https off\n}}\nhttp://:{port} {{\n  bind 127.0.0.1\n"
        f"  root * {kit.work}/site\n  file_server browse\n}}\n"
    )
    environment = {"XDG_DATA_HOME": str(kit.work), "XDG_CONFIG_HOME": str(kit.work)}
    kit.start(kit.bin("caddy"), "run", "--config", config, "--adapter", "caddyfile", port=port, env=environment)
    return port


CADDY = Program(
    "caddy",
    "Caddy's file server",
    "files with ranges and conditions, a listing",
    serve_caddy,
    lambda way: {**files(way, "/large.bin"), "listing": "large.bin" in ask(way, "/").text},
    needs=Apt({"caddy": "caddy"}),
)


def serve_mqtt(kit: Kit) -> int:
    port = kit.free_port()
    kit.node("mqtt_server.js", str(port), port=port)
    return port


def visit_mqtt(way: Way) -> Outcome:
    """MQTT.js: retained messages, quality of service 2, keep-alive pings of MQTT itself."""
    return outcome_of(way.node("mqtt_visitor.js", way.url("/mqtt", "ws"), line="subscribed"))


MQTT = Program(
    "mqtt",
    "MQTT over WebSocket (Aedes)",
    "MQTT.js publishes with quality of service 0, 1 and 2, and a message of 1 MB, the link cut before",
    serve_mqtt,
    visit_mqtt,
    needs=Npm("aedes@0.51.3", "mqtt@5", "ws@8"),
)


def serve_websockify(kit: Kit) -> int:
    """websockify before a TCP service that echoes, as noVNC uses it before a VNC server."""
    port = kit.free_port()
    listener = socket.create_server(("127.0.0.1", 0))
    kit.defer(lambda: stop_listening(listener))

    def echo(connection: socket.socket) -> None:
        with connection:
            while data := connection.recv(65536):
                connection.sendall(data)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=echo, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    target = f"127.0.0.1:{listener.getsockname()[1]}"
    kit.start(kit.python, "-m", "websockify", f"127.0.0.1:{port}", target, port=port)
    return port


def visit_websockify(way: Way) -> Outcome:
    sent = b"".join(struct.pack(">I", number) for number in range(500_000))
    received = bytearray()
    with websocket(way, "/", protocols=["binary"], compression=None) as connection:

        def write() -> None:
            for start in range(0, len(sent), 50_000):
                connection.send(sent[start : start + 50_000])

        writer = threading.Thread(target=write)
        writer.start()
        while len(received) < len(sent):
            received += bytes(connection.recv(timeout=DEADLINE))  # type: ignore[arg-type]
            if len(received) > 500_000 and not way.cuts:
                way.cut()
        writer.join()
    return {"bytes": "in order" if received == sent else "damaged", "subprotocol": connection.subprotocol}


WEBSOCKIFY = Program(
    "websockify",
    "websockify",
    "2 MB there and back over a WebSocket to a TCP service, the link cut in the middle",
    serve_websockify,
    visit_websockify,
    needs=Pip("websockify==0.13.0"),
)
