"""
Floods that say nothing, on links: ``python -m tests.hostile.flooding PORT NUMBER SECONDS`` is the flood of that number.

It prints how many links were ended for it. In a process of its own it does not take time from whoever measures.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import dataclass

from sellia.protocol import native
from sellia.protocol.messages import Ack, Pong
from tests.hostile.peers import BINARY, CLOSE, HostileClient, LinkClosed, record
from tests.hostile.visitors import WEBSOCKET_KEY, dial
from tests.original import wire
from tests.transports.support import PING, PONG, TEXT, frame

LINKS = 4
BURST = 30_000
"""Bytes that each link sends at a time, and then again as soon as the socket takes them, fifty times a second."""


def link_message(message: bytes) -> bytes:
    return frame(BINARY, message)


def original(message: dict[str, object]) -> bytes:
    return frame(BINARY, wire.encode(message))


@dataclass(frozen=True)
class Flood:
    """What is sent again and again, on links of what kind."""

    name: str
    octets: bytes
    hello: bool = False
    dialect: str = "native"
    ends: bool = True  #: whether its links are soon ended for it


EMPTY_PARCEL = native.pack_parcel(native.PARCEL, 0)

FLOODS = [
    Flood("text before hello", frame(TEXT, b"x")),
    Flood("fragments before hello", frame(0x00, b"x")),
    Flood("pings before hello", frame(PING)),
    Flood("messages before hello", link_message(b"\x02")),
    Flood("text", frame(TEXT, b"x"), hello=True),
    Flood("fragments", frame(0x01, b"x") + frame(0x00, b"x") * 1000, hello=True),
    Flood("empty fragments", frame(0x01) + frame(0x00) * 1000, hello=True),
    Flood("pings", frame(PING), hello=True),
    Flood("pongs", frame(PONG) + link_message(native.encode_link(Pong(1))), hello=True),
    Flood("acks", link_message(native.encode_link(Ack(0))), hello=True),
    Flood("unknown messages", link_message(b"\x02"), hello=True),
    Flood("unknown records", link_message(EMPTY_PARCEL + record(99, 0) * 1000), hello=True),
    Flood("empty parcels", link_message(EMPTY_PARCEL), hello=True),
    Flood("refused", link_message(b"\x00\xc1") + frame(TEXT, b"x") * 5000, hello=True),
    Flood("original text before auth", frame(TEXT, b"x"), dialect="original"),
    Flood("original messages before auth", original(wire.message("pong", timestamp=1)), dialect="original"),
    Flood("original text", frame(TEXT, b"x"), hello=True, dialect="original"),
    Flood("original garbage", frame(BINARY, b"\xc1"), hello=True, dialect="original"),
    Flood("original pongs", original(wire.message("pong", timestamp=1)), hello=True, dialect="original"),
    Flood(
        "original answers to nobody", original(wire.message("response_end", request_id="x")), True, "original", False
    ),
]


class OriginalClient(HostileClient):
    """A client that offers no dialect."""

    def __init__(self, port: int, hello: bool) -> None:
        self.received = 0
        self._rest = b""
        self.connection = dial(port)
        self.raw(
            b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + WEBSOCKET_KEY + b"\r\n\r\n"
        )
        while b"\r\n\r\n" not in self._rest:
            self._rest += self.connection.recv(65536)
        if hello:
            self.raw(original(wire.message("tunnel_open", tunnel_type="http", local_port=1)))
            while b"tunnel_ready" not in self._rest:
                data = self.connection.recv(65536)
                if not data:
                    raise LinkClosed(None)
                self._rest += data


def pour(flood: Flood, port: int, end: float, cut: list[bool]) -> None:
    """Flood one link after the other; ``cut`` has an entry for each, whether it was ended."""
    data = flood.octets * max(1, BURST // len(flood.octets))
    while time.monotonic() < end:
        try:
            if flood.dialect == "native":
                client = HostileClient(port, hello=flood.hello)
            else:
                client = OriginalClient(port, flood.hello)
        except (LinkClosed, OSError):
            time.sleep(0.02)
            continue
        with client:
            client.connection.settimeout(1.0)
            closed = False
            try:
                while time.monotonic() < end:
                    client.raw(data)
                    time.sleep(0.02)
                    closed = closed or _is_closed(client)
            except OSError:
                closed = True
            cut.append(closed)


def _is_closed(client: HostileClient) -> bool:
    """Whether a close frame has come, as far as that shows without waiting."""
    client.connection.setblocking(False)
    try:
        return bytes([CLOSE]) in client.connection.recv(1 << 20)
    except BlockingIOError:
        return False
    finally:
        client.connection.settimeout(1.0)


def main(port: str, number: str, seconds: str) -> None:
    """Flood."""
    print("ready", flush=True)
    cut: list[bool] = []
    end = time.monotonic() + float(seconds)
    threads = [threading.Thread(target=pour, args=(FLOODS[int(number)], int(port), end, cut)) for _ in range(LINKS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(f"ended {sum(cut)}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
