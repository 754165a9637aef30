"""What a peer sends that is no message: its link is closed with one log line, and nothing is allocated for it."""

from __future__ import annotations

import struct

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.messages import Hello, HttpRequest, TunnelReady, Welcome
from tests.client.links import ClientStage
from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases
from tests.hostile.peers import HostileClient, HostileServer, record
from tests.hostile.visitors import get, talk
from tests.processes import start_twistd
from tests.transports.support import frame, head

MIB = 1 << 20

#: By name, what follows the tag of a message where its second field should be.
FIELDS = {
    "array of 4 G": b"\xdd\xff\xff\xff\xff",
    "map of 4 G": b"\xdf\xff\xff\xff\xff",
    "text of 4 GiB": b"\xdb\xff\xff\xff\xff",
    "octets of 4 GiB": b"\xc6\xff\xff\xff\xff",
    "extension of 4 GiB": b"\xc9\xff\xff\xff\xff\x05",
    "extension": b"\xc7\x03\x05abc",
    "timestamp": b"\xd6\xff\x00\x00\x00\x00",
    "octet that means nothing": b"\xc1",
    "map": b"\x80",
    "map with the same key twice": b"\x82\xa1a\x01\xa1a\x02",
    "map with a list as key": b"\x81\x91\x01\x01",
    "nil": b"\xc0",
    "negative": b"\xff",
    "float": b"\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00",
    "nan": b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    "true": b"\xc3",
    "text that is no utf-8": b"\xa2\xff\xfe",
    "text that is cut off": b"\xa5ab",
    "number of 64 bits": b"\xcf" + b"\xff" * 8,
    "nothing": b"",
    "lists in lists": b"\x91" * 12_000,
    "maps in maps": b"\x81\xc0" * 6_000,
    "a thousand empty maps": b"\xdc\x10\x00" + b"\x80" * 0x1000,
}


def link_messages() -> dict[str, bytes]:
    """Messages of the link, its first octet included."""
    found = {f"hello with {name}": b"\x00\x93\xa5hello" + field + b"\xa1a" for name, field in FIELDS.items()}
    found |= {f"ack with {name}": b"\x00\x92\xa3ack" + field for name, field in FIELDS.items() if name not in _RIGHT}
    found |= {
        "no array": b"\x00\x80",
        "array of 4 G": b"\x00\xdd\xff\xff\xff\xff",
        "empty array": b"\x00\x90",
        "nothing": b"\x00",
        "tag that is no text": b"\x00\x91\x01",
        "octets behind it": b"\x00\x92\xa3ack\x00\x00",
        "a message that only a server sends": native.encode_link(Welcome(1, "", b"t" * 16, False)),
        "longer than 16 KiB": b"\x00\x92\xa3ack" + b"\x00" * 17_000,
        "ack of what was never sent": b"\x00\x92\xa3ack\xcd\x10\x00",
        "second hello": b"\x00\x93\xa5hello\x01\xa1a",
    }
    del found["hello with number of 64 bits"]
    return found


#: What an ack may well have.
_RIGHT = ("negative",)


def opening(fields: bytes) -> bytes:
    """An OPEN of stream 1."""
    return record(native.OPEN, 1, fields)


def parcels() -> dict[str, bytes]:
    """What follows a parcel's head."""
    control = {
        f"open-tunnel with {name}": record(native.CONTROL, 0, b"\x93\xabopen-tunnel" + field + b"\xa4http")
        for name, field in FIELDS.items()
        if name not in ("number of 64 bits", "negative")
    }
    return control | {
        "record without a header": b"\x03\x00\x00",
        "record that is cut off": struct.pack("!BBQI", native.DATA, 0, 2, 100) + b"abc",
        "record of 4 GiB": struct.pack("!BBQI", native.DATA, 0, 2, 0xFFFFFFFF),
        "control of a stream": record(native.CONTROL, 2, b"\x90"),
        "control of 17 KiB": record(native.CONTROL, 0, b"\x91" + b"\x90" * 17_000),
        "stream opened by a client": opening(native.encode(HttpRequest(1, b"GET", b"/", []))),
        "data on stream 0": record(native.DATA, 0, b"abc"),
        "data on a stream that was never opened": record(native.DATA, 2**63, b"abc"),
        "credit of three octets": record(native.CREDIT, 2, b"abc"),
    }


