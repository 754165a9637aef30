"""Listening: bound at once, told in one line, let go again."""

import errno
import os
from typing import Any

from twisted.application.service import MultiService
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from sellia.errors import SettingsError
from sellia.server.listeners.endpoints import ListeningService, place


class RecordingPort:
    """A port that closes when it is told to, at once or when the test says so."""

    def __init__(self, address: IPv4Address, closing: Deferred[None] | None = None) -> None:
        self.address = address
        self.closing = closing
        self.closed = 0

    def getHost(self) -> IPv4Address:
        return self.address

    def stopListening(self) -> Deferred[None] | None:
        self.closed += 1
        return self.closing


class ScriptedReactor(MemoryReactorClock):
    """A reactor whose ports and errors are given beforehand, by port number."""

    def __init__(self, script: Any) -> None:
        super().__init__()
        self.script = script
        self.listened: list[tuple[int, int, str]] = []

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:
        self.listened.append((port, backlog, interface))
        found = self.script[port]
        if isinstance(found, Exception):
            raise found
        return found


def cannot(number: int, port: object = 1, interface: str = "127.0.0.1") -> CannotListenError:
    return CannotListenError(interface, port, OSError(number, os.strerror(number)))


class ListeningTests(SynchronousTestCase):
    def service(self, script: Any, *endpoints: str) -> ListeningService:
        self.reactor = ScriptedReactor(script)
        return ListeningService(endpoints or [f"tcp:{port}" for port in script], Factory(), self.reactor)

    def ports(self, *numbers: int, closing: Deferred[None] | None = None) -> dict[int, Any]:
        return {number: RecordingPort(IPv4Address("TCP", "127.0.0.1", number), closing) for number in numbers}

    def test_listens_in_order(self) -> None:
        service = self.service(self.ports(1, 2), "tcp:1:backlog=9:interface=127.0.0.1", "tcp:2")
        with capturedLogs() as logs:
            service.startService()
        self.assertEqual(self.reactor.listened, [(1, 9, "127.0.0.1"), (2, 50, "")])
        self.assertEqual([address.port for address in service.addresses()], [1, 2])  # type: ignore[attr-defined]
        self.assertEqual([event["places"] for event in logs if "places" in event], ["127.0.0.1:1, 127.0.0.1:2"])

    def test_certificates_by_name_need_tls(self) -> None:
        """And can be used, before anything is bound."""
        for endpoint, words in (("tcp:1", "nothing here speaks TLS"), ("ssl:1", "No such file or directory: /no.pem")):
            service = ListeningService([endpoint], Factory(), ScriptedReactor({}), certificates=["/no.pem"])
            error = self.assertRaises(SettingsError, service.privilegedStartService)
            self.assertIn(words, str(error))

    def test_binds_while_privileged(self) -> None:
        service = self.service(self.ports(1))
        service.privilegedStartService()
        self.assertEqual(len(self.reactor.listened), 1)
        service.startService()
        self.assertEqual(len(self.reactor.listened), 1)

    def test_failure_is_one_line_and_lets_go(self) -> None:
        script = self.ports(1)
        service = self.service({**script, 2: cannot(errno.EADDRINUSE, 2)})
        parent = MultiService()
        service.setServiceParent(parent)
        error = self.assertRaises(SettingsError, parent.privilegedStartService)
        self.assertEqual(error.line, "port 2 on 127.0.0.1 is already in use")
        self.assertIn("--port", error.hint)
        self.assertEqual(script[1].closed, 1)
        self.assertEqual(service.addresses(), [])

    def line(self, number: int, **named: Any) -> str:
        return self.assertRaises(SettingsError, self.service({1: cannot(number, **named)}).startService).line

    def test_causes(self) -> None:
        self.assertIn("needs rights", self.line(errno.EACCES))
        self.assertIn("no such address", self.line(errno.EADDRNOTAVAIL))
        self.assertEqual(self.line(errno.EMFILE), "port 1 on 127.0.0.1 cannot be listened on: Too many open files")
        self.assertEqual(self.line(errno.EADDRINUSE, interface=""), "port 1 is already in use")

    def test_cause_without_number(self) -> None:
        service = self.service({1: CannotListenError("x", 1, ValueError("odd\n"))})
        self.assertEqual(
            self.assertRaises(SettingsError, service.startService).line, "port 1 on x cannot be used: odd\\n"
        )

    def test_unix_socket_in_use(self) -> None:
        self.assertEqual(self.line(errno.EADDRINUSE, port="/run/s", interface="any"), "/run/s is already in use")

    def test_bad_endpoints(self) -> None:
        for endpoint in ("nonsense:1", "tcp:x", "tcp", "ssl:1:privateKey=/nowhere", "tcp:1:foo=bar"):
            error = self.assertRaises(SettingsError, self.service({}, endpoint).startService)
            self.assertTrue(error.line.startswith(f"cannot listen on {endpoint}: "), error.line)
            self.assertEqual(len(error.line.splitlines()), 1)

    def test_stop_waits_for_the_sockets(self) -> None:
        closing: Deferred[None] = Deferred()
        service = self.service(self.ports(1, closing=closing))
        service.startService()
        stopped = service.stopService()
        self.assertNoResult(stopped)
        self.assertFalse(service.running)
        closing.callback(None)
        self.successResultOf(stopped)

    def test_stop_listening_twice(self) -> None:
        script = self.ports(1, 2)
        service = self.service(script)
        service.startService()
        self.successResultOf(service.stop_listening())
        self.successResultOf(service.stopService())
        self.assertEqual([port.closed for port in script.values()], [1, 1])

    def test_starts_again(self) -> None:
        service = self.service(self.ports(1))
        for _ in range(2):
            service.startService()
            self.successResultOf(service.stopService())
        self.assertEqual(len(self.reactor.listened), 2)


