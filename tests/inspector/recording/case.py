"""What the tests of recordings are written with: a capture whose store is recorded, with and without a real file."""

import os
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.capture import Capture
from sellia.inspector.exchange import Exchange
from sellia.inspector.recording.reader import Recorded, read
from sellia.inspector.recording.recorder import Recorder
from sellia.inspector.recording.writer import Batch, Done, Writer, prepare
from sellia.inspector.store import MIB, Store
from sellia.protocol.messages import HttpRequest, ResponseHead, WebSocketRequest

GET = HttpRequest(1, b"GET", b"/a?b=c", [(b"Host", b"demo.example.com")], "203.0.113.7")
SOCKET = WebSocketRequest(1, b"/socket", [(b"Host", b"demo.example.com")], "203.0.113.7")


class Sink:
    """Takes batches, and answers when the test says so."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self._waiting: list[Done] = []
        self.closed = False

    def write(self, batch: Batch, done: Done) -> None:
        self.batches.append(batch)
        self._waiting.append(done)

    def close(self, done: Done) -> None:
        self.closed = True
        done(None)

    @property
    def busy(self) -> bool:
        """Whether a batch waits for its answer."""
        return bool(self._waiting)

    def answer(self, reason: str | None = None) -> None:
        """The batch is in the file, or is not for a reason."""
        self._waiting.pop(0)(reason)

    def answer_all(self) -> None:
        """All batches are in the file, those too that come meanwhile."""
        while self._waiting:
            self.answer()


class FileSink:
    """Writes to a file in the test's own thread."""

    def __init__(self, path: str, limit: int = 0) -> None:
        self._writer = Writer(path, limit, lambda call: call())
        self._work: list[tuple[Batch | None, Done]] = []
        self._busy = False

    def write(self, batch: Batch | None, done: Done) -> None:
        self._work.append((batch, done))
        if self._busy:
            return
        self._busy = True
        while self._work:
            self._writer.work(*self._work.pop(0))
        self._busy = False

    def close(self, done: Done) -> None:
        self.write(None, done)


class RecordingCase(SynchronousTestCase):
    """``record`` begins to record the store; ``told`` is what a user was told."""

    memory = 4 * MIB

    def setUp(self) -> None:
        self.clock = Clock()
        self.path = os.path.join(self.mktemp(), "traffic.sqlite")
        os.mkdir(os.path.dirname(self.path))
        self.told: list[str] = []

    def begin(self, sink: Any = None, first: int = 1) -> Recorder:
        """A store that is recorded; to a file, where no other sink is given."""
        if sink is None:
            first = prepare(self.path) + 1
            sink = FileSink(self.path)
        self.store = Store(self.memory, first)
        self.capture = Capture(self.store, self.clock.seconds, 1000.0, lambda _: "demo")
        self.session = self.capture.session()
        self.recorder = Recorder(self.store, sink, self.clock.callLater, lambda text, failure: self.told.append(text))
        return self.recorder

    def finish(self) -> None:
        """The recording ends."""
        ended: list[bool] = []
        self.recorder.stop(lambda: ended.append(True))
        self.assertEqual(ended, [True])

    def read(self, memory: int = 64 * MIB) -> Recorded:
        return read(self.path, memory)

    def request(self, number: int, body: bytes = b"", answer: bytes = b"", *, end: bool = True) -> Exchange:
        """A request passes."""
        self.session.request(number, GET)
        if body:
            self.session.body(number, True, body)
        self.session.response(number, ResponseHead(200, b"OK", [(b"Content-Type", b"text/plain")]))
        if answer:
            self.session.body(number, False, answer)
        if end:
            self.session.ended(number, "service", None, "")
        exchange = self.session.exchange(number)
        assert exchange is not None
        return exchange

    def socket(self, number: int, *extensions: bytes) -> Exchange:
        """A WebSocket opens."""
        self.session.request(number, SOCKET)
        headers = [(b"Sec-WebSocket-Extensions", value) for value in extensions]
        self.session.response(number, ResponseHead(101, b"", headers))
        exchange = self.session.exchange(number)
        assert exchange is not None
        return exchange
