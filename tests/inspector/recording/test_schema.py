"""Records: an exchange without its bodies and frames, as it is in the file."""

import msgspec
from twisted.trial.unittest import SynchronousTestCase

from sellia.inspector.recording.schema import Missing, decoded, encoded, exchange_of
from sellia.inspector.shapes import detail
from sellia.why.cause import Cause
from tests.inspector.samples import request, socket


class RecordTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        exchange = request(7, b"POST", b"/a", [(b"X", b"\xff")], status=500)
        exchange.cause = Cause(
            "9f3a-7", "service", "bad", "It was bad.", "Mend it.", {"bytes": 3, "seconds": 0.5, "a": "b"}
        )
        again = exchange_of(7, decoded(encoded(exchange)))
        self.assertEqual(detail(again), detail(exchange))

    def test_keys_of_a_newer_version(self) -> None:
        record = msgspec.msgpack.decode(encoded(socket(3, ((True, "text"),))))
        record["later"] = {"a": 1}
        record["timeline"]["later"] = True
        again = decoded(msgspec.msgpack.encode(record))
        assert again.timeline is not None
        self.assertEqual(again.timeline.count, 1)

    def test_missing(self) -> None:
        self.assertEqual(str(Missing()), "nothing")
        self.assertEqual(str(Missing(1, 2000, 1)), "1 exchange, 2,000 frames, 1 byte")
        self.assertEqual(Missing(1, 2, 3).as_json(), {"exchanges": 1, "frames": 2, "bytes": 3})
