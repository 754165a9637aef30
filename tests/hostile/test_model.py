"""A hostile client with a valid key, and a hostile server: whatever it says at any time, honest ones notice nothing."""

from __future__ import annotations

import os
import time
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.messages import (
    Ack,
    CloseTunnel,
    GoAway,
    Goodbye,
    Hello,
    HttpRequest,
    OpenTunnel,
    Ping,
    Pong,
    Reset,
    ResponseHead,
    Trailers,
    TunnelReady,
    WebSocketRequest,
    Welcome,
)
from tests.hostile import stage
from tests.hostile.case import HostileCase
from tests.hostile.model import TENANTS, Model
from tests.hostile.peers import HostileClient, HostileServer, LinkClosed, record
from tests.hostile.visitors import talk
from tests.processes import start_twistd
from tests.transports.support import frame

EXAMPLES = int(os.environ.get("SELLIA_HOSTILE_EXAMPLES", "25"))

FIELDS: list[tuple[bytes, bytes]] = [(b"Content-Length", b"5"), (b"A", b"b\r\nX: 1"), (b"Sec-WebSocket-Accept", b"x")]

MESSAGES = [
    native.encode_link(each)
    for each in (
        *(Hello(1, "m"), Hello(1, "m", key="mallory"), Hello(2, "m"), Hello(1, "m", received=-1)),
        *(Ack(0), Ack(1), Ack(2**40), Ack(-1), Ping(), Pong(), Goodbye("x", "y"), Welcome(1, "m", b"t" * 16, True)),
    )
] + [b"\x00", b"\x00\xc1", b"\x01", b"", b"\x02x", b"\x00" + b"\x91" * 3000]

