"""
A thousand slow peers: ``python -m tests.hostile.drip MODE PORT SECONDS``.

*slowhttptest* asks its sockets in a loop, and so takes a whole processor from whatever it attacks on the same machine.
This does as slow peers do that have machines of their own: each does a little once a second, one after the other, and
it takes nothing in between. Whoever is cut off comes again.

It says ``ready`` once all are connected, and at the end how many pieces there were and how often it was cut off.
"""

from __future__ import annotations

import contextlib
import sys
import time

from tests.hostile.visitors import HOST, dial, get

PEERS = 1000

BEGINNINGS = {
    "headers": get()[:-2] + b"A: ",
    "body": b"POST /slow HTTP/1.1\r\nHost: " + HOST + b"\r\nContent-Length: 1000000000\r\n\r\n",
    "read": get(b"/long"),
}
"""Each mode, and what a peer says first."""

PIECE = b"x" * 120
"""What is sent of a body in a second: a little more than has to be, or it would soon be over."""


class Peer:
    """One of them."""

    def __init__(self, mode: str, port: int) -> None:
        self._mode = mode
        self._port = port
        self.begin()

    def begin(self) -> None:
        """Connect, and say what comes first."""
        self._socket = dial(self._port)
        self._socket.sendall(BEGINNINGS[self._mode])
        self._socket.setblocking(False)

    def drip(self) -> bool:
        """Send or read a little; False if it was cut off, and has come again."""
        with contextlib.suppress(BlockingIOError):
            try:
                if self._mode == "headers":
                    self._socket.send(b"x")
                elif self._mode == "body":
                    self._socket.send(PIECE)
                elif not self._socket.recv(1):
                    raise ConnectionResetError
            except ConnectionError:
                self._socket.close()
                self.begin()
                return False
        return True


def main(mode: str, port: str, seconds: str) -> None:
    """All of them, for so many seconds."""
    peers = []
    for _ in range(PEERS):
        peers.append(Peer(mode, int(port)))
        time.sleep(2.0 / PEERS)
    print("ready", flush=True)
    pieces = cut = 0
    due = time.monotonic()
    end = due + float(seconds)
    while due < end:
        cut += not peers[pieces % PEERS].drip()
        pieces += 1
        due += 1.0 / PEERS
        if (early := due - time.monotonic()) > 0:
            time.sleep(early)
    print(f"{pieces} pieces, cut off {cut} times", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
