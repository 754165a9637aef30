"""
A server in memory with two honest tenants, and somebody with a valid key who says whatever can be said.

`Model` has one method for each thing that may happen. What honest visitors get is compared, octet for octet, with what
their tenants have sent; that the hostile tenant's own visitors get something is not promised, only that they get HTTP.
"""

from __future__ import annotations

import hashlib
from collections import deque
from typing import Any

from twisted.logger import LogEvent, LogLevel, formatEvent, globalLogPublisher

from sellia.protocol import native
from sellia.protocol.messages import Hello, OpenTunnel, ResponseHead, TunnelReady, WebSocketRequest
from sellia.relay.mux.stream import Stream
from tests.hostile.visitors import parse, upgrade
from tests.relay.scripts import RecordingLeg
from tests.server.clients import GATEWAY, Client, Server, Wire
from tests.transports.support import BINARY, frame, frames

TENANTS = ("anna", "ben")

KEYS = (None, "anna", "ben", "mallory")
"""Keys that the hostile one may show; those of tenants are only good for what those are good for."""

WIRES = 3
"""Links that the hostile one has at once."""


class EchoLeg(RecordingLeg):
    """An honest service: it answers with what it is sent, as it comes."""

    def __init__(self, stream: Stream, ended: bool) -> None:
        super().__init__()
        self._stream = stream
        self._upgraded = False
        self.begin = ended

    def start(self, opening: Any, end: bool) -> None:
        """Answer the head."""
        if isinstance(opening, WebSocketRequest):
            self._upgraded = True
            accept = (b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
            self._stream.send_head(ResponseHead(101, b"Switching Protocols", [accept]))
            return
        self._stream.send_head(ResponseHead(200, b"OK", [], chunked=True))
        if end:
            self._stream.end()

    def data_received(self, data: bytes) -> None:
        if not self._upgraded:
            self._stream.send_data(data)

    def frame_received(self, first: int, payload: bytes) -> None:
        self._stream.send_frame(first, payload)
        if first & 0x0F == 8:
            self._stream.end()

    def frame_begun(self, first: int, length: int) -> None:
        self._stream.begin_frame(first, length)

    def frame_continued(self, payload: bytes) -> None:
        self._stream.continue_frame(payload)

    def ending_received(self, ending: Any) -> None:
        self._stream.send_ending(ending)

    def end_received(self, trailers: Any) -> None:
        if not self._stream.local_ended:
            self._stream.end()


class Visit:
    """A visitor of an honest tenant: what it has sent, and what must have come back."""

    def __init__(self, wire: Wire, *, frames: bool) -> None:
        self.wire = wire
        self.frames = frames
        self.expected = b""
        self.got = b""
        self.over = False


class Model:
    """The server, and what has happened so far."""

    def __init__(self, **settings: Any) -> None:
        self.mistakes: list[str] = []
        globalLogPublisher.addObserver(self._observe)  # type: ignore[arg-type]
        self.server = Server(rate_limit=False, **settings)
        self.tenants = {name: self._tenant(name) for name in TENANTS}
        self.visits: list[Visit] = []
        self.wires: deque[Wire] = deque()
        self.guests: list[Wire] = []
        self.parcels: dict[Wire, int] = {}
        self.names: list[str] = []
        self.served = 0

    def _observe(self, event: LogEvent) -> None:
        if event.get("log_level") in (LogLevel.error, LogLevel.critical):
            failure = event.get("log_failure")
            self.mistakes.append(formatEvent(event) + (failure.getTraceback() if failure is not None else ""))

    def _tenant(self, name: str) -> Client:
        client = self.server.client(name, f"198.51.100.{len(name)}")

        def make_leg(stream: Stream, opening: Any) -> RecordingLeg:
            _, _, end = client.party.openings[-1]
            leg = EchoLeg(stream, end)
            leg.start(opening, end)
            return leg

        client.party.make_leg = make_leg
        assert isinstance(client.open_tunnel(name), TunnelReady)
        return client

    # --- honest visitors -----------------------------------------------------------------------------------

    def upload(self, tenant: int, size: int) -> None:
        """An honest visitor begins a request, and sends some of it."""
        name = TENANTS[tenant % 2]
        wire = Wire(self.server, "203.0.113.9")
        visit = Visit(wire, frames=False)
        self.visits.append(visit)
        wire.send(b"POST /x HTTP/1.1\r\nHost: %b.localhost\r\nTransfer-Encoding: chunked\r\n\r\n" % name.encode())
        self._more(visit, size)

    def converse(self, tenant: int) -> None:
        """An honest visitor opens a WebSocket."""
        wire = Wire(self.server, "203.0.113.9")
        visit = Visit(wire, frames=True)
        wire.send(upgrade(b"/ws", host=TENANTS[tenant % 2].encode() + b".localhost"))
        data = wire.take()
        [answered], rest = parse(data)
        assert (answered.status, rest) == (101, b""), data
        self.visits.append(visit)

    def more(self, which: int, size: int) -> None:
        """It sends more."""
        living = [visit for visit in self.visits if not visit.over]
        if living:
            self._more(living[which % len(living)], size)

    def _more(self, visit: Visit, size: int) -> None:
        self.served += 1
        data = hashlib.sha256(b"%d" % self.served).digest() * (size // 32 + 1)
        visit.expected += data
        visit.wire.send(frame(BINARY, data) if visit.frames else b"%x\r\n%b\r\n" % (len(data), data))
        self._listen(visit)

    def finish(self, which: int) -> None:
        """It ends what it has begun."""
        living = [visit for visit in self.visits if not visit.over]
        if living:
            self._finish(living[which % len(living)])

    def _finish(self, visit: Visit) -> None:
        visit.wire.send(frame(0x88, b"\x03\xe8") if visit.frames else b"0\r\n\r\n")
        self._listen(visit)
        visit.over = True
        if visit.frames:
            found, rest = frames(visit.got)
            assert rest == b""
            assert [first for first, _ in found] == [BINARY] * (len(found) - 1) + [0x88], found
            assert b"".join(payload for first, payload in found if first == BINARY) == visit.expected
        else:
            answers, rest = parse(visit.got)
            assert [(each.status, each.body) for each in answers] == [(200, visit.expected)], visit.got[:300]
            assert rest == b""

    def _listen(self, visit: Visit) -> None:
        visit.got += visit.wire.take()
        assert b"Sellia-Error" not in visit.got, visit.got[:300]

    # --- the hostile tenant --------------------------------------------------------------------------------

    def dial(self, key: int, hello: bool) -> None:
        """A link, and perhaps a hello that is right."""
        if len(self.wires) == WIRES:
            self.wires.popleft().lose()
        wire = Wire(self.server, "192.0.2.66")
        wire.send(GATEWAY)
        wire.take()
        self.wires.append(wire)
        self.parcels[wire] = 0
        if hello:
            self._say(wire, native.encode_link(Hello(1, "mallory", key=KEYS[key % len(KEYS)])))

    def claim(self, which: int, name: str | None, number: int) -> None:
        """Ask for a name, perhaps somebody else's."""
        for wire in self._wire(which):
            payload = native.encode(OpenTunnel(number, "http", name))
            self._parcel(wire, native.pack_record(native.CONTROL, 0, 0, len(payload)) + payload)

    def resume(self, which: int, key: int, token: bytes | None, received: int) -> None:
        """A hello for a session that is not its own, or that does not exist."""
        for wire in self._wire(which):
            self._say(
                wire, native.encode_link(Hello(1, "m", key=KEYS[key % len(KEYS)], session=token, received=received))
            )

    def message(self, which: int, message: bytes) -> None:
        """A link message, of whatever kind."""
        for wire in self._wire(which):
            self._say(wire, message)

    def records(self, which: int, ack: int, records: list[tuple[int, int, int, bytes]]) -> None:
        """A parcel with these records."""
        for wire in self._wire(which):
            body = b"".join(native.pack_record(k, f, s, len(payload)) + payload for k, f, s, payload in records)
            self._say(wire, native.pack_parcel(native.PARCEL, ack) + body)

    def octets(self, which: int, data: bytes) -> None:
        """Octets that are no frame, or are."""
        for wire in self._wire(which):
            wire.send(data)
            self._hear(wire)

    def drop(self, which: int) -> None:
        """Its link is gone."""
        for wire in self._wire(which):
            self.wires.remove(wire)
            wire.lose()

    def guest(self, which: int, socket: bool) -> None:
        """A visitor of the hostile tenant, who gets whatever it says, as long as it is HTTP."""
        if self.names:
            host = self.names[which % len(self.names)].encode() + b".localhost"
            wire = Wire(self.server, "203.0.113.50")
            wire.send(upgrade(b"/", host=host) if socket else b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n")
            self.guests.append(wire)

    def leave(self, which: int) -> None:
        """One of these visitors has had enough."""
        if self.guests:
            self.guests.pop(which % len(self.guests)).lose()

    def _wire(self, which: int) -> list[Wire]:
        return [self.wires[which % len(self.wires)]] if self.wires else []

    def _parcel(self, wire: Wire, records: bytes) -> None:
        self._say(wire, native.pack_parcel(native.PARCEL, self.parcels[wire]) + records)

    def _say(self, wire: Wire, message: bytes) -> None:
        if not wire.closed and not wire.lost:
            wire.send(frame(BINARY, message))
            self._hear(wire)

    def _hear(self, wire: Wire) -> None:
        """Note what it is told; it acknowledges what it wants."""
        found, _ = frames(wire.take())
        for first, payload in found:
            if first == BINARY and payload[:1] == b"\x01":
                self.parcels[wire] += 1
                for kind, _, _, body in native.records(payload):
                    if kind == native.CONTROL:
                        said = native.decode_control(body)
                        if isinstance(said, TunnelReady):
                            assert said.name not in TENANTS, "the hostile one has got an honest tenant's name"
                            self.names.append(said.name)

    # --- the world -----------------------------------------------------------------------------------------

    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.server.wait(seconds)
        for wire in list(self.wires):
            if wire.closed:
                self.wires.remove(wire)
                wire.lose()

    def reconnect(self, tenant: int) -> None:
        """An honest tenant changes its network, and goes on with its session."""
        client = self.tenants[TENANTS[tenant % 2]]
        old = client.wire
        client.connect(TENANTS[tenant % 2])
        old.lose()
        assert client.welcomed.resumed
        for visit in self.visits:
            if not visit.over:
                self._listen(visit)

    def check(self) -> None:
        """What holds after every step."""
        gateway = self.server.gateway
        assert not self.mistakes, "\n".join(self.mistakes)
        gateway.registry.check_invariants()
        for session in gateway.sessions.values():
            session.mux.check_invariants()
        for name, client in self.tenants.items():
            assert client.token is not None
            assert gateway.registry.by_name[name].upstream is gateway.sessions[client.token], name
            assert not client.closes and not client.party.failures
        for wire in self.guests:
            data = wire.transport.value()
            assert not data or data.startswith(b"HTTP/1.1 "), data[:100]

    def end(self) -> None:
        """All honest visitors get the rest of what is theirs; then nothing is left behind."""
        try:
            for visit in self.visits:
                if not visit.over:
                    self._finish(visit)
            self.check()
            for wire in [*self.wires, *self.guests, *(visit.wire for visit in self.visits)]:
                wire.lose()
            self.server.check()
            assert not self.mistakes, "\n".join(self.mistakes)
        finally:
            globalLogPublisher.removeObserver(self._observe)  # type: ignore[arg-type]
