"""Recordings that are written to a file and read again: what was there is there, and what is missing is counted."""

import os
import sqlite3
from contextlib import closing
from typing import Any

import msgspec

from sellia.inspector.decode.sockets import Readers
from sellia.inspector.exchange import Exchange
from sellia.inspector.recording.reader import LEFT, STILL_OPEN, RecordingError, read
from sellia.inspector.recording.recorder import INTERVAL
from sellia.inspector.recording.schema import VERSION, Missing
from sellia.inspector.shapes import detail
from sellia.inspector.store import MIB
from tests.inspector import hostile
from tests.inspector.decode.deflating import Sender
from tests.inspector.recording.case import RecordingCase


def told(exchange: Exchange) -> dict[str, Any]:
    """What the API tells of an exchange, without what only counts while it runs."""
    return {name: value for name, value in detail(exchange).items() if name != "version"}


class SameTests(RecordingCase):
    """Everything of an exchange comes back."""

    def same(self) -> None:
        before = {each.number: (told(each), self.contents(each)) for each in self.store}
        self.finish()
        found = self.read()
        self.assertEqual({each.number: (told(each), self.contents(each)) for each in found.store}, before)
        self.assertFalse(found.missing)
        self.assertEqual(found.damaged, 0)
        found.store.check_invariants()

    def contents(self, exchange: Exchange) -> Any:
        frames = [] if exchange.timeline is None else list(exchange.timeline.frames())
        return bytes(exchange.request_body.data), bytes(exchange.response_body.data), msgspec.to_builtins(frames)

    def test_requests(self) -> None:
        self.begin()
        self.request(1, b"in", b"out")
        self.clock.advance(1)
        self.request(3, bytes(2 * MIB), bytes(range(256)) * 100)
        self.same()

    def test_a_body_that_comes_in_pieces(self) -> None:
        self.begin()
        self.request(1, b"1", end=False)
        for number in range(50):
            self.session.body(1, False, b"%d" % number * 1000)
            self.clock.advance(INTERVAL)
        self.session.ended(1, "service", None, "")
        self.same()

    def test_websockets(self) -> None:
        self.begin()
        self.socket(1)
        for number in range(2000):
            self.session.frame(1, bool(number % 2), 0x81, b"message %d" % number)
            if number % 100 == 0:
                self.clock.advance(INTERVAL)
        self.session.frame(1, True, 0x01, b"a part")
        self.session.frame(1, True, 0x80, b" and the rest")
        self.session.injected(1, False, 0x81, b"injected")
        self.session.ended(1, "visitor", 1000, "bye")
        self.same()

    def test_a_hostile_visitor(self) -> None:
        self.memory = 256 * MIB
        self.begin()
        hostile.pass_through(self.session, 300, tick=lambda: self.clock.advance(0.01))
        self.finish()
        before = {each.number: (told(each), self.contents(each)) for each in self.store}
        found = self.read(256 * MIB)
        self.assertEqual({each.number: (told(each), self.contents(each)) for each in found.store}, before)

    def test_compressed_messages(self) -> None:
        self.begin()
        exchange = self.socket(1, b"permessage-deflate")
        line = exchange.timeline
        assert line is not None
        sender = Sender(line, True)
        texts = [b"the same words again %d" % number for number in range(100)]
        for each in texts:
            sender.send(each)
        self.store.touch(exchange)
        self.finish()
        (again,) = self.read().store
        assert again.timeline is not None
        readers = Readers()
        self.assertEqual([readers.content(again, each).data for each in again.timeline.messages()], texts)


