"""Requests that ask the service to switch to a protocol which the tunnel lists."""

from msgspec import structs
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import RequestFinished
from sellia.problems import VISITOR_GONE
from sellia.protocol.messages import ResponseHead, UpgradeRequest
from tests.client.stage import HOST, Stage, Visitor

ATTACH = UpgradeRequest(1, b"POST", b"/attach", [HOST], b"tcp", "203.0.113.7")
AGREED = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: x/y\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"


class SwitchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()
        self.stage.service.name = "demo"
        self.stage.service.upgrades = ("tcp",)

    def ask(self, opening: UpgradeRequest = ATTACH) -> Visitor:
        visitor = self.stage.ask(opening, end=False)
        self.service = self.stage.accept()
        return visitor

    def finished(self) -> RequestFinished:
        [event] = [each for each in self.stage.events if isinstance(each, RequestFinished)]
        return event

    def test_from_request_to_bytes(self) -> None:
        visitor = self.ask()
        asked = b"POST /attach HTTP/1.1\r\nHost: demo.localhost\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        self.assertEqual(self.service.read(), asked)
        self.service.say(AGREED + b"first")
        visitor.stream.send_data(b"hello")
        self.stage.talk()
        self.assertEqual(visitor.heads, [ResponseHead(101, b"UPGRADED", [(b"Content-Type", b"x/y")])])
        self.assertEqual((visitor.data, self.service.read()), (b"first", b"hello"))
        visitor.stream.end()
        self.stage.talk()
        self.service.say(b"last")
        self.service.close()
        self.stage.talk()
        self.assertEqual((visitor.data, visitor.ended), (b"firstlast", True))
        event = self.finished()
        self.assertEqual((event.status, event.bytes_in, event.bytes_out, event.error), (101, 5, 9, None))
        self.stage.check()

    def test_a_body(self) -> None:
        visitor = self.ask(structs.replace(ATTACH, headers=[HOST, (b"Content-Length", b"5")]))
        visitor.stream.send_data(b"hello")
        self.stage.talk()
        self.assertTrue(self.service.read().endswith(b"\r\n\r\nhello"))
        self.service.say(AGREED)
        self.stage.talk()
        self.assertEqual(visitor.statuses, [101])
        self.service.reset()
        self.stage.talk()
        self.assertEqual(visitor.reset, "service-died")

    def test_a_101_that_does_not_answer_it(self) -> None:
        for answer in (AGREED.replace(b": tcp", b": h2c"), AGREED.replace(b": tcp", b": tcp, other")):
            visitor = self.ask()
            self.service.say(answer)
            self.stage.talk()
            self.assertEqual((visitor.reset, visitor.statuses), ("bad-service-response", []))
        visitor = self.ask(structs.replace(ATTACH, headers=[HOST, (b"Content-Length", b"5")]))
        self.service.say(AGREED)
        self.stage.talk()
        self.assertEqual(visitor.reset, "bad-service-response")

    def test_any_other_answer_is_passed_on(self) -> None:
        visitor = self.ask()
        self.service.say(b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno")
        self.stage.talk()
        self.assertEqual((visitor.statuses, visitor.data, visitor.ended), ([404], b"no", True))
        self.assertFalse(self.service.open, "the connection serves nothing else")
        visitor.stream.end()
        self.stage.talk()
        self.assertEqual(self.finished().status, 404)
        self.stage.check()

    def test_what_the_server_must_not_ask(self) -> None:
        length = (b"Content-Length", b"5")
        for opening in (
            structs.replace(ATTACH, upgrade=b"spdy/3.1"),
            structs.replace(ATTACH, upgrade=b""),
            structs.replace(ATTACH, upgrade=b"tcp, h2c"),
            structs.replace(ATTACH, headers=[]),
            structs.replace(ATTACH, headers=[HOST, length, length]),
            structs.replace(ATTACH, headers=[HOST, (b"Transfer-Encoding", b"chunked")]),
        ):
            visitor = self.stage.ask(opening, end=False)
            self.assertEqual(visitor.reset, "bad-request", opening)
        visitor = self.ask()
        visitor.stream.send_data(b"early")
        self.stage.talk()
        self.assertEqual(visitor.reset, "bad-request")

    def test_a_visitor_who_leaves(self) -> None:
        visitor = self.ask()
        visitor.stream.reset(VISITOR_GONE)
        self.stage.talk()
        self.assertFalse(self.service.open)
        self.stage.check()
