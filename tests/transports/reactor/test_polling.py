"""The loop without log contexts does what Twisted's own does, and is given to no reactor that we do not know."""

import sys
from subprocess import run

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.transports.reactor.polling import poll_plainly

#: An echo over TCP, a timer, a protocol that raises, and a descriptor that is gone when its event is acted on.
PROGRAM = """
import sys
from twisted.internet import reactor
from twisted.internet.protocol import ClientFactory, Factory, Protocol
from twisted.logger import globalLogPublisher
from sellia.transports.reactor.polling import poll_plainly

assert poll_plainly(reactor)
failures = []
globalLogPublisher.addObserver(lambda event: failures.append(event) if event.get("failure") else None)

class Echo(Protocol):
    def dataReceived(self, data):
        if data == b"raise":
            raise RuntimeError("on purpose")
        self.transport.write(data)

class Visitor(Protocol):
    def connectionMade(self):
        self.transport.write(b"hello")
    def dataReceived(self, data):
        print(data.decode(), flush=True)
        self.transport.write(b"raise")
    def connectionLost(self, reason):
        print(len(failures), flush=True)
        reactor.callLater(0.01, reactor.stop)

port = reactor.listenTCP(0, Factory.forProtocol(Echo), interface="127.0.0.1")
reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Visitor))
reactor.callLater(20, sys.exit, 3)
reactor.run()
"""


class PollTests(SynchronousTestCase):
    def test_other_reactors_are_left_alone(self) -> None:
        clock = Clock()
        self.assertFalse(poll_plainly(clock))
        self.assertFalse(hasattr(clock, "doIteration"))

    def test_reads_writes_timers_and_errors(self) -> None:
        """In a process of its own, since the reactor is that process's; an error is logged and ends its connection."""
        if not sys.platform.startswith("linux"):
            return
        finished = run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((finished.returncode, finished.stdout.split()), (0, ["hello", "1"]), finished.stderr)
