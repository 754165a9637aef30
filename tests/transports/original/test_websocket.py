"""Whole messages out of frames: what is being put together for one link is bounded, whoever does it."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.protocol.limits import MIB
from sellia.protocol.original.messages import WEBSOCKET_LIMIT
from sellia.transports.original.websocket import ASSEMBLED, Assembly, may_be_sent, verdict_on
from tests.server.clients import GatewayCase
from tests.server.originals import Original
from tests.server.support import UPGRADE
from tests.transports.original.server_side.test_upgrade import Visitor
from tests.transports.support import CLOSE, PING, frame


class AssemblyTests(GatewayCase):
    """At a whole server, with visitors who send messages and never end them."""

    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server).open()

    def opened(self) -> tuple[Visitor, str]:
        wire = self.server.visit(UPGRADE)
        request_id = self.client.upgraded()
        return Visitor(wire), request_id

    def code(self, visitor: Visitor) -> int | None:
        """The code of the close frame that a visitor has got."""
        heard = visitor.heard()
        if not heard:
            return None
        [(first, payload)] = heard
        self.assertEqual(first, CLOSE)
        return int.from_bytes(payload[:2], "big")

    def test_all_together(self) -> None:
        """Just below the limit all may go on; above it, who has most has to go, and the others' messages arrive."""
        each = WEBSOCKET_LIMIT - MIB
        hoarders = [self.opened()[0] for _ in range(ASSEMBLED // each)]
        for visitor in hoarders:
            visitor.send(0x02, bytes(each))
        honest, request_id = self.opened()
        honest.send(0x02, b"begun")
        hoarders[0].send(0x00, bytes(WEBSOCKET_LIMIT - each))
        self.assertEqual([self.code(visitor) for visitor in hoarders], [None] * len(hoarders))
        hoarders[1].send(0x00, bytes(WEBSOCKET_LIMIT - each))
        self.assertEqual([self.code(visitor) for visitor in hoarders[:2]].count(1013), 1)
        self.assertEqual([self.code(visitor) for visitor in hoarders[2:]], [None] * (len(hoarders) - 2))
        self.client.heard()
        honest.send(0x80, b" and ended")
        [message] = self.client.heard()
        self.assertEqual((message["request_id"], message["payload"]), (request_id, b"begun and ended"))

    def test_empty_fragments_cost_something(self) -> None:
        """A message that never ends is bounded even if it has nothing in it."""
        visitor, _ = self.opened()
        visitor.send(0x02)
        for _ in range(9):
            visitor.send(0x00)
        self.assertEqual(self.assembly.size, 10 * 64)

    @property
    def assembly(self) -> Assembly:
        [session] = self.server.gateway.sessions.values()
        assembly: Assembly = session.link.bridge.assembly
        return assembly

    def test_what_ends_is_given_back(self) -> None:
        """By its end, by a close, and by a visitor who leaves."""
        visitor, request_id = self.opened()
        visitor.send(0x02, bytes(1000))
        self.assertGreater(self.assembly.size, 1000)
        visitor.send(PING)
        visitor.send(0x80, b"")
        self.assertEqual(self.assembly.size, 0)
        visitor.heard()
        visitor.send(0x02, bytes(1000))
        self.client.say("ws_close", request_id=request_id, code=1000)
        self.assertEqual(self.assembly.size, 0)
        another, _ = self.opened_behind()
        another.send(0x02, bytes(1000))
        another.wire.lose()
        self.assertEqual(self.assembly.size, 0)
        third, _ = self.opened_behind()
        third.wire.send(frame(0x82, bytes(1000))[:500])
        self.assertGreater(self.assembly.size, 0)
        third.wire.lose()
        self.assertEqual(self.assembly.size, 0)

    def opened_behind(self) -> tuple[Visitor, str]:
        """Another one, after what is still to be heard."""
        self.client.heard()
        return self.opened()


class CloseTests(SynchronousTestCase):
    def test_codes_that_may_be_sent(self) -> None:
        sent = {code for code in range(6000) if may_be_sent(code)}
        expected = {*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)}
        self.assertEqual(sent, expected)

    def test_a_close_frame_is_answered_in_kind(self) -> None:
        for payload in (b"", b"\x03\xe8", b"\x0b\xb8" + "adiós".encode()):
            self.assertEqual(verdict_on(payload), payload)

    def test_one_that_is_none_gets_what_it_deserves(self) -> None:
        for payload, code in ((b"\x03", 1002), (b"\x03\xed", 1002), (b"\x03\xe8\xff", 1007), (b"\xff\xff", 1002)):
            self.assertEqual(verdict_on(payload)[:2], code.to_bytes(2, "big"))
            self.assertLessEqual(len(verdict_on(payload)), 125)
