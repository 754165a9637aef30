"""Sessions that outlive their links at the server: resumed, taken over, expired; and what visitors are told."""

from sellia.problems import VISITOR_GONE
from sellia.protocol import native
from sellia.protocol.messages import Goodbye, Hello, Welcome
from sellia.server.ingress.channel import VisitorChannel
from sellia.server.ingress.exchange import VisitorHttpLeg
from sellia.server.ingress.http1 import Request
from sellia.server.ingress.ingress import Ingress
from sellia.server.settings import ServerSettings
from tests.relay.scripts import GET, OK, RecordingLeg
from tests.server.gateways import Client, GatewayCase
from tests.transports.links import MemoryLink


class ResumeTests(GatewayCase):
    """A link that comes back within the window."""

    def test_nothing_is_lost_or_doubled(self) -> None:
        """Parcels that were under way both ways when the link was lost arrive on the next, in order, once."""
        client = self.server.client().connect().open()
        visitor = RecordingLeg()
        stream = client.session.mux.open(GET, visitor, end=True)
        self.server.talk()
        service = client.party.streams[stream.id]
        service.send_head(OK)
        self.server.talk()
        service.send_data(b"one ")
        client.party.flush()  # it leaves, and is lost
        self.server.cut(client)
        service.send_data(b"two ")
        self.server.wait(60)
        self.assertEqual(visitor.data, b"")
        client.connect()
        service.send_data(b"three", end=True)
        self.server.talk()
        self.assertEqual((visitor.data, visitor.ended), (b"one two three", True))
        self.assertEqual(client.welcomes, [False, True])
        self.assertEqual(client.session.mux.streams, {})

    def test_what_came_back_is_counted_and_logged(self) -> None:
        lines = self.logged()
        client = self.server.client().connect().open()
        client.session.mux.open(GET, RecordingLeg(), end=True)
        self.gateway.turn.run()
        client.wire.far.sent.clear()  # one parcel is lost
        self.server.cut(client)
        self.server.wait(2.5)
        client.connect()
        counters = self.gateway.health()
        octets = counters["resent_bytes"]
        self.assertEqual((counters["links_lost"], counters["links_back"], counters["resent_messages"]), (1, 1, 1))
        self.assertGreater(octets, 30)
        [lost] = [line for line in lines if line.startswith("link lost")]
        self.assertIn('reason="Connection was reset" streams=1 window=120s', lost)
        [back] = [line for line in lines if line.startswith("link back")]
        self.assertIn(f"after=2.500s took_over=False resent_messages=1 resent_bytes={octets}", back)

    def test_visitors_who_come_while_the_link_is_away(self) -> None:
        """They wait; those who leave meanwhile were never there."""
        client = self.server.client().connect().open()
        self.server.cut(client)
        session = client.session.mux
        stays, leaves = RecordingLeg(), RecordingLeg()
        session.open(GET, stays, end=True)
        gone = session.open(GET, leaves, end=True)
        gone.reset(VISITOR_GONE)
        client.connect()
        self.assertEqual([opening for _, opening, _ in client.party.openings], [GET])

    def test_a_wrong_token_gives_a_new_session(self) -> None:
        client = self.server.client().connect()
        client.token = b"x" * 16
        client.connect()
        self.assertEqual(client.welcomes, [False, False])

    def test_an_address_may_change(self) -> None:
        """Without keys the token decides; and from then on the new address is the client's."""
        client = self.server.client(remote="203.0.113.7").connect().open()
        self.server.cut(client)
        client.remote = "198.51.100.9"
        client.connect()
        self.assertEqual(client.welcomes, [False, True])
        self.server.cut(client)
        again = client.restarted().connect().open()
        self.assertEqual(again.names, ["demo"])
        self.server.registry.check_invariants()

    def test_a_peer_that_claims_what_was_never_sent(self) -> None:
        """Its session cannot go on."""
        client = self.server.client().connect().open()
        self.server.cut(client)
        client.party.session.out.received = 1000
        client.link_broken = lambda link, error: None
        client.connect()
        self.assertEqual(self.gateway.sessions, {})
        self.flushLoggedErrors()


class KeyedResumeTests(GatewayCase):
    settings = {"require_auth": True, "master_key": "right"}

    def test_the_key_must_be_right_again(self) -> None:
        client = self.server.client("right").connect().open()
        self.server.cut(client)
        client.key = "wrong"
        client.connect()
        self.assertEqual(client.refusals, [("wrong-key", True)])
        client.key = "right"
        client.connect()
        self.assertEqual(client.welcomes, [False, True])


