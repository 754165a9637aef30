"""A hostile visitor against the capture, the store, the decoders and the filters: within bounds, without a fault."""

import gc
import json
import tracemalloc
from typing import Any

import msgspec
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.capture import Capture
from sellia.inspector.decode.look import about_message, look, look_at_request, look_at_response, opening_of
from sellia.inspector.decode.sockets import Readers
from sellia.inspector.filters import parse
from sellia.inspector.shapes import detail, message_of, summary
from sellia.inspector.store import MIB, Store
from tests.inspector import hostile

#: Bytes that the process may have allocated for each byte that the store counts, and besides.
OVERHEAD = 1.1
BESIDES = MIB


class HostileCase(SynchronousTestCase):
    memory = 8 * MIB

    def setUp(self) -> None:
        self.clock = Clock()
        self.store = Store(self.memory)
        self.session = Capture(self.store, self.clock.seconds, 1000.0, lambda _: "<script>hurt = 10</script>").session()

    def tick(self) -> None:
        self.clock.advance(0.001)


class MemoryTests(HostileCase):
    def test_ten_thousand_exchanges_stay_within_their_bytes(self) -> None:
        hostile.pass_through(self.session, 10)  # what is made once
        self.store.clear()
        gc.collect()
        tracemalloc.start()
        self.addCleanup(tracemalloc.stop)
        before = tracemalloc.get_traced_memory()[0]
        most = 0

        def look() -> None:
            nonlocal most
            self.tick()
            most = max(most, tracemalloc.get_traced_memory()[0] - before)

        hostile.pass_through(self.session, 10_000, 11, look)
        self.store.check_invariants()
        self.assertLess(most, self.memory * OVERHEAD + BESIDES)
        self.assertGreater(self.store.used, self.memory // 2)

    def test_every_exchange_is_kept_or_counted(self) -> None:
        hostile.pass_through(self.session, 1_000, tick=self.tick)
        self.assertEqual(self.store.begun, 1_000)
        self.assertEqual(len(self.store) + self.store.lost.exchanges, 1_000)


class ReadingTests(HostileCase):
    """What is kept can be looked at in every way."""

    memory = 256 * MIB

    def setUp(self) -> None:
        super().setUp()
        hostile.pass_through(self.session, 600, tick=self.tick)
        self.assertEqual(len(self.store), 600)

    def as_json(self, value: Any) -> None:
        """It is JSON that any parser reads, and no lone surrogate is in it."""
        found = json.loads(msgspec.json.encode(value), parse_constant=self.fail)
        for each in hostile.strings(found):
            each.encode("utf-8")

    def test_shapes(self) -> None:
        for exchange in self.store:
            self.as_json(summary(exchange))
            self.as_json(detail(exchange))
            if exchange.timeline is not None:
                self.as_json([message_of(each) for each in exchange.timeline.messages()])

    def test_decoders(self) -> None:
        readers = Readers()
        for exchange in self.store:
            if exchange.timeline is None:
                self.as_json(look_at_request(exchange))
                self.as_json(look_at_response(exchange))
                continue
            first = opening_of(exchange)
            opened = first.payload if first is not None else b""
            for message in exchange.timeline.messages():
                content = readers.content(exchange, message)
                self.as_json(look(content.data, about_message(exchange, message, opened)))

    def test_filters(self) -> None:
        readers = Readers()
        for text in ("body:script", 'message:"hurt"', "path:/", "-host:x", "status:5xx", "has:error"):
            wanted = parse(text)
            for exchange in self.store:
                wanted.matches(exchange, readers)
