"""The file of a recording: who can read it, which files are refused, and what is in it when something goes wrong."""

import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing

from sellia.errors import SettingsError
from sellia.inspector.recording.reader import RecordingError, read
from sellia.inspector.recording.schema import VERSION
from sellia.inspector.recording.writer import Batch, Writer, prepare
from sellia.inspector.store import MIB
from tests.inspector.recording.case import FileSink, RecordingCase


class PrepareTests(RecordingCase):
    def refused(self, path: str, *texts: str) -> None:
        with self.assertRaises(SettingsError) as caught:
            prepare(path, "--record")
        for each in ("--record: ", *texts):
            self.assertIn(each, str(caught.exception))

    def test_only_its_owner_can_read_it(self) -> None:
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.assertEqual(prepare(self.path), 0)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)
        self.begin()
        self.request(1)
        self.clock.advance(1)
        for each in os.scandir(os.path.dirname(self.path)):
            self.assertEqual(each.stat().st_mode & 0o777, 0o600, each.name)
        os.chmod(self.path, 0o644)
        self.finish()
        self.assertEqual(prepare(self.path), 1)
        self.assertEqual(os.stat(self.path).st_mode & 0o777, 0o600)

    def test_one_file_once_it_is_closed(self) -> None:
        self.begin()
        self.request(1)
        self.finish()
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [os.path.basename(self.path)])

    def test_a_file_that_exists(self) -> None:
        with open(self.path, "w") as file:
            file.write("precious")
        self.refused(self.path, "exists, and is not a recording of Sellia", "Hint: ")
        with open(self.path) as file:
            self.assertEqual(file.read(), "precious")
        os.remove(self.path)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute("CREATE TABLE precious (number)")
        self.refused(self.path, "exists, and is not a recording of Sellia")

    def test_an_empty_file(self) -> None:
        open(self.path, "w").close()
        self.assertEqual(prepare(self.path), 0)

    def test_what_is_no_file(self) -> None:
        directory = os.path.dirname(self.path)
        self.refused(directory, "exists, and is no file")
        os.mkfifo(self.path)
        self.refused(self.path, "exists, and is no file")
        self.refused("/dev/null", "exists, and is no file")
        self.refused(self.path + "\0", "this is not the name of a file")

    def test_a_directory_that_is_missing(self) -> None:
        missing = os.path.join(os.path.abspath(os.path.dirname(self.path)), "none")
        self.refused(os.path.join(missing, "traffic"), f"there is no directory {missing}", f"mkdir -p {missing}")

    def test_a_newer_version(self) -> None:
        prepare(self.path)
        with closing(sqlite3.connect(self.path)) as connection:
            connection.execute(f"PRAGMA user_version = {VERSION + 1}")
        self.refused(self.path, "was recorded by a newer version of Sellia")

    def test_another_client_records_to_it(self) -> None:
        self.begin()
        self.request(1)
        self.clock.advance(1)
        self.refused(self.path, "another client records to it")
        with self.assertRaises(RecordingError) as caught:
            read(self.path, MIB)
        self.assertIn("is being recorded", str(caught.exception))
        self.finish()
        self.assertEqual(prepare(self.path), 1)


class LimitTests(RecordingCase):
    def test_a_file_that_has_all_its_bytes(self) -> None:
        prepare(self.path)
        self.begin(FileSink(self.path, 200_000))
        self.request(1, b"small")
        self.clock.advance(1)
        self.request(3, bytes(500_000))
        self.clock.advance(1)
        self.assertEqual(len(self.told), 1)
        self.assertIn("it has the 200,000 bytes of inspector.record_limit", self.told[0])
        self.finish()
        self.assertIn("1 exchange, 500,000 bytes are not in it", self.told[1])
        self.assertLess(os.path.getsize(self.path), 200_001)
        found = self.read()
        self.assertEqual([each.request_body.data for each in found.store], [b"small"])


class ThreadTests(RecordingCase):
    def test_a_thread_of_its_own(self) -> None:
        prepare(self.path)
        told: list[tuple[str | None, bool]] = []
        done = threading.Event()

        def answer(reason: str | None) -> None:
            told.append((reason, threading.current_thread() is not threading.main_thread()))
            done.set()

        writer = Writer(self.path, 0, lambda call: call())
        writer.start()
        for step in (lambda: writer.write(Batch(), answer), lambda: writer.close(answer)):
            done.clear()
            step()
            self.assertTrue(done.wait(60))
        self.assertEqual(told, [(None, True)] * 2)

    def test_a_directory_that_is_gone(self) -> None:
        self.begin()
        os.remove(self.path)
        os.rmdir(os.path.dirname(self.path))
        self.request(1)
        self.clock.advance(1)
        self.assertEqual(len(self.told), 1)
        self.assertIn("it cannot be opened", self.told[0])
        os.mkdir(os.path.dirname(self.path))


KILLED = """
import os, signal, sys
from twisted.internet.task import Clock
from tests.inspector.recording.case import GET, FileSink
from sellia.inspector.capture import Capture
from sellia.inspector.recording.recorder import Recorder
from sellia.inspector.recording.writer import prepare
from sellia.inspector.store import Store

prepare(sys.argv[1])
clock, store, sink = Clock(), Store(), FileSink(sys.argv[1])
session = Capture(store, clock.seconds).session()
recorder = Recorder(store, sink, clock.callLater, print)
for number in range(1, 10**9, 2):
    session.request(number, GET)
    session.body(number, True, b"x" * 1000)
    session.ended(number, "service", None, "")
    clock.advance(0.1)
    print(store.begun, flush=True)
"""


class KilledTests(RecordingCase):
    def test_what_was_acknowledged_is_there(self) -> None:
        with subprocess.Popen([sys.executable, "-c", KILLED, self.path], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            acknowledged = 0
            while acknowledged < 200:
                acknowledged = int(child.stdout.readline())
            child.kill()
            # The last line may be cut off.
            whole = child.stdout.read().split("\n")[:-1]
            acknowledged = int(whole[-1]) if whole else acknowledged
        found = self.read()
        self.assertGreaterEqual(found.exchanges, acknowledged)
        self.assertEqual(found.damaged, 0)
        for each in found.store:
            self.assertEqual(each.request_body.data, b"x" * 1000)
        self.assertEqual(prepare(self.path), found.exchanges)
