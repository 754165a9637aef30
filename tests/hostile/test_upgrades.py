"""Nothing is forwarded before the service's genuine 101, and what was refused is never read as something else."""

from __future__ import annotations

from collections.abc import Callable

from tests.hostile import stage
from tests.hostile.case import HostileCase, Row, cases, play_row
from tests.hostile.ledger import Arrived
from tests.hostile.visitors import ACCEPT, Talk, dial, get, parse, talk, upgrade
from tests.processes import wait_until

SMUGGLED = get(b"/smuggled")
FRAME = b"\x81\x82\x00\x00\x00\x00hi"

SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n\r\n"
)


def refusing(status: bytes, *fields: bytes) -> Callable[[Arrived], None]:
    """A service that does not upgrade, and then listens for whatever else comes."""

    def answer(arrived: Arrived) -> None:
        lines = [b"HTTP/1.1 " + status, b"Content-Length: 2", *fields, b"", b"no"]
        arrived.send(b"\r\n".join(lines))
        arrived.rest = arrived.wait_until_left()

    return answer


REFUSALS = [
    Row(name, (status, *fields))
    for name, status, *fields in (
        ("200", b"200 OK"),
        ("403", b"403 Forbidden"),
        ("426", b"426 Upgrade Required", b"Upgrade: websocket", b"Connection: Upgrade"),
        ("404 that is kept alive", b"404 Not Found", b"Connection: keep-alive"),
        ("301", b"301 Moved Permanently", b"Location: /elsewhere"),
    )
]


def play_refusal(test: HostileCase, row: Row) -> None:
    """The answer comes whole, and both sides are closed behind it: what was pipelined is no request, and no frame."""
    status, *fields = row.sent
    stage.ledger().on("/refused", refusing(status, *fields))
    before = len(stage.ledger().seen())
    said = talk(stage.server().port, (upgrade(b"/refused") + SMUGGLED + FRAME,), until_close=True)
    test.assertEqual(said.statuses, [int(status[:3])])
    test.assertTrue(said.closed)
    test.assertEqual(said.rest, b"")
    stage.settle()
    new = [each for each in stage.ledger().seen()[before:] if each.target != stage.SETTLE]
    test.assertEqual([each.target for each in new], [b"/refused"])
    arrived = new[0]
    test.assertEqual(arrived.rest, b"", "what the visitor had pipelined has reached the service")
    test.assert_brief()


@cases(REFUSALS, play_refusal)
class RefusedTests(HostileCase):
    """The service answers a handshake with something else."""


UPGRADE, CONNECTION = b"Upgrade: websocket\r\n", b"Connection: Upgrade\r\n"
PROOF = b"Sec-WebSocket-Accept: " + ACCEPT + b"\r\n"

FORGED = {
    "wrong accept": UPGRADE + CONNECTION + b"Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n",
    "no accept": UPGRADE + CONNECTION,
    "two accepts": UPGRADE + CONNECTION + PROOF * 2,
    "another protocol": b"Upgrade: h2c\r\n" + CONNECTION + PROOF,
    "no upgrade": CONNECTION + PROOF,
    "no connection": UPGRADE + PROOF,
    "a subprotocol nobody offered": UPGRADE + CONNECTION + PROOF + b"Sec-WebSocket-Protocol: x\r\n",
    "an extension nobody offered": UPGRADE + CONNECTION + PROOF + b"Sec-WebSocket-Extensions: permessage-deflate\r\n",
}


def play_forged(test: HostileCase, row: Row) -> None:
    """The visitor gets a 502, and nothing that follows the 101."""
    answer = b"HTTP/1.1 101 Switching Protocols\r\n" + row.sent[0] + b"\r\n\x81\x06forged"
    stage.ledger().on("/forged", lambda arrived: arrived.send(answer))
    said = talk(stage.server().port, (upgrade(b"/forged") + FRAME,), until_close=True)
    test.assertEqual(said.statuses, [502], said.data)
    test.assertEqual(said.answers[0].value("sellia-error"), "bad-service-response")
    test.assertNotIn(b"forged", said.data.replace(b"/forged", b""))


