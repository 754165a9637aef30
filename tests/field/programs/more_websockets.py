"""WebSocket libraries of further languages: Perl, Ruby, Rust, Java, C; and long-lived server-sent events."""

from __future__ import annotations

import time
from pathlib import Path

from tests.field.contract import LARGE, closing, contract, websocket_contract
from tests.field.install import Apt, Cargo, Maven, Pip
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, digest, websocket

TRIED = "requests, an upload, a stream, a WebSocket, close codes both ways"
ECHO_TRIED = "a WebSocket: text, a large message, fragments, pings, close codes"


def visit_echo(way: Way) -> Outcome:
    """A service that echoes WebSocket messages and can do nothing else."""
    with websocket(way, "/") as socket:
        socket.send("hello")
        text = socket.recv(timeout=DEADLINE)
        socket.send(LARGE)
        way.cut()
        large = socket.recv(timeout=DEADLINE)
        socket.send(["in ", "three ", "fragments"])
        fragments = socket.recv(timeout=DEADLINE)
        pong = socket.ping().wait(DEADLINE)
        way.cut()
        socket.send("close 4001")
        ours = closing(socket)
    with websocket(way, "/") as socket:
        socket.send("once more")
        socket.recv(timeout=DEADLINE)
        way.cut()
        socket.close(4002, "enough")
        theirs = socket.close_code
    return {
        "echo": text,
        "large": f"{len(large)} bytes" if digest(bytes(large)) == digest(LARGE) else "another",  # type: ignore[arg-type]
        "fragments": fragments,
        "ping": "answered" if pong else "silence",
        "service closes": ours,
        "visitor closes": theirs,
    }


def serve_mojolicious(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(
        "perl", kit.app("mojolicious.pl"), "daemon", "-m", "production", "-l", f"http://127.0.0.1:{port}", port=port
    )
    return port


MOJOLICIOUS = Program(
    "mojolicious",
    "Mojolicious (Perl)",
    TRIED,
    serve_mojolicious,
    contract,
    needs=Apt({"mojo": "libmojolicious-perl"}),
)


def serve_faye_ruby(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.bin("puma"), "-b", f"tcp://127.0.0.1:{port}", kit.app("faye_websocket.ru"), port=port)
    return port


FAYE_RUBY = Program(
    "faye-websocket",
    "Puma with faye-websocket (Ruby)",
    "a WebSocket, close codes both ways",
    serve_faye_ruby,
    websocket_contract,
    needs=Apt({"puma": "ruby puma", "the library": "ruby-faye-websocket"}),
)


def serve_tungstenite(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.folder / "target" / "debug" / "field", str(port), port=port)
    return port


TUNGSTENITE = Program(
    "tungstenite",
    "tungstenite (Rust)",
    ECHO_TRIED,
    serve_tungstenite,
    visit_echo,
    needs=Cargo("tungstenite.rs", ('tungstenite = "0.24"',)),
)


def serve_java_websocket(kit: Kit) -> int:
    port = kit.free_port()
    kit.start("java", "-cp", f"{kit.folder}/lib/*:{kit.folder}/classes", "EchoMain", str(port), port=port)
    return port


JAVA_WEBSOCKET = Program(
    "java-websocket",
    "Java-WebSocket",
    ECHO_TRIED,
    serve_java_websocket,
    visit_echo,
    needs=Maven("EchoMain.java", ("org.java-websocket:Java-WebSocket:1.5.7", "org.slf4j:slf4j-nop:2.0.16")),
)


def serve_libwebsockets(kit: Kit) -> int:
    port = kit.free_port()
    kit.start(kit.bin("libwebsockets-test-server"), "-p", str(port), "-i", "lo", port=port)
    return port


def visit_libwebsockets(way: Way) -> Outcome:
    """Its counter, which goes on by itself, and its mirror, which tells every visitor what one has drawn."""
    with websocket(way, "/", protocols=["dumb-increment-protocol"]) as socket:
        numbers = []
        for turn in range(40):
            if turn == 10:
                way.cut()
            numbers.append(int(socket.recv(timeout=DEADLINE)))
    with (
        websocket(way, "/", protocols=["lws-mirror-protocol"]) as one,
        websocket(way, "/", protocols=["lws-mirror-protocol"]) as two,
    ):
        one.send("d #800000 12 34 56 78;")
        way.cut()
        seen: list[str] = []
        while not seen or not seen[-1].startswith("d "):
            seen.append(str(two.recv(timeout=DEADLINE)))
    whole = all(later == earlier + 1 for earlier, later in zip(numbers, numbers[1:], strict=False))
    return {"counter": "without a gap" if whole else numbers, "mirror": seen[-1]}


LIBWEBSOCKETS = Program(
    "libwebsockets",
    "libwebsockets' test server (C)",
    "its counter, and its mirror between two visitors, the link cut in between",
    serve_libwebsockets,
    visit_libwebsockets,
    needs=Apt({"libwebsockets-test-server": "libwebsockets-test-server"}),
)


def serve_sse(kit: Kit) -> int:
    port = kit.free_port()
    folder = Path(kit.app("sse_app.py")).parent
    kit.start(kit.python, "-m", "uvicorn", "sse_app:app", "--port", port, port=port, cwd=folder)
    return port


def visit_sse(way: Way) -> Outcome:
    """A stream of eight seconds with an outage of three, read by curl as it comes."""
    way.soon(1.0, lambda: way.outage(3.0))
    began = time.monotonic()
    options = ["-sS", "-N", "-H", f"Host: {way.authority}", "-H", "Accept: text/event-stream"]
    said = way.run("curl", *options, f"http://127.0.0.1:{way.port}/events")
    lines = [line for line in said.splitlines() if line.startswith("data:")]
    return {"events": len(lines), "last": lines[-1], "ended": time.monotonic() - began > 7}


SSE = Program(
    "sse-starlette",
    "sse-starlette",
    "server-sent events with comments in between for eight seconds, three of them without a link",
    serve_sse,
    visit_sse,
    needs=Pip("sse-starlette", "uvicorn[standard]==0.54.0"),
)
