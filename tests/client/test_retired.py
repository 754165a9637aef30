"""A client whose tunnels are opened, closed and altered while visitors are in them."""

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Connected, TunnelClosed, UnderWay
from sellia.client.local.routes import Routes
from sellia.client.local.service import LocalService
from sellia.client.retired import LATE
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.protocol.messages import CloseTunnel, HttpRequest, OpenTunnel, TunnelReady, WebSocketRequest
from tests.client.links import ClientStage
from tests.client.stage import HOST, KEY, LogLines, Service, only
from tests.client.test_session import SWITCHED, body
from tests.relay.scripts import RecordingLeg

WITHIN = 30.0


class ManyStage(ClientStage):
    """A client whose tunnels have services of their own, by the port of their target."""

    def _routes(self, settings: TunnelSettings) -> Routes:
        assert settings.target is not None
        return only(LocalService(self.reactor, settings.target))


class RunningCase(SynchronousTestCase):
    """The client has the tunnels ``ann`` (number 1, at port 1001) and ``bob`` (number 2, at port 1002)."""

    def setUp(self) -> None:
        self.stage = ManyStage("ann")
        self.session = self.stage.session
        self.session.take(self.settings(self.tunnel("ann", 1001), self.tunnel("bob", 1002)), rebuild=False)
        self.stage.start()
        # the one that the stage had was altered before there was a session
        self.numbers = {each.settings.name: each.number for each in self.session.tunnels}
        self.stage.events.clear()

    def tearDown(self) -> None:
        self.session.stop()
        self.stage.wait(1.0)
        for service in self.session.tunnels.services:
            service.stop()
        self.assertEqual(self.stage.reactor.getDelayedCalls(), [])

    @staticmethod
    def tunnel(name: str, port: int, **more: Any) -> TunnelSettings:
        return TunnelSettings(name=name, target=port, **{"subdomain": name, **more})

    @staticmethod
    def settings(*tunnels: TunnelSettings) -> ClientSettings:
        return ClientSettings(server="http://127.0.0.1:1", tunnels=tunnels, drain_timeout=WITHIN)

    def take(self, *tunnels: TunnelSettings) -> dict[str, list[str]]:
        changes = self.session.take(self.settings(*tunnels), rebuild=False)
        self.stage.talk()
        self.stage.talk()  # the server's answer
        return {name: names for name, names in changes.as_json().items() if names}

    def said(self) -> list[tuple[str, int]]:
        """What the server was told of tunnels."""
        return [
            ("open" if isinstance(each, OpenTunnel) else "close", each.tunnel)
            for each in self.stage.server.party.messages
            if isinstance(each, OpenTunnel | CloseTunnel)
        ]

    def ask(self, number: int) -> tuple[RecordingLeg, Service, int]:
        """A request whose answer has begun: the visitor, the service, and the service's port."""
        visitor = RecordingLeg()
        self.stage.far.open(HttpRequest(number, b"GET", b"/", [HOST], "203.0.113.7"), visitor, end=True)
        self.stage.talk()
        port = self.stage.reactor.tcpClients[0][1]
        service = self.stage.accept()
        service.read()
        service.say(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        self.stage.talk()
        return visitor, service, port

    def websocket(self, number: int) -> tuple[RecordingLeg, Service]:
        visitor = RecordingLeg()
        fields = [HOST, (b"Sec-WebSocket-Key", KEY), (b"Sec-WebSocket-Version", b"13")]
        self.stage.far.open(WebSocketRequest(number, b"/chat", fields, "203.0.113.7"), visitor)
        self.stage.talk()
        service = self.stage.accept()
        service.read()
        service.say(SWITCHED)
        self.stage.talk()
        return visitor, service

    def echo(self, visitor: RecordingLeg, service: Service) -> bool:
        """Whether a message of the service's arrives."""
        before = len(visitor.events)
        service.say(b"\x81\x02hi")
        self.stage.talk()
        return visitor.events[before:] == [("frame", 0x81, b"hi")]

    def finish(self, visitor: RecordingLeg, service: Service) -> None:
        """The rest of an answer arrives."""
        service.say(b"after")
        self.stage.talk()
        self.assertEqual((body(visitor), visitor.reset), (b"firstafter", None))


class UntouchedTests(RunningCase):
    """Whatever becomes of others, a tunnel that does not differ notices nothing."""

    def test_download_and_websocket(self) -> None:
        number = self.numbers["ann"]
        visitor, service, _ = self.ask(number)
        chat, far = self.websocket(number)
        before = len(self.said())
        changed = self.take(self.tunnel("ann", 1001), self.tunnel("eve", 1003))
        self.assertEqual(changed, {"opened": ["eve"], "closed": ["bob"]})
        self.assertNotIn(number, [each for _, each in self.said()[before:]])
        self.assertTrue(self.echo(chat, far))
        self.finish(visitor, service)
        self.stage.wait(2 * WITHIN)
        self.assertTrue(self.echo(chat, far))
        told = [*self.stage.of(Connected), *self.stage.of(TunnelClosed)]
        self.assertEqual([each.tunnel for each in told], ["eve", "bob"])
        self.assertEqual(self.session.tunnels[number].settings.name, "ann")
        far.close()

    def test_nothing_differs(self) -> None:
        before = self.said()
        self.assertEqual(self.take(self.tunnel("bob", 1002, autostart=True), self.tunnel("ann", 1001)), {})
        self.assertEqual((self.said(), self.stage.events), (before, []))
        self.assertEqual([each.settings.name for each in self.session.tunnels], ["bob", "ann"], "in their new order")


class AlteredTests(RunningCase):
    def test_another_service(self) -> None:
        """Neither the server nor who is under way notices; who comes next goes there."""
        number = self.numbers["ann"]
        visitor, service, port = self.ask(number)
        chat, far = self.websocket(number)
        before = self.said()
        self.assertEqual(self.take(self.tunnel("ann", 2001), self.tunnel("bob", 1002)), {"altered": ["ann"]})
        self.assertEqual(self.said(), before)
        self.assertEqual(
            self.stage.of(Connected)[-1], Connected("ann", "http://ann.localhost", "http://localhost:2001")
        )
        self.assertEqual(self.ask(number)[2], 2001)
        self.stage.wait(2 * WITHIN)
        self.assertTrue(self.echo(chat, far))
        self.finish(visitor, service)
        self.assertEqual(port, 1001)
        self.assertEqual(len(self.session.tunnels.services), 3)
        far.close()
        self.stage.wait(2.0)
        self.assertEqual(len(self.session.tunnels.services), 2, "what is over is let go")

    def test_another_password(self) -> None:
        """The name is given up and asked for again in one breath, and who is under way goes on."""
        number = self.numbers["ann"]
        visitor, service, _ = self.ask(number)
        chat, far = self.websocket(number)
        self.assertEqual(
            self.take(self.tunnel("ann", 1001, auth="u:p"), self.tunnel("bob", 1002)), {"altered": ["ann"]}
        )
        fresh = next(iter(self.session.tunnels)).number
        self.assertEqual(self.said()[-2:], [("close", number), ("open", fresh)])
        wanted = self.stage.server.asked[-1]
        self.assertEqual((wanted.name, wanted.auth), ("ann", "u:p"))
        self.assertTrue(self.echo(chat, far))
        self.finish(visitor, service)
        self.assertEqual(self.ask(fresh)[2], 1001)
        far.close()
        self.stage.wait(2.0)

    def test_visitors_who_were_on_their_way(self) -> None:
        """Those that the server had opened before it knew, for a moment."""
        number = self.numbers["ann"]
        self.take(self.tunnel("ann", 2001, auth="u:p"), self.tunnel("bob", 1002))
        self.finish(*self.ask(number)[:2])
        self.stage.wait(LATE)
        visitor = RecordingLeg()
        self.stage.far.open(HttpRequest(number, b"GET", b"/", [HOST]), visitor, end=True)
        self.stage.talk()
        self.assertEqual(visitor.reset, "client-gone")

    def test_another_name(self) -> None:
        self.take(self.tunnel("ann", 1001, subdomain="other"), self.tunnel("bob", 1002))
        self.assertEqual(self.stage.server.asked[-1].name, "other")
        self.assertEqual(self.stage.of(Connected)[-1].url, "http://other.localhost")

    def test_names_that_are_exchanged(self) -> None:
        """Both are given up before one is asked for."""
        self.take(self.tunnel("ann", 1001, subdomain="bob"), self.tunnel("bob", 1002, subdomain="ann"))
        self.assertEqual([what for what, _ in self.said()[-4:]], ["close", "close", "open", "open"])
        self.assertEqual([each.url for each in self.session.tunnels], ["http://bob.localhost", "http://ann.localhost"])

    def test_while_the_link_is_away(self) -> None:
        """It is said as soon as there is one."""
        visitor, service, _ = self.ask(self.numbers["ann"])
        self.stage.cut()
        self.take(self.tunnel("ann", 1001, auth="u:p"), self.tunnel("eve", 1003))
        self.stage.connect()
        self.assertEqual({each.settings.name: each.url for each in self.session.tunnels}["eve"], "http://eve.localhost")
        self.finish(visitor, service)


class ClosedTests(RunningCase):
    def test_requests_end_and_websockets_are_closed(self) -> None:
        number = self.numbers["ann"]
        visitor, service, _ = self.ask(number)
        chat, far = self.websocket(number)
        log = LogLines(self)
        self.assertEqual(self.take(self.tunnel("bob", 1002)), {"closed": ["ann"]})
        self.assertEqual(self.said()[-1], ("close", number))
        self.assertEqual(self.stage.of(TunnelClosed), [TunnelClosed("ann", "http://ann.localhost")])
        self.assertIn("tunnel closed: name=ann", log.lines)
        self.assertEqual(chat.events[-2][:2], ("frame", 0x88))
        self.assertEqual(self.session.tunnels.left_in("ann"), UnderWay(1, 1, bytes_out=5))
        far.say(b"\x88\x02\x03\xe9")
        far.close()
        self.stage.far.streams[max(self.stage.far.streams)].end()
        self.stage.talk()
        self.assertEqual(self.session.tunnels.left_in("ann"), UnderWay(1, bytes_out=5))
        self.finish(visitor, service)
        self.assertIsNone(self.session.tunnels.left_in("ann"))
        self.assertIsNone(self.session.tunnels.left_in("bob"), "it is open")
        self.assertEqual(len(self.session.tunnels.services), 1)

    def test_what_takes_too_long_is_reset(self) -> None:
        visitor, service, _ = self.ask(self.numbers["ann"])
        self.take(self.tunnel("bob", 1002))
        self.stage.wait(WITHIN - 1)
        self.assertEqual((visitor.reset, service.open), (None, True))
        self.stage.wait(2.0)
        self.assertEqual((visitor.reset, service.open), ("client-gone", False))
        self.assertEqual(len(self.session.tunnels.services), 1)

    def test_at_once(self) -> None:
        visitor, service, _ = self.ask(self.numbers["ann"])
        tunnel = self.session.tunnels.find("ann")
        assert tunnel is not None
        self.session.tunnels.close(tunnel, 0.0)
        self.stage.talk()
        self.assertEqual((visitor.reset, service.open), ("client-gone", False))
        self.assertIsNone(self.session.tunnels.left_in("ann"))

    def test_closed_before_the_server_has_answered(self) -> None:
        """What it says of the number then is late, and no violation."""
        self.stage.server.names = False
        self.take(self.tunnel("ann", 1001), self.tunnel("bob", 1002), self.tunnel("eve", 1003))
        number = self.stage.server.asked[-1].tunnel
        self.take(self.tunnel("ann", 1001), self.tunnel("bob", 1002))
        self.stage.far.send_control(TunnelReady(number, "eve", "http://eve.localhost"))
        self.stage.far.send_control(CloseTunnel(number, "x", "y"))
        self.stage.talk()
        self.assertTrue(self.stage.far.attached)
        self.assertEqual(self.said()[-2:], [("close", number), ("close", number)])
        self.assertEqual(self.stage.of(Connected), [])

    def test_a_number_that_was_never_asked_for(self) -> None:
        for number in (-1, 0, 99):
            visitor = RecordingLeg()
            self.stage.far.open(HttpRequest(number, b"GET", b"/", [HOST]), visitor, end=True)
            self.stage.talk()
            self.assertFalse(self.stage.far.attached)
            self.stage.server.manner = "new"
            self.stage.connect()

    def test_the_session_ends_meanwhile(self) -> None:
        """Nothing is left of it that could be waited for."""
        _, service, _ = self.ask(self.numbers["ann"])
        self.take(self.tunnel("bob", 1002))
        self.stage.server.manner = "new"
        self.stage.cut()
        self.stage.connect()
        self.stage.wait(2.0)
        self.assertIsNone(self.session.tunnels.left_in("ann"))
        self.assertFalse(service.open)
        self.assertEqual([each.name for each in self.stage.server.asked], ["bob"])

    def test_nothing_is_in_it(self) -> None:
        self.take(self.tunnel("bob", 1002))
        self.assertIsNone(self.session.tunnels.left_in("ann"))
        self.assertEqual(len(self.session.tunnels.services), 1)
        self.assertEqual(self.ask(self.numbers["bob"])[2], 1002)
