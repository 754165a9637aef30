"""Requests that switch to a protocol which their tunnel lists: the service's 101, and nothing before it."""

from twisted.internet.defer import Deferred

from sellia.protocol.messages import HttpRequest, ResponseHead, TunnelOptions, UpgradeRequest
from sellia.server.ingress.checks import CHECKS, Verdict
from tests.server.support import GET, ServerCase, Service, Visitor, get, post

TCP = (b"Upgrade: tcp", b"Connection: Upgrade")
ATTACH = get(b"/attach", *TCP)
AGREED = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\n"
LISTED = TunnelOptions(upgrades=["tcp", "spdy/3.1"])


class SwitchTests(ServerCase):
    def setUp(self) -> None:
        super().setUp()
        self.stage.open_tunnel("demo", options=LISTED)

    def agree(self, service: Service) -> None:
        service.stream.send_head(ResponseHead(101, b"UPGRADED", []))
        self.stage.talk()

    def switched(self, request: bytes = ATTACH) -> tuple[Visitor, Service]:
        visitor, service = self.stage.ask(request)
        self.agree(service)
        self.assertEqual(visitor.read(), AGREED)
        return visitor, service

    def test_the_request(self) -> None:
        visitor, service = self.stage.ask(get(b"/attach?x=1", *TCP, b"X-a: 1"))
        opening = service.opening
        assert isinstance(opening, UpgradeRequest)
        self.assertEqual((opening.method, opening.target, opening.upgrade), (b"GET", b"/attach?x=1", b"tcp"))
        self.assertEqual((service.value(b"Upgrade"), service.value(b"Connection")), (None, None))
        self.assertEqual((service.value(b"X-a"), service.no_body, visitor.read()), (b"1", False, b""))
        visitor.leave()
        self.assertEqual(service.reset, "visitor-gone")

    def test_bytes_both_ways_and_each_way_until_it_ends(self) -> None:
        visitor, service = self.switched()
        visitor.send(b"GET / HTTP/1.1\r\n\r\n")
        service.say(b"\x00\x01")
        self.assertEqual((service.data, visitor.read()), (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x01"))
        visitor.connection.readConnectionLost()
        self.stage.talk()
        self.assertTrue(service.ended)
        service.say(b"bye", end=True)
        self.assertEqual((visitor.read(), visitor.end), (b"bye", "closed"))
        visitor.leave()
        self.assertEqual(len(self.stage.ingress.connections), 0)

    def test_a_body_goes_before_it(self) -> None:
        visitor, service = self.stage.ask(post(b'{"T', length=5).replace(b"\r\n\r\n", b"\r\n%b\r\n%b\r\n\r\n" % TCP, 1))
        visitor.send(b'y"early')
        self.assertEqual(service.data, b'{"Ty"', "what is behind the body waits for the 101")
        self.agree(service)
        self.assertEqual((service.data, visitor.read()), (b'{"Ty"early', AGREED))
        visitor.leave()

    def test_a_101_before_the_whole_request_is_no_answer(self) -> None:
        visitor, service = self.stage.ask(post(b"{", length=5).replace(b"\r\n\r\n", b"\r\n%b\r\n%b\r\n\r\n" % TCP, 1))
        self.agree(service)
        self.assertEqual(service.reset, "bad-service-response")
        self.assert_answers(visitor, (502, "bad-service-response"))

    def test_any_other_answer_ends_the_connection_behind_it(self) -> None:
        visitor, service = self.stage.ask(ATTACH + GET)
        service.answer(b"no", status=409)
        self.assert_answers(visitor, (409, None))
        self.assertNotEqual(visitor.end, "open")
        self.assertEqual(len(self.stage.asked), 1, "what is behind it is not HTTP")

    def test_what_is_not_listed_is_taken_off(self) -> None:
        for protocol in (b"h2c", b"TLS/1.0", b"HTTP/2.0", b"other"):
            _, service = self.stage.ask(get(b"/", b"Upgrade: " + protocol, b"Connection: Upgrade"))
            assert isinstance(service.opening, HttpRequest)
            self.assertEqual((service.opening.declined, service.no_body), (protocol, True))
            service.answer(b"x")

    def test_a_client_that_lists_http_is_not_believed(self) -> None:
        self.stage.open_tunnel("demo", options=TunnelOptions(upgrades=["h2c"]))
        _, service = self.stage.ask(get(b"/", b"Upgrade: h2c", b"Connection: Upgrade"))
        self.assertIsInstance(service.opening, HttpRequest)
        service.answer(b"x")

    def test_chunks_and_http_1_0_do_not_switch(self) -> None:
        field = b"Transfer-Encoding: chunked"
        chunks = b"POST / HTTP/1.1\r\nHost: demo.localhost\r\n%b\r\n%b\r\n%b\r\n\r\n0\r\n\r\n" % (field, *TCP)
        for request in (chunks, ATTACH.replace(b"HTTP/1.1", b"HTTP/1.0")):
            _, service = self.stage.ask(request)
            self.assertIsInstance(service.opening, HttpRequest)
            service.answer(b"x")

    def test_a_service_that_takes_too_long(self) -> None:
        visitor, service = self.stage.ask(ATTACH)
        self.stage.wait(self.stage.settings.upgrade_timeout)
        self.assertEqual(service.reset, "upgrade-timeout")
        self.assert_answers(visitor, (504, "upgrade-timeout"))

    def test_a_reset_on_either_side(self) -> None:
        visitor, service = self.switched()
        service.fail("service-died")
        self.assertEqual(visitor.end, "aborted")
        visitor.leave()
        visitor, service = self.switched()
        visitor.leave()
        self.assertEqual(service.reset, "visitor-gone")

    def test_a_check_that_waits(self) -> None:
        """What comes behind a request that will switch is not parsed meanwhile."""
        waiting: list[Deferred[Verdict]] = []

        def check(*_: object) -> Deferred[Verdict]:
            waiting.append(Deferred())
            return waiting[-1]

        self.stage.ingress.checks = (check, *CHECKS)
        visitor = self.stage.visitor(ATTACH + b"early")
        waiting.pop().callback(None)
        self.stage.talk()
        service = self.stage.asked[-1]
        self.assertEqual(service.data, b"")
        self.agree(service)
        self.assertEqual((service.data, visitor.read()), (b"early", AGREED))
        visitor.leave()
