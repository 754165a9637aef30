"""The recorder: what it hands over and when, and what it counts where the file is too slow, or cannot be written."""

from sellia.inspector.recording.recorder import AGAIN, BATCH, INTERVAL
from sellia.inspector.recording.schema import Missing, decoded
from sellia.inspector.store import MIB
from tests.inspector.recording.case import RecordingCase, Sink


class SinkCase(RecordingCase):
    def setUp(self) -> None:
        super().setUp()
        self.sink = Sink()
        self.begin(self.sink)

    def tick(self) -> None:
        self.clock.advance(INTERVAL)

    def write(self) -> None:
        """All that waits comes into the file."""
        while self.sink.busy or self.clock.getDelayedCalls():
            self.sink.answer_all()
            self.tick()

    def frames(self, number: int) -> list[int]:
        """Numbers of the frames of an exchange that were handed over."""
        return [row[1] for batch in self.sink.batches for row in batch.frames if row[0] == number]


class BatchTests(SinkCase):
    def test_nothing_passes(self) -> None:
        self.tick()
        self.assertEqual(self.sink.batches, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_one_batch_for_what_has_changed(self) -> None:
        self.request(1, b"in", b"out")
        self.request(3)
        self.tick()
        (batch,) = self.sink.batches
        self.assertEqual(list(batch.records), [1, 2])
        self.assertEqual(batch.bodies, [(1, True, 0, b"in"), (1, False, 0, b"out")])
        self.assertEqual(decoded(batch.records[1]).target, b"/a?b=c")
        self.sink.answer()
        self.tick()
        self.assertEqual(len(self.sink.batches), 1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_only_what_is_new(self) -> None:
        exchange = self.socket(1)
        self.session.frame(1, True, 0x81, b"a")
        self.tick()
        self.sink.answer()
        self.session.frame(1, True, 0x81, b"b")
        self.session.frame(1, False, 0x81, b"c")
        self.tick()
        self.sink.answer()
        self.assertEqual(self.frames(exchange.number), [0, 1, 2])
        self.assertEqual(len(self.sink.batches), 2)

    def test_one_batch_at_a_time(self) -> None:
        self.socket(1)
        self.tick()
        for number in range(100):
            self.session.frame(1, True, 0x81, b"%d" % number)
            self.tick()
        self.assertEqual(len(self.sink.batches), 1)
        self.sink.answer()
        self.tick()
        self.assertEqual(self.frames(1), list(range(100)))

    def test_a_batch_is_bounded(self) -> None:
        self.socket(1)
        for _ in range(40):
            self.session.frame(1, True, 0x82, bytes(10_000))
        self.request(3, bytes(MIB // 2), bytes(MIB // 2))
        self.tick()
        self.sink.answer_all()
        self.assertGreater(len(self.sink.batches), 1)
        for batch in self.sink.batches:
            self.assertLess(batch.size, BATCH + 20_000)
        self.assertEqual(self.frames(1), list(range(40)))
        for from_visitor in (True, False):
            parts = [row for batch in self.sink.batches for row in batch.bodies if row[1] is from_visitor]
            self.assertEqual(sum(len(row[3]) for row in parts), MIB // 2)
            self.assertEqual(
                [row[2] for row in parts], [sum(len(each[3]) for each in parts[:at]) for at in range(len(parts))]
            )
        self.assertFalse(self.recorder.missing)

    def test_a_cause_that_comes_late(self) -> None:
        self.request(1, b"x")
        self.tick()
        self.sink.answer()
        self.store.touch(next(iter(self.store)))
        self.tick()
        self.assertEqual(self.sink.batches[1].bodies, [])
        self.assertEqual(list(self.sink.batches[1].records), [1])

    def test_what_was_there_before(self) -> None:
        self.request(1)
        store = self.store
        self.finish_none()
        from sellia.inspector.recording.recorder import Recorder

        sink = Sink()
        Recorder(store, sink, self.clock.callLater, lambda text, failure: None)
        self.tick()
        self.assertEqual(list(sink.batches[0].records), [1])

    def finish_none(self) -> None:
        self.store.watcher = None


class MissingTests(SinkCase):
    """The store lets go of what was not handed over."""

    def test_frames_of_a_timeline_while_the_disk_is_slow(self) -> None:
        exchange = self.socket(1)
        self.tick()
        line = exchange.timeline
        assert line is not None
        while line.gap is None or line.gap.frames < 100:
            self.session.frame(1, True, 0x82, bytes(1000))
        sent, gap = line.count, line.gap.frames
        self.write()
        self.assertEqual(len(self.frames(1)), sent - gap)
        self.assertEqual(self.recorder.missing.frames, gap)
        self.assertEqual(sum(batch.missing.frames for batch in self.sink.batches), gap)

    def test_whole_exchanges(self) -> None:
        self.request(1)
        self.tick()
        count = 0
        while self.store.lost.exchanges < 10:
            count += 1
            self.request(2 * count + 1, answer=bytes(500_000))
        self.write()
        recorded = {number for batch in self.sink.batches for number in batch.records}
        self.assertEqual(len(recorded) + self.recorder.missing.exchanges, count + 1)
        self.assertGreater(self.recorder.missing.exchanges, 0)
        octets = sum(len(row[3]) for batch in self.sink.batches for row in batch.bodies)
        self.assertEqual(octets + self.recorder.missing.octets, count * 500_000)

    def test_what_passes_in_an_exchange_that_is_gone(self) -> None:
        exchange = self.socket(1)
        self.session.frame(1, True, 0x81, b"first")
        self.tick()
        self.sink.answer()
        self.store.remove(exchange)
        self.session.frame(1, True, 0x81, b"second")
        self.session.frame(1, False, 0x81, b"third")
        self.session.ended(1, "visitor", 1000, "")
        self.request(3)
        self.tick()
        self.assertEqual(self.recorder.missing, Missing(0, 2, 11))

    def test_what_a_user_clears_is_in_the_file(self) -> None:
        self.request(1, b"body")
        self.store.clear()
        self.tick()
        (batch,) = self.sink.batches
        self.assertEqual(list(batch.records), [1])
        self.assertEqual(batch.bodies, [(1, True, 0, b"body")])
        self.assertFalse(self.recorder.missing)

    def test_what_is_whole_in_the_file_is_not_written_again_when_it_goes(self) -> None:
        self.request(1)
        self.tick()
        self.sink.answer()
        self.store.clear()
        self.tick()
        self.assertEqual(len(self.sink.batches), 1)

    def test_memory_beside_the_store(self) -> None:
        """A disk that does not answer holds two batches."""
        self.request(1)
        self.tick()
        for number in range(3, 203, 2):
            self.request(number, answer=bytes(400_000))
        held = [*self.sink.batches, self.recorder.next_batch]
        self.assertLess(sum(batch.size for batch in held), 2 * BATCH + 500_000)


class FailureTests(SinkCase):
    def test_it_is_told_once_and_tried_again(self) -> None:
        self.request(1)
        self.tick()
        self.sink.answer("the disk is full")
        self.assertEqual(self.told, ["Nothing more is recorded: the disk is full. It is tried again every 5 s."])
        self.assertEqual(self.recorder.problem, "the disk is full")
        self.request(3)
        self.clock.advance(AGAIN)
        self.assertIs(self.sink.batches[1], self.sink.batches[0])
        self.sink.answer("the disk is full")
        self.assertEqual(len(self.told), 1)
        self.clock.advance(AGAIN)
        self.sink.answer()
        self.assertEqual(self.told[1:], ["The recording goes on; of this run, nothing is missing."])
        self.assertEqual(self.recorder.problem, "")
        self.tick()
        self.assertEqual(list(self.sink.batches[-1].records), [2])

    def test_the_end_does_not_wait_for_a_full_disk(self) -> None:
        self.request(1, b"12345")
        self.tick()
        self.sink.answer("the disk is full")
        self.request(3, b"123")
        self.finish()
        self.assertTrue(self.sink.closed)
        told = "The recording has ended early: the disk is full. 2 exchanges, 8 bytes are not in it."
        self.assertEqual(self.told[1:], [told])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class EndTests(SinkCase):
    def test_the_rest_is_written(self) -> None:
        self.socket(1)
        for _ in range(3000):
            self.session.frame(1, True, 0x82, bytes(1000))
        ended: list[bool] = []
        self.recorder.stop(lambda: ended.append(True))
        while self.sink.busy:
            self.assertEqual(ended, [])
            self.sink.answer()
        self.assertEqual(ended, [True])
        self.assertTrue(self.sink.closed)
        line = next(iter(self.store)).timeline
        assert line is not None
        gap = line.gap.frames if line.gap is not None else 0
        self.assertEqual(len(self.frames(1)) + gap, 3000)

    def test_nothing_to_write(self) -> None:
        self.finish()
        self.assertEqual(self.sink.batches, [])
        self.assertTrue(self.sink.closed)

    def test_while_a_batch_is_on_its_way(self) -> None:
        self.request(1)
        self.tick()
        self.request(3)
        ended: list[bool] = []
        self.recorder.stop(lambda: ended.append(True))
        self.sink.answer()
        self.sink.answer("the disk is full")
        self.assertEqual(ended, [True])
        self.assertEqual(self.recorder.missing.exchanges, 1)
