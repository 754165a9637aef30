"""Clients that break the dialect."""

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol import native
from sellia.protocol.limits import LINK_MESSAGE_LIMIT
from sellia.protocol.messages import Goodbye, HttpRequest
from sellia.relay.limits.limit_log import LINES
from tests.logs import log_lines
from tests.relay.scripts import OK, parcel, record
from tests.server.clients import Client, GatewayCase
from tests.server.support import answers, get
from tests.transports.support import BINARY, CLOSE, TEXT, close, frame, head


def logged(test: SynchronousTestCase) -> list[str]:
    """What is logged from now on, as text."""
    return log_lines(test)


class FaultTests(GatewayCase):
    """A client that breaks the dialect loses its session, with the code that says why; nobody else notices."""

    def setUp(self) -> None:
        super().setUp()
        self.bystander = self.server.client(host="198.51.100.2")
        self.assert_ready(self.bystander.open_tunnel("other"))
        self.client = self.server.client()
        self.assert_ready(self.client.open_tunnel("demo"))
        self.visitor = self.server.visit()
        self.other_visitor = self.server.visit(get(host=b"other.localhost"))

    def fault(self, data: bytes, code: int) -> None:
        self.client.octets(data)
        first, payload = self.client.closes[0]
        self.assertEqual((first, int.from_bytes(payload[:2], "big"), len(self.client.closes)), (CLOSE, code, 1))
        self.assertEqual(answers(self.visitor.take()), [(502, "client-gone")])
        self.assertEqual(set(self.server.gateway.registry.by_name), {"other"})
        self.assertEqual(self.server.gateway.health()["limits"], {"link_violations": 1})
        self.assertEqual(len(self.server.gateway.sessions), 1)
        [stream] = self.bystander.party.streams.values()
        stream.send_head(OK)
        stream.send_data(b"fine", True)
        self.server.talk()
        self.assertIn(b"fine", self.other_visitor.take())

    def parcel(self, kind: int, stream: int, payload: bytes = b"") -> bytes:
        return frame(BINARY, parcel(record(kind, stream, payload)))

    def test_streams_of_its_own(self) -> None:
        opening = native.encode(HttpRequest(1, b"GET", b"/", []))
        self.fault(self.parcel(native.OPEN, 1, opening), 1002)

    def test_streams_that_were_never_opened(self) -> None:
        self.fault(self.parcel(native.DATA, 4, b"x"), 1002)

    def test_streams_of_another(self) -> None:
        """Numbers are each session's own: the other's first stream is number 2 as well, and a third is nobody's."""
        self.fault(self.parcel(native.HEAD, 6, native.encode(OK)), 1002)

    def test_an_answer_after_the_end(self) -> None:
        [stream] = self.client.party.streams.values()
        number = stream.id
        stream.send_head(OK)
        stream.send_data(b"x", True)
        self.server.talk()
        self.visitor.take()
        self.client.octets(self.parcel(native.DATA, number, b"y"))
        self.assertEqual(self.client.closes[0][1][:2], (1002).to_bytes(2, "big"))

    def test_frames_in_an_answer(self) -> None:
        self.fault(self.parcel(native.FRAME, 2, b"x"), 1002)

    def test_a_body_before_its_head(self) -> None:
        self.fault(self.parcel(native.DATA, 2, b"x"), 1002)

    def test_more_than_the_credit(self) -> None:
        self.fault(frame(BINARY, parcel(*[record(native.DATA, 2, b"x" * 60_000)] * 5)), 1002)

    def test_cut_off_records(self) -> None:
        self.fault(frame(BINARY, parcel() + b"\x03\x00"), 1002)

    def test_a_link_message_that_is_too_long(self) -> None:
        self.fault(head(BINARY, LINK_MESSAGE_LIMIT + 1, True), 1009)

    def test_text_is_nothing(self) -> None:
        self.client.octets(frame(TEXT, native.encode_link(Goodbye("x", ""))))
        self.assertEqual((self.client.closes, len(self.server.gateway.sessions)), ([], 2))

    def test_a_fault_of_websocket_loses_the_link_only(self) -> None:
        """It may be a proxy's between: the session waits for another link.  It counts all the same."""
        self.client.octets(frame(0x8F))
        self.assertEqual(self.server.gateway.health()["limits"], {"link_violations": 1})
        self.assertEqual(self.client.closes[0][1][:2], (1002).to_bytes(2, "big"))
        self.client.wire.lose()
        self.assertEqual(len(self.server.gateway.sessions), 2)
        self.client.connect()
        self.assertTrue(self.client.welcomed.resumed)