def raw() -> dict[str, tuple[int, bytes]]:
    """Octets on the connection, and the code that the link is closed with."""
    parcel = b"\x01" + bytes(8)
    return {
        "a message of 1 MiB of empty maps": (1009, frame(0x82, b"\x00\xdd\x00\x10\x00\x00" + b"\x80" * MIB)),
        "a message of 1 TiB": (1009, head(0x82, 1 << 40, True)),
        "a message of 2 to the 63": (1002, head(0x82, 1 << 63, True)),
        "a text message that is no utf-8, and then a bad one": (1002, frame(0x81, b"\xff") + frame(0x82, b"\x00\xc1")),
        "a frame that is not masked": (1002, frame(0x82, parcel, False)),
        "reserved bits": (1002, frame(0xF2, parcel)),
        "a reserved opcode": (1002, frame(0x83, parcel)),
        "a ping of 126 octets": (1002, frame(0x89, b"x" * 126)),
        "a ping in fragments": (1002, frame(0x09, b"x")),
        "a continuation of nothing": (1002, frame(0x80, b"x")),
        "two thousand fragments": (1008, frame(0x02, b"\x01") + frame(0x00, b"") * 2000),
        "a parcel without a head": (1002, frame(0x82, b"\x01\x00")),
        "a parcel that acknowledges too much": (1002, frame(0x82, b"\x01" + b"\xff" * 8)),
    }


def play(test: HostileCase, row: Row, code: int = 1002) -> None:
    """The link is closed with the code, and that counts once; an honest tenant notices nothing."""
    server = stage.server()
    server.reset_peak()
    memory = server.resident_bytes()
    count = stage.counted().get("link_violations", 0)
    with HostileClient(server.port) as client:
        client.raw(row.sent[0])
        ended, reason = client.end()
    test.assertEqual(ended, code, reason)
    stage.settle()
    test.assertEqual(stage.counted()["link_violations"], count + 1)
    test.assertLess(server.peak_resident_bytes() - memory, 8 * MIB)
    test.assert_brief()


@cases([Row(name, (frame(0x82, message),)) for name, message in link_messages().items()], play)
class LinkMessageTests(HostileCase):
    """Messages of the link."""


@cases([Row(name, (frame(0x82, b"\x01" + bytes(8) + records),)) for name, records in parcels().items()], play)
class ParcelTests(HostileCase):
    """Records."""


@cases(
    [Row(name, (data,), (code,)) for name, (code, data) in raw().items()],
    lambda test, row: play(test, row, row.statuses[0]),
)
class FrameTests(HostileCase):
    """WebSocket frames on a link."""


class BeforeHelloTests(HostileCase):
    """Who has not said who it is may say nothing else."""

    def closed(self, message: bytes) -> None:
        with HostileClient(stage.server().port, hello=False) as client:
            client.send(message)
            self.assertEqual(client.end()[0], 1002)
        self.assert_brief()

    def test_a_parcel(self) -> None:
        self.closed(b"\x01" + bytes(8))

    def test_lists_in_lists(self) -> None:
        self.closed(b"\x00" + b"\x91" * 16_000)

    def test_a_welcome(self) -> None:
        self.closed(native.encode_link(Welcome(1, "", b"", False)))


class NotBrokenTests(HostileCase):
    """What later versions may say is not a fault."""

    def test_unknown_tags_kinds_and_fields(self) -> None:
        with HostileClient(stage.server().port) as client:
            client.send(b"\x00\x92\xa7unknown\x01")
            client.send(b"\x07whatever")
            client.parcel(record(native.CONTROL, 0, b"\x91\xa7unknown"), record(99, 0, b"x"), record(98, 77, b"x"))
            client.send(b"\x00\x94\xa4ping\x01\xc3\xdc\x00\x03\x01\x02\x03")
            self.assertTrue(client.is_alive())


