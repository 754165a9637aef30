"""The client as a service: started and stopped with its parent, and what it reports on the way."""

from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.events import Event, Problem, RequestFinished
from sellia.client.service import ClientService, make_service
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.transports.reactor.verbosity import verbosity
from tests.client.links import FarServer, Network
from tests.client.stage import GET, HELLO, LogLines, Service
from tests.observers import RecordingObserver
from tests.relay.scripts import RecordingLeg
from tests.transports.links import Wire


class Listener:
    """Hears all, and says so with an error if it is told to."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.trouble: Exception | None = None

    def notify(self, event: Event) -> None:
        self.heard.append(event)
        if self.trouble is not None:
            raise self.trouble


class ServiceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.listener = Listener()
        self.service = self.make()

    def make(self, **settings: float | str) -> ClientService:
        checked = ClientSettings(
            server="http://127.0.0.1:1", tunnels=(TunnelSettings(target=8080, subdomain="demo"),), **settings
        )
        service = make_service(checked, self.reactor, self.listener)
        self.connector = service.session.connector
        self.network = self.connector.attempts.endpoint = Network(self.reactor)
        self.server = FarServer()
        return service

    def start(self) -> None:
        self.service.startService()
        for *_, factory, _, _ in self.reactor.tcpClients:  # the look at the service: somebody is there
            Service(factory).close()
        self.reactor.tcpClients.clear()
        self.wire: Wire = self.network.join(self.connector, self.server)
        self.talk()

    def talk(self) -> None:
        for _ in range(10):
            self.server.answer()
            self.server.party.flush()
            self.reactor.advance(0)
            self.wire.talk()
        if self.wire.near.gone:
            self.wire.far.lose()
            self.wire.near.lose()

    def ask(self) -> tuple[RecordingLeg, Service]:
        """A visitor's request at the service."""
        visitor = RecordingLeg()
        self.server.party.session.open(GET, visitor, end=True)
        self.talk()
        service = Service(self.reactor.tcpClients.pop(0)[2])
        self.talk()
        return visitor, service


class StopTests(ServiceCase):
    def test_idle(self) -> None:
        """At once; the server has heard goodbye."""
        self.start()
        stopped = self.service.stopService()
        self.talk()
        self.successResultOf(stopped)
        self.successResultOf(self.service.finished)
        self.assertEqual(self.server.goodbyes, ["client-gone"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_what_is_under_way_is_finished(self) -> None:
        self.start()
        visitor, service = self.ask()
        stopped = self.service.stopService()
        self.talk()
        self.assertEqual((self.server.goodbyes, service.open), ([], True))
        service.say(HELLO)
        self.reactor.advance(0.1)
        self.talk()
        self.successResultOf(stopped)
        self.assertTrue(visitor.ended)
        self.assertEqual(self.server.goodbyes, ["client-gone"])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_not_for_longer_than_is_set(self) -> None:
        self.service = self.make(drain_timeout=3.0)
        self.start()
        _, service = self.ask()
        stopped = self.service.stopService()
        for _ in range(7):
            self.reactor.advance(0.5)
            self.talk()
        self.successResultOf(stopped)
        self.assertFalse(service.open)

    def test_stopped_again_meanwhile(self) -> None:
        """It waits no longer; whoever asked first is told, too."""
        self.start()
        _, service = self.ask()
        first = self.service.stopService()
        self.talk()
        second = self.service.stopService()
        self.talk()
        self.successResultOf(second)
        self.assertEqual((self.server.goodbyes, service.open), (["client-gone"], False))
        self.reactor.advance(0.1)
        self.successResultOf(first)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_never_started(self) -> None:
        self.successResultOf(self.service.stopService())

    def test_while_it_dials(self) -> None:
        self.service.startService()
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.network.cancelled, 1)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class ReportTests(ServiceCase):
    def test_a_listener_that_raises(self) -> None:
        """Its mistake is logged, and costs nobody anything."""
        self.listener.trouble = ZeroDivisionError("oops")
        self.start()
        self.assertEqual(len(self.listener.heard), 1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.service.stopService()
        self.talk()

    def test_nobody_listens(self) -> None:
        """Then nothing is made up to be heard."""
        settings = self.service.settings
        self.assertIsNone(ClientService(settings, MemoryReactorClock()).session._listening)

    def test_an_observer_is_handed_down(self) -> None:
        observer = RecordingObserver()
        made: list[RecordingObserver] = []

        def observe() -> RecordingObserver:
            made.append(observer)
            return observer

        checked = self.service.settings
        self.service = ClientService(checked, self.reactor, observe=observe)
        self.connector = self.service.session.connector
        self.network = self.connector.attempts.endpoint = Network(self.reactor)
        self.start()
        self.assertEqual(len(made), 1)
        _, service = self.ask()
        service.say(HELLO)
        self.talk()
        self.assertEqual([event[0] for event in observer.events], ["request", "sent", "response", "body", "ended"])
        observer.check()
        self.service.stopService()
        self.talk()

    def test_requests_in_the_log(self) -> None:
        log = LogLines(self)
        self.service = self.make(log_level="debug")
        self.start()
        self.addCleanup(verbosity.end, "debug")
        self.listener.heard.clear()
        event = RequestFinished(7, "GET", "/a", 200, 0.25, 1, 2, None)
        self.service._notify(event)
        self.service._notify(Problem("x"))
        self.assertEqual(self.listener.heard, [event, Problem("x")])
        [line] = [line for line in log.lines if line.startswith("request: ")]
        self.assertEqual(
            line, "request: id=7 method=GET target=/a status=200 bytes_in=1 bytes_out=2 seconds=0.250 error=-"
        )
