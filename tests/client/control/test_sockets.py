"""Sockets in the directory of clients: their modes, those of dead processes, and what is none."""

import fcntl
import os
import socket
import stat
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.places import PlaceError
from sellia.client.control.sockets import SOCKETS, SocketFile, connect, connections, listen, process_of


class SocketsCase(SynchronousTestCase):
    def setUp(self) -> None:
        base = tempfile.TemporaryDirectory()
        self.addCleanup(base.cleanup)
        self.directory = Path(base.name) / "sellia"

    def listen(self, process: int = 4711) -> SocketFile:
        file = listen(self.directory, process)
        self.addCleanup(file.socket.close)
        return file

    def found(self) -> list[str]:
        """The names of sockets that lead to somebody."""
        names = []
        for path, connection in connections(self.directory, 1.0):
            if connection is not None:
                connection.close()
                names.append(path.name)
        return names

    def dead(self, name: str = "4711.sock") -> Path:
        """A socket as a process leaves it that is killed."""
        self.directory.mkdir(mode=0o700, exist_ok=True)
        path = self.directory / name
        with socket.socket(socket.AF_UNIX) as left:
            left.bind(str(path))
        return path


class ListenTests(SocketsCase):
    def test_only_for_this_user(self) -> None:
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        file = self.listen()
        self.assertEqual(stat.S_IMODE(file.path.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(self.directory.stat().st_mode), 0o700)
        self.assertEqual(os.umask(0), 0, "the process keeps its own mask")

    def test_closed(self) -> None:
        file = self.listen()
        file.close()
        self.assertEqual(list(self.directory.iterdir()), [])

    def test_removed_by_somebody_and_taken_by_another(self) -> None:
        file = self.listen()
        file.path.unlink()
        other = self.listen()
        self.assertEqual(other.path, file.path)
        file.close()
        self.assertEqual(self.found(), ["4711.sock"])
        other.path.unlink()
        other.close()

    def test_name_of_a_dead_process_is_taken(self) -> None:
        self.dead()
        self.listen()
        self.assertEqual(self.found(), ["4711.sock"])

    def test_what_others_have_left_is_removed(self) -> None:
        """A client that crashes again and again leaves no more than one socket; what is no socket stays."""
        for process in range(10, 20):
            self.dead(f"{process}.sock")
        living = self.listen(9)
        kept = self.directory / "note"
        kept.write_text("")
        self.listen()
        self.assertEqual({path.name for path in self.directory.iterdir()}, {living.path.name, "4711.sock", "note"})

    def test_name_of_a_living_one_is_not(self) -> None:
        """In another process namespace, on the same home directory."""
        self.listen()
        self.assertEqual(self.listen().path.name, "4711.1.sock")
        self.assertEqual(self.found(), ["4711.sock", "4711.1.sock"])

    def test_as_many_as_there_are_names(self) -> None:
        for _ in range(8):
            self.listen()
        self.assertIn("has 8 clients", str(self.assertRaises(PlaceError, self.listen)))

    def test_symbolic_link_in_its_place(self) -> None:
        self.directory.mkdir(mode=0o700)
        elsewhere = self.directory.parent / "elsewhere"
        elsewhere.write_text("kept")
        (self.directory / "4711.sock").symlink_to(elsewhere)
        file = self.listen()
        self.assertTrue(stat.S_ISSOCK(os.lstat(file.path).st_mode))
        self.assertEqual(elsewhere.read_text(), "kept")

    def test_path_of_any_length(self) -> None:
        """A socket's path has 108 bytes, which the directory of a test can exceed."""
        self.directory = self.directory / ("x" * 200)
        self.listen()
        self.assertEqual(self.found(), ["4711.sock"])

    def test_directory_that_cannot_be_trusted(self) -> None:
        self.directory.symlink_to(self.directory.parent)
        self.assertRaises(PlaceError, listen, self.directory, 1)
        self.assertRaises(PlaceError, list, connections(self.directory, 1.0))

    def test_somebody_holds_the_lock(self) -> None:
        """It is waited for, and then done without: nothing that hangs keeps a client from starting."""
        self.directory.mkdir(mode=0o700)
        lock = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.listen()
        self.assertEqual(self.found(), ["4711.sock"])


class FindTests(SocketsCase):
    def test_no_directory(self) -> None:
        self.assertEqual(self.found(), [])

    def test_in_the_order_of_processes(self) -> None:
        for process in (30, 4, 200):
            self.listen(process)
        self.assertEqual(self.found(), ["4.sock", "30.sock", "200.sock"])

    def test_dead_ones_are_removed(self) -> None:
        path = self.dead()
        self.listen(5)
        self.assertEqual(self.found(), ["5.sock"])
        self.assertFalse(path.exists())

    def test_dead_ones_stay_while_somebody_makes_one(self) -> None:
        """What refuses a connection may be a socket that is bound and does not listen yet."""
        path = self.dead()
        lock = os.open(self.directory, os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.assertEqual(self.found(), [])
        self.assertTrue(path.exists())

    def test_what_is_none_is_left_alone(self) -> None:
        self.listen(5)
        for name in ("7.sock.old", "x.sock", "-1.sock", "12345678901.sock", "note"):
            self.dead(name)
        (self.directory / "8.sock").write_text("")
        (self.directory / "9.sock").symlink_to(self.directory / "5.sock")
        self.assertEqual(self.found(), ["5.sock"])
        self.assertEqual(len(list(self.directory.iterdir())), 8)

    def test_busy(self) -> None:
        """One whose process is stopped: it listens, and accepts nothing."""
        file = self.listen()
        waiting = []
        for _ in range(100):
            found = list(connections(self.directory, 0.1))
            waiting += [connection for _, connection in found if connection is not None]
            if found == [(file.path, None)]:
                break
        else:
            self.fail("there was always room")
        self.assertRaises(BlockingIOError, connect, file.path, 0.1)
        for connection in waiting:
            connection.close()
        self.assertTrue(file.path.exists(), "it lives")

    def test_bound(self) -> None:
        """A directory full of files costs nobody the rest."""
        self.directory.mkdir(mode=0o700)
        for number in range(SOCKETS + 10):
            (self.directory / f"{number + 10}.sock").write_text("")
        self.listen(5)
        self.listen(100_000)
        self.assertEqual(self.found(), ["5.sock"])

    def test_of_another_user(self) -> None:
        """A client that somebody else runs in our directory is not talked to."""
        if os.geteuid() != 0:
            return
        path = self.listen().path
        os.chown(path, 65534, -1)
        self.assertEqual(self.found(), [])
        self.assertRaises(PermissionError, connect, path, 1.0)

    def test_names(self) -> None:
        self.assertEqual([process_of(name) for name in ("12.sock", "12.3.sock", "x")], [12, 12, 0])


class ConnectTests(SocketsCase):
    def test_one(self) -> None:
        path = self.listen().path
        connect(path, 1.0).close()
        self.assertRaises(ConnectionRefusedError, connect, self.dead("6.sock"), 1.0)
        self.assertRaises(FileNotFoundError, connect, path.with_name("7.sock"), 1.0)