class PileTests(HostileCase):
    """What costs its receiver an answer cannot pile up for a peer that does not read."""

    def flood(self, piece: bytes, total: int) -> None:
        server = stage.server()
        server.reset_peak()
        memory = server.resident_bytes()
        with HostileClient(server.port) as client:
            client.connection.settimeout(1.0)
            sent = 0
            try:
                while sent < total:
                    client.connection.sendall(piece)
                    sent += len(piece)
            except (TimeoutError, ConnectionError):
                pass  # it is read no more, or cut off: either is a bound
            grown = server.peak_resident_bytes() - memory
        self.assertLess(grown, 12 * MIB)
        said = talk(server.port, (get(b"/behind-a-flood"),))
        self.assertEqual(said.statuses, [200])

    def test_websocket_pings(self) -> None:
        self.flood(frame(0x89, b"x" * 125) * 400, 16 * MIB)

    def test_pings_of_the_dialect(self) -> None:
        self.flood(frame(0x82, b"\x00\x92\xa4ping\x01") * 2000, 4 * MIB)

    def test_claims_of_names(self) -> None:
        claim = record(native.CONTROL, 0, b"\x94\xabopen-tunnel\x01\xa4http\xa5admin")
        self.flood(frame(0x82, b"\x01" + bytes(8) + claim * 300), 2 * MIB)


# --- the same to a client ------------------------------------------------------------------------------------------


def to_client() -> dict[str, bytes]:
    """Link messages that a server must not send."""
    messages = {name: each for name, each in link_messages().items() if "only a server" not in name}
    messages["second hello"] = native.encode_link(Hello(1, ""))
    messages["second welcome"] = native.encode_link(Welcome(1, "", b"t" * 16, False))
    records = {name: each for name, each in parcels().items() if name != "stream opened by a client"}
    records["a request for a tunnel that is not there"] = record(
        native.OPEN, 2, native.encode(HttpRequest(9, b"GET", b"/", []))
    )
    records["a tunnel that was not asked for"] = record(
        native.CONTROL, 0, native.encode(TunnelReady(9, "demo", "http://demo.localhost"))
    )
    return messages | {name: b"\x01" + bytes(8) + each for name, each in records.items()}


class ClientInMemoryTests(SynchronousTestCase):
    """A client closes the link of a server that says such things, ends the session, and dials again."""

    def test_all_of_it(self) -> None:
        for name, message in to_client().items():
            client = ClientStage().start()
            assert client.wire is not None
            link = client.wire.near
            link.guarded(link.message_received, message)
            assert link.closed is not None, name
            self.assertEqual(link.closed[0], 1002, name)
            self.assertIsNone(client.session.session, name)
            tried = len(client.network.tried)
            client.talk()
            client.wait(31)
            self.assertGreater(len(client.network.tried), tried, name)


class ClientTests(HostileCase):
    """The same for a client's process, where it gets at sockets and at memory."""

    def test_it_comes_back(self) -> None:
        faults = [
            (1002, frame(0x82, b"\x00" + b"\x91" * 16_000, False)),
            (1009, head(0x82, 1 << 40, False)),
            (1002, frame(0xF2, b"\x01", False)),
        ]
        with HostileServer() as server:
            options = ("--server", f"http://127.0.0.1:{server.port}", "--target", str(stage.ledger().port))
            client = start_twistd("sellia-client", *options, "--subdomain", "demo")
            with client:
                for number, (code, fault) in enumerate(faults, 1):
                    server.accept()
                    client.reset_peak()
                    memory = client.resident_bytes()
                    server.raw(fault)
                    ended, reason = server.end()
                    self.assertEqual(ended, code, (reason, fault[:60]))
                    server.drop()
                    lines = client.output.count("link closed: the peer broke the protocol")
                    self.assertEqual(lines, number, fault[:60])
                    self.assertLess(client.peak_resident_bytes() - memory, 4 * MIB)
                server.accept(welcome=False)
                server.say(Welcome(1, "", b"t" * 16, False, 0, [], float("nan"), 15.0, 120.0))
                self.assertEqual(server.end()[0], 1002)
                self.assertIsNone(client.returncode)
                self.assertNotIn("Traceback", client.output)
