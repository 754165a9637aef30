"""The port of the inspector: which one is taken, and that the rest is loaded with the first connection."""

import socket

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase, TestCase

from sellia.client.inspector.door import Door, listen
from sellia.errors import SettingsError


class ListenTests(SynchronousTestCase):
    def taken(self) -> socket.socket:
        """A socket that listens at a port of this machine."""
        made = listen("127.0.0.1", 0, exact=True)
        self.addCleanup(made.close)
        return made

    def test_a_port_that_is_taken(self) -> None:
        number = self.taken().getsockname()[1]
        error = self.assertRaises(SettingsError, listen, "127.0.0.1", number, exact=True)
        self.assertIn(f"cannot listen on 127.0.0.1 port {number}", str(error))
        other = listen("127.0.0.1", number, exact=False)
        self.addCleanup(other.close)
        self.assertNotEqual(other.getsockname()[1], number)

    def test_an_address_of_another_machine(self) -> None:
        self.assertRaises(SettingsError, listen, "192.0.2.1", 0, exact=False)

    def test_nothing_is_loaded_without_a_connection(self) -> None:
        clock = MemoryReactorClock()
        door = Door(listen("127.0.0.1", 0, exact=True), lambda: self.fail("it was loaded"), clock)
        door.start()
        self.assertEqual((clock.getReaders(), door.opened), ([door], False))
        self.assertIsNone(door.stop())
        self.assertEqual(clock.getReaders(), [])


class OpenTests(TestCase):
    timeout = 60

    async def test_the_first_connection_is_answered(self) -> None:
        seen: Deferred[None] = Deferred()

        class Seen(Protocol):
            def connectionMade(self) -> None:
                self.transport.abortConnection()  # type: ignore[union-attr]
                if not seen.called:
                    seen.callback(None)

        door = Door(listen("127.0.0.1", 0, exact=True), lambda: Factory.forProtocol(Seen), reactor)
        door.start()
        with socket.create_connection(("127.0.0.1", door.number)):
            await seen
        self.assertTrue(door.opened)
        await door.stop()
