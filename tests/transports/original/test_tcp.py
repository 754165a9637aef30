"""TCP connections in the words of the original, at our server and at our client, and with each other."""

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.settings import TunnelSettings
from sellia.transports.original.tcp import HALF_CLOSED, join_address, split_address
from tests.client.originals import ID, TUNNEL, OriginalStage
from tests.original.wire import Message
from tests.server.clients import GatewayCase, Wire
from tests.server.originals import Original
from tests.server.support import VisitorTransport


class Guest(Wire):
    """A visitor's connection to the port of a tunnel."""

    def __init__(self, server: Any, port: int) -> None:
        [factory] = [each[1] for each in server.reactor.tcpServers if each[0] == port]
        self.server = server
        self.transport = VisitorTransport("203.0.113.7")
        self.transport.hostAddr = IPv4Address("TCP", "198.51.100.1", port)
        self.connection = factory.buildProtocol(self.transport.getPeer())
        self.transport.protocol = self.connection  # type: ignore[attr-defined]
        self.connection.makeConnection(self.transport)
        self.lost = False
        server.wires.append(self)
        server.talk()

    @property
    def protocol(self) -> Any:
        return self.transport.protocol  # type: ignore[attr-defined]

    @protocol.setter
    def protocol(self, protocol: Any) -> None:
        """It is the transport's."""

    def finish(self) -> None:
        """FIN."""
        self.protocol.readConnectionLost()
        self.server.talk()

    def reset(self) -> None:
        self.lost = True
        self.protocol.connectionLost(Failure(ConnectionLost()))
        self.server.talk()


class ServerSideTests(GatewayCase):
    settings = {"tcp_ports": "20000-20009"}

    def setUp(self) -> None:
        super().setUp()
        self.client = Original(self.server)
        self.client.say("tunnel_open", tunnel_type="tcp", local_port=5432, subdomain="20003")
        [self.ready] = self.client.heard()

    def enter(self) -> tuple[Guest, str]:
        """A visitor, and the number of its connection."""
        guest = Guest(self.server, 20003)
        [said] = self.client.heard()
        self.assertEqual(said["type"], "tcp_open")
        self.assertEqual((said["tunnel_id"], said["remote_addr"]), (self.ready["tunnel_id"], "203.0.113.7:50000"))
        return guest, said["connection_id"]

    def open(self) -> tuple[Guest, str]:
        guest, number = self.enter()
        self.client.say("tcp_open_ok", connection_id=number)
        return guest, number

    def told(self) -> list[tuple[str, Any]]:
        """What the client was told, without the number."""
        return [(each["type"], each.get("data", each.get("reason"))) for each in self.client.heard()]

    def test_ready(self) -> None:
        self.assertEqual((self.ready["url"], self.ready["subdomain"]), ("tcp://localhost:20003", "20003"))

    def test_bytes_both_ways(self) -> None:
        guest, number = self.open()
        guest.send(b"ping")
        self.assertEqual(self.told(), [("tcp_data", b"ping")])
        self.client.say("tcp_data", connection_id=number, data=b"pong")
        self.assertEqual(guest.take(), b"pong")

    def test_what_comes_before_the_service_waits(self) -> None:
        guest, number = self.enter()
        guest.send(b"early")
        self.assertEqual(self.told(), [])
        self.client.say("tcp_open_ok", connection_id=number)
        self.assertEqual(self.told(), [("tcp_data", b"early")])

    def test_large(self) -> None:
        guest, number = self.open()
        guest.send(b"x" * 20_000)
        self.assertEqual([len(data) for _, data in self.told()], [8192, 8192, 3616])

    def test_refused(self) -> None:
        guest, number = self.enter()
        self.client.say("tcp_open_error", connection_id=number, message="Connection refused")
        self.assertTrue(guest.transport.aborted)
        self.assertEqual(self.told(), [])

    def test_the_service_closes(self) -> None:
        guest, number = self.open()
        self.client.say("tcp_data", connection_id=number, data=b"bye")
        self.client.say("tcp_close", connection_id=number)
        self.assertEqual((guest.take(), guest.transport.half_closed), (b"bye", True))
        guest.finish()
        self.assertTrue(guest.transport.disconnecting)

    def test_the_service_closes_and_the_visitor_goes_on(self) -> None:
        """As on a closed socket."""
        guest, number = self.open()
        self.client.say("tcp_close", connection_id=number)
        guest.send(b"more")
        self.assertTrue(guest.transport.aborted)

    def test_the_service_resets(self) -> None:
        guest, number = self.open()
        self.client.say("tcp_close", connection_id=number, reason="reset: service-died")
        self.assertTrue(guest.transport.aborted)

    def test_the_visitor_resets(self) -> None:
        guest, number = self.open()
        guest.reset()
        self.assertEqual(self.told(), [("tcp_close", "reset: visitor-gone")])

    def test_the_visitor_resets_before_the_service_is_there(self) -> None:
        """The client, which has been told of it, does not keep a connection that nobody has."""
        guest, number = self.enter()
        guest.send(b"early")
        guest.reset()
        self.assertEqual(self.told(), [("tcp_close", "reset: visitor-gone")])
        self.client.say("tcp_open_ok", connection_id=number)
        self.assertEqual(self.told(), [])

    def test_the_visitor_ends_first(self) -> None:
        """The answer comes all the same; then an original client is told to close."""
        guest, number = self.open()
        guest.send(b"ask")
        guest.finish()
        self.assertEqual(self.told(), [("tcp_data", b"ask"), ("tcp_data", b"")])
        self.server.wait(1)
        self.client.say("tcp_data", connection_id=number, data=b"answer")
        self.server.wait(1)
        self.assertEqual((guest.take(), self.told()), (b"answer", []))
        self.server.wait(int(HALF_CLOSED))
        self.assertEqual((self.told(), guest.transport.disconnecting), ([("tcp_close", None)], True))

    def test_both_end_as_peers_of_ours_say_it(self) -> None:
        guest, number = self.open()
        self.client.say("tcp_data", connection_id=number, data=b"")
        self.assertTrue(guest.transport.half_closed)
        guest.send(b"more")
        guest.finish()
        self.assertEqual(self.told(), [("tcp_data", b"more"), ("tcp_close", None)])

    def test_the_link_is_lost(self) -> None:
        guest, _ = self.open()
        self.client.wire.lose()
        self.assertTrue(guest.transport.aborted)

    def test_strangers(self) -> None:
        """Numbers that nobody has are late, and nothing else happens."""
        guest, number = self.open()
        for type, fields in (
            ("tcp_data", {"data": b"x"}),
            ("tcp_close", {}),
            ("tcp_open_ok", {}),
            ("tcp_open_error", {"message": "x"}),
        ):
            self.client.say(type, connection_id="f" * 32, **fields)
        self.client.say("tcp_open_ok", connection_id=number)
        self.client.say("response_end", request_id=number)
        self.client.say("tcp_data", connection_id=number, data=b"still here")
        self.assertEqual(guest.take(), b"still here")

    def test_too_long(self) -> None:
        """A message beyond the limit ends its connection, and no other."""
        guest, number = self.open()
        other, second = self.open()
        self.client.say("tcp_data", connection_id=number, data=b"x" * (5 << 20))
        self.assertTrue(guest.transport.aborted)
        self.client.say("tcp_data", connection_id=second, data=b"here")
        self.assertEqual(other.take(), b"here")


class ClientSideTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.stage = OriginalStage()
        settings = TunnelSettings(kind="tcp", target=8080, remote_port=20003, proxy_protocol=1)
        self.stage = OriginalStage(tunnels=(settings,))
        self.stage.start()
        [self.asked] = self.stage.heard()
        self.stage.say("tunnel_ready", tunnel_id=TUNNEL, url="tcp://localhost:20003", subdomain="")

    def tearDown(self) -> None:
        self.assertEqual(self.stage.stop(), [], "a timer was left behind")

    def open(self) -> Any:
        """A visitor's connection, as its service sees it."""
        self.stage.say("tcp_open", connection_id=ID, tunnel_id=TUNNEL, remote_addr="203.0.113.7:50000")
        self.assertEqual(self.heard(), [("tcp_open_ok", None)])
        service = self.stage.accept()
        self.assertEqual(service.read(), b"PROXY UNKNOWN\r\n", "the server does not say where it was reached")
        return service

    def heard(self) -> list[tuple[str, Any]]:
        said: list[Message] = self.stage.heard()
        return [(each["type"], each.get("data", each.get("reason"))) for each in said]

    def data(self, data: bytes) -> None:
        self.stage.say("tcp_data", connection_id=ID, data=data)

    def test_asked(self) -> None:
        self.assertEqual((self.asked["tunnel_type"], self.asked["subdomain"]), ("tcp", "20003"))
        [tunnel] = self.stage.session.tunnels
        self.assertEqual((tunnel.name, tunnel.url), ("20003", "tcp://localhost:20003"))

    def test_bytes_both_ways(self) -> None:
        service = self.open()
        self.data(b"ping")
        self.assertEqual(service.read(), b"ping")
        self.stage.answer(service, b"pong")
        self.assertEqual(self.heard(), [("tcp_data", b"pong")])

    def test_the_server_closes(self) -> None:
        service = self.open()
        self.data(b"bye")
        self.stage.say("tcp_close", connection_id=ID)
        self.assertEqual((service.read(), service.transport.disconnecting), (b"bye", True))
        service.close()

    def test_the_server_resets(self) -> None:
        service = self.open()
        self.stage.say("tcp_close", connection_id=ID, reason="reset: visitor-gone")
        self.assertTrue(service.transport.aborted)

    def test_the_service_ends(self) -> None:
        """An original server is told to close once nothing comes back."""
        service = self.open()
        self.stage.answer(service, b"last")
        service.protocol.readConnectionLost()
        self.assertEqual(self.heard(), [("tcp_data", b"last"), ("tcp_data", b"")])
        self.stage.wait(HALF_CLOSED)
        self.assertEqual((self.heard(), service.transport.disconnecting), ([("tcp_close", None)], True))
        service.close()

    def test_the_service_resets(self) -> None:
        service = self.open()
        service.reset()
        self.assertEqual(self.heard(), [("tcp_close", "reset: service-died")])

    def test_not_for_it(self) -> None:
        """What does not fit the tunnel's kind is refused, and the link stays."""
        self.stage.say("tcp_open", connection_id=ID, tunnel_id="f" * 32, remote_addr="x")
        self.assertEqual([kind for kind, _ in self.heard()], ["tcp_open_error"])
        self.stage.request()
        self.assertEqual([kind for kind, _ in self.heard()], ["response_start", "response_body", "response_end"])
        self.open()


class AddressTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        for host, port in (("203.0.113.7", 50000), ("2001:db8::7", 1)):
            self.assertEqual(split_address(join_address(host, port)), (host, port))

    def test_what_is_none(self) -> None:
        self.assertEqual([split_address(said)[1] for said in ("", "x", "x:", "x:y", "x:999999")], [0] * 5)
        self.assertEqual(split_address("a\x1b\n:1"), ("a\\x1b\\n", 1))
