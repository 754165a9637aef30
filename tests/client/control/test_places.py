"""Directories of clients: which they are, and that nobody else can have put them there."""

import os
import stat
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from sellia.client.control.places import PlaceError, open_private, socket_directories, state_directory


class PlaceCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.base = Path(self.mktemp()).absolute()
        self.base.mkdir(mode=0o700)


class ChoiceTests(PlaceCase):
    def directories(self, **environment: str) -> list[Path]:
        system = Path(f"/run/user/{os.geteuid()}/sellia")
        return [each for each in socket_directories({"HOME": "/home/x", **environment}) if each != system]

    def test_runtime_directory_comes_first(self) -> None:
        found = self.directories(XDG_RUNTIME_DIR=str(self.base), XDG_STATE_HOME="/state")
        self.assertEqual(found, [self.base / "sellia", Path("/state/sellia/run")])

    def test_one_that_is_none_is_left_out(self) -> None:
        """Not there, not absolute, or open for others to write to."""
        shared = self.base / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        for named in ("/nowhere", "relative", str(shared), ""):
            found = self.directories(XDG_RUNTIME_DIR=named)
            self.assertEqual(found, [Path("/home/x/.local/state/sellia/run")], named)

    def test_one_of_another_user_is_left_out(self) -> None:
        """As after sudo, which may keep the variable."""
        if os.geteuid() == 0:
            os.chown(self.base, 65534, -1)
        self.assertEqual(len(self.directories(XDG_RUNTIME_DIR=str(self.base if os.geteuid() == 0 else "/root"))), 1)

    def test_state(self) -> None:
        self.assertEqual(state_directory({"XDG_STATE_HOME": "/s"}), Path("/s/sellia"))
        self.assertEqual(
            state_directory({"XDG_STATE_HOME": "s", "HOME": "/home/x"}), Path("/home/x/.local/state/sellia")
        )


class PrivateTests(PlaceCase):
    def fault(self, path: Path) -> str:
        return str(self.assertRaises(PlaceError, open_private, path, make=True))

    def test_is_made_for_this_user_alone(self) -> None:
        path = self.base / "a" / "b" / "sellia"
        mask = os.umask(0)
        self.addCleanup(os.umask, mask)
        os.close(open_private(path, make=True))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o700)
        os.close(open_private(path, make=True))

    def test_is_not_made_unasked(self) -> None:
        self.assertRaises(FileNotFoundError, open_private, self.base / "none")

    def test_is_closed_to_others(self) -> None:
        path = self.base / "open"
        path.mkdir()
        path.chmod(0o755)
        os.close(open_private(path))
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o700)

    def test_symbolic_link(self) -> None:
        """As somebody else could have put it into a directory like /tmp."""
        real = self.base / "real"
        real.mkdir(mode=0o700)
        link = self.base / "link"
        link.symlink_to(real)
        self.assertIn("is a symbolic link", self.fault(link))

    def test_no_directory(self) -> None:
        path = self.base / "file"
        path.write_text("")
        self.assertIn("cannot be opened: Not a directory", self.fault(path))
        self.assertIn("Not a directory", self.fault(path / "below"))

    def test_of_another_user(self) -> None:
        path = self.base / "theirs"
        path.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(path, 65534, -1)
            self.assertIn("belongs to another user (uid 65534)", self.fault(path))
        else:
            self.assertIn("belongs to another user", self.fault(Path("/usr")))
