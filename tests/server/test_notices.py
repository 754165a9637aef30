"""The owner of a tunnel is told of requests that the server refuses before any of them reaches the client."""

from sellia.protocol.messages import Notice
from sellia.server.notices import NOTICES, SHOWN
from tests.server.support import GET, UPGRADE, VISITOR, ServerCase, get


class NoticeCase(ServerCase):
    def told(self) -> list[Notice]:
        """The notices that have come since the last time."""
        self.stage.talk()
        party = self.stage.pair.client
        found = [each for each in party.messages if isinstance(each, Notice)]
        party.messages.clear()
        return found


class RefusalTests(NoticeCase):
    """What is told of which request."""

    def test_no_password(self) -> None:
        self.stage.open_tunnel("demo", "ann:secret")
        self.stage.visitor(get(b"/hook?a=b", method=b"POST"))
        sentence = "This tunnel asks for a user name and a password."
        self.assertEqual(
            self.told(),
            [Notice(1, 401, "unauthorized", sentence, "POST", b"/hook?a=b", VISITOR, False, 0, "9f3a61c2-n1")],
        )
        self.stage.visitor(UPGRADE)
        [notice] = self.told()
        self.assertEqual((notice.websocket, notice.target, notice.status), (True, b"/chat", 401))

    def test_a_head_that_is_none(self) -> None:
        """As far as it can be seen for whom it was."""
        self.stage.visitor(b"GET /broken HTTP/1.1\r\nHost: demo.localhost\r\nAccept: a\r\nbad name: x\r\n\r\n")
        [notice] = self.told()
        self.assertEqual((notice.tunnel, notice.status, notice.word), (1, 400, "bad-request"))
        self.assertEqual((notice.method, notice.target, notice.visitor), ("GET", b"/broken", VISITOR))
        self.stage.visitor(b"nonsense\r\n\r\n")
        self.stage.visitor(b"GET / HTTP/1.1\r\nHost: other.localhost\r\nAccept: a\r\nbad name: x\r\n\r\n")
        self.assertEqual(self.told(), [])

    def test_a_head_whose_fault_stands_before_its_host(self) -> None:
        """Or in another read than its host."""
        bad, host = b"bad name: x\r\n", b"hOST:\tdemo.localhost \r\n"
        self.stage.visitor(b"GET / HTTP/1.1\r\n" + bad + host + b"\r\n")
        self.stage.visitor(b"GET / HTTP/1.1\r\n" + host + b"A: a\r\n", bad + b"\r\n")
        self.stage.visitor(b"GET /\x01 HTTP/1.1\r\n" + host + b"\r\n")
        self.assertEqual([(each.tunnel, each.status, each.word) for each in self.told()], [(1, 400, "bad-request")] * 3)
        self.stage.visitor(b"GET / HTTP/1.1\r\n" + bad + host + host + b"\r\n")
        self.stage.visitor(b"GET / HTTP/1.1\r\n" + bad + b"X-Host: demo.localhost\r\n\r\n")
        self.assertEqual(self.told(), [])

    def test_what_is_answered_by_the_service_is_none(self) -> None:
        _, service = self.stage.ask(GET)
        service.answer(status=401)
        self.assertEqual(self.told(), [])

    def test_another_tunnels_client_is_not_told(self) -> None:
        self.stage.visitor(get(host=b"nobody.localhost"))
        self.assertEqual(self.told(), [])

    def test_of_a_long_target_only_the_beginning(self) -> None:
        self.stage.open_tunnel("demo", "ann:secret")
        self.stage.visitor(get(b"/" + b"x" * 5000))
        [notice] = self.told()
        self.assertEqual(len(notice.target), SHOWN)


class FloodTests(NoticeCase):
    settings = {"request_burst": 1, "request_rate": 0.001}

    def test_few_and_how_many_more(self) -> None:
        self.stage.ask(GET)
        for _ in range(1000):
            self.stage.visitor(GET)
        told = self.told()
        self.assertEqual([(each.status, each.suppressed) for each in told], [(429, 0)] * NOTICES.burst)
        self.stage.wait(2)
        self.stage.visitor(GET)
        self.assertEqual([each.suppressed for each in self.told()], [1000 - NOTICES.burst])

    def test_none_waits_for_a_link(self) -> None:
        self.stage.ask(GET)
        self.stage.pair.server.session.detach()
        for _ in range(20):
            self.stage.visitor(GET)
        self.assertTrue(self.stage.pair.server.session.quiet or self.stage.pair.server.session.streams)
        self.assertEqual(self.stage.tunnels.by_name["demo"].upstream.notices.suppressed(0.0), 0)


class WebSocketLineTests(NoticeCase):
    """A WebSocket that Sellia refuses has a line in the log, wherever it was refused, and a flood has few."""

    def refused(self, lines: list[str]) -> list[str]:
        return [line for line in lines if line.startswith("websocket refused: ")]

    def test_lines(self) -> None:
        lines = self.logged()
        _, service = self.stage.ask(UPGRADE)
        service.fail("service-refused", "It is down.")
        self.stage.visitor(UPGRADE.replace(b"demo.localhost", b"nobody.localhost"))
        self.stage.open_tunnel("demo", "ann:secret")
        self.stage.visitor(UPGRADE)
        expected = [
            f"tunnel=demo path=/chat visitor={VISITOR} status=502 word=service-refused suppressed=0",
            f"tunnel=nobody path=/chat visitor={VISITOR} status=404 word=no-such-tunnel suppressed=0",
            f"tunnel=demo path=/chat visitor={VISITOR} status=401 word=unauthorized suppressed=0",
        ]
        self.assertEqual([line.partition(" tunnel=")[2] for line in self.refused(lines)], [e[7:] for e in expected])

    def test_a_flood(self) -> None:
        lines = self.logged()
        for _ in range(100):
            self.stage.visitor(UPGRADE.replace(b"demo.localhost", b"nobody.localhost"))
        self.assertEqual(len(self.refused(lines)), 5)
