"""
A service that is no bottleneck: ``python -m bench.service PORT``.

One thread over epoll, no framework. By path:

    any WebSocket    echoes frame by frame, and large frames piece by piece
    WebSocket /push  sends 64 KiB frames for as long as the visitor takes them, 1 GiB at most
    WebSocket /sink  reads the handshake and then nothing, ever
    GET /push        1 GiB of body
    POST             reads the head and then nothing, ever
    any other        "hello world"

What it holds for one connection is bounded: it does not read from a peer that does not take the answer.
"""

from __future__ import annotations

import select
import socket
import sys
from collections.abc import Callable

from bench import wire

READ_SIZE = 262144
PUSH_FRAME = wire.frame(bytes(65536))
PUSH_TOTAL = 1 << 30
STREAMED = 65536
"""The payload from which on a frame is echoed as it comes, rather than once it is complete."""

HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world"

_READ = select.EPOLLIN
_WRITE = select.EPOLLOUT


class Connection:
    """One visitor: what of its bytes is not yet understood, what of the answer not yet taken, what is still to push."""

    __slots__ = (
        "chunk",
        "deaf",
        "ending",
        "inbox",
        "missing",
        "outbox",
        "push",
        "socket",
        "unmask",
        "upgraded",
        "watched",
    )

    def __init__(self, accepted: socket.socket) -> None:
        self.socket = accepted
        self.inbox = bytearray()
        self.outbox = bytearray()
        self.upgraded = False
        self.deaf = False
        self.ending = False
        self.missing = 0
        self.unmask: Callable[[bytes], bytes] = bytes
        self.push = 0
        self.chunk = b""
        self.watched = _READ

    def wanted(self) -> int:
        """What to wait for: room for the answer comes before more questions."""
        if self.outbox or self.push > 0:
            return _WRITE
        return 0 if self.deaf else _READ

    def readable(self) -> bool:
        """Read once and answer all that is complete. False: the connection is over."""
        try:
            data = self.socket.recv(READ_SIZE)
        except BlockingIOError:
            return True
        if not data:
            return False
        self.inbox += data
        if not self.upgraded and not self._answer_heads():
            return False
        if self.upgraded:
            self._echo_frames()
        return self.writable()

    def writable(self) -> bool:
        """Send what the peer takes. False: the connection is over."""
        while self.outbox or self.push > 0:
            if not self.outbox:
                self.outbox += self.chunk[: self.push]
                self.push -= len(self.outbox)
            try:
                sent = self.socket.send(self.outbox)
            except BlockingIOError:
                break
            del self.outbox[:sent]
        return bool(self.outbox) or not self.ending

    def _answer_heads(self) -> bool:
        while not self.upgraded and not self.deaf:
            end = self.inbox.find(b"\r\n\r\n") + 4
            if end < 4:
                return len(self.inbox) < 65536
            head = bytes(self.inbox[:end])
            del self.inbox[:end]
            self._answer(head)
        return True

    def _answer(self, head: bytes) -> None:
        method, path, _ = head.split(b" ", 2)
        key = wire.field(head, b"sec-websocket-key")
        if key:
            self.outbox += wire.upgrade_answer(key)
            self.upgraded = True
            self.deaf = path == b"/sink"
            if path == b"/push":
                self._push(PUSH_FRAME)
        elif method == b"POST":
            self.deaf = True
        elif method == b"HEAD":
            self.outbox += HELLO[: HELLO.index(b"hello")]
        elif path == b"/push":
            self.outbox += b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % PUSH_TOTAL
            self._push(bytes(65536))
        else:
            self.outbox += HELLO

    def _push(self, chunk: bytes) -> None:
        self.chunk = chunk
        self.push = PUSH_TOTAL // len(chunk) * len(chunk) if self.upgraded else PUSH_TOTAL

    def _echo_frames(self) -> None:
        offset = self._echo_piece(0)
        while not self.missing and (header := wire.parse_header(self.inbox, offset)) is not None:
            start = offset + header.size
            end = start + header.length
            if header.length > STREAMED and header.mask:
                self.missing = header.length
                self.unmask = wire.masker(header.mask, header.length)
                self.outbox += wire.header(header.first, header.length)
                offset = self._echo_piece(start)
                continue
            if len(self.inbox) < end:
                break
            with memoryview(self.inbox) as inbox:
                payload = wire.unmask(bytes(inbox[start:end]), header.mask)
            opcode = header.first & 0x0F
            if opcode == wire.PING:
                self.outbox += wire.frame(payload, wire.PONG)
            elif opcode != wire.PONG:
                # Fin and opcode as they came, and a close is answered in kind (RFC 6455, section 5.5.1).
                self.outbox += wire.header(header.first, header.length)
                self.outbox += payload
                self.ending = opcode == wire.CLOSE
            offset = end
        if offset:
            del self.inbox[:offset]

    def _echo_piece(self, start: int) -> int:
        """Echo what has come of a large frame's payload, and return where it ends."""
        end = min(len(self.inbox), start + self.missing)
        if end > start:
            with memoryview(self.inbox) as inbox:
                self.outbox += self.unmask(bytes(inbox[start:end]))
            self.missing -= end - start
        return end


def serve(port: int) -> None:
    """Serve on 127.0.0.1:``port`` until the process is ended."""
    listener = socket.create_server(("127.0.0.1", port), backlog=4096)
    listener.setblocking(False)
    poll = select.epoll()
    poll.register(listener.fileno(), _READ)
    connections: dict[int, Connection] = {}
    while True:
        for number, events in poll.poll():
            if number == listener.fileno():
                accept_all(listener, poll, connections)
                continue
            connection = connections[number]
            try:
                alive = connection.readable() if events & _READ else connection.writable()
                alive = alive and not events & (select.EPOLLHUP | select.EPOLLERR)
            except ConnectionError:
                alive = False
            if not alive:
                del connections[number]
                connection.socket.close()
            elif (wanted := connection.wanted()) != connection.watched:
                connection.watched = wanted
                poll.modify(number, wanted)


def accept_all(listener: socket.socket, poll: select.epoll, connections: dict[int, Connection]) -> None:
    """Take in everybody who waits at the door."""
    while True:
        try:
            accepted, _ = listener.accept()
        except BlockingIOError:
            return
        accepted.setblocking(False)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connections[accepted.fileno()] = Connection(accepted)
        poll.register(accepted.fileno(), _READ)


if __name__ == "__main__":
    serve(int(sys.argv[1]))