class TakeoverTests(GatewayCase):
    """A new link with the token, while the old one still seems to be alive."""

    def test_at_once(self) -> None:
        client = self.server.client().connect().open()
        visitor = RecordingLeg()
        stream = client.session.mux.open(GET, visitor, end=True)
        self.server.talk()
        old = client.wire
        old.dead = True
        client.party.session.detach()
        client.connect()
        self.assertEqual(client.welcomes, [False, True])
        self.assertEqual(old.far.closed, (1000, "another link has taken over"))
        client.party.streams[stream.id].send_head(OK, end=True)
        self.server.talk()
        self.assertTrue(visitor.ended)
        self.assertEqual(self.gateway.health()["taken_over"], 1)

    def test_the_old_link_says_nothing_any_more(self) -> None:
        """Neither what it brings nor its end concerns the session."""
        client = self.server.client().connect().open()
        old = client.wire
        old.dead = True
        client.party.session.detach()
        client.connect()
        received = client.session.mux.received
        old.far.hear(b"\x01" + bytes(8))
        old.far.lose("gone")
        self.server.wait(200)
        self.assertEqual(client.session.mux.received, received)
        self.assertIs(client.session.link, client.wire.far)


class LateHelloTests(GatewayCase):
    """A network held a hello back; its client has given that link up, and gone on over another since."""

    def hello(self, client: Client, attempt: int) -> bytes:
        """What the client says now."""
        received = client.party.session.received
        return native.encode_link(Hello(1, "test", session=client.token, received=received, attempt=attempt))

    def link(self, client: Client) -> MemoryLink:
        """One at whose other end there is nobody any more."""
        link = MemoryLink(self.gateway, self.server.clock, client.remote)
        link.onOpen()
        return link

    def test_it_does_not_take_over(self) -> None:
        """And what it claims, which was true once, costs nobody a session."""
        lines = self.logged()
        client = self.server.client()
        client.attempt = 1
        client.connect().open()
        late, hello = self.link(client), self.hello(client, 2)
        self.server.cut(client)
        client.attempt = 3
        client.connect()
        visitor = RecordingLeg()
        stream = client.session.mux.open(GET, visitor, end=True)
        self.server.talk()
        late.hear(hello)
        self.server.talk()
        self.assertEqual(late.closed, (1000, "another link has taken over"))
        self.assertEqual(late.said(Welcome), [])
        self.assertIn("link ignored, because it is older than the present one", lines[-1])
        self.assertIs(client.session.link, client.wire.far)
        client.party.streams[stream.id].send_head(OK, end=True)
        self.server.talk()
        self.assertTrue(visitor.ended)
        late.lose()
        self.assertIs(client.session.link, client.wire.far)

    def test_nor_when_the_present_link_is_away(self) -> None:
        """Its client would never hear the welcome."""
        client = self.server.client()
        client.attempt = 2
        client.connect()
        late, hello = self.link(client), self.hello(client, 1)
        self.server.cut(client)
        late.hear(hello)
        self.assertEqual(late.closed, (1000, "another link has taken over"))
        self.assertIsNone(client.session.link)
        late.lose()

    def test_who_does_not_number_them(self) -> None:
        """Takes over whenever it says hello."""
        client = self.server.client().connect()
        client.connect()
        self.assertEqual(client.welcomes, [False, True])


class ExpiryTests(GatewayCase):
    settings = {"resume_window": 10}

    def test_visitors_are_told_when_the_window_ends(self) -> None:
        lines = self.logged()
        client = self.server.client().connect().open()
        session = client.session.mux
        early, late = RecordingLeg(), RecordingLeg()
        session.open(GET, early, end=True)
        self.server.cut(client)
        self.server.wait(5)
        session.open(GET, late, end=True)
        self.server.wait(4.9)
        self.assertEqual((early.reset, late.reset), (None, None))
        self.server.wait(0.2, 0.1)
        self.assertEqual((early.reset, late.reset), ("session-expired", "session-expired"))
        self.assertEqual(self.gateway.health()["windows_expired"], 1)
        self.assertIn('reason="its client did not come back in time" tunnels=demo streams=2', lines[-1])

    def test_the_client_learns_of_it(self) -> None:
        client = self.server.client().connect().open()
        self.server.cut(client)
        self.server.wait(11)
        client.connect().open()
        self.assertEqual((client.welcomes, client.names), ([False, False], ["demo"]))

    def test_a_link_that_comes_back_stops_the_clock(self) -> None:
        client = self.server.client().connect().open()
        for _ in range(3):
            self.server.cut(client)
            self.server.wait(9)
            client.connect()
        self.assertEqual(client.welcomes, [False, True, True, True])
        self.server.wait(100)
        self.assertIn(client.token, self.gateway.sessions)

    def test_a_silent_link_is_lost_after_the_ping_timeout(self) -> None:
        """And its window begins then."""
        client = self.server.client().connect().open()
        client.wire.dead = True
        self.server.wait(15.1)
        self.assertTrue(client.wire.far.transport.aborted)
        client.wire.far.lose()
        self.assertIsNone(client.session.link)