PAYLOADS = {
    native.OPEN: [native.encode(HttpRequest(1, b"GET", b"/", [])), native.encode(WebSocketRequest(1, b"/", []))],
    native.HEAD: [
        native.encode(head)
        for head in (
            ResponseHead(200, b"OK", []),
            ResponseHead(200, b"OK", FIELDS[:1]),
            ResponseHead(200, b"OK", FIELDS[1:2]),
            ResponseHead(101, b"Switching Protocols", FIELDS[2:]),
            ResponseHead(101, b"", [(b"Sec-WebSocket-Accept", b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")]),
            ResponseHead(103, b"", []),
            ResponseHead(204, b"", []),
            ResponseHead(-1, b"\r\n", []),
        )
    ],
    native.DATA: [b"", b"hello", b"x" * 65_000, b"x" * 65_537],
    native.TRAILERS: [native.encode(Trailers([])), native.encode(Trailers(FIELDS))],
    native.FRAME: [b"", b"hello", b"\x03\xe8", b"x" * 200],
    native.FRAME_BEGIN: [bytes(7) + b"\x05", b"\xff" * 8, b"x"],
    native.FRAME_MORE: [b"", b"he", b"x" * 1000],
    native.RESET: [native.encode(Reset("x")), native.encode(Reset("service-died", "\x1b[2J"))],
    native.CREDIT: [b"\x00\x00\x10\x00", b"\xff" * 4, b""],
    native.BLOCKED: [b"", b"x"],
    native.CONTROL: [
        native.encode(each)
        for each in (
            *(
                OpenTunnel(1, "http"),
                OpenTunnel(2, "http", "anna"),
                OpenTunnel(3, "tcp"),
                OpenTunnel(4, "http", "mine"),
            ),
            *(CloseTunnel(1), CloseTunnel(2), GoAway("x", "y", 1e308), TunnelReady(1, "anna", "x")),
        )
    ],
    99: [b"", b"x"],
}


def one_record(kind: int) -> st.SearchStrategy[tuple[int, int, int, bytes]]:
    """A record of a kind, nearly right or not."""
    flags = st.sampled_from((0, 1, 1, 0x81, 0x88, 0xFF))
    stream = st.sampled_from((0, 2, 2, 2, 4, 4, 6, 8, 1, 2**40))
    return st.tuples(st.just(kind), flags, stream, st.one_of(st.sampled_from(PAYLOADS[kind]), st.binary(max_size=20)))


RECORDS = st.lists(st.sampled_from(sorted(PAYLOADS)).flatmap(one_record), min_size=1, max_size=6)
WHICH = st.integers(0, 7)
FRAMES = (frame(0x89, b"x"), frame(0x88), frame(3))


class Tenancy(RuleBasedStateMachine):
    """What may happen, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(resume_window=20)

    @rule(tenant=WHICH, size=st.sampled_from((0, 100, 5_000, 70_000, 300_000)))
    def upload(self, tenant: int, size: int) -> None:
        self.model.upload(tenant, size)

    @rule(tenant=WHICH)
    def converse(self, tenant: int) -> None:
        self.model.converse(tenant)

    @rule(which=WHICH, size=st.sampled_from((0, 100, 5_000, 70_000)))
    def more(self, which: int, size: int) -> None:
        self.model.more(which, size)

    @rule(which=WHICH)
    def finish(self, which: int) -> None:
        self.model.finish(which)

    @rule(tenant=WHICH)
    def reconnect(self, tenant: int) -> None:
        self.model.reconnect(tenant)

    @rule(key=WHICH, hello=st.sampled_from((True, True, True, False)))
    def dial(self, key: int, hello: bool) -> None:
        self.model.dial(key, hello)

    @rule(which=WHICH, name=st.sampled_from((None, None, "mine", *TENANTS)), number=st.integers(0, 3))
    def claim(self, which: int, name: str | None, number: int) -> None:
        self.model.claim(which, name, number)

    @rule(which=WHICH, key=WHICH, token=st.sampled_from((None, b"", bytes(16), b"x" * 16)), received=st.integers(-1, 3))
    def resume(self, which: int, key: int, token: bytes | None, received: int) -> None:
        self.model.resume(which, key, token, received)

    @rule(which=WHICH, message=st.one_of(st.sampled_from(MESSAGES), st.binary(max_size=30)))
    def message(self, which: int, message: bytes) -> None:
        self.model.message(which, message)

    @precondition(lambda self: self.model.wires)
    @rule(which=WHICH, ack=st.sampled_from((0, 0, 1, 2, 2**60)), records=RECORDS)
    def records(self, which: int, ack: int, records: list[tuple[int, int, int, bytes]]) -> None:
        self.model.records(which, ack, records)

    @rule(which=WHICH, data=st.one_of(st.binary(max_size=30), st.sampled_from(FRAMES)))
    def octets(self, which: int, data: bytes) -> None:
        self.model.octets(which, data)

    @rule(which=WHICH)
    def drop(self, which: int) -> None:
        self.model.drop(which)

    @rule(which=WHICH, socket=st.booleans())
    def guest(self, which: int, socket: bool) -> None:
        self.model.guest(which, socket)

    @rule(which=WHICH)
    def leave(self, which: int) -> None:
        self.model.leave(which)

    @rule(seconds=st.sampled_from((1, 1, 3, 12)))
    def wait(self, seconds: int) -> None:
        self.model.wait(seconds)

    @invariant()
    def check(self) -> None:
        self.model.check()

    def teardown(self) -> None:
        self.model.end()


class HostileClientModelTests(SynchronousTestCase):
    """In memory, over the real gateway and ingress."""

    def test_any_time_any_message(self) -> None:
        run_state_machine_as_test(
            Tenancy,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


def any_records(random: Random) -> bytes:
    """A few records, as `RECORDS` has them."""
    found = []
    for _ in range(random.randrange(1, 6)):
        kind = random.choice(sorted(PAYLOADS))
        stream = random.choice((0, 2, 2, 2, 4, 4, 6, 8, 1, 2**40))
        payload = random.choice([*PAYLOADS[kind], random.randbytes(random.randrange(20))])
        found.append(record(kind, stream, payload, random.choice((0, 1, 1, 0x81, 0x88))))
    return b"".join(found)


SECONDS = float(os.environ.get("SELLIA_HOSTILE_SECONDS", "5"))


class HostileProcessTests(HostileCase):
    """The same for so many seconds over real processes: what is random can be played again by its seed."""

    def setUp(self) -> None:
        super().setUp()
        self.seed = int(os.environ.get("SELLIA_SEED", "0")) or time.time_ns() & 0xFFFFFF
        self.random = Random(self.seed)
        self.steps = 0

    def going_on(self) -> Any:
        """Steps, until the time is over."""
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            self.steps += 1
            yield self.steps

    def test_a_hostile_client(self) -> None:
        server, random = stage.server(), self.random
        body = random.randbytes(20_000)
        honest = b"POST /honest HTTP/1.1\r\nHost: demo.localhost\r\nContent-Length: 20000\r\n\r\n" + body
        client = HostileClient(server.port, "mallory")
        for step in self.going_on():
            try:
                match random.randrange(5):
                    case 0:
                        # whose answer is not waited for: what went before may have made it a part of a frame
                        client.tell(OpenTunnel(random.randrange(4), "http", random.choice((None, "demo", "mallory-1"))))
                    case 1:
                        client.send(random.choice(MESSAGES))
                    case 2:
                        client.raw(random.choice((random.randbytes(20), frame(3), frame(0x89, b"x"))))
                    case _:
                        client.parcel(any_records(random), ack=random.choice((None, 0, 1)))
            except (LinkClosed, OSError):
                client.drop()
                client = HostileClient(server.port, random.choice(("mallory", None, "trudy")))
            if not step % 5:
                said = talk(server.port, (honest,))
                self.assertEqual(said.statuses, [200], f"SELLIA_SEED={self.seed}")
                self.assertEqual(bytes(stage.ledger().wait_for("/honest").body), body, f"SELLIA_SEED={self.seed}")
        client.drop()
        self.assertGreater(self.steps, 50)

    def test_a_hostile_server(self) -> None:
        """Its client is told nonsense again and again; what its service gets is HTTP, or nothing (see tearDown)."""
        random = self.random
        with HostileServer() as server:
            options = ("--server", f"http://127.0.0.1:{server.port}", "--target", str(stage.ledger().port))
            with start_twistd("sellia-client", *options, "--subdomain", "demo", "--log-level", "debug") as client:
                server.accept()
                broken = 0
                for _ in self.going_on():
                    try:
                        match random.randrange(6):
                            case 0:
                                opening = HttpRequest(1, b"GET", b"/s", [(b"Host", b"demo.localhost")], "v")
                                server.ask(opening, end=random.random() < 0.8, then=any_records(random))
                            case 1:
                                server.send(random.choice(MESSAGES))
                            case 2:
                                server.is_alive()
                            case _:
                                server.parcel(any_records(random), ack=random.choice((None, 0, 1)))
                    except (LinkClosed, OSError):
                        broken += 1
                        server.drop()
                        try:
                            server.accept()
                        except (TimeoutError, LinkClosed, OSError):
                            break  # it waits longer each time
                self.assertGreater(broken, 0)
                self.assertIsNone(client.returncode, f"SELLIA_SEED={self.seed}")
                self.assertNotIn("Traceback", client.output, f"SELLIA_SEED={self.seed}")
                self.assertNotIn("defect", client.output, f"SELLIA_SEED={self.seed}")