@cases([Row(name, (fields,)) for name, fields in FORGED.items()], play_forged)
class ForgedTests(HostileCase):
    """A service that says 101 without having read the handshake."""


@cases(
    [
        Row("with a length", (upgrade(b"/", b"Content-Length: 5") + b"hello" + SMUGGLED,), (400,)),
        Row("with chunks", (upgrade(b"/", b"Transfer-Encoding: chunked") + b"0\r\n\r\n" + SMUGGLED,), (400,)),
        Row("http 1.0", (upgrade(b"/").replace(b"HTTP/1.1", b"HTTP/1.0") + SMUGGLED,), (400,)),
        Row("without a key", (upgrade(b"/").replace(b"Sec-WebSocket-Key", b"X-Key") + SMUGGLED,), (400,)),
        Row("with two keys", (upgrade(b"/", b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==") + SMUGGLED,), (400,)),
        Row("of the base domain", (upgrade(b"/", host=b"localhost") + SMUGGLED,), (404,)),
        Row("http 2 preface", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(32),), (505,)),
        Row("http 2 preface as http 1.1", (b"PRI * HTTP/1.1\r\nHost: demo.localhost\r\n\r\nSM\r\n\r\n",), (505,)),
    ],
    play_row,
)
class HandshakeTests(HostileCase):
    """Handshakes that are none are refused, and the connection ends."""


@cases(
    [
        Row("h2c", (get(b"/", b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABk"),)),
        Row("tls", (get(b"/", b"Upgrade: TLS/1.0", b"Connection: Upgrade"),)),
        Row("an unknown one", (get(b"/", b"Upgrade: x", b"Connection: Upgrade"),)),
        Row("websocket without connection", (get(b"/", b"Upgrade: websocket"),)),
        Row("websocket by post", (upgrade(b"/").replace(b"GET", b"POST"),)),
        Row("a name like websocket", (get(b"/", b"Upgrade: websockets", b"Connection: Upgrade"),)),
    ],
    lambda test, row: play_row(test, Row(row.name, (row.sent[0] + get(b"/next"),), (200, 200), 2, closed=False)),
)
class OtherUpgradeTests(HostileCase):
    """Only ``websocket`` is upgraded: these are ordinary requests, and what follows is the next."""

    def tearDown(self) -> None:
        super().tearDown()
        self.assertEqual(stage.ledger().seen()[-3].values(b"upgrade"), [])


class WaitingTests(HostileCase):
    """While the service has not answered, what the visitor sends stays here."""

    def test_frames_and_requests_before_the_101(self) -> None:
        came: list[bytes] = []

        def late(arrived: Arrived) -> None:
            arrived.socket.settimeout(0.3)
            try:
                came.append(arrived.socket.recv(65536))
            except TimeoutError:
                came.append(b"")
            arrived.socket.settimeout(5)
            arrived.send(SWITCHING)
            came.append(arrived.socket.recv(65536))
            arrived.over = True

        stage.ledger().on("/late", late)
        said = talk(stage.server().port, (upgrade(b"/late"), FRAME, FRAME), pause=0.05)
        self.assertEqual(said.statuses, [101])
        wait_until(lambda: len(came) == 2, "the frames")
        self.assertEqual(came[0], b"", "frames have reached the service before it has agreed")
        self.assertEqual(came[1][0], 0x81)

    def test_a_second_handshake_on_the_socket(self) -> None:
        """Before the answer it waits, and after a 101 it is a frame that is none."""
        before = len(stage.ledger().seen())

        def late(arrived: Arrived) -> None:
            arrived.send(SWITCHING)
            arrived.rest = arrived.wait_until_left()

        stage.ledger().on("/twice", late)
        with dial(stage.server().port) as visitor:
            visitor.sendall(upgrade(b"/twice") * 2)
            data = b""
            while more := visitor.recv(65536):
                data += more
        answers, rest = parse(data)
        self.assertEqual([each.status for each in answers], [101])
        self.assertEqual((rest[0], int.from_bytes(rest[2:4], "big")), (0x88, 1002))
        stage.settle()
        new = [each for each in stage.ledger().seen()[before:] if each.target != stage.SETTLE]
        self.assertEqual(len(new), 1)

    def test_more_than_is_kept(self) -> None:
        """A visitor that goes on without waiting for the answer is not read any further."""
        server = stage.server()
        server.reset_peak()
        memory = server.resident_bytes()

        def never(arrived: Arrived) -> None:
            arrived.socket.settimeout(1.0)
            arrived.over = True
            try:
                arrived.socket.recv(1)
            except OSError:
                pass

        stage.ledger().on("/never-answers", never)
        with dial(server.port) as visitor:
            visitor.settimeout(0.5)
            visitor.sendall(upgrade(b"/never-answers"))
            try:
                for _ in range(400):
                    visitor.sendall(b"\x82\xfe\xff\xff\x00\x00\x00\x00" + bytes(65535))
            except (TimeoutError, ConnectionError):
                pass
        self.assertLess(server.peak_resident_bytes() - memory, 8 << 20)


def early(status: bytes, *fields: bytes) -> Callable[[Arrived], None]:
    """A service that answers before it has read anything of the body, and then drops the connection or waits."""

    def answer(arrived: Arrived) -> None:
        arrived.send(b"\r\n".join([b"HTTP/1.1 " + status, b"Content-Length: 2", *fields, b"", b"no"]))
        if b"Connection: close" in fields:
            arrived.over = True
        else:
            arrived.rest = arrived.wait_until_left()

    return answer


EARLY = [
    Row(f"{status.decode()} {framing}{' and closes' if fields else ''}", (status, body, *fields))
    for status in (b"413 Content Too Large", b"502 Bad Gateway", b"200 OK")
    for framing, body in (
        ("length", b"Content-Length: 5000\r\n\r\n"),
        ("chunks", b"Transfer-Encoding: chunked\r\n\r\n1388\r\n"),
    )
    for fields in ((), (b"Connection: close",))
]


def play_early(test: HostileCase, row: Row) -> None:
    """The answer comes, the rest of the body is drained within a bound or cut off, and none of it is a request."""
    status, head, *fields = row.sent
    stage.ledger().on("/early", early(status, *fields))
    before = len(stage.ledger().seen())
    begin = b"POST /early HTTP/1.1\r\nHost: demo.localhost\r\n" + head
    body = (SMUGGLED * 200)[:5000]
    with dial(stage.server().port) as visitor:
        visitor.sendall(begin + body[:1000])
        data = b""
        while not parse(data)[0]:
            more = visitor.recv(65536)
            test.assertTrue(more, data)
            data += more
        try:
            visitor.sendall(body[1000:4000])
            visitor.sendall(body[4000:])
            while more := visitor.recv(65536):
                data += more
        except (BrokenPipeError, ConnectionResetError):
            pass
    said = Talk(data, True, *parse(data))
    test.assertEqual(said.statuses, [int(status[:3])])
    test.assertEqual(said.rest, b"")
    stage.settle()
    new = [each.target for each in stage.ledger().seen()[before:] if each.target != stage.SETTLE]
    test.assertEqual(new, [b"/early"])


@cases(EARLY, play_early)
class EarlyTests(HostileCase):
    """Answers that come while the body is still arriving."""


class EarlyRefusalTests(HostileCase):
    """The same where the answer is Sellia's own."""

    def test_nobody_has_the_name(self) -> None:
        sent = b"POST / HTTP/1.1\r\nHost: nobody.localhost\r\nContent-Length: 5000\r\n\r\n" + (SMUGGLED * 200)[:5000]
        self.assert_row(Row("", (sent,), (404,)))

    def test_a_body_without_end(self) -> None:
        """It is read for a moment, so that the answer is not lost, and then the connection is cut."""
        from time import monotonic

        with dial(stage.server().port) as visitor:
            visitor.sendall(b"POST / HTTP/1.1\r\nHost: nobody.localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
            begun = monotonic()
            with self.assertRaises(OSError):
                while monotonic() < begun + 10:
                    visitor.sendall(b"1000\r\n" + bytes(4096) + b"\r\n")
            self.assertLess(monotonic() - begun, 5)