class GivenEndpoint:
    """An endpoint whose result is made beforehand."""

    def __init__(self, result: Deferred[Any]) -> None:
        self.result = result

    def listen(self, factory: Any) -> Deferred[Any]:
        return self.result


class SlowEndpointTests(SynchronousTestCase):
    """An endpoint of a plugin may take its time."""

    def service(self, result: Deferred[Any]) -> ListeningService:
        endpoint: Any = GivenEndpoint(result)
        return ListeningService(["given:"], Factory(), MemoryReactorClock(), lambda _, string: endpoint)

    def test_at_once(self) -> None:
        service = self.service(succeed(RecordingPort(IPv4Address("TCP", "h", 1))))
        service.startService()
        self.assertEqual(len(service.addresses()), 1)
        self.assertRaises(SettingsError, self.service(fail(cannot(errno.EADDRINUSE))).startService)

    def test_later(self) -> None:
        result: Deferred[Any] = Deferred()
        service = self.service(result)
        service.startService()
        self.assertEqual(service.addresses(), [])
        with capturedLogs() as logs:
            result.callback(RecordingPort(IPv4Address("TCP", "h", 1)))
        self.assertEqual(len(service.addresses()), 1)
        self.assertEqual(logs[-1]["place"], "h:1")

    def test_fails_later(self) -> None:
        result: Deferred[Any] = Deferred()
        self.service(result).startService()
        with capturedLogs() as logs:
            result.errback(Failure(cannot(errno.EADDRINUSE)))
        self.assertEqual(logs[-1]["line"], "port 1 on 127.0.0.1 is already in use")

    def test_stopped_before(self) -> None:
        result: Deferred[Any] = Deferred()
        service = self.service(result)
        service.startService()
        self.successResultOf(service.stopService())
        self.assertTrue(result.called)


class PlaceTests(SynchronousTestCase):
    def test_places(self) -> None:
        self.assertEqual(place(IPv4Address("TCP", "127.0.0.1", 3000)), "127.0.0.1:3000")
        self.assertEqual(place(IPv6Address("TCP", "::1", 3000)), "[::1]:3000")
        self.assertEqual(place(UNIXAddress("/run/s\x1b")), "unix:/run/s\\x1b")


class ProxiedTests(SynchronousTestCase):
    """Endpoints that ask for the PROXY protocol have a factory of their own."""

    def test_each_has_its_factory(self) -> None:
        reactor = MemoryReactorClock()
        plain, proxied = Factory(), Factory()
        service = ListeningService(["tcp:1", "haproxy:tcp:2:interface=127.0.0.1"], plain, reactor, proxied=proxied)
        service.startService()
        self.assertEqual([(port, factory) for port, factory, *_ in reactor.tcpServers], [(1, plain), (2, proxied)])
        self.successResultOf(service.stopService())

    def test_a_mistake_behind_it_is_told_as_it_was_written(self) -> None:
        service = ListeningService(["haproxy:nonsense:2"], Factory(), MemoryReactorClock(), proxied=Factory())
        error = self.assertRaises(SettingsError, service.privilegedStartService)
        self.assertIn("cannot listen on haproxy:nonsense:2: ", error.line)
