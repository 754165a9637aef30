"""Lines of level debug appear when they are wanted; when they are not, nobody spends anything on them."""

from __future__ import annotations

import ast
from pathlib import Path
from random import Random

from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

import sellia
from sellia.client.events import RequestFinished
from sellia.client.service import ClientService
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.server.service import ServerService
from sellia.server.settings import ServerSettings
from sellia.transports.reactor.verbosity import Verbosity, verbosity
from sellia.transports.websocket.record import WebSocketRecord
from tests.logs import log_events

FRAME = 0x81


class VerbosityTests(SynchronousTestCase):
    """Who counts, and how."""

    def setUp(self) -> None:
        self.verbosity = Verbosity()

    def test_info(self) -> None:
        self.verbosity.begin("info")
        self.assertFalse(self.verbosity.debug)

    def test_debug_until_the_last_has_stopped(self) -> None:
        """Of several services in one process, one that wants debug is enough."""
        self.verbosity.begin("debug")
        self.verbosity.begin("debug")
        self.verbosity.begin("info")
        self.assertTrue(self.verbosity.debug)
        self.verbosity.end("debug")
        self.verbosity.end("info")
        self.assertTrue(self.verbosity.debug)
        self.verbosity.end("debug")
        self.assertFalse(self.verbosity.debug)


class ServiceTests(SynchronousTestCase):
    """Server and client set it from their settings, for as long as they run."""

    def setUp(self) -> None:
        self.events = log_events(self)

    def lines(self, begin: str) -> list[dict[str, object]]:
        return [event for event in self.events if str(event.get("log_format", "")).startswith(begin)]

    def server(self, **settings: object) -> ServerService:
        service = ServerService(ServerSettings(**settings), MemoryReactorClock(), Random(1))
        service.startService()
        self.addCleanup(lambda: service.stopService() if service.running else None)
        return service

    def story(self) -> WebSocketRecord:
        return WebSocketRecord(2, "myapp", b"/", "127.0.0.1", at_visitor=True, clock=Clock())

    def test_info_shows_no_frame(self) -> None:
        self.server()
        self.story().received(FRAME, 3)
        self.assertEqual(len(self.lines("websocket opened")), 1)
        self.assertEqual(self.lines("websocket frame"), [])

    def test_debug_shows_each_frame(self) -> None:
        service = self.server(log_level="debug")
        story = self.story()
        story.received(FRAME, 3)
        story.sent(FRAME, 4)
        [came, went] = self.lines("websocket frame")
        self.assertEqual((came["opcode"], came["size"], came["fin"]), (1, 3, 1))
        self.assertEqual(went["size"], 4)
        service.stopService()
        story.received(FRAME, 3)
        self.assertEqual(len(self.lines("websocket frame")), 2)

    def test_stop_without_start(self) -> None:
        """Twisted may stop a service that never started; that takes nothing away from others."""
        self.server(log_level="debug")
        ServerService(ServerSettings(log_level="debug"), MemoryReactorClock(), Random(1)).stopService()
        self.assertTrue(verbosity.debug)

    def client(self, level: str) -> ClientService:
        settings = ClientSettings(
            server="http://localhost:1",
            tunnels=(TunnelSettings(target=2),),
            log_level=level,
        )
        return ClientService(settings, MemoryReactorClock(), None, Random(1))

    def test_client_tells_requests(self) -> None:
        """At debug the client logs what it would otherwise tell a listener only."""
        service = self.client("debug")
        self.patch(verbosity, "debug", True)
        service._notify(RequestFinished(3, "GET", "/\x1b", 200, 0.5, 1, 2, None))
        [line] = self.lines("request: ")
        self.assertEqual((line["id"], line["status"], line["target"]), (3, 200, "/\\x1b"))

    def test_client_without_listener_reports_to_nobody(self) -> None:
        """At info, without a listener, events are not even made."""
        self.assertIsNone(self.client("info").session._listening)
        self.assertIsNotNone(self.client("debug").session._listening)


class SourceTests(SynchronousTestCase):
    """No line of level debug is made before somebody has looked whether it is wanted."""

    LOOKS = ("verbosity.debug",)

    #: The one place whose callers look.
    BEHIND_ITS_CALLERS = ("record.py", "_frame")

    def test_every_line_is_guarded(self) -> None:
        found, open_lines = 0, []
        for path in Path(sellia.__file__).parent.rglob("*.py"):
            for function in ast.walk(ast.parse(path.read_text("utf-8"))):
                if not isinstance(function, ast.FunctionDef):
                    continue
                if (path.name, function.name) == self.BEHIND_ITS_CALLERS:
                    continue
                guarded = {
                    id(call)
                    for condition in ast.walk(function)
                    if isinstance(condition, ast.If) and any(look in ast.unparse(condition.test) for look in self.LOOKS)
                    for call in ast.walk(condition)
                }
                for call in ast.walk(function):
                    if isinstance(call, ast.Call) and ast.unparse(call.func).endswith("_log.debug"):
                        found += 1
                        if id(call) not in guarded:
                            open_lines.append(f"{path.name}, line {call.lineno}")
        self.assertEqual(open_lines, [])
        self.assertGreater(found, 0)