class LivenessTests(GatewayCase):
    def test_idle_links_are_pinged_and_live(self) -> None:
        client = self.server.client().connect()
        self.server.wait(300)
        self.assertIsNotNone(client.session.link)
        self.assertEqual(client.lost, [])

    def test_acks_are_told_when_idle(self) -> None:
        """The last parcel is not kept for ever."""
        client = self.server.client().connect().open()
        self.assertEqual(client.session.mux.out.unacknowledged[0], 1)
        self.server.wait(6)
        self.assertEqual(client.session.mux.out.unacknowledged, (0, 0))
        self.assertEqual(client.party.session.out.unacknowledged, (0, 0))


class DeadlineTests(GatewayCase):
    """How long a service has for its answer, while it cannot be reached."""

    def exchange(self, deadline: float) -> VisitorHttpLeg:
        request = Request()
        request.length, request.chunked, request.keep_alive = None, False, True
        carrier = VisitorChannel()
        carrier.ingress = Ingress(ServerSettings(), None, None, self.server.clock)  # type: ignore[arg-type]
        exchange = VisitorHttpLeg(carrier, request, deadline)
        exchange.patience = 30.0
        return exchange

    def test_the_clock_stands_still_for_what_was_asked_before(self) -> None:
        client = self.server.client().connect().open()
        exchange = self.exchange(30.0)
        exchange.stream = client.session.mux.open(GET, exchange, end=True)
        self.server.talk()
        self.server.wait(4)
        self.server.cut(client)
        self.server.wait(40)
        self.assertFalse(exchange.overdue(self.server.clock.seconds()))
        client.connect()
        left = exchange.deadline - self.server.clock.seconds()
        self.assertGreaterEqual(left, 26.0)
        self.assertLessEqual(left, 31.0)
        self.assertTrue(exchange.overdue(exchange.deadline))

    def test_it_begins_with_the_link_for_those_who_come_later(self) -> None:
        client = self.server.client().connect().open()
        self.server.cut(client)
        exchange, uploading = self.exchange(30.0), self.exchange(float("inf"))
        for each in (exchange, uploading):
            each.stream = client.session.mux.open(GET, each, end=True)
        self.server.wait(40)
        self.assertFalse(exchange.overdue(self.server.clock.seconds()))
        client.connect()
        self.assertEqual(exchange.deadline, self.server.clock.seconds() + 30.0)
        self.assertEqual(uploading.deadline, float("inf"), "it is not the service that is waited for")
        self.assertTrue(exchange.overdue(exchange.deadline))


class GoodbyeTests(GatewayCase):
    def test_a_client_that_takes_leave(self) -> None:
        """Visitors are told at once, and the name is free for anybody."""
        client = self.server.client(remote="203.0.113.7").connect().open()
        visitor = RecordingLeg()
        client.session.mux.open(GET, visitor, end=True)
        self.server.talk()
        client.wire.near.say(Goodbye("client-gone", "stopped"))
        self.server.talk()
        self.assertEqual(visitor.reset, "client-gone")
        self.assertEqual(self.gateway.sessions, {})
        self.assertEqual(self.server.client(remote="198.51.100.9").connect().open().names, ["demo"])

    def test_links_that_say_nothing_are_not_kept(self) -> None:
        client = self.server.client()
        far = MemoryLink(self.gateway, self.server.clock)
        far.onOpen()
        self.assertEqual(self.gateway.open_links, 1)
        self.server.wait(10.1)
        self.assertEqual(far.closed, (1008, "no hello came in time"))
        far.lose()
        self.assertEqual((self.gateway.open_links, client.heard), (0, []))

    def test_a_second_hello(self) -> None:
        client = self.server.client().connect()
        client.wire.near.say(Hello(1, "again"))
        self.server.talk()
        self.assertEqual(self.gateway.sessions, {})
        self.assertEqual(len([each for each in client.heard if isinstance(each, Welcome)]), 1)
