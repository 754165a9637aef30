"""Services in Go, Rust and Java: our small application over their usual libraries, and programs of the Go proxy."""

from __future__ import annotations

import json

from tests.field.contract import contract, websocket_contract
from tests.field.install import Cargo, Go, GoModule, Maven
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, ask, websocket

TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"


def serve_go(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.folder / "program", str(port), port=port)
    return port


GO_MODULES = ("github.com/gorilla/websocket@v1.5.3", "github.com/coder/websocket@v1.8.15")
GORILLA = Program(
    "gorilla", "Go net/http, gorilla/websocket", TRIED, serve_go, contract, needs=GoModule("go_main.go", GO_MODULES)
)
CODER = Program(
    "coder-websocket",
    "Go net/http, coder/websocket",
    "a WebSocket with compressed messages, close codes both ways",
    serve_go,
    lambda way: websocket_contract(way, "/coder"),
    needs=GoModule("go_main.go", tuple(reversed(GO_MODULES))),
)


def serve_axum(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.folder / "target" / "debug" / "field", str(port), port=port)
    return port


AXUM = Program(
    "axum",
    "axum",
    TRIED,
    serve_axum,
    contract,
    needs=Cargo(
        "axum.rs",
        (
            'axum = { version = "0.8", features = ["ws"] }',
            'tokio = { version = "1", features = ["rt-multi-thread", "macros", "net", "time"] }',
            'sha2 = "0.10"',
            'futures-util = "0.3"',
        ),
    ),
)


def serve_undertow(kit: Kit) -> int:
    port = kit.free_port()
    kit.start("java", "-cp", f"{kit.folder}/lib/*:{kit.folder}/classes", "UndertowMain", str(port), port=port)
    return port


UNDERTOW = Program(
    "undertow",
    "Undertow",
    TRIED,
    serve_undertow,
    contract,
    needs=Maven("UndertowMain.java", ("io.undertow:undertow-core:2.3.21.Final",)),
)


def serve_nats(kit: Kit) -> int:
    port, monitor, plain = kit.free_port(), kit.free_port(), kit.free_port()
    config = kit.work / "nats.conf"
    config.write_text(
        f"host: 127.0.0.1\nport: {plain}\nhttp: 127.0.0.1:{monitor}\nmax_payload: 8MB\n"
        f"websocket {{ host: 127.0.0.1, port: {port}, no_tls: true, compression: true }}\n"
    )
    kit.start(kit.bin("nats-server"), "-c", config, port=port)
    return port


def visit_nats(way: Way) -> Outcome:
    """NATS' own protocol over WebSocket: subscribe, publish to oneself, the link cut in between."""
    received = b""
    payload = b"n" * 900_000
    with websocket(way, "/") as socket:
        info = bytes(socket.recv(timeout=DEADLINE)).split(b" ")[0].decode()  # type: ignore[arg-type]
        socket.send(b'CONNECT {"verbose":false,"protocol":1,"lang":"field","version":"1"}\r\nSUB news 1\r\nPING\r\n')
        while b"PONG" not in received:
            received += bytes(socket.recv(timeout=DEADLINE))  # type: ignore[arg-type]
        way.cut()
        for _ in range(3):
            socket.send(b"PUB news %d\r\n%s\r\n" % (len(payload), payload))
        received = b""
        while received.count(b"n" * 1000) < 2700:
            received += bytes(socket.recv(timeout=DEADLINE))  # type: ignore[arg-type]
    return {"greeting": info, "messages": received.count(b"MSG news 1")}


NATS = Program(
    "nats",
    "NATS over WebSocket",
    "subscribe and publish messages of 900 kB, the link cut in between",
    serve_nats,
    visit_nats,
    needs=Go("github.com/nats-io/nats-server/v2@v2.15.2"),
)


def serve_centrifugo(kit: Kit) -> int:
    port = kit.free_port()
    config = kit.work / "config.json"
    origins = [f"http://{kit.host}:*"]
    config.write_text(
        json.dumps(
            {
                "client": {"allowed_origins": origins, "insecure": True, "ping_interval": "2s", "pong_timeout": "1s"},
                "http_api": {"insecure": True},
                "http_stream": {"enabled": True},
                "sse": {"enabled": True},
                "channel": {
                    "without_namespace": {"allow_publish_for_client": True, "allow_subscribe_for_client": True}
                },
            }
        )
    )
    kit.start(
        kit.bin("centrifugo"), "-c", config, "--http_server.address=127.0.0.1", f"--http_server.port={port}", port=port
    )
    return port


def visit_centrifugo(way: Way) -> Outcome:
    """Publish by its HTTP interface, receive by WebSocket; and an origin that is not allowed."""
    seen: list[int] = []
    with websocket(way, "/connection/websocket", origin=way.url("")) as socket:
        socket.send('{"id":1,"connect":{}}\n{"id":2,"subscribe":{"channel":"news"}}')
        text = ""
        while '"id":2' not in text:
            text += str(socket.recv(timeout=DEADLINE))
        for number in range(3):
            if number == 1:
                way.cut()
            wish = json.dumps({"channel": "news", "data": {"number": number}}).encode()
            ask(way, "/api/publish", "POST", wish, headers={"Content-Type": "application/json"})
        while len(seen) < 3:
            for line in str(socket.recv(timeout=DEADLINE)).splitlines():
                push = json.loads(line).get("push")
                if push:
                    seen.append(push["pub"]["data"]["number"])
    try:
        with websocket(way, "/connection/websocket", origin="http://evil.example"):
            other = "let in"
    except Exception as error:
        other = str(error)[-8:]
    return {"received": seen, "another origin": other}


CENTRIFUGO = Program(
    "centrifugo",
    "Centrifugo",
    "publish by HTTP, receive by WebSocket, the link cut in between; another origin",
    serve_centrifugo,
    visit_centrifugo,
    needs=Go("github.com/centrifugal/centrifugo/v6@v6.9.1"),
    notes="needs client.allowed_origins",
)