class RunsTests(RecordingCase):
    def test_a_second_run_goes_on(self) -> None:
        self.begin()
        self.request(1, b"first")
        self.finish()
        self.begin()
        self.request(1, b"second")
        self.assertEqual([each.number for each in self.store], [2])
        self.finish()
        found = self.read()
        self.assertEqual([each.request_body.data for each in found.store], [b"first", b"second"])
        self.assertEqual(found.exchanges, 2)
        self.assertEqual(found.store.next_number(), 3)

    def test_what_was_open(self) -> None:
        self.begin()
        self.request(1, end=False)
        self.finish()
        (exchange,) = self.read().store
        self.assertFalse(exchange.open)
        assert exchange.end is not None
        self.assertEqual(exchange.end.reason, STILL_OPEN)

    def test_what_the_store_had_no_room_for(self) -> None:
        self.begin()
        exchange = self.request(1, end=False)
        self.store.remove(exchange)
        self.finish()
        (again,) = self.read().store
        assert again.end is not None
        self.assertEqual(again.end.reason, LEFT)


class GapTests(RecordingCase):
    """Frames that were let go of before they were written, or for which the reader has no room."""

    def sent(self, count: int, size: int = 1000) -> None:
        for number in range(count):
            self.session.frame(1, bool(number % 2), 0x82, number.to_bytes(4, "big") + bytes(size - 4))

    def shown_and_counted(self, exchange: Exchange) -> int:
        line = exchange.timeline
        assert line is not None
        frames = list(line.frames())
        for each in frames:
            self.assertEqual(each.payload[:4], each.number.to_bytes(4, "big"))
            self.assertIs(line.frame(each.number), each)
        self.assertEqual(line.count, len(frames) + (line.gap.frames if line.gap is not None else 0))
        if line.gap is not None:
            self.assertEqual(line.gap.begin, len(line.head))
            self.assertEqual(line.gap.bytes_from_visitor + line.gap.bytes_to_visitor, line.gap.frames * 1000)
        return line.count

    def test_one_gap(self) -> None:
        self.begin()
        self.socket(1)
        self.sent(3000)
        self.finish()
        found = self.read()
        (exchange,) = found.store
        self.assertEqual(self.shown_and_counted(exchange), 3000)
        assert exchange.timeline is not None and exchange.timeline.gap is not None
        self.assertEqual(found.missing.frames, exchange.timeline.gap.frames)
        self.assertTrue(exchange.timeline.tail)

    def test_holes_in_the_file(self) -> None:
        for holes in (
            "number = 0",
            "number = 999",
            "number IN (10, 500)",
            "number > 500",
            "number < 990",
            "number >= 0",
        ):
            with self.subTest(holes):
                if os.path.exists(self.path):
                    os.remove(self.path)
                self.begin()
                self.socket(1)
                self.sent(1000)
                self.finish()
                with closing(sqlite3.connect(self.path)) as connection, connection:
                    connection.execute(f"DELETE FROM frames WHERE {holes}")
                (exchange,) = self.read().store
                self.assertEqual(self.shown_and_counted(exchange), 1000)

    def test_compressed_behind_a_gap(self) -> None:
        self.begin()
        exchange = self.socket(1, b"permessage-deflate")
        assert exchange.timeline is not None
        sender = Sender(exchange.timeline, True)
        for number in range(100):
            sender.send(b"the same words again %d" % number)
        self.store.touch(exchange)
        self.finish()
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.execute("DELETE FROM frames WHERE number = 50")
        (again,) = self.read().store
        assert again.timeline is not None
        readers = Readers()
        contents = [readers.content(again, each) for each in again.timeline.messages()]
        self.assertEqual([each.data for each in contents[:50]], [b"the same words again %d" % at for at in range(50)])
        for each in contents[50:]:
            self.assertIn("1 frames before it are not here", each.problem)

    def test_a_reader_with_little_memory(self) -> None:
        self.memory = 64 * MIB
        self.begin()
        self.socket(1)
        self.sent(4000)
        self.request(3, bytes(100_000))
        self.finish()
        found = self.read(2 * MIB)
        found.store.check_invariants()
        self.assertLessEqual(found.store.used, 2 * MIB)
        self.assertEqual(self.shown_and_counted(next(iter(found.store))), 4000)

    def test_the_oldest_go_first(self) -> None:
        self.memory = 64 * MIB
        self.begin()
        for number in range(30):
            self.request(2 * number + 1, bytes(100_000))
        self.finish()
        found = self.read(MIB)
        self.assertEqual(found.exchanges, 30)
        self.assertEqual(len(found.store) + found.store.lost.exchanges, 30)
        self.assertEqual(list(found.store)[-1].number, 30)


