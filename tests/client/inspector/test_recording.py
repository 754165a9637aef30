"""The recording beside the inspector: what it tells, when it ends, and the inspector of a recording."""

import os
from collections.abc import Callable
from queue import Queue
from typing import Any

from pydantic import ValidationError
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from sellia.client.inspector.inspector import Inspector
from sellia.client.inspector.recording import Recording
from sellia.client.settings import ClientSettings, TunnelSettings
from sellia.client.settings.inspector import InspectorSettings
from sellia.inspector.recording.reader import read
from sellia.inspector.recording.recorder import INTERVAL
from sellia.inspector.store import MIB, Store
from tests.client.inspector.stage import Told, Transport, request
from tests.inspector.samples import request as exchange
from tests.inspector.samples import socket


class Reactor(MemoryReactorClock):
    """A reactor whose thread is the test's: `join` runs what other threads want it to, until something has come."""

    def __init__(self) -> None:
        super().__init__()
        self.from_threads: Queue[Callable[[], None]] = Queue()

    def callFromThread(self, call: Any, *args: Any, **values: Any) -> None:
        self.from_threads.put(call)

    def join(self, awaited: Deferred[None] | None) -> None:
        assert awaited is not None
        while not awaited.called:
            self.from_threads.get(timeout=60)()


class RecordingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = os.path.join(self.mktemp(), "traffic")
        os.mkdir(os.path.dirname(self.path))
        self.reactor = Reactor()

    def test_it_ends_when_all_is_written(self) -> None:
        recording = Recording(self.path, 0, "--record")
        self.assertEqual(recording.last, 0)
        store = Store()
        recording.start(store, self.reactor, None)
        store.add(exchange(store.next_number(), body=b"in"))
        self.reactor.join(recording.stop())
        found = read(self.path, 64 * MIB)
        self.assertEqual([each.request_body.data for each in found.store], [b"in"])
        self.assertIsNone(recording.stop())
        self.assertEqual(recording.status(), {"problem": None, "missing": {"exchanges": 0, "frames": 0, "bytes": 0}})

    def test_a_client_that_was_never_started(self) -> None:
        self.assertIsNone(Recording(self.path, 0, "--record").stop())

    def test_of_an_inspector(self) -> None:
        settings = ClientSettings(
            server="http://127.0.0.1:1",
            tunnels=(TunnelSettings(name="web", target="127.0.0.1:8080"),),
            inspector="127.0.0.1:0",
            record=self.path,
        )
        inspector = Inspector(settings, self.reactor)
        self.addCleanup(inspector.stop)
        status = inspector.status()
        self.assertEqual(status["recording"], os.path.abspath(self.path))
        self.assertIsNone(status["recorded"])
        with self.assertRaises(ValidationError):
            ClientSettings(server="http://127.0.0.1:1", tunnels=settings.tunnels, no_inspector=True, record=self.path)

    def test_without_a_recording_there_is_no_watcher(self) -> None:
        inspector = Inspector(InspectorSettings(inspector="127.0.0.1:0"), self.reactor)
        self.addCleanup(inspector.stop)
        inspector.start()
        self.assertIsNone(inspector.store.watcher)
        self.assertIsNone(inspector.status()["recorder"])
        self.reactor.advance(INTERVAL)


class RecordedTests(SynchronousTestCase):
    """The inspector of a recording answers what can be looked at, and says why it does nothing."""

    def setUp(self) -> None:
        path = os.path.join(self.mktemp(), "traffic")
        os.mkdir(os.path.dirname(path))
        self.reactor = Reactor()
        recording = Recording(path, 0, "--record")
        store = Store()
        recording.start(store, self.reactor, None)
        store.add(exchange(store.next_number(), b"POST", b"/orders", body=b"in", answer=b"out"))
        store.add(socket(store.next_number(), ((True, "hello"), (False, "you")), close=1000))
        self.reactor.join(recording.stop())
        self.inspector = Inspector(
            InspectorSettings(inspector="127.0.0.1:0"), self.reactor, recorded=read(path, 64 * MIB)
        )
        self.addCleanup(self.inspector.stop)
        self.factory = self.inspector.load()

    def ask(self, path: str, method: str = "GET", body: Any = None) -> Told:
        channel, transport = self.factory.buildProtocol(None), Transport()
        channel.makeConnection(transport)
        channel.dataReceived(request(path, method, body, {"Authorization": f"Bearer {self.inspector.token}"}))
        return Told(transport.value())

    def test_it_is_looked_at(self) -> None:
        found = self.ask("/api/exchanges").json["exchanges"]
        self.assertEqual([each["target"] for each in found], ["/orders", "/socket"])
        self.assertEqual(self.ask("/api/exchanges/1/response-body").body, b"out")
        messages = self.ask("/api/exchanges/2/messages").json["messages"]
        self.assertEqual([each["text"] for each in messages], ["hello", "you"])
        self.assertEqual(
            [each["id"] for each in self.ask("/api/exchanges?filter=is:websocket").json["exchanges"]], ["2"]
        )
        status = self.ask("/api/status").json
        self.assertEqual(status["recorded"]["exchanges"], 2)
        self.assertEqual(self.ask("/api/holds").json, {"holds": [], "held": []})
        self.assertEqual((status["recording"], status["tunnels"], status["link"]), (None, [], None))

    def test_nothing_is_done(self) -> None:
        for method, path in (
            ("POST", "/api/exchanges/1/replay"),
            ("POST", "/api/replay"),
            ("POST", "/api/requests"),
            ("POST", "/api/websockets/2/send"),
            ("POST", "/api/exchanges/1/keep"),
            ("POST", "/api/holds"),
            ("DELETE", "/api/exchanges/1"),
            ("DELETE", "/api/exchanges"),
            ("DELETE", "/api/holds"),
        ):
            told = self.ask(path, method, {})
            self.assertEqual((told.status, told.error), (409, "read-only"), path)
            self.assertIn("This is a recording", told.json["detail"])
        self.assertEqual(len(self.inspector.store), 2)
