"""Settings files that are read without being named, and those that an attacker leaves in the way."""

import os
import shutil
import tempfile
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from sellia.settings import (
    CLIENT,
    SERVER,
    Findings,
    Rank,
    Settings,
    SettingsFile,
    candidates,
    check,
    gather,
    setting,
    standing_files,
)
from sellia.settings.standing import CLIMB_LIMIT, Candidate


class StandingCase(SynchronousTestCase):
    """A home with a project in it, and a directory of the system's files."""

    def setUp(self) -> None:
        # Not below the working directory, which is in a repository.
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="sellia-test-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.home = self.make("home")
        self.system = self.make("etc")
        self.environment = {"HOME": self.home}
        self.owners: dict[str, int] = {}

    def make(self, *parts: str) -> str:
        path = os.path.join(self.root, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def write(self, *parts: str, text: str = "name: x\n") -> str:
        path = os.path.join(self.make(*parts[:-1]), parts[-1])
        with open(path, "w") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def status(self, path: str) -> os.stat_result:
        """The status of a file, with the owner that a test gives it."""
        found = os.stat(path)
        owner = self.owners.get(path, os.geteuid())
        return os.stat_result((*found[:4], owner, *found[5:]))

    def files(self, *directory: str, role: Any = CLIENT) -> list[tuple[Rank, str]]:
        found = standing_files(role, self.environment, self.make(*directory), self.system, self.status)
        return [(each.rank, each.path) for each in found if not each.why_not]

    def project(self, *directory: str) -> Candidate:
        return candidates(CLIENT, self.environment, self.make(*directory), self.system, self.status)[-1]


class PlaceTests(StandingCase):
    def test_weakest_first(self) -> None:
        system, user = self.write("etc", "sellia.yaml"), self.write("home", ".config", "sellia", "sellia.yaml")
        project = self.write("home", "p", "sellia.yaml")
        expected = [(Rank.SYSTEM, system), (Rank.USER, user), (Rank.PROJECT, project)]
        self.assertEqual(self.files("home", "p"), expected)
        os.remove(user)
        self.assertEqual(self.files("home", "p"), [expected[0], expected[2]])

    def test_server(self) -> None:
        """It has files of its own, and none of a project."""
        system, user = self.write("etc", "server.yaml"), self.write("home", ".config", "sellia", "server.yaml")
        self.write("home", "p", "server.yaml")
        self.assertEqual(self.files("home", "p", role=SERVER), [(Rank.SYSTEM, system), (Rank.USER, user)])

    def test_upwards_to_the_root_of_the_repository(self) -> None:
        self.make("home", "p", "repo", ".git")
        self.write("home", "p", "sellia.yaml")
        self.assertFalse(self.project("home", "p", "repo", "a", "b").exists)
        path = self.write("home", "p", "repo", "sellia.yaml")
        self.assertEqual(self.project("home", "p", "repo", "a", "b"), Candidate(Rank.PROJECT, path))
        nearest = self.write("home", "p", "repo", "a", "sellia.yaml")
        self.assertEqual(self.project("home", "p", "repo", "a", "b").path, nearest)

    def test_a_worktree_has_a_file_for_its_repository(self) -> None:
        self.write("home", "tree", ".git")
        self.write("home", "sellia.yaml")
        self.assertFalse(self.project("home", "tree", "a").exists)

    def test_never_above_the_home_directory(self) -> None:
        self.make(".git")
        self.write("sellia.yaml")
        self.assertFalse(self.project("home", "p").exists)
        path = self.write("home", "sellia.yaml")
        self.assertEqual(self.project("home", "p").path, path)

    def test_outside_of_both(self) -> None:
        self.write("srv", "sellia.yaml")
        self.assertFalse(self.project("srv", "app").exists)
        path = self.write("srv", "app", "sellia.yaml")
        self.assertEqual(self.project("srv", "app").path, path)

    def test_a_bounded_climb(self) -> None:
        deep = ["d"] * CLIMB_LIMIT
        self.make("home", "repo", ".git")
        self.write("home", "repo", "sellia.yaml")
        self.assertTrue(self.project("home", "repo", *deep[1:]).exists)
        self.assertFalse(self.project("home", "repo", *deep).exists)

    def test_a_home_behind_a_link(self) -> None:
        os.symlink(self.home, os.path.join(self.root, "link"))
        self.environment["HOME"] = os.path.join(self.root, "link")
        path = self.write("home", "sellia.yaml")
        self.assertEqual(self.project("link", "p").path, path)

    def test_a_directory_that_is_gone(self) -> None:
        gone = self.make("home", "gone")
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(gone)
        os.rmdir(gone)
        found = candidates(CLIENT, self.environment, None, self.system)[-1]
        self.assertEqual((found.exists, found.why_not), (False, "the working directory is gone"))


class AttackTests(StandingCase):
    """Files that somebody else puts where they would be found."""

    def refused(self, reason: str, *directory: str) -> None:
        found = self.project(*directory)
        self.assertEqual((found.exists, found.why_not), (True, reason))
        self.assertNotIn(Rank.PROJECT, dict(self.files(*directory)))

    def test_a_file_of_another_user(self) -> None:
        self.owners[self.write("home", "p", "sellia.yaml")] = 4242
        self.refused("it belongs to another user", "home", "p")

    def test_a_directory_of_another_user(self) -> None:
        """Nor is anything found above it."""
        self.make("home", "p", ".git")
        self.write("home", "p", "sellia.yaml")
        self.write("home", "p", "theirs", "sellia.yaml")
        self.owners[self.make("home", "p", "theirs")] = 4242
        self.refused("its directory belongs to another user", "home", "p", "theirs")
        self.refused("its directory belongs to another user", "home", "p", "theirs", "deeper", "..")
        os.remove(self.write("home", "p", "theirs", "sellia.yaml"))
        self.assertFalse(self.project("home", "p", "theirs").exists)

    def test_a_directory_that_everybody_can_write_to(self) -> None:
        """As in /tmp, of which somebody makes a repository."""
        shared = self.make("tmp")
        os.chmod(shared, 0o1777)
        self.make("tmp", ".git")
        self.write("tmp", "sellia.yaml")
        self.refused("its directory can be written to by every user", "tmp", "mine")

    def test_a_file_that_everybody_can_write_to(self) -> None:
        os.chmod(self.write("home", "p", "sellia.yaml"), 0o666)
        self.refused("it can be written to by every user", "home", "p")

    def test_what_is_no_file(self) -> None:
        os.mkfifo(os.path.join(self.make("home", "p"), "sellia.yaml"))
        self.refused("it is no regular file", "home", "p")
        os.symlink("/nowhere", os.path.join(self.make("home", "q"), "sellia.yaml"))
        self.refused("it cannot be looked at (No such file or directory)", "home", "q")

    def test_a_link_to_a_file_of_another_user(self) -> None:
        path = os.path.join(self.make("home", "p"), "sellia.yaml")
        os.symlink(self.write("theirs.yaml"), path)
        self.owners[path] = 4242  # which stat tells of the file that is linked to
        self.refused("it belongs to another user", "home", "p")

    def test_files_of_root_are_trusted(self) -> None:
        """In a container the project is often root's; and root could replace this program."""
        self.owners[self.make("home", "p")] = self.owners[self.write("home", "p", "sellia.yaml")] = 0
        self.assertTrue(self.project("home", "p").exists)
        self.assertEqual(self.project("home", "p").why_not, "")

    def test_behind_sudo(self) -> None:
        if os.geteuid() != 0:
            return
        self.owners[self.write("home", "p", "sellia.yaml")] = 1000
        self.refused("it belongs to another user", "home", "p")
        self.environment["SUDO_UID"] = "1000"
        self.assertEqual(self.project("home", "p").why_not, "")
        self.environment["SUDO_UID"] = "x"
        self.refused("it belongs to another user", "home", "p")


class Small(Settings):
    name: str = setting("", "A name.")


class PassedOverTests(StandingCase):
    def cautions(self, *files: SettingsFile) -> tuple[str, ...]:
        findings = Findings()
        return check(Small, gather(Small, flags={}, environment={}, files=files, findings=findings), findings).cautions

    def test_a_caution_says_why(self) -> None:
        path = self.write("home", "p", "sellia.yaml", text="name: [\n")
        [caution] = self.cautions(SettingsFile(Rank.PROJECT, path, why_not="it belongs to another user"))
        self.assertEqual(
            caution, f"{path} is not read: it belongs to another user. `--config {path}` reads it all the same."
        )

    def test_a_system_file_that_is_not_for_this_user(self) -> None:
        path = self.write("etc", "sellia.yaml")
        os.chmod(path, 0)
        if os.access(path, os.R_OK):
            return  # root may
        self.assertEqual(
            self.cautions(SettingsFile(Rank.SYSTEM, path, False)), (f"{path} is not read: this user may not.",)
        )