class WrongFileTests(RecordingCase):
    """A file that is none, or whose content makes no sense."""

    def refused(self, path: str) -> str:
        with self.assertRaises(RecordingError) as caught:
            read(path, MIB)
        return str(caught.exception)

    def recorded(self) -> None:
        self.begin()
        self.request(1, b"body", b"answer")
        self.socket(3)
        for _ in range(5):
            self.session.frame(3, True, 0x81, b"text")
        self.finish()

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for each in statements:
                connection.execute(each)

    def test_no_file(self) -> None:
        self.assertIn("does not exist", self.refused(self.path))
        self.assertIn("is not a recording of Sellia", self.refused(os.path.dirname(self.path)))
        with open(self.path, "w") as file:
            file.write("SQLite format 3\0")
        self.assertIn("is not a recording of Sellia", self.refused(self.path))
        self.assertIn("does not exist", self.refused("a\0b"))

    def test_another_database(self) -> None:
        self.change("CREATE TABLE exchanges (number)")
        self.assertIn("is not a recording of Sellia", self.refused(self.path))

    def test_a_newer_one(self) -> None:
        self.recorded()
        self.change(f"PRAGMA user_version = {VERSION + 1}")
        self.assertIn("a newer version of Sellia", self.refused(self.path))

    def test_without_tables(self) -> None:
        self.recorded()
        self.change("DROP TABLE frames")
        self.assertIn("cannot be used as a recording", self.refused(self.path))

    def test_cut_off(self) -> None:
        self.recorded()
        os.truncate(self.path, os.path.getsize(self.path) // 2)
        self.assertIn(self.path, self.refused(self.path))

    def test_exchanges_that_make_no_sense(self) -> None:
        for change in (
            "UPDATE exchanges SET record = x'c1' WHERE number = 1",
            "UPDATE exchanges SET record = 'text' WHERE number = 1",
            "UPDATE exchanges SET number = -1 WHERE number = 1",
            "UPDATE bodies SET data = 'text'",
            "UPDATE bodies SET data = zeroblob(100)",
            "UPDATE frames SET first = 256",
            "UPDATE frames SET first = 'x'",
            "UPDATE frames SET length = 1",
            "UPDATE frames SET begin = number + 1",
            "UPDATE frames SET at = 'now'",
            "UPDATE frames SET number = number + 1000",
            "UPDATE frames SET payload = 1",
        ):
            with self.subTest(change):
                if os.path.exists(self.path):
                    os.remove(self.path)
                self.recorded()
                self.change(change)
                found = self.read()
                self.assertEqual(found.damaged, 1)
                self.assertEqual(len(found.store), 1)

    def test_facts_that_make_no_sense(self) -> None:
        self.recorded()
        self.change(
            "INSERT OR REPLACE INTO facts VALUES ('begun', 'never'), ('missing_frames', 9e999)",
            "INSERT OR REPLACE INTO facts VALUES ('missing_bytes', x'00')",
        )
        found = self.read()
        self.assertEqual(found.begun, 0.0)
        self.assertEqual(found.missing, Missing())

    def test_damage_anywhere(self) -> None:
        """Whichever byte is wrong: it is read, or refused in a sentence."""
        self.recorded()
        with open(self.path, "rb") as file:
            data = file.read()
        for at in range(0, len(data), 97):
            with open(self.path, "wb") as file:
                file.write(data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :])
            try:
                self.read()
            except RecordingError:
                pass
