"""What a client has open."""

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import UnderWay
from sellia.client.under_way import under_way
from sellia.protocol.messages import TcpConnection
from tests.client.local.test_upgrade import AGREED
from tests.client.stage import POST, UPGRADE, Stage


class UnderWayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = Stage()

    def counted(self) -> UnderWay:
        return under_way(self.stage.pair.client.session.streams.values(), self.stage.service.pipes.open)

    def test_requests(self) -> None:
        self.assertEqual(self.counted(), UnderWay())
        self.stage.ask(POST, body=b"12345")
        self.assertEqual(self.counted(), UnderWay(1, bytes_in=5), "it waits for the service")
        service = self.stage.accept()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
        self.stage.talk()
        self.assertEqual(self.counted(), UnderWay(1, bytes_in=5, bytes_out=3))
        service.say(b"lo")
        self.stage.talk()
        self.assertEqual(self.counted(), UnderWay())

    def test_web_sockets(self) -> None:
        visitor = self.stage.ask(UPGRADE, end=False)
        self.assertEqual(self.counted(), UnderWay(1), "a handshake is a request")
        service = self.stage.accept()
        service.say(AGREED + b"\r\n\x81\x02hi")
        self.stage.talk()
        visitor.stream.send_frame(0x81, b"hello")
        self.stage.talk()
        self.assertEqual(self.counted(), UnderWay(0, 1, bytes_in=5, bytes_out=2))

    def test_connections(self) -> None:
        visitor = self.stage.ask(TcpConnection(1, "203.0.113.7"), end=False)
        self.assertEqual(self.counted(), UnderWay(0, 0, 1))
        service = self.stage.accept()
        visitor.stream.send_data(b"ping")
        self.stage.talk()
        service.say(b"pongpong")
        self.stage.talk()
        self.assertEqual(self.counted(), UnderWay(0, 0, 1, 4, 8))