class ToldTests(GatewayCase):
    """What clients do to their links is in the log, and does not fill it."""

    settings = {
        "hello_timeout": 2.0,
        "link_control_burst": 10,
        "link_control_rate": 1.0,
        "require_auth": True,
        "master_key": "the right key",
    }

    def limited(self, begin: str, fault: Callable[[], None]) -> list[str]:
        """Do it more often than there are lines, and once more after a while; the lines."""
        lines = logged(self)
        for _ in range(LINES.burst + 20):
            fault()
        self.assertEqual(len([line for line in lines if line.startswith(begin)]), LINES.burst)
        self.server.wait(10)
        fault()
        told = [line for line in lines if line.startswith(begin)]
        self.assertEqual(
            [line.partition("suppressed=")[2].partition(" ")[0] for line in told], ["0"] * LINES.burst + ["20"]
        )
        return told

    def client(self) -> Client:
        return self.server.client("the right key")

    def test_faults_of_the_dialect(self) -> None:
        def fault() -> None:
            self.client().octets(frame(BINARY, b"\x00\xc1"))

        told = self.limited("limit reached: limit=link_violations ", fault)
        begin = "limit reached: limit=link_violations peer=198.51.100.1 answer=1002 suppressed=0 fault="
        self.assertEqual({line.startswith(begin) for line in told[:-1]}, {True}, told)
        self.assertEqual(self.server.gateway.health()["limits"], {"link_violations": LINES.burst + 21})
        self.assertEqual([], [line for line in told if not line.isprintable()])

    def test_faults_of_websocket(self) -> None:
        """They count with the others: whoever commits them before a session is told so in the same way."""

        def fault() -> None:
            client = Client(self.server).dial()
            client.octets(frame(0x8F))
            client.wire.lose()

        told = self.limited("limit reached: limit=link_violations ", fault)
        self.assertIn(' answer=1002 suppressed=0 fault="before the hello is answered, ', told[0])
        self.assertEqual(self.server.gateway.health()["limits"], {"link_violations": LINES.burst + 21})

    def test_links_without_a_hello(self) -> None:
        lines = logged(self)
        clients = [Client(self.server).dial() for _ in range(LINES.burst + 20)]
        self.server.wait(1)
        self.assertEqual([client.closes for client in clients], [[]] * len(clients))
        self.server.wait(1)
        self.assertEqual([client.closes for client in clients], [[close(1008, "no hello came in time")]] * len(clients))
        self.assertEqual(
            lines, ["limit reached: limit=hello_time peer=198.51.100.1 answer=1008 suppressed=0"] * LINES.burst
        )
        self.assertEqual(self.server.gateway.health()["limits"], {"hello_time": len(clients)})
        for client in clients:
            client.wire.lose()

    def test_clients_without_a_key(self) -> None:
        told = self.limited("client refused: peer=198.51.100.1 word=key-required ", lambda: self.refuse(None))
        self.assertEqual(len(told), LINES.burst + 1)

    def refuse(self, key: str | None) -> None:
        client = self.server.client(key)
        self.assertEqual([each.word for each in client.heard], ["key-required"])
        client.wire.lose()

    def test_names_that_are_refused(self) -> None:
        client = self.client()
        begin = f"tunnel refused: name=admin session={next(iter(self.server.gateway.sessions.values())).name} "

        def fault() -> None:
            self.assert_refused(client.open_tunnel("admin"), "name-reserved", True)

        told = self.limited(begin + "peer=198.51.100.1 word=name-reserved ", fault)
        self.assertEqual(len(told), LINES.burst + 1)

    def test_pings(self) -> None:
        """Those of a link have the limit of the settings; what the two say to each other at first is among them."""
        client = self.client()
        for _ in range(9):
            client.octets(frame(0x89))
        self.assertEqual(self.server.gateway.health()["limits"], {})
        client.octets(frame(0x89) * 5)
        self.assertIn(close(1008, "too many pings on one link"), client.closes)
        self.assertEqual(self.server.gateway.health()["limits"], {"link_violations": 1})


class OverloadTests(GatewayCase):
    """A client that takes too little, or visitors who do."""

    settings = {"session_queue": 300_000}

    def test_what_waits_for_a_link(self) -> None:
        """Once a second, those with most are told that it is too much; others wait on, and nobody new is let in."""
        client = self.server.client()
        self.assert_ready(client.open_tunnel("demo"))
        client.wire.lose()
        size = b"Content-Length: 1000000"
        visitors = [self.server.visit(get(b"/", size, method=b"POST") + b"x" * 60_000 * (1 + n)) for n in range(3)]
        late = self.server.visit()
        self.assertEqual(answers(late.take()), [(503, "overloaded")])
        self.server.wait(1)
        self.assertEqual([answers(visitor.take()) for visitor in visitors], [[], [], [(503, "overloaded")]])
        limits = self.server.gateway.health()["limits"]
        self.assertEqual(limits, {"session_queue": 2})
        self.assertEqual(self.server.visit().take(), b"")
