"""The stream of what is new: coalesced, at the reader's pace, and complete."""

import json
from typing import Any

from twisted.internet.error import ConnectionDone
from twisted.python.failure import Failure

from sellia.client.inspector.events import ALIVE, BATCH, INTERVAL
from sellia.client.inspector.reading import STREAMS
from tests.client.inspector.stage import BEARER, SiteCase, Told, request


class EventTests(SiteCase):
    def setUp(self) -> None:
        super().setUp()
        self.channel, self.transport = self.follow()

    def follow(self) -> Any:
        channel, transport = self.connect()
        channel.dataReceived(request("/api/events", "GET", None, BEARER))
        return channel, transport

    def events(self) -> list[tuple[str, Any]]:
        """What was told since this was last asked."""
        data = self.transport.value()
        self.transport.clear()
        found = []
        head, _, rest = data.partition(b"\r\n\r\n")
        body = Told(data).body if head.startswith(b"HTTP") else self.content(data)
        for block in body.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in block.splitlines() if ": " in line and line[0] != ":")
            if fields:
                found.append((fields["event"], json.loads(fields["data"])))
        return found

    def content(self, data: bytes) -> bytes:
        from tests.client.inspector.stage import dechunked

        return dechunked(data)

    def test_hello_and_what_follows(self) -> None:
        self.assertEqual(self.events()[0], ("hello", {"version": "1"}))
        self.exchange(target=b"/a")
        self.clock.advance(INTERVAL)
        (name, told), *_ = self.events()
        self.assertEqual((name, [each["target"] for each in told["changed"]]), ("exchanges", ["/a"]))

    def test_many_changes_are_one(self) -> None:
        made = self.exchange(ended=None)
        for _ in range(1000):
            self.store.touch(made)
        self.clock.advance(INTERVAL)
        told = [each for name, each in self.events() if name == "exchanges"]
        self.assertEqual([len(each["changed"]) for each in told], [1])

    def test_batches(self) -> None:
        for _ in range(BATCH + 1):
            self.exchange()
        self.clock.pump([INTERVAL] * 3)
        told = [len(each["changed"]) for name, each in self.events() if name == "exchanges"]
        self.assertEqual(told, [BATCH, 1])

    def test_a_slow_reader_is_told_once_it_reads(self) -> None:
        self.events()
        self.transport.producer.pauseProducing()
        for _ in range(3):
            self.exchange()
            self.clock.advance(INTERVAL)
        self.clock.advance(ALIVE)
        self.assertEqual(self.transport.value(), b"")
        self.transport.producer.resumeProducing()
        self.clock.advance(INTERVAL)
        told = [len(each["changed"]) for name, each in self.events() if name == "exchanges"]
        self.assertEqual(told, [3])

    def test_what_is_gone(self) -> None:
        self.store.remove(self.exchange())
        self.clock.advance(INTERVAL)
        told = next(each for name, each in self.events() if name == "exchanges")
        self.assertEqual((told["changed"], told["gone"]), ([], ["1"]))

    def test_nothing_is_left_of_a_reader_that_has_gone(self) -> None:
        self.channel.connectionLost(Failure(ConnectionDone()))
        self.exchange()
        self.assertEqual((self.clock.getDelayedCalls(), self.subject.streams), ([], set()))

    def test_the_end_of_the_client(self) -> None:
        (stream,) = self.subject.streams
        stream.close()
        self.assertTrue(self.transport.value().endswith(b"0\r\n\r\n"))
        self.assertEqual(self.subject.streams, set())

    def test_streams_are_bounded(self) -> None:
        for _ in range(STREAMS - 1):
            self.follow()
        self.assertEqual(self.ask("/api/events").error, "too-many-streams")
