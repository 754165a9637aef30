"""Icecast: a source that sends without end, and listeners that ask for its metadata."""

from __future__ import annotations

import base64
import socket
import threading
import time

from tests.field.install import Apt
from tests.field.program import Kit, Outcome, Program, Way
from tests.field.visitor import DEADLINE, ask

CONFIG = """<icecast>
<limits><clients>50</clients><sources>5</sources><queue-size>524288</queue-size><burst-size>1024</burst-size>
<header-timeout>15</header-timeout><source-timeout>10</source-timeout></limits>
<authentication><source-password>secret</source-password><admin-user>admin</admin-user>
<admin-password>secret</admin-password></authentication>
<hostname>localhost</hostname><listen-socket><port>{port}</port><bind-address>127.0.0.1</bind-address></listen-socket>
<paths><basedir>{work}</basedir><logdir>{work}</logdir><webroot>/usr/share/icecast2/web</webroot>
<adminroot>/usr/share/icecast2/admin</adminroot></paths>
<logging><accesslog>access.log</accesslog><errorlog>error.log</errorlog></logging>
<security><chroot>0</chroot><changeowner><user>nobody</user><group>nogroup</group></changeowner></security>
</icecast>
"""
SECOND = 16_000
"""Bytes of a second's sound."""


def serve(kit: Kit) -> int:
    port = kit.free_port()
    kit.work.chmod(0o777)
    (kit.work / "icecast.xml").write_text(CONFIG.format(port=port, work=kit.work))
    kit.start(kit.bin("icecast2"), "-c", kit.work / "icecast.xml", port=port)
    return port


class Source:
    """A source on the way's own side: its PUT goes through the tunnel as well, its body in step with time."""

    def __init__(self, way: Way) -> None:
        self.over = threading.Event()
        self.sent = 0
        self.socket = socket.create_connection(("127.0.0.1", way.port), timeout=DEADLINE)
        login = base64.b64encode(b"source:secret").decode()
        head = f"PUT /live.mp3 HTTP/1.1\r\nHost: {way.authority}\r\nAuthorization: Basic {login}\r\n"
        head += (
            "Content-Type: audio/mpeg\r\nIce-Name: field\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        self.socket.sendall(head.encode())
        self.answer = self.socket.recv(65536).decode().partition("\r\n")[0]
        self.thread = threading.Thread(target=self._send, daemon=True)
        self.thread.start()

    def _send(self) -> None:
        piece = bytes(SECOND // 10)
        chunk = b"%x\r\n%s\r\n" % (len(piece), piece)
        while not self.over.wait(0.1):
            try:
                self.socket.sendall(chunk)
            except OSError:
                return
            self.sent += len(piece)

    def close(self) -> None:
        self.over.set()
        self.thread.join()
        self.socket.close()


def visit(way: Way) -> Outcome:
    source = Source(way)
    time.sleep(1.0)
    with socket.create_connection(("127.0.0.1", way.port), timeout=DEADLINE) as listener:
        head = f"GET /live.mp3 HTTP/1.0\r\nHost: {way.authority}\r\nIcy-MetaData: 1\r\n\r\n"
        listener.sendall(head.encode())
        received = b""
        began = time.monotonic()
        cut = False
        while len(received) < 3 * SECOND:
            piece = listener.recv(65536)
            if not piece:
                break
            received += piece
            if not cut and time.monotonic() - began > 0.5:
                way.cut()
                cut = True
    answer = received.partition(b"\r\n\r\n")[0].decode("latin-1").lower()
    status = ask(way, "/status-json.xsl")
    source.close()
    return {
        "source": source.answer.partition(" ")[2],
        "listener": answer.partition("\r\n")[0].partition(" ")[2],
        "metadata": "icy-metaint" in answer,
        "sound": "3 s and on" if len(received) >= 3 * SECOND else f"{len(received)} bytes",
        "status": f"{status.status} {'with the source' if 'live.mp3' in status.text else 'without a source'}",
    }


PROGRAM = Program(
    "icecast",
    "Icecast",
    "a source's endless PUT and a listener with metadata, both through the tunnel",
    serve,
    visit,
    needs=Apt({"icecast2": "icecast2"}),
)
