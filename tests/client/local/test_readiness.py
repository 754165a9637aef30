"""What is said of services at the start."""

import socket
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from sellia.client.events import Event, Problem
from sellia.client.local.readiness import Readiness
from sellia.client.local.service import LocalService
from sellia.targets import Target, parse_target
from tests.processes import free_port

NO_TABLES = "/nonexistent"


class ReadinessCase(TestCase):
    def setUp(self) -> None:
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.events: list[Event] = []

    def listen(self, family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0)) -> Any:
        listener = socket.socket(family, socket.SOCK_STREAM)
        self.addCleanup(listener.close)
        listener.bind(address)
        listener.listen(5)
        listener.setblocking(False)
        return listener

    async def look(self, *targets: str | Target, tables: str = "/proc/self/net") -> list[str]:
        """What is said, when all looks are over."""
        readiness = Readiness(self.events.append, tables)
        services = [
            LocalService(reactor, parse_target(each) if isinstance(each, str) else each, connect_timeout=1.0)
            for each in targets
        ]
        readiness.look(services)
        while readiness._looks:
            await deferLater(reactor, 0.001, lambda: None)  # type: ignore[arg-type]
        for _ in range(3):
            await deferLater(reactor, 0, lambda: None)  # type: ignore[arg-type]
        for service in services:
            service.stop()
        self.assertTrue(all(isinstance(event, Problem) and event.caution for event in self.events))
        return [event.message for event in self.events if isinstance(event, Problem)]


class LookTests(ReadinessCase):
    async def test_nobody_listens(self) -> None:
        port = free_port()
        said = f"nobody listens on localhost:{port} yet; visitors get 502 until something does"
        self.assertEqual(await self.look(str(port)), [said])

    async def test_each_target_once(self) -> None:
        port = free_port()
        self.assertEqual(len(await self.look(str(port), f"localhost:{port}", str(port))), 1)

    async def test_tcp(self) -> None:
        port = free_port()
        said = f"nobody listens on 127.0.0.1:{port} yet; visitors are turned away until something does"
        self.assertEqual(await self.look(f"tcp://127.0.0.1:{port}"), [said])

    async def test_somebody_listens(self) -> None:
        """And is not even connected to: it may take one connection only."""
        listener = self.listen()
        port = listener.getsockname()[1]
        self.assertEqual(await self.look(str(port), f"127.0.0.1:{port}"), [])
        self.assertRaises(BlockingIOError, listener.accept)

    async def test_without_tables_a_connection_is_made(self) -> None:
        listener = self.listen()
        self.assertEqual(await self.look(str(listener.getsockname()[1]), tables=NO_TABLES), [])
        listener.accept()[0].close()

    async def test_unix_sockets(self) -> None:
        path = str(self.directory / "app.sock")
        said = f"nobody listens on unix:{path} yet; visitors get 502 until something does"
        self.assertEqual(await self.look(f"unix:{path}"), [said])
        listener = self.listen(socket.AF_UNIX, path)
        self.events.clear()
        self.assertEqual(await self.look(f"unix:{path}"), [])
        self.assertRaises(BlockingIOError, listener.accept)

    async def test_what_cannot_be_reached_otherwise(self) -> None:
        [said] = await self.look("http://missing.invalid:80")
        self.assertEqual(said, "No address was found for missing.invalid; visitors get 502 until that changes")

    async def test_files(self) -> None:
        path = self.directory / "dist"
        self.assertEqual(await self.look(str(path)), [f"{path} does not exist yet; visitors get 404 until it does."])
        path.mkdir()
        self.events.clear()
        self.assertEqual(await self.look(str(path), "text:hello"), [])

    async def test_any_certificate(self) -> None:
        listener = self.listen()
        [said] = await self.look(f"https+insecure://127.0.0.1:{listener.getsockname()[1]}")
        self.assertIn("is not checked", said)

    async def test_stopped_before_it_is_over(self) -> None:
        readiness = Readiness(self.events.append, NO_TABLES)
        service = LocalService(reactor, parse_target("http://192.0.2.1:80"))
        readiness.look([service])
        readiness.stop()
        service.stop()
        self.assertEqual(self.events, [])
